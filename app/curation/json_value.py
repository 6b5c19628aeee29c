"""JSON values in a filter's parameters: what they are, when two are the same, how one is shown."""

from typing import Annotated, Any

import orjson
from pydantic import AfterValidator, WithJsonSchema

from app.curation.text import canonical_text, for_display, problem
from app.curation.texts import rewritten

_LARGEST = 16_384
_SHOWN = 200


def _plain(value: Any) -> Any:
    if found := problem(value, max_bytes=_LARGEST):
        raise ValueError(f"should be JSON that can be stored: {found.reason}")
    try:
        orjson.dumps(value)
    except TypeError as error:
        raise ValueError(f"should be JSON: {error}") from error
    return value


JsonValue = Annotated[Any, AfterValidator(_plain), WithJsonSchema({})]
"""Any JSON value of at most 16 KiB."""


def same(one: Any, other: Any, *, exact: bool) -> bool:
    """Whether two JSON values are equal: 1 is 1.0, and never true."""
    if type(one) is not type(other) and bool in {type(one), type(other)}:
        return False
    if isinstance(one, str) and isinstance(other, str):
        return one == other or (not exact and canonical_text(one) == canonical_text(other))
    if isinstance(one, dict | list) and isinstance(other, dict | list):
        folded = [one, other] if exact else [rewritten(v, canonical_text) for v in (one, other)]
        return _dumped(folded[0]) == _dumped(folded[1])
    return bool(one == other)


def _dumped(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def shown(value: Any) -> Any:
    """The value itself where it is short, else the beginning of its text."""
    if isinstance(value, str):
        return for_display(value, _SHOWN)
    if value is None or isinstance(value, bool):
        return value
    written = _dumped(value).decode()
    return value if len(written) <= _SHOWN else for_display(written, _SHOWN)
