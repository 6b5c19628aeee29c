"""The columns of a published file: stable over all shards, whatever the first rows hold."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import orjson

if TYPE_CHECKING:
    import pyarrow as pa

Kind = Literal["string", "int64", "float64", "bool", "json", "chat", "reasoned_chat", "sharegpt"]
"""`json` is text that holds JSON: a struct would need the same keys in every row. The last three
are lists of turns, each of which has the same keys, and all of them text."""

TURNS: Mapping[Kind, tuple[str, ...]] = {
    "chat": ("role", "content"),
    "reasoned_chat": ("role", "content", "reasoning_content"),
    "sharegpt": ("from", "value"),
}
"""The keys of a turn. `reasoning_content` is what Hugging Face's chat templates call it."""

Features = Mapping[str, Kind]

_OF_JSON: dict[str, Kind] = {
    "string": "string",
    "integer": "int64",
    "number": "float64",
    "boolean": "bool",
}
_INT64 = 2**63


class Misfit(ValueError):
    """A value that its column cannot hold."""


def kind_of(json_type: Any) -> Kind:
    """The kind for a JSON Schema `type`, alone, in a list with "null", or within its schema."""
    if isinstance(json_type, Mapping):
        json_type = json_type.get("type")
    if isinstance(json_type, list):
        real = [each for each in json_type if each != "null"]
        json_type = real[0] if len(real) == 1 else None
    return _OF_JSON.get(json_type, "json") if isinstance(json_type, str) else "json"


def features_of(columns: Mapping[str, Any]) -> Features:
    """The columns of a corpus as they are published."""
    return {name: kind_of(json_type) for name, json_type in columns.items()}


def fitted(value: Any, kind: Kind) -> Any:
    """The value as its column holds it. Raises `Misfit` rather than lose anything."""
    if value is None:
        return None
    match kind:
        case "json":
            return as_json(value)
        case "string" if isinstance(value, str):
            return value
        case "bool" if isinstance(value, bool):
            return value
        case "int64" if type(value) is int and -_INT64 <= value < _INT64:
            return value
        case "float64" if type(value) in {int, float}:
            return float(value)
        case "chat" | "reasoned_chat" | "sharegpt":
            return value
        case _:
            raise Misfit(f"{as_json(value)[:60]} is not {_SAID[kind]}")


_SAID: dict[Kind, str] = {
    "string": "text",
    "bool": "true or false",
    "int64": "an integer of at most 64 bits",
    "float64": "a number",
}


def as_json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def arrow_schema(features: Features) -> "pa.Schema":
    import pyarrow as pa

    types = {
        "string": pa.string(),
        "json": pa.string(),
        "int64": pa.int64(),
        "float64": pa.float64(),
        "bool": pa.bool_(),
    }
    for kind, keys in TURNS.items():
        types[kind] = pa.list_(pa.struct([(key, pa.string()) for key in keys]))
    return pa.schema([(name, types[kind]) for name, kind in features.items()])


def card_features(features: Features) -> list[dict[str, Any]]:
    """The same as a dataset card writes them."""
    return [
        {"name": name, "list": [{"name": key, "dtype": "string"} for key in TURNS[kind]]}
        if kind in TURNS
        else {"name": name, "dtype": "string" if kind == "json" else kind}
        for name, kind in features.items()
    ]
