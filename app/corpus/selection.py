"""Which records of a corpus are meant: by job, by template, by time, by what they say, by what
filters and reviewers said of them.
"""

from typing import Annotated, Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from app.corpus.condition import Condition, FieldName
from app.corpus.models import ReviewVerdict
from app.names import Ref

Moment = Annotated[AwareDatetime, Field(examples=["2026-11-21T00:00:00Z"])]
FlagReason = Annotated[
    str, StringConstraints(min_length=1, max_length=200, pattern=r"^[a-z_.0-9]+$")
]

LONGEST_SEARCH = 500


class FlagSelection(
    BaseModel,
    frozen=True,
    extra="forbid",
    json_schema_extra={"examples": [{"exclude": ["filter.refusal"]}]},
):
    """By what filters noted of records that they kept: a reason such as `filter.refusal.long`, or
    the beginning of several, such as `filter.refusal` or `filter`.
    """

    only: tuple[FlagReason, ...] = Field(default=(), max_length=100, examples=[[]])
    """Only records with one of these flags."""
    exclude: tuple[FlagReason, ...] = Field(default=(), max_length=100, examples=[["filter"]])
    """No record with one of these flags."""


class ReviewSelection(
    BaseModel, frozen=True, extra="forbid", json_schema_extra={"examples": [{"only": ["approved"]}]}
):
    """By the latest verdict of a reviewer. A record that nobody has reviewed has none."""

    only: tuple[ReviewVerdict, ...] = Field(default=(), max_length=3, examples=[["approved"]])
    """Only records with one of these verdicts."""
    exclude: tuple[ReviewVerdict, ...] = Field(default=(), max_length=3, examples=[[]])
    """No record with one of these verdicts; those that have none stay."""


class Selection(BaseModel, frozen=True, extra="forbid"):
    """What is left out does not restrict; an empty selection is the whole corpus."""

    jobs: tuple[UUID, ...] = Field(default=(), max_length=1000, examples=[[]])
    """Only records of these jobs."""
    templates: tuple[Ref, ...] = Field(
        default=(), max_length=100, examples=[["faq/question-answer@4"]]
    )
    """Only records of these templates: `name@4` is one version, `name` is all of them."""
    created_after: Moment | None = None
    """Only records stored at this moment or later."""
    created_before: Moment | None = None
    """Only records stored before this moment."""
    teachers: tuple[Ref, ...] = Field(default=(), max_length=100, examples=[["local"]])
    """Only records of jobs that asked one of these teachers."""
    flags: FlagSelection = FlagSelection()
    reviews: ReviewSelection = ReviewSelection()
    where: dict[FieldName, Condition] = Field(
        default={}, max_length=32, examples=[{"score": {"min": 4}}]
    )
    """Only records whose fields fit all of these conditions, by field."""

    @model_validator(mode="after")
    def _some_time_is_left(self) -> Self:
        after, before = self.created_after, self.created_before
        if after is not None and before is not None and after >= before:
            raise ValueError("created_after should be earlier than created_before")
        return self

    @model_validator(mode="after")
    def _teachers_have_no_versions(self) -> Self:
        for teacher in self.teachers:
            if teacher.version is not None:
                raise PydanticCustomError(
                    "teacher", "a teacher has no versions; seen: {name}", {"name": str(teacher)}
                )
        return self


class RecordSelection(Selection, frozen=True, extra="forbid"):
    """A selection that also searches what a record says."""

    q: str | None = Field(
        default=None, min_length=1, max_length=LONGEST_SEARCH, examples=['refund "credit card"']
    )
    """Only records that have these words in their texts: all of them, in any order and whatever
    their case; `"in quotes"` next to each other, `or` between alternatives, `-` before a word that
    must not be there. Words are taken as they are written: no stemming in any language."""


class RejectSelection(RecordSelection, frozen=True, extra="forbid"):
    reason: str | None = Field(
        default=None, min_length=1, max_length=200, examples=["filter.length.too_short"]
    )
    """Only those refused for this reason; a stage, such as `parse`, is all of its reasons."""
    min_value: float | None = Field(default=None, allow_inf_nan=False)
    """Only those whose measured `value` is a number, and at least this."""
    max_value: float | None = Field(default=None, allow_inf_nan=False)
    """Only those whose measured `value` is a number, and at most this."""

    @model_validator(mode="after")
    def _some_value_is_left(self) -> Self:
        if (
            self.min_value is not None
            and self.max_value is not None
            and self.min_value > self.max_value
        ):
            raise ValueError("min_value should not be above max_value")
        return self


class DeletionSelection(RecordSelection, frozen=True, extra="forbid"):
    """Something has to be said: an empty selection is refused."""

    ids: tuple[UUID, ...] | None = Field(default=None, max_length=10_000, examples=[None])
    """Only these records; those that are not there, or not any more, are passed over."""

    @model_validator(mode="after")
    def _something_is_said(self) -> Self:
        if not self.model_dump(exclude_defaults=True):
            raise PydanticCustomError(
                "selection", "should say which records; an empty one would be the whole corpus"
            )
        return self
