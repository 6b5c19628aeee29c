"""A layout as the shell says it: a name and `key=value`, typed by what the API says of it."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson


class Missaid(ValueError):
    """What cannot be understood, in words for who typed it."""


def layout(name: str, options: Sequence[str], known: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """`{"name": …, …parameters}`; `known` are the layouts as the API lists them.

    A list takes several values, by commas or by saying the key again; an object takes
    `key.member=value`. What the API does not know is handed on, for it to say so.
    """
    found = next((each for each in known if each["name"] == name), {})
    properties = found.get("parameters", {}).get("properties", {})
    made: dict[str, Any] = {"name": name}
    for option in options:
        key, equals, value = option.partition("=")
        if not equals or not key:
            raise Missaid(f"{option!r} should be key=value, such as prompt=question")
        key, _, member = key.partition(".")
        types = _types(properties.get(key, {}))
        if member:
            made.setdefault(key, {})[member] = value
        elif "array" in types:
            made.setdefault(key, []).extend(part for part in value.split(",") if part)
        else:
            made[key] = value if types <= {"string", "null"} and types else _plain(value)
    return made


def _types(schema: Mapping[str, Any]) -> set[str]:
    """The JSON types that a parameter takes."""
    parts = schema.get("anyOf", [schema])
    return {part["type"] for part in parts if "type" in part}


def _plain(value: str) -> Any:
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return value
