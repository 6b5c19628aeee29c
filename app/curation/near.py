"""Near-duplicates: how alike two texts are, and keys by which alike ones find each other.

Two texts are as alike as the Jaccard similarity of their sets of character 5-grams. To find the
alike among millions, each text gets a MinHash signature (Broder, 1997) of 120 numbers; two texts
agree in each with the probability of their similarity. Six numbers together make a band; texts
that share any of their 20 bands are candidates (Indyk and Motwani, 1998), found with probability
1 - (1 - s^6)^20: 0.62 at s = 0.6, 0.92 at 0.7, 0.998 at 0.8. A candidate is then compared exactly.

Characters rather than words: a question of ten words has six word 5-grams, and languages without
spaces have none. Bands are stored for years; whatever changes one raises `VERSION`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.curation.text import canonical_text
from app.curation.verdict import Record
from app.digest import canonical, short

VERSION: Final = 3
"""Mixed into every band: keys of different versions never meet."""
GRAM: Final = 5
BANDS: Final = 20
ROWS: Final = 6

Grams = NDArray[np.uint64]
"""A text's distinct 5-grams, hashed, in order."""
Keys = NDArray[np.int64]
"""A record's keys; none for a blank text."""
NO_BANDS: Final[Keys] = np.empty(0, dtype=np.int64)

_BASE = 0x9E3779B97F4A7C15  # 2^64 / golden ratio, odd
_MASK = (1 << 64) - 1


def _constants(count: int) -> list[int]:
    """Numbers from SplitMix64 (Steele, Lea and Flood, 2014), the same for ever."""
    state, made = 0, []
    for _ in range(count):
        state = (state + _BASE) & _MASK
        mixed = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        made.append(mixed ^ (mixed >> 31))
    return made


