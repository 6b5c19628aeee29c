"""Drops records in which a number is too low or too high."""

import math
from typing import Any, ClassVar, Self

from pydantic import model_validator

from app.curation.filter import Filter, filters
from app.curation.json_value import shown
from app.curation.sample import Sample
from app.curation.verdict import Finding


@filters.register("range")
class Range(Filter, frozen=True):
    """One field, as a number, against its bounds: a score that the teacher gave, for example.

    A text that is written as a number counts as one; anything else is `filter.range.not_number`.
    """

    cost: ClassVar[int] = 15

    field: str
    """The field that is compared."""
    minimum: float | None = None
    """At least this."""
    maximum: float | None = None
    """At most this."""

    @model_validator(mode="after")
    def _bounds_make_sense(self) -> Self:
        if self.minimum is None and self.maximum is None:
            raise ValueError("needs a bound: minimum or maximum")
        if not all(bound is None or math.isfinite(bound) for bound in (self.minimum, self.maximum)):
            raise ValueError("a bound should be a finite number")
        if None not in {self.minimum, self.maximum} and self.minimum > self.maximum:  # type: ignore[operator]  # neither is None
            raise ValueError("minimum should not be above maximum")
        return self

    def __call__(self, sample: Sample) -> Finding | None:
        found = sample.record.get(self.field)
        number = _number(found)
        if number is None:
            return self.found("not_number", shown(found), None, self.field)
        if self.minimum is not None and number < self.minimum:
            return self.found("too_low", number, self.minimum, self.field)
        if self.maximum is not None and number > self.maximum:
            return self.found("too_high", number, self.maximum, self.field)
        return None

    def reads(self) -> tuple[str, ...]:
        return (self.field,)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
