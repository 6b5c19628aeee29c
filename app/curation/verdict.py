"""What a sample is worth, and why."""

from dataclasses import dataclass
from typing import Any

Record = dict[str, Any]
"""A record's own fields: JSON values by name."""


@dataclass(frozen=True, slots=True)
class _Finding:
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
class Verdict(_Finding):
    """A reason to refuse a sample. `reason` is also the address of the code that decided:
    `filter.length.too_short` is `curation/filters/length.py`, `parse.json.invalid` is
    `curation/parsers/json.py`; `finish.*`, `text.*`, `dedup.*`, `teacher.*` likewise.
    """


@dataclass(frozen=True, slots=True)
class Flag(_Finding):
    """A note on a record that is kept, in the same words as a verdict."""

    def as_json(self) -> dict[str, Any]:
        return {
            "reason": self.reason,
            "value": self.value,
            "threshold": self.threshold,
            "detail": self.detail,
            "revision": self.revision,
        }


@dataclass(frozen=True, slots=True)
class Change:
    """The record as it is to be kept, and the note that says what was changed in it."""

    record: Record
    flag: Flag


Finding = Verdict | Flag | Change
"""What a filter may say: drop it, keep it with a note, keep it changed."""
