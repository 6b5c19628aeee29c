"""Who is asked, and how: what may differ between the arms of one job."""

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    StringConstraints,
    TypeAdapter,
    model_validator,
)

from app.names import Ref
from app.teachers.sampling import Sampling

MOST_TEACHERS = 16
MOST_ARMS = 8
MOST_ROWS = 100_000
"""Of a comparison: far more than tell any difference that matters."""
LONGEST_NAME = 200


class FewShotSpec(BaseModel, frozen=True, extra="forbid", validate_by_name=True):
    set_: Ref = Field(alias="set", examples=["question-answer@1"])
    """A few-shot set; its latest version if none is given."""
    k: int | None = Field(default=None, ge=1, le=8, examples=[6])
    """How many of its examples a prompt shows; all of them if it is not said."""
    rotate: Literal["chunk", "none"] = "chunk"
    """With `chunk`, which examples are shown and in what order changes from chunk to chunk (never
    within one, so that the teacher's prefix cache serves); with `none`, always the first `k`."""


def _set_alone(value: Any) -> Any:
    """`few_shot: faq@2` is short for `{set: faq@2}`."""
    return {"set": value} if isinstance(value, str) else value


FewShot = Annotated[FewShotSpec, BeforeValidator(_set_alone)]


class TeacherShare(BaseModel, frozen=True, extra="forbid"):
    """One of several teachers that share a job's rows out among them."""

    name: Ref
    weight: float = Field(default=1.0, gt=0, le=1_000_000, examples=[3])
    """Its part, beside those of the others: with 3 beside 1, three chunks of four."""

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str | Ref) else value


_SHARES: TypeAdapter[tuple[TeacherShare, ...]] = TypeAdapter(
    Annotated[tuple[TeacherShare, ...], Field(min_length=1, max_length=MOST_TEACHERS)]
)
_NAME: TypeAdapter[Ref] = TypeAdapter(Ref)


def _teachers(value: Any) -> Ref | tuple[TeacherShare, ...]:
    """A list of one is that one; the errors of a list are those of its members."""
    if not isinstance(value, list | tuple):
        return _NAME.validate_python(value)
    shares = _SHARES.validate_python(value)
    return shares[0].name if len(shares) == 1 else shares


def _written(value: Ref | tuple[TeacherShare, ...]) -> str | list[dict[str, Any]]:
    if isinstance(value, Ref):
        return str(value)
    return [share.model_dump(mode="json") for share in value]


Teachers = Annotated[
    Ref | tuple[TeacherShare, ...],
    PlainValidator(_teachers, json_schema_input_type=Ref | list[Ref | TeacherShare]),
    PlainSerializer(_written, return_type=str | list[dict[str, Any]]),
]
"""One name, or several teachers with their weights."""


class ArmSpec(BaseModel, frozen=True, extra="forbid"):
    """One of the arms that a job compares. What it does not say is as the job says it."""

    name: (
        Annotated[str, StringConstraints(max_length=LONGEST_NAME, pattern=r"^[^\s](.*[^\s])?$")]
        | None
    ) = Field(default=None, examples=["shorter"])
    """What it is called in the comparison; what makes it differ from the others if it is not
    said."""
    template: Ref | None = Field(default=None, examples=["question-answer@2"])
    teacher: Ref | None = Field(default=None, examples=["qwen-72b"])
    few_shot: FewShot | None = None
    """Instead of the job's; `null` shows no examples."""
    sampling: Sampling | None = None
    """Above the job's own: what is not said stays as it is there."""


class CompareSpec(BaseModel, frozen=True, extra="forbid"):
    """Several ways to ask, about the very same rows: the same seed rows and cells of the matrix, in
    the same order.
    """

    arms: tuple[ArmSpec, ...] = Field(
        min_length=2,
        max_length=MOST_ARMS,
        examples=[[{"template": "question-answer@1"}, {"template": "question-answer@2"}]],
    )
    """The others are compared with the first."""
    rows: int | None = Field(default=None, ge=1, le=MOST_ROWS, examples=[200])
    """How many rows each arm is asked about; every seed row once if it is not said."""
