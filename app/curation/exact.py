"""The exact digest: equal for records that say the same, however it is spaced or capitalised."""

from collections.abc import Collection
from typing import Any

from app.curation.text import canonical_text
from app.curation.verdict import Record
from app.digest import canonical, short

_LARGEST = 2**63


def digest(record: Record, on: Collection[str] | None = None) -> bytes:
    """16 bytes over the fields in `on`, or over all of them.

    The order of fields does not count, an absent field does: it differs from a blank one. The
    record must hold only what can be stored (`text.problem`).
    """
    chosen = record if on is None else {field: record[field] for field in on if field in record}
    return short(canonical(_canonical(chosen)))


def _canonical(value: Any) -> Any:
    # Recursion is safe: text.problem has refused deep nesting.
    if isinstance(value, str):
        return canonical_text(value)
    if isinstance(value, dict):
        return {key: _canonical(child) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(child) for child in value]
    if type(value) is int and not -_LARGEST <= value < _LARGEST:
        return f"{value:x}"  # JSON knows no bound, its quick writers do
    return value
