"""Drops replies that say nothing where something was asked for."""

from typing import Annotated, ClassVar, Self

from pydantic import Field

from app.curation.filter import Filter, filters
from app.curation.response import Response
from app.curation.sample import Sample
from app.curation.verdict import Finding


@filters.register("empty")
class Empty(Filter, frozen=True):
    """A required field of the reply that is blank: nothing but space, or an empty list.

    On for every job. Its threshold is none: an empty answer passes most response schemas, and
    28 of Alpaca's 52,002 outputs are empty.
    """

    cost: ClassVar[int] = 10

    fields: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """Which fields; by default those that the response schema requires."""

    def __call__(self, sample: Sample) -> Finding | None:
        for field in self.fields or ():
            value = sample.record.get(field)
            if (isinstance(value, str) and not value.strip()) or value == []:
                return self.found(None, field, None, "a required field is blank")
        return None

    def reads(self) -> tuple[str, ...]:
        return self.fields or ()

    def bound(self, response: Response) -> Self:
        return self if self.fields else self.model_copy(update={"fields": response.required})
