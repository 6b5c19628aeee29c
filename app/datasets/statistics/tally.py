"""Counting rows on their way into a version: once over them, in memory that does not grow."""

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from app.datasets.exporter import Row
from app.datasets.features import as_json
from app.datasets.statistics.entries import LENGTHS, Histogram, Lengths

MOST_FIELDS = 64
MOST_VALUES = 60
"""A field with more different values than this is no stratum."""
LONGEST_VALUE = 200
"""Nor is one with a longer value."""
SAMPLED = 200
"""Rows kept aside for those who look at a few: the language is told by them."""

_BEGINS = np.asarray(LENGTHS)


class Measured:
    """Lengths, one after the other."""

    def __init__(self) -> None:
        self._bins = np.zeros(len(LENGTHS) + 1, dtype=np.int64)
        self._count = self._sum = self._most = 0
        self._least = 0

    def add(self, lengths: Sequence[int]) -> None:
        if not lengths:
            return
        seen = np.asarray(lengths)
        self._bins += np.bincount(
            np.searchsorted(_BEGINS, seen, side="right"), minlength=len(self._bins)
        )
        least = int(seen.min())
        self._least = min(self._least, least) if self._count else least
        self._most = max(self._most, int(seen.max()))
        self._count += len(lengths)
        self._sum += int(seen.sum())

    @property
    def entry(self) -> Lengths:
        below, *counts = self._bins.tolist()
        histogram = Histogram.of(LENGTHS, counts, below)
        return Lengths(
            rows=self._count,
            minimum=self._least,
            maximum=self._most,
            mean=round(self._sum / self._count, 2) if self._count else 0.0,
            median=min(max(histogram.quantile(0.5), self._least), self._most),
            p95=min(max(histogram.quantile(0.95), self._least), self._most),
            histogram=histogram,
        )


class Tally:
    """Rows pass in their order. Its calls compute: make them in a thread, one at a time."""

    def __init__(self) -> None:
        self._row = Measured()
        self._texts: dict[str, Measured] = {}
        self._values: dict[str, Counter[Any]] = {}
        self._varied: set[str] = set()
        self._sample: list[tuple[int, bytes, Row]] = []

    def add(self, rows: Sequence[Row]) -> None:
        if not rows:
            return
        self._row.add([row.size for row in rows])
        for name in dict.fromkeys(name for row in rows for name in row.fields):
            self._field(name, [row.fields[name] for row in rows if name in row.fields])
        for row in rows:
            self._keep(row)

    def _field(self, name: str, values: list[Any]) -> None:
        texts = [value for value in values if isinstance(value, str)]
        if texts and (name in self._texts or len(self._texts) < MOST_FIELDS):
            self._texts.setdefault(name, Measured()).add([len(text) for text in texts])
        if name not in self._varied:
            self._stratum(name, values)

    def _stratum(self, name: str, values: list[Any]) -> None:
        counted = self._values.setdefault(name, Counter())
        try:
            # True and 1 are equal; a JSON value is never mistaken for another.
            counted.update((type(value), value) for value in values)
        except TypeError:  # a list or an object
            self._give_up(name)
            return
        if len(counted) > MOST_VALUES or any(
            kind is str and len(value) > LONGEST_VALUE for kind, value in counted
        ):
            self._give_up(name)

    def _give_up(self, name: str) -> None:
        self._varied.add(name)
        self._values.pop(name, None)

    def _keep(self, row: Row) -> None:
        """Those with the smallest digests: the same rows of the same selection, always."""
        rank = -int.from_bytes(row.digest[:8])
        if len(self._sample) < SAMPLED:
            heapq.heappush(self._sample, (rank, row.id.bytes, row))
        elif rank > self._sample[0][0]:
            heapq.heapreplace(self._sample, (rank, row.id.bytes, row))

    @property
    def characters(self) -> dict[str, Lengths]:
        return {name: measured.entry for name, measured in self._texts.items()}

    @property
    def row_characters(self) -> Lengths:
        return self._row.entry

    @property
    def sample(self) -> list[Row]:
        """A few hundred rows, as if drawn at random; equal for equal rows."""
        return [row for *_, row in sorted(self._sample, key=lambda kept: (-kept[0], kept[1]))]

    def strata(self, first: Iterable[str]) -> dict[str, dict[str, int]]:
        """Rows by value, of the fields that have few; those of `first` before the others."""
        wanted = [name for name in first if name in self._values]
        others = [name for name, counted in self._values.items() if _divides(counted)]
        order = [*wanted, *sorted(set(others) - set(wanted))]
        return {name: _by_value(self._values[name]) for name in order}


def _divides(counted: Counter[Any]) -> bool:
    """Whether it puts rows into groups: two or more, of five rows or more on average."""
    return 1 < len(counted) <= counted.total() / 5


def _by_value(counted: Mapping[tuple[type, Any], int]) -> dict[str, int]:
    said: Counter[str] = Counter()
    for (kind, value), count in counted.items():
        said[value if kind is str else as_json(value)] += count
    return dict(sorted(said.items(), key=lambda item: (-item[1], item[0])))


def languages(
    rows: Iterable[Row], tell: Callable[[str], str | None]
) -> tuple[dict[str, float], int]:
    """The languages of these rows and their shares, and how many rows could be told."""
    found: Counter[str] = Counter()
    for row in rows:
        texts = sorted((value for value in row.fields.values() if isinstance(value, str)), key=len)
        if texts and (code := tell(texts[-1])) is not None:
            found[code] += 1
    told = found.total()
    shares = {code: round(count / told, 4) for code, count in found.most_common()}
    return {code: share for code, share in shares.items() if share >= _RARE}, told


_RARE = 0.05
"""Languages of fewer rows than this are as likely mistakes of the detector."""
