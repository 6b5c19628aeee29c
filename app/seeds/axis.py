"""One axis of a matrix: a list of values, or values with weights."""

import math
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

Scalar = str | int | float | bool | None

MAX_VALUES = 1_000
MAX_AXES = 16
MAX_WEIGHT = 10**12


def _axis(value: Any) -> tuple[Scalar, ...] | dict[str, float]:
    if isinstance(value, Mapping):
        if not 0 < len(value) <= MAX_VALUES or not all(map(_is_weight, value.values())):
            raise PydanticCustomError(
                "axis",
                "should give 1 to {most} values each a weight above 0: {example}",
                {"most": MAX_VALUES, "example": "{easy: 1, hard: 3}"},
            )
        return {str(key): weight for key, weight in value.items()}
    if not isinstance(value, list | tuple) or not 0 < len(value) <= MAX_VALUES:
        raise PydanticCustomError(
            "axis",
            "should be a list of 1 to {most} values, or values with weights: {example}",
            {"most": MAX_VALUES, "example": "{easy: 1, hard: 3}"},
        )
    for number, item in enumerate(value):
        if not isinstance(item, str | int | float | bool | None):
            raise PydanticCustomError(
                "axis",
                "value {number} should be text, a number, true, false or null",
                {"number": number},
            )
        if isinstance(item, float) and not math.isfinite(item):
            raise PydanticCustomError("axis", "value {number} should be finite", {"number": number})
    if len({(type(item), item) for item in value}) < len(value):
        raise PydanticCustomError(
            "axis", "should hold each value once; to have one more often, give weights", {}
        )
    return tuple(value)


def _is_weight(weight: Any) -> bool:
    number = isinstance(weight, int | float) and not isinstance(weight, bool)
    return number and 0 < weight <= MAX_WEIGHT


def _few(matrix: dict[str, Any]) -> dict[str, Any]:
    for name in matrix:
        if not name.strip() or len(name) > 128:  # noqa: PLR2004  (as for columns)
            raise PydanticCustomError("axis", "should name each axis in 1 to 128 characters", {})
    return matrix


Axis = Annotated[
    Any,
    BeforeValidator(_axis),
    WithJsonSchema(
        {
            "anyOf": [
                {
                    "type": "array",
                    "items": {"type": ["string", "number", "boolean", "null"]},
                    "minItems": 1,
                    "maxItems": MAX_VALUES,
                    "uniqueItems": True,
                },
                {
                    "type": "object",
                    "additionalProperties": {"type": "number", "exclusiveMinimum": 0},
                    "minProperties": 1,
                    "maxProperties": MAX_VALUES,
                },
            ]
        }
    ),
]
"""A list: each value equally often. An object: each value as often as its weight says."""

Matrix = Annotated[dict[str, Axis], Field(min_length=1, max_length=MAX_AXES), AfterValidator(_few)]