_MOST_BANDS = 40
_numbers = _constants(BANDS * ROWS + _MOST_BANDS)
# a·x with an odd a puts all hashes x of 32 bits in another order (Dietzfelbinger, 1997). The last
# of an order says as much as the first, and is as good as independent of it (Ji and others, Min-Max
# Hash, 2013), so that half as many orders do. Among sets of 5 to 4,000 grams they find as many
# pairs as the formula above says (measured).
_FACTORS = [np.uint32(n >> 32 | 1) for n in _numbers[: BANDS * ROWS // 2]]
_BAND_SALTS = np.array(_numbers[BANDS * ROWS :], dtype=np.uint64)
_FACTOR = np.uint64(_BASE)
_HALF = np.uint64(32)
_SHIFT = np.uint64(29)
_MIX = np.uint64(0xBF58476D1CE4E5B9)


class Signed(NamedTuple):
    """What a record is compared by."""

    text: str
    """Canonical. Blank where there is nothing to compare: then it is like no other."""
    context: bytes
    """Records of different contexts are not compared."""
    bands: Keys


@dataclass(frozen=True, slots=True)
class Near:
    """A corpus's rule: records are the same if their `fields` are alike and `same` are equal."""

    fields: tuple[str, ...]
    same: tuple[str, ...]
    threshold: float

    def text(self, record: Record) -> str:
        return text_of(record, self.fields)

    def context(self, record: Record) -> bytes:
        if not self.same:
            return b""
        return _context(tuple([_text(record.get(field)) for field in self.same]))

    def sign(self, records: Sequence[Record], salt: int) -> list[Signed]:
        """Many at once: some 40,000 a second, of 700 characters each. `salt` keeps the bands of one
        corpus from meeting those of another.
        """
        texts = [self.text(record) for record in records]
        contexts = [self.context(record) for record in records]
        salts = np.array(
            [(salt ^ int.from_bytes(context[:8], "little")) & _MASK for context in contexts],
            dtype=np.uint64,
        )
        made = bands(signatures(texts), salts)
        return [
            Signed(text, context, keys if text else NO_BANDS)
            for text, context, keys in zip(texts, contexts, made, strict=True)
        ]


@lru_cache(maxsize=1_024)
def _context(texts: tuple[str, ...]) -> bytes:
    return short(canonical(texts))


def text_of(record: Record, fields: Sequence[str]) -> str:
    """The canonical text of these fields, one after another."""
    return "\n".join(filter(None, (_text(record.get(field)) for field in fields)))


def grams(texts: Sequence[str]) -> list[Grams]:
    """The distinct 5-grams of each canonical text; a shorter text is one gram."""
    if not texts:
        return []
    hashed, starts = _hashed(texts)
    return [_distinct(np.sort(part)) for part in np.split(hashed, starts[1:])]


def _distinct(ordered: Grams) -> Grams:
    first = np.ones(len(ordered), dtype=bool)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return ordered[first]


def jaccard(one: Grams, other: Grams) -> float:
    """The shared members of two sets over all their members; each distinct and in order."""
    together = np.concatenate((one, other))
    together.sort()
    shared = int(np.count_nonzero(together[1:] == together[:-1]))
    return shared / max(1, len(one) + len(other) - shared)


def signatures(texts: Sequence[str]) -> NDArray[np.uint32]:
    """One row of 120 for each canonical text."""
    made = np.empty((BANDS * ROWS, len(texts)), dtype=np.uint32)
    if texts:
        hashed, starts = _hashed(texts)
        halves = (hashed >> _HALF).astype(np.uint32)
        permuted = np.empty_like(halves)  # one for all rows: new memory costs more than the product
        orders = len(_FACTORS)
        for first, last, factor in zip(made[:orders], made[orders:], _FACTORS, strict=True):
            np.multiply(halves, factor, out=permuted)
            np.minimum.reduceat(permuted, starts, out=first)
            np.maximum.reduceat(permuted, starts, out=last)
    return made.T


def bands(
    made: NDArray[np.uint32], salts: NDArray[np.uint64], size: int = ROWS
) -> NDArray[np.int64]:
    """20 keys for each signature, salted; equal keys mean six equal numbers at the same place.

    Another `size` than six, 3 to 6, makes other bands of the same numbers: with five, 24 keys find
    a pair of similarity s with 1 - (1 - s^5)^24: 0.86 at 0.6, 0.99 at 0.7, 0.9999 at 0.8.
    """
    count = BANDS * ROWS // size
    rows = made.reshape(len(made), count, size).astype(np.uint64)
    keys = (salts[:, None] ^ _BAND_SALTS[:count]) + np.uint64(VERSION)
    for row in range(size):
        keys = (keys ^ rows[:, :, row]) * _MIX
        keys ^= keys >> _SHIFT
    return keys.view(np.int64)


def _hashed(texts: Sequence[str]) -> tuple[NDArray[np.uint64], NDArray[np.intp]]:
    """Every 5-gram of every text, hashed, one after another, and where each text's begin."""
    padded = [text.ljust(GRAM, "\0") for text in texts]
    lengths = np.fromiter(map(len, padded), dtype=np.intp, count=len(padded))
    points = np.frombuffer("".join(padded).encode("utf-32-le"), dtype=np.uint32).astype(np.uint64)
    count = len(points) - GRAM + 1
    hashed = points[:count].copy()
    for place in range(1, GRAM):
        hashed *= _FACTOR
        hashed += points[place : place + count]
    hashed ^= hashed >> _SHIFT
    hashed *= _MIX
    hashed ^= hashed >> _HALF
    # Grams that reach from one text into the next belong to neither.
    ends = np.cumsum(lengths)
    whole = np.ones(count, dtype=bool)
    for back in range(1, GRAM):
        whole[ends[:-1] - back] = False
    starts = np.concatenate(([0], np.cumsum(lengths - GRAM + 1)[:-1]))
    return hashed[whole], starts


def _text(value: Any) -> str:
    if isinstance(value, str):
        return canonical_text(value)
    if value is None:
        return ""
    return canonical_text(json.dumps(value, ensure_ascii=False, sort_keys=True))
