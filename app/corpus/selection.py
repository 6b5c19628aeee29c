"""Which records of a corpus are meant: by job, by template, by time."""

from typing import Annotated, Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field, model_validator

from app.names import Ref

Moment = Annotated[AwareDatetime, Field(examples=["2026-11-21T00:00:00Z"])]


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
