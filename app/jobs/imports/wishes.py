"""What an import says beside its file: in the query, as JSON, for the body is the file."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from app.curation.accept import AcceptSpec
from app.curation.novelty import DedupSpec
from app.curation.text import for_display
from app.errors import Invalid
from app.web.problems import field_errors

T = TypeVar("T")

_ACCEPT, _DEDUP = TypeAdapter(AcceptSpec), TypeAdapter(DedupSpec)
_COLUMNS = TypeAdapter(dict[str, str])


@dataclass(frozen=True, slots=True)
class Wishes:
    file: str
    """What the file is called."""
    accept: AcceptSpec | None
    dedup: DedupSpec | None
    columns: Mapping[str, str] | None
    """Where each column of the file goes; all as they are if it is not said."""


def read_wishes(file: str, accept: str | None, dedup: str | None, columns: str | None) -> Wishes:
    """Raises `Invalid` that names the parameter, and where in it something is wrong."""
    return Wishes(
        file=for_display(file),
        accept=_read(_ACCEPT, "accept", accept),
        dedup=_read(_DEDUP, "dedup", dedup),
        columns=_read(_COLUMNS, "columns", columns),
    )


def _read(adapter: TypeAdapter[T], name: str, written: str | None) -> T | None:
    if written is None:
        return None
    try:
        return adapter.validate_json(written)
    except ValidationError as wrong:
        errors = list(field_errors(list(wrong.errors()), ("query", name)))
        first = errors[0]
        raise Invalid(
            "request.invalid", f"{first.field}: {first.problem}", errors=errors[:20]
        ) from wrong
