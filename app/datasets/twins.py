"""Which rows of a version may be near-duplicates, in little memory; texts are compared exactly.

Rows are numbered as they come. Of each are kept the keys of its bands, four bytes each (a collision
costs a comparison, no more), and a sketch: the last byte of each number of its signature. Sorting
finds the rows that share a band; where texts have much in common anyhow those are many, and of two
rows whose sketches agree in too few places no text is read (Li and König, 2010).
"""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.curation.near import Grams, jaccard

MOST_COMPARED: Final = 50
"""Texts that a row's is compared with, the oldest first; as in a corpus."""
_MOST_SHARING: Final = 200
"""Rows of one bucket that later ones meet."""
_MARGIN: Final = 0.18
"""Of the estimate from 120 numbers, four times its standard error and more."""
PAGE: Final = 200

Keys = NDArray[np.uint32]
Sketches = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Compared:
    """What of a row is compared; rows of different contexts never are."""

    context: bytes
    grams: Grams


def shared(keys: Keys) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pairs of a row and a bucket that it is in, by row: only buckets of two rows and more."""
    rows, buckets, first = [], [], 0
    for band in range(keys.shape[1]):
        order = np.argsort(keys[:, band], kind="stable")
        ordered = keys[order, band]
        starts = np.concatenate(([True], ordered[1:] != ordered[:-1]))
        number = np.cumsum(starts) - 1
        several = np.bincount(number)[number] > 1
        rows.append(order[several])
        buckets.append(number[several] + first)
        first += len(keys)
    row, bucket = np.concatenate(rows), np.concatenate(buckets)
    by_row = np.argsort(row, kind="stable")
    return row[by_row], bucket[by_row]


class Twins:
    """Rows go by in their order; those that are kept meet the later ones."""

    def __init__(
        self, keys: Sequence[Keys], sketches: Sequence[Sketches], threshold: float
    ) -> None:
        self._sketches = np.concatenate(sketches)
        self._least = (threshold - _MARGIN) * self._sketches.shape[1]
        self._threshold = threshold
        row, bucket = shared(np.concatenate(keys))
        self._rows, starts = np.unique(row, return_index=True)
        self._starts = np.append(starts, len(row))
        self._buckets = bucket
        self._number = {int(each): place for place, each in enumerate(self._rows)}
        self._kept: dict[int, array[int]] = {}

    def pages(self) -> Iterator[list[int]]:
        """The rows that share a band with another, in their order."""
        for start in range(0, len(self._rows), PAGE):
            yield self._rows[start : start + PAGE].tolist()

    def earlier(self, row: int) -> list[int]:
        """Those that were kept, share a band with it, and may be alike; the oldest first."""
        there = [kept for each in self._of(row) if (kept := self._kept.get(each)) is not None]
        if not there:
            return []
        found = np.concatenate([np.frombuffer(each, dtype=np.intc) for each in there])
        agree = np.count_nonzero(self._sketches[found] == self._sketches[row], axis=1)
        likely: list[int] = np.unique(found[agree >= self._least]).tolist()
        return likely[:MOST_COMPARED]

    def needed(self, page: Sequence[int]) -> set[int]:
        """The rows of a page that may have twins, in it or before it, and those twins."""
        found: set[int] = set()
        for row in page:
            if likely := self.earlier(row):
                found.update((row, *likely))
        sketches = self._sketches[list(page)]
        agree = np.count_nonzero(sketches[:, None] == sketches[None], axis=2) >= self._least
        np.fill_diagonal(agree, val=False)
        found.update(row for row, likely in zip(page, agree.any(axis=1), strict=True) if likely)
        return found

    def keep(self, row: int) -> None:
        for bucket in self._of(row):
            kept = self._kept.get(bucket)
            if kept is None:
                self._kept[bucket] = array("i", (row,))
            elif len(kept) < _MOST_SHARING:
                kept.append(row)

    def alike(self, row: int, known: Mapping[int, Compared]) -> Iterator[tuple[int, float]]:
        """Of the earlier ones, those that are alike, the oldest first, and how much."""
        for other in self.earlier(row):
            mine, theirs = known[row], known[other]
            if mine.context != theirs.context:
                continue
            score = jaccard(mine.grams, theirs.grams)
            if score >= self._threshold:
                yield other, score

    def _of(self, row: int) -> list[int]:
        place = self._number[row]
        buckets: list[int] = self._buckets[self._starts[place] : self._starts[place + 1]].tolist()
        return buckets
