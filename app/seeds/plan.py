"""Which seed row and which cell of the matrix the i-th item of a job gets: pure, and O(1)."""

import math
from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Any, NamedTuple

from app.corpus.item import row_of
from app.errors import FieldError, Invalid
from app.seeds.cells import Cells
from app.seeds.permute import draw, place
from app.seeds.spec import Row, SeedSpec
from app.seeds.wave import Wave

__all__ = ["SeedPlan", "SeedRow", "SeedSpec"]

_REMEMBERED = 16_384


class SeedRow(NamedTuple):
    position: int | None
    """The row of the dataset version, to be fetched by `store.rows`; nothing without a dataset."""
    values: Row
    """What needs no fetching: the cell of the matrix and the row written in the job."""


@dataclass(frozen=True, slots=True)
class SeedPlan:
    """Made from a job's `seeds` and what is known of its dataset version.

    A pass gives every row once, in shuffled order. As many passes as the matrix has cells form a
    cycle: in it every row meets every cell once, and cells follow each other so that all of them
    are used evenly from the first item on. Then both are shuffled anew. Weighted axes are drawn
    for each item by itself. Nothing is remembered from item to item: any worker can plan any item.
    Items of different arms that stand for one row get the same.

    Where each cell is wanted so many times, its items are planned in waves instead, and each cell
    goes through all rows, in an order of its own, before it meets one of them again.
    """

    random_seed: int
    count: int
    """Rows of the dataset, or of those written in the job; 0 without either."""
    columns: tuple[str, ...]
    inline: tuple[Row, ...] | None
    even: tuple[tuple[str, tuple[Any, ...]], ...]
    """Axes given as lists."""
    weighted: tuple[tuple[str, tuple[str, ...], tuple[float, ...]], ...]
    """Axes given with weights: name, values, and the running sum of the weights."""
    grid: Cells
    waves: tuple[Wave, ...] = ()
    _planned: dict[int, Row] = field(default_factory=dict, init=False, compare=False, repr=False)
    """Cells of the items planned last, which are asked for again when their samples are counted."""

    @classmethod
    def of(cls, spec: SeedSpec, count: int = 0, columns: Collection[str] = ()) -> "SeedPlan":
        """`count` and `columns` are those of the dataset version that the job is pinned to."""
        matrix: Mapping[str, Any] = spec.matrix or {}
        if spec.rows is not None:
            count, columns = len(spec.rows), tuple(spec.rows[0])
        if twice := sorted(matrix.keys() & set(columns)):
            raise Invalid.at(
                f"/seeds/matrix/{twice[0]}", "should not be named like a column of the dataset"
            )
        return cls(
            random_seed=spec.random_seed,
            count=count,
            columns=tuple(columns),
            inline=spec.rows,
            even=tuple(
                (name, tuple(axis))
                for name, axis in matrix.items()
                if not isinstance(axis, Mapping)
            ),
            weighted=tuple(
                (name, tuple(axis), tuple(accumulate(axis.values())))
                for name, axis in matrix.items()
                if isinstance(axis, Mapping)
            ),
            grid=Cells.of(matrix),
        )

    def within(self, waves: Iterable[Wave]) -> "SeedPlan":
        """The same, with items as they were planned in these waves, in their order."""
        return replace(self, waves=tuple(waves))

    @property
    def axes(self) -> tuple[str, ...]:
        return tuple([name for name, _ in self.even] + [name for name, _, _ in self.weighted])

    @property
    def fields(self) -> tuple[str, ...]:
        """Every input that this plan can give."""
        return self.columns + self.axes

    @property
    def cells(self) -> int:
        """Combinations of the axes given as lists; 1 without any."""
        return math.prod(len(values) for _, values in self.even)

    def row(self, item: int) -> SeedRow:
        values, item = self.stratum(item), row_of(item)
        if not self.count:
            return SeedRow(None, values)
        position = self._position(item)
        if self.inline is not None:
            return SeedRow(None, {**self.inline[position], **values})
        return SeedRow(position, values)

    def _position(self, item: int) -> int:
        if self.waves:
            cell, turn = self._turn(item)
            cycle, step = divmod(turn, self.count)
            return place(step, self.count, self.random_seed, "cell", cell, cycle)
        cycle, step = divmod(item, self.count * self.cells)
        return place(step % self.count, self.count, self.random_seed, "rows", cycle)

    def _turn(self, item: int) -> tuple[int, int]:
        at = bisect_right(self.waves, item, key=lambda wave: wave.first_item) - 1
        return self.waves[at].turn(item, self.random_seed)

    def stratum(self, item: int) -> Row:
        """The values of the matrix for this item: what it should be counted under."""
        found = self._planned.get(item)
        if found is None:
            if len(self._planned) >= _REMEMBERED:
                self._planned.clear()
            found = self._planned[item] = self._cell(row_of(item))
        return found

    def _cell(self, item: int) -> Row:
        if self.waves:
            return self.grid.cell(self._turn(item)[0])
        rows, cells = max(self.count, 1), self.cells
        cycle, step = divmod(item, rows * cells)
        # After lcm(rows, cells) steps rows and cells would pair as before: move on by one.
        cell = (step + step // math.lcm(rows, cells)) % cells
        cell = place(cell, cells, self.random_seed, "cells", cycle)
        values: Row = {}
        for name, options in self.even:
            cell, at = divmod(cell, len(options))
            values[name] = options[at]
        for name, choices, sums in self.weighted:
            drawn = draw(self.random_seed, "axis", name, item) / 2**64 * sums[-1]
            values[name] = choices[min(bisect_right(sums, drawn), len(choices) - 1)]
        return values

    def inputs(self, row: SeedRow, fetched: Mapping[int, Row], names: Collection[str]) -> Row:
        """What the template is rendered with for an item's row: its inputs `names`, from the rows
        fetched and the matrix. Other columns of the dataset stay behind.
        """
        position, values = row
        known = values if position is None else {**fetched[position], **values}
        return {name: known[name] for name in names}

    def check(self, names: Collection[str], at: str = "/seeds") -> None:
        """Refuses a plan that cannot give each input of the template, or gives one by a name that
        the template lacks. A dataset may have columns that the template does not ask for.
        """
        errors = [
            FieldError(at, f"should give the template's input {name!r}; it gives {self._offer}")
            for name in names
            if name not in self.fields
        ]
        asked = ", ".join(names) or "none"
        extra = [(f"{at}/matrix/{name}", name) for name in self.axes if name not in names]
        if self.inline is not None:
            extra += [(f"{at}/rows/0/{name}", name) for name in self.columns if name not in names]
        errors += [
            FieldError(where, f"the template has no input {name!r}; its inputs: {asked}", name)
            for where, name in extra
        ]
        if errors:
            raise Invalid(
                "request.invalid", f"{errors[0].field}: {errors[0].problem}", errors=errors
            )

    @property
    def _offer(self) -> str:
        return ", ".join(self.fields) or "none"
