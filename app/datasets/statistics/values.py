"""Rows by value, of the fields that have few: counted by shard, and added up for a version."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from app.curation.verdict import Record
from app.datasets.features import as_json

MOST_VALUES = 60
"""A field with more different values than this has no groups."""
LONGEST_VALUE = 200
"""Nor has one with a longer value."""

Counted = Mapping[str, Mapping[str, int] | None]
"""Rows by field and by value, as JSON; null for a field that has too many values."""


class Values:
    """Records pass in their order; what is kept of them does not grow with their number."""

    def __init__(self) -> None:
        self._of: dict[str, Counter[tuple[type, Any]] | None] = {}

    def add(self, records: Sequence[Record]) -> None:
        for name in dict.fromkeys(name for record in records for name in record):
            counted = self._of.setdefault(name, Counter())
            if counted is not None:
                values = [record[name] for record in records if name in record]
                self._of[name] = _counted(counted, values)

    @property
    def counts(self) -> Counted:
        return {
            name: None if counted is None else _by_json(counted)
            for name, counted in self._of.items()
        }


def _counted(
    counted: Counter[tuple[type, Any]], values: Iterable[Any]
) -> Counter[tuple[type, Any]] | None:
    try:
        # True and 1 are equal; a JSON value is never mistaken for another.
        counted.update((type(value), value) for value in values)
    except TypeError:  # a list or an object
        return None
    longest = max((len(value) for kind, value in counted if kind is str), default=0)
    return counted if len(counted) <= MOST_VALUES and longest <= LONGEST_VALUE else None


def _by_json(counted: Mapping[tuple[type, Any], int]) -> dict[str, int]:
    return {as_json(value): count for (_, value), count in counted.items()}


def added(parts: Iterable[Counted]) -> dict[str, dict[str, int]]:
    """Of all shards together: the fields that have few values in all of them."""
    made: dict[str, Counter[str]] = {}
    varied: set[str] = set()
    for part in parts:
        for name, counted in part.items():
            if counted is None:
                varied.add(name)
            else:
                made.setdefault(name, Counter()).update(counted)
    return {
        name: dict(counted)
        for name, counted in made.items()
        if name not in varied and len(counted) <= MOST_VALUES
    }
