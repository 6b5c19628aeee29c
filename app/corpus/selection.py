"""Which records of a corpus are meant: by job, by template, by time, by what they say."""

from typing import Annotated, Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from app.names import Ref

Moment = Annotated[AwareDatetime, Field(examples=["2026-11-21T00:00:00Z"])]

LONGEST_SEARCH = 500


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

    @model_validator(mode="after")
    def _some_time_is_left(self) -> Self:
        after, before = self.created_after, self.created_before
        if after is not None and before is not None and after >= before:
            raise ValueError("created_after should be earlier than created_before")
        return self

    def covers_template(self, template: Ref | None) -> bool:
        """Whether records of this template, version included, may be meant."""
        if not self.templates:
            return True
        if template is None:
            return False
        return any(
            (wanted.namespace, wanted.name) == (template.namespace, template.name)
            and wanted.version in {None, template.version}
            for wanted in self.templates
        )


class RecordSelection(Selection, frozen=True, extra="forbid"):
    """A selection that also looks at who made a record and at what it says."""

    teachers: tuple[Ref, ...] = Field(default=(), max_length=100, examples=[["local"]])
    """Only records of jobs that asked one of these teachers."""
    q: str | None = Field(
        default=None, min_length=1, max_length=LONGEST_SEARCH, examples=['refund "credit card"']
    )
    """Only records that have these words in their texts: all of them, in any order and whatever
    their case; `"in quotes"` next to each other, `or` between alternatives, `-` before a word that
    must not be there. Words are taken as they are written: no stemming in any language."""

    @model_validator(mode="after")
    def _teachers_have_no_versions(self) -> Self:
        for teacher in self.teachers:
            if teacher.version is not None:
                raise PydanticCustomError(
                    "teacher", "a teacher has no versions; seen: {name}", {"name": str(teacher)}
                )
        return self


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
