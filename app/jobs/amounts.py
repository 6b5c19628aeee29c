"""Amounts as people write them: `40M` tokens, `1h30m` of time; and as they are told again."""

import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

MOST_TOKENS = 10**15
MOST_SECONDS = 10 * 365 * 86_400

_THOUSANDS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "b": 10**9, "t": 10**12}
_COUNT = r"(?P<number>[0-9]{1,15}(\.[0-9]{1,12})?)(?P<unit>[kKmMgGbBtT]?)"
_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_TIME = r"^([0-9]{1,4}d)?([0-9]{1,6}h)?([0-9]{1,8}m)?([0-9]{1,9}s?)?$"


def _count(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    written = re.fullmatch(_COUNT, value.strip())
    if written is None:
        raise PydanticCustomError(
            "tokens", "should be a whole number, or one such as 250k, 40M or 1.5G"
        )
    found = Decimal(written["number"]) * _THOUSANDS[written["unit"].lower()]
    if found != int(found):
        raise PydanticCustomError("tokens", "should be a whole number of tokens")
    return int(found)


def _seconds(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    written = value.strip()
    found = re.fullmatch(_TIME, written) if written else None
    if found is None:
        raise PydanticCustomError(
            "seconds", "should be whole seconds, or a time such as 90m, 6h, 1h30m or 2d"
        )
    parts = [part if part[-1] in _UNITS else f"{part}s" for part in found.groups() if part]
    return sum(int(part[:-1]) * _UNITS[part[-1]] for part in parts)


Tokens = Annotated[
    int,
    Field(ge=1, le=MOST_TOKENS),
    BeforeValidator(_count),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": MOST_TOKENS},
                {"type": "string", "pattern": r"^[0-9]{1,15}(\.[0-9]{1,12})?[kKmMgGbBtT]?$"},
            ],
            "examples": ["40M"],
        }
    ),
]
"""A number of tokens; kept as a whole number."""

Seconds = Annotated[
    int,
    Field(ge=1, le=MOST_SECONDS),
    BeforeValidator(_seconds),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": MOST_SECONDS},
                {"type": "string", "pattern": _TIME},
            ],
            "examples": ["6h"],
        }
    ),
]
"""A length of time; kept in whole seconds."""


def short_count(number: float) -> str:
    """`40M`, `1.25M`, `999`: no more than three digits behind the point are ever told."""
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if number >= size:
            return f"{number / size:.3f}".rstrip("0").rstrip(".") + unit
    return f"{number:g}"


def short_time(seconds: float) -> str:
    """`6h`, `1h30m`, `45s`."""
    left, told = round(seconds), ""
    for unit, size in _UNITS.items():
        if left >= size:
            told += f"{left // size}{unit}"
            left %= size
    return told or "0s"
