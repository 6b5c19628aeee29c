"""Items that are planned at once for cells of the matrix, so many for each."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from app.seeds.permute import place


@dataclass(frozen=True, slots=True)
class Wave:
    """Which item is whose is worked out, never listed: the cells' items stand in a row, one cell
    after the other, and are shuffled.
    """

    first_item: int
    cells: tuple[int, ...]
    """The numbers of the cells."""
    before: tuple[int, ...]
    """Items that earlier waves had planned for each."""
    ends: tuple[int, ...]
    """Running sum of the items of each."""

    @classmethod
    def of(cls, first_item: int, runs: Sequence[Sequence[int]]) -> "Wave":
        """Each run is a cell's number, its items in earlier waves, and its items in this one."""
        return cls(
            first_item,
            cells=tuple(cell for cell, _, _ in runs),
            before=tuple(before for _, before, _ in runs),
            ends=tuple(accumulate(count for _, _, count in runs)),
        )

    @property
    def end(self) -> int:
        """The first item after it."""
        return self.first_item + self.ends[-1]

    def turn(self, item: int, random_seed: int) -> tuple[int, int]:
        """The number of the item's cell, and how many items of that cell come before it."""
        step = place(item - self.first_item, self.ends[-1], random_seed, "wave", self.first_item)
        at = bisect_right(self.ends, step)
        return self.cells[at], self.before[at] + step - (self.ends[at - 1] if at else 0)
