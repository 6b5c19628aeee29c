"""What a sample is worth, and why."""

from dataclasses import dataclass
from typing import Any

Record = dict[str, Any]
"""A record's own fields: JSON values by name."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A reason to refuse a sample. `reason` is also the address of the code that decided:
    `filter.length.too_short` is `curation/filters/length.py`, `parse.json.invalid` is
    `curation/parsers/json.py`; `finish.*`, `text.*`, `dedup.*`, `teacher.*` likewise.
    """

    reason: str
    value: Any = None
    """What was measured."""
    threshold: Any = None
    """What it was measured against."""
    detail: str | None = None
    """One sentence for a person, shortened; never the whole text."""
    revision: int = 1
    """Of the filter or parser that decided."""

    @property
    def stage(self) -> str:
        return self.reason.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Flag:
    """Something to know of a record that is kept all the same; its fields mean what a verdict's
    do.
    """

    reason: str
    value: Any = None
    threshold: Any = None
    detail: str | None = None
    revision: int = 1
