"""Teachers as JSON."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from app.names import Ref
from app.teachers.address import Url
from app.teachers.capabilities import Capabilities
from app.teachers.models import MOST_IN_FLIGHT, Teacher
from app.teachers.secret import KeyRef


def _unversioned(ref: Ref) -> Ref:
    if ref.version is not None:
        raise PydanticCustomError("ref", "should be without @version: teachers have none")
    return ref


Price = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Gpus = Annotated[float, Field(gt=0, le=100_000, allow_inf_nan=False), Field(examples=[8])]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$"), Field(examples=["USD"])]
InFlight = Annotated[int, Field(ge=1, le=100_000)]
Slots = Annotated[int, Field(ge=1, le=64)]
Words = Annotated[str, Field(min_length=1, max_length=10_000)]
Training = Literal["allowed", "forbidden", "unknown"]
TermsUrl = Annotated[
    str,
    # What may stand between the angle brackets of a Markdown link as it is.
    StringConstraints(pattern=r"^https?://[A-Za-z0-9._~:/?#@!$&()*+,;=%\[\]-]+$", max_length=2_000),
    Field(examples=["https://example.com/terms"]),
]

_EXAMPLES: list[Any] = [
    {
        "name": "qwen-72b",
        "url": "http://gpu-box:8000/v1",
        "model": "teacher",
        "api_key": "env:TEACHER_API_KEY",
        "max_in_flight": 256,
        "licence": "Apache-2.0",
        "training": "allowed",
    }
]


class NewTeacher(BaseModel, frozen=True, extra="forbid", json_schema_extra={"examples": _EXAMPLES}):
    name: Annotated[Ref, AfterValidator(_unversioned)] = Field(examples=["qwen-72b"])

    url: Url | None = None
    """Where its OpenAI-compatible server answers. One of `url` and `urls` is needed."""

    urls: Annotated[tuple[Url, ...], Field(min_length=1, max_length=64)] | None = None
    """Several servers of the same model, among which requests are spread."""

    model: str | None = Field(default=None, min_length=1, max_length=500, examples=["teacher"])
    """The name to ask for; may be left out where the server has only one."""

    api_key: KeyRef | None = None
    """Where its key is found: `env:NAME` or `file:/PATH`. Never the key itself."""

    max_in_flight: InFlight = MOST_IN_FLIGHT
    """Requests of jobs at a time, over all workers, those included whose replies are not stored
    yet. How many it really gets is found from its load and its rate, and mostly less. Previews have
    a few more of their own."""

    chunk_slots: Slots = 2
    """Runs of chunks at a time, over all workers: how many workers may work for it at once. One
    alone can fill it."""

    licence: Words | None = Field(default=None, examples=["Apache-2.0"])
    """Of the model's outputs; written into dataset cards."""

    terms: Words | None = None
    """What its owner asks of those who train on its outputs."""

    terms_url: TermsUrl | None = None
    """Where these terms are found."""

    training: Training = "unknown"
    """Whether its owner lets others train on its outputs. What a teacher said whose owner forbids
    it is published only with `terms_override`; what is unknown is said on the card."""

    prompt_price: Price | None = None
    """Of a million prompt tokens."""

    completion_price: Price | None = None
    """Of a million completion tokens."""

    currency: Currency | None = None

    gpus: Gpus | None = None
    """How many GPUs serve it, also a part of one. Jobs can limit their GPU hours then."""

    gpu_hour_price: Price | None = None
    """Of an hour of one GPU, on top of what its tokens cost."""

    random_seed: bool = False
    """Whether it may be sent a random seed. Not every server survives one, so it is never tried:
    vLLM on a CPU needs `--no-enable-chunked-prefill`."""

    probe: bool = True
    """Ask it what it can do before it is registered. Without, nothing is known of it."""

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if (self.url is None) == (self.urls is None):
            raise PydanticCustomError("teacher_url", "should have either url or urls")
        if self.chunk_slots > self.max_in_flight:
            raise PydanticCustomError(
                "teacher_slots", "chunk_slots should be at most max_in_flight"
            )
        return self

    @property
    def endpoints(self) -> list[str]:
        return list(self.urls) if self.urls is not None else [self.url or ""]


