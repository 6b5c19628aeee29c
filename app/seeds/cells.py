"""The cells of a matrix, each by its number."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Any

from app.seeds.spec import Row


@dataclass(frozen=True, slots=True)
class Cells:
    """Every combination of the axes' values. They are numbered as they are written: the last axis
    changes first.
    """

    axes: tuple[tuple[str, tuple[Any, ...]], ...]

    @classmethod
    def of(cls, matrix: Mapping[str, Any]) -> "Cells":
        return cls(tuple((name, tuple(axis)) for name, axis in matrix.items()))

    @property
    def count(self) -> int:
        return math.prod(len(values) for _, values in self.axes)

    def cell(self, number: int) -> Row:
        found: Row = {}
        for name, values in reversed(self.axes):
            number, at = divmod(number, len(values))
            found[name] = values[at]
        return {name: found[name] for name, _ in self.axes}

    def __iter__(self) -> Iterator[Row]:
        return map(self.cell, range(self.count))


def shares(total: int, matrix: Mapping[str, Any]) -> list[int]:
    """How many of `total` each cell gets by the weights of its values, in the cells' order."""
    axes = [
        [Fraction(weight) for weight in axis.values()]
        if isinstance(axis, Mapping)
        else [Fraction(1)] * len(axis)
        for axis in matrix.values()
    ]
    return divided(total, [math.prod(weights, start=Fraction(1)) for weights in product(*axes)])


def divided(total: int, weights: list[Fraction] | list[int]) -> list[int]:
    """By largest remainder: whole numbers that add up to `total`, each less than one away from its
    exact share. Of equal remainders the earlier is rounded up.
    """
    whole = sum(weights)
    exact = [Fraction(total * weight) / whole for weight in weights]
    found = [math.floor(part) for part in exact]
    nearest = sorted(range(len(exact)), key=lambda at: found[at] - exact[at])
    for at in nearest[: total - sum(found)]:
        found[at] += 1
    return found
