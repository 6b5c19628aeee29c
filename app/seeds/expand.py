"""A matrix as rows: every combination, each as often as its weights say."""

import math
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from app.errors import Invalid

MAX_ROWS = 100_000


def expand(matrix: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Where each row stands, and the row. Weights are whole numbers here: a value of weight 3
    stands in three times as many rows as one of weight 1.
    """
    axes = {name: _values(name, axis) for name, axis in matrix.items()}
    total = math.prod(map(len, axes.values()))
    if total > MAX_ROWS:
        raise Invalid.at(
            "/matrix",
            f"has {total} cells; a seed dataset takes at most {MAX_ROWS} of them",
            hint="Give the matrix to the job itself: there it is not written out.",
        )
    for number, values in enumerate(product(*axes.values())):
        yield f"row {number}", dict(zip(axes, values, strict=True))


def _values(name: str, axis: Any) -> list[Any]:
    if not isinstance(axis, Mapping):
        return list(axis)
    if any(weight != int(weight) for weight in axis.values()) or sum(axis.values()) > MAX_ROWS:
        raise Invalid.at(
            f"/matrix/{name}",
            f"should have whole numbers as weights, at most {MAX_ROWS} in all",
            hint="A job's own matrix takes any weights.",
        )
    return [value for value, weight in axis.items() for _ in range(int(weight))]