class TeacherChange(
    BaseModel,
    frozen=True,
    extra="forbid",
    json_schema_extra={"examples": [{"max_in_flight": 128, "chunk_slots": 4}]},
):
    """What may change while it stays the same teacher. Another model is another teacher, since
    what it said must stay explainable. What is left out stays.
    """

    url: Url | None = None
    urls: Annotated[tuple[Url, ...], Field(min_length=1, max_length=64)] | None = None
    api_key: KeyRef | None = None
    """Null for none."""
    max_in_flight: InFlight | None = None
    chunk_slots: Slots | None = None
    licence: Words | None = None
    terms: Words | None = None
    terms_url: TermsUrl | None = None
    training: Training | None = None
    """It counts for versions published from now on."""
    prompt_price: Price | None = None
    completion_price: Price | None = None
    currency: Currency | None = None
    gpus: Gpus | None = None
    """GPU hours are worked out from what it is now, also those that are past."""
    gpu_hour_price: Price | None = None
    random_seed: bool | None = None
    probe: bool = True
    """Ask it again where its address or key changes."""

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.url is not None and self.urls is not None:
            raise PydanticCustomError("teacher_url", "should have either url or urls")
        needed = ("url", "urls", "max_in_flight", "chunk_slots", "random_seed", "training")
        for name in needed:
            if name in self.model_fields_set and getattr(self, name) is None:
                raise PydanticCustomError(
                    "teacher_null", "{name} should have a value, or be left out", {"name": name}
                )
        return self

    @property
    def values(self) -> dict[str, Any]:
        """Columns and what becomes of them."""
        told = self.model_dump(exclude_unset=True, exclude={"url", "urls", "probe"})
        if self.url is not None:
            told["urls"] = [self.url]
        if self.urls is not None:
            told["urls"] = list(self.urls)
        return told


class Circuit(BaseModel):
    """Open while the teacher is away: its jobs wait, and go on by themselves."""

    state: Literal["closed", "open"]
    down_since: datetime | None
    reason: str | None = Field(examples=["teacher.unreachable: gpu-box:8000: Connection refused"])
    retry_at: datetime | None
    """When work is tried again."""
    failures: int
    """Tries in a row that found it away."""

    @classmethod
    def of(cls, teacher: Teacher) -> "Circuit":
        return cls(
            state="closed" if teacher.down_since is None else "open",
            down_since=teacher.down_since,
            reason=teacher.down_reason,
            retry_at=teacher.retry_at,
            failures=teacher.failures,
        )


class TeacherView(BaseModel):
    id: UUID
    namespace: str = Field(examples=["default"])
    name: str = Field(examples=["qwen-72b"])
    ref: str = Field(examples=["default/qwen-72b"])
    """What a job calls it."""
    urls: list[str] = Field(examples=[["http://gpu-box:8000"]])
    model: str
    api_key: str | None
    """Where its key is found."""
    max_in_flight: int
    chunk_slots: int
    licence: str | None
    terms: str | None
    terms_url: str | None
    training: Training
    prompt_price: float | None
    completion_price: float | None
    currency: str | None
    gpus: float | None
    gpu_hour_price: float | None
    capabilities: Capabilities | None
    """Null where it was never asked."""
    probed_at: datetime | None
    circuit: Circuit
    created_at: datetime

    @classmethod
    def of(cls, teacher: Teacher) -> "TeacherView":
        able = teacher.known_capabilities
        return cls(
            id=teacher.id,
            namespace=teacher.namespace,
            name=teacher.name,
            ref=teacher.ref,
            urls=teacher.urls,
            model=teacher.model,
            api_key=teacher.api_key,
            max_in_flight=teacher.max_in_flight,
            chunk_slots=teacher.chunk_slots,
            licence=teacher.licence,
            terms=teacher.terms,
            terms_url=teacher.terms_url,
            training=teacher.training,
            prompt_price=teacher.prompt_price,
            completion_price=teacher.completion_price,
            currency=teacher.currency,
            gpus=teacher.gpus,
            gpu_hour_price=teacher.gpu_hour_price,
            capabilities=able,
            probed_at=teacher.probed_at,
            circuit=Circuit.of(teacher),
            created_at=teacher.created_at,
        )
