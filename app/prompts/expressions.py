"""What an expression of a template can do: the filters, the tests, and how a value is written."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from jinja2 import TemplateRuntimeError

TESTS = frozenset(
    {
        "boolean", "divisibleby", "eq", "even", "false", "ge", "gt", "in", "le", "lt", "mapping",
        "ne", "none", "number", "odd", "sequence", "string", "true",
    }
)  # fmt: skip


def written(value: Any) -> str:
    """Text as it is; any other JSON value as compact JSON."""
    if isinstance(value, str):
        return value
    return compact(value)


def compact(value: Any) -> str:
    """JSON in the order it has, without spaces, letters as themselves."""
    if isinstance(value, float) and not math.isfinite(value):
        raise TemplateRuntimeError("a number is not finite")
    try:
        return orjson.dumps(value).decode()
    except TypeError as error:
        raise TemplateRuntimeError("a value here is not JSON") from error


def _join(value: Any, separator: str = "") -> str:
    """The items' texts with the separator between them."""
    return written(separator).join(written(item) for item in value)


def _truncate(value: str, length: int = 255) -> str:
    """At most `length` characters, an ellipsis being the last of them."""
    text = written(value)
    return text if len(text) <= length else text[: max(0, length - 1)] + "…"


FILTERS: Mapping[str, Callable[..., Any]] = {
    "capitalize": lambda value: written(value).capitalize(),
    "first": lambda value: value[0],
    "join": _join,
    "json": compact,
    "last": lambda value: value[-1],
    "length": len,
    "list": list,
    "lower": lambda value: written(value).lower(),
    "replace": lambda value, old, new: written(value).replace(old, new),
    "round": lambda value, digits=0: round(value, digits or None),
    "sort": lambda value, reverse=False: sorted(value, reverse=reverse),
    "title": lambda value: written(value).title(),
    "trim": lambda value: written(value).strip(),
    "truncate": _truncate,
    "unique": lambda value: list(dict.fromkeys(value)),
    "upper": lambda value: written(value).upper(),
}
"""Jinja's own `map`, `select`, `attr`, `format` and the like reach filters or attributes by a
string that no check can see; they are not in the environment at all."""
