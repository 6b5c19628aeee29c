"""How long the texts of published columns are: counted by shard, and added up for a version."""

from collections.abc import Iterable
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

if TYPE_CHECKING:
    import pyarrow as pa

_PER_OCTAVE = 2
EDGES = tuple(sorted({ceil(2 ** (k / _PER_OCTAVE)) for k in range(24 * _PER_OCTAVE)}))
"""Where bins begin, after the one of 0."""


class Lengths(BaseModel, frozen=True):
    """Of one column, in characters; of turns, of their contents together."""

    rows: int
    total: int
    min: int
    max: int
    bins: dict[int, int]
    """Rows by the lower end of their bin. Bins begin at 0, 1 and then twice an octave: a
    percentile read from them is right to within 41 %."""

    def percentile(self, share: float) -> int:
        """The lower end of the bin in which it falls."""
        seen = 0
        for low, rows in sorted(self.bins.items()):
            seen += rows
            if seen >= share * self.rows:
                return low
        return self.max

    def about(self, share: float) -> int:
        """The length that about this share does not exceed: right to a bin, and within it as if
        they lay evenly on a logarithmic axis.
        """
        left = share * self.rows
        for low, rows in sorted(self.bins.items()):
            if left <= rows:
                end = next((edge for edge in EDGES if edge > low), low)
                place = left / rows if rows else 0.0
                found = round(max(low, 1) * (max(end - 1, 1) / max(low, 1)) ** place) if low else 0
                return min(max(found, self.min), self.max)
            left -= rows
        return self.max

    def plus(self, other: "Lengths") -> "Lengths":
        bins = {
            low: self.bins.get(low, 0) + other.bins.get(low, 0)
            for low in sorted({*self.bins, *other.bins})
        }
        return Lengths(
            rows=self.rows + other.rows,
            total=self.total + other.total,
            min=min(self.min, other.min),
            max=max(self.max, other.max),
            bins=bins,
        )


def added(parts: Iterable[dict[str, Lengths]]) -> dict[str, Lengths]:
    made: dict[str, Lengths] = {}
    for part in parts:
        for name, lengths in part.items():
            made[name] = made[name].plus(lengths) if name in made else lengths
    return made


def measured(table: "pa.Table") -> dict[str, Lengths]:
    """Of every column of text or of turns; null is not counted."""
    made = {}
    for name in table.column_names:
        counted = _characters(table.column(name))
        if counted is not None and len(counted):
            made[name] = _told(counted)
    return made


def _characters(column: Any) -> NDArray[np.int64] | None:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_string(kind):
        return np.asarray(pc.utf8_length(column.drop_null()), dtype=np.int64)
    if not pa.types.is_list(kind) or not pa.types.is_struct(kind.value_type):
        return None
    if kind.value_type.get_field_index("content") < 0:
        return None
    turns = column.drop_null().combine_chunks()
    contents = pc.struct_field(pc.list_flatten(turns), "content")
    said = np.asarray(pc.fill_null(pc.utf8_length(contents), 0), dtype=np.int64)
    ends = np.cumsum(np.asarray(pc.list_value_length(turns), dtype=np.int64))
    sums = np.concatenate(([0], np.cumsum(said)))
    return np.diff(sums[np.concatenate(([0], ends))])


def _told(counted: NDArray[np.int64]) -> Lengths:
    octaves = np.floor(np.log2(np.maximum(counted, 1)) * _PER_OCTAVE)
    lows = np.where(counted == 0, 0, np.ceil(2 ** (octaves / _PER_OCTAVE))).astype(np.int64)
    found, rows = np.unique(lows, return_counts=True)
    return Lengths(
        rows=len(counted),
        total=int(counted.sum()),
        min=int(counted.min()),
        max=int(counted.max()),
        bins=dict(zip(found.tolist(), rows.tolist(), strict=True)),
    )
