"""Which rows of a version may be near-duplicates, in little memory; texts are compared exactly.

Rows are numbered as they come. Of each, only the keys of its bands are kept, four bytes each (a
collision costs a comparison, no more). When all are there, sorting finds those that share one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.curation.near import Grams, jaccard

MOST_COMPARED: Final = 50
"""Rows that share a band with a row which it is compared with, the oldest first; as in a corpus."""
PAGE: Final = 200

Keys = NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Compared:
    """What of a row is compared; rows of different contexts never are."""

    context: bytes
    grams: Grams


def shared(parts: Sequence[Keys]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pairs of a row and a bucket that it is in, by row: only buckets of two rows and more."""
    keys = np.concatenate(parts)
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
    by_row = np.lexsort((bucket, row))
    return row[by_row], bucket[by_row]


class Twins:
    """Rows go by in their order; those that are kept meet the later ones."""

    def __init__(self, parts: Sequence[Keys], threshold: float) -> None:
        row, bucket = shared(parts)
        self._threshold = threshold
        self._rows, starts = np.unique(row, return_index=True)
        self._buckets = np.split(bucket, starts[1:])
        self._number = {int(each): place for place, each in enumerate(self._rows)}
        self._kept: dict[int, list[int]] = {}

    def pages(self) -> Iterator[list[int]]:
        """The rows that share a band with another, in their order."""
        for start in range(0, len(self._rows), PAGE):
            yield self._rows[start : start + PAGE].tolist()

    def earlier(self, row: int) -> list[int]:
        """Those that were kept and share a band with it."""
        buckets = self._buckets[self._number[row]].tolist()
        found = {each for bucket in buckets for each in self._kept.get(bucket, ())}
        return sorted(found)[:MOST_COMPARED]

    def keep(self, row: int) -> None:
        for bucket in self._buckets[self._number[row]].tolist():
            kept = self._kept.setdefault(bucket, [])
            if len(kept) < MOST_COMPARED:
                kept.append(row)

    def alike(self, row: int, known: Mapping[int, Compared]) -> Iterator[tuple[int, float]]:
        """Of the earlier ones, those that are alike, the oldest first, and how much."""
        mine = known[row]
        for other in self.earlier(row):
            theirs = known[other]
            if mine.context != theirs.context:
                continue
            score = jaccard(mine.grams, theirs.grams)
            if score >= self._threshold:
                yield other, score
