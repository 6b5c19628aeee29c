"""Drops records in which a field is none of the values it may have."""

from typing import Annotated, ClassVar

from pydantic import Field

from app.curation.filter import Filter, filters
from app.curation.json_value import JsonValue, same, shown
from app.curation.sample import Sample
from app.curation.verdict import Finding


@filters.register("one_of")
class OneOf(Filter, frozen=True):
    """One field against the values that it may have: labels, for example.

    Texts are compared without regard to case and spacing, unless `exact`. An absent field is none
    of them.
    """

    cost: ClassVar[int] = 15

    field: str
    """The field that is compared."""
    values: Annotated[
        tuple[JsonValue, ...],
        Field(min_length=1, max_length=1_000, examples=[["positive", "negative"]]),
    ]
    """What it may be."""
    exact: bool = False
    """Texts have to be the same to the letter."""

    def __call__(self, sample: Sample) -> Finding | None:
        found = sample.record.get(self.field)
        if self.field in sample.record and any(
            same(found, value, exact=self.exact) for value in self.values
        ):
            return None
        return self.found(None, shown(found), shown(list(self.values)), self.field)

    def reads(self) -> tuple[str, ...]:
        return (self.field,)
