"""Drops records in which a field is not what it should be."""

from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from app.curation.filter import Filter, filters
from app.curation.json_value import JsonValue, same, shown
from app.curation.sample import Sample
from app.curation.verdict import Finding


@filters.register("equals")
class Equals(Filter, frozen=True):
    """One field against a value, or against another field: an answer that is known, for example.

    Texts are compared as the exact digest compares them, without regard to case and spacing. An
    absent field equals nothing.
    """

    cost: ClassVar[int] = 15

    field: str
    """The field that is compared."""
    value: JsonValue = Field(default=None, examples=["yes"])
    """What it should be, unless `other` is given; null is a value too."""
    other: str | None = None
    """The field that it should be equal to: one of the reply or of the seed row."""
    exact: bool = False
    """Texts have to be the same to the letter."""

    @model_validator(mode="after")
    def _against_one_thing(self) -> Self:
        if ("value" in self.model_fields_set and self.value is not None) and self.other is not None:
            raise ValueError("needs one of value and other, not both")
        if not self.model_fields_set & {"value", "other"}:
            raise ValueError("needs a value, or the name of an other field")
        return self

    def __call__(self, sample: Sample) -> Finding | None:
        wanted: Any = self.value if self.other is None else sample.record.get(self.other)
        held = self.field in sample.record and (self.other is None or self.other in sample.record)
        if held and same(sample.record[self.field], wanted, exact=self.exact):
            return None
        return self.found(None, shown(sample.record.get(self.field)), shown(wanted), self.field)

    def reads(self) -> tuple[str, ...]:
        return (self.field,) if self.other is None else (self.field, self.other)
