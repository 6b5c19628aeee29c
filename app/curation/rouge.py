"""ROUGE-L: how many of their words two texts say in the same order (Lin, 2004).

The F1 of ROUGE-L is twice the longest common subsequence over both lengths. Self-Instruct (Wang et
al., 2022) keeps an instruction whose ROUGE-L with every earlier one is at most 0.7; that rule, kept
exactly, is what this is for. It is stricter than near-duplicates: ten words of which three differ
share few 5-grams.

Most pairs are told apart without looking at their order. Each text has a map of 512 bits, one set
for each distinct word; of a text's words, at least as many as it has bits that the other lacks are
not in the other. What is left, one pair in thousands, is compared by rapidfuzz: its normalised
Indel similarity of two sequences is the same number.
"""

import re
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import LCSseq

from app.curation.near import text_of
from app.curation.verdict import Record

VERSION = 1
"""Of what a word is. No score is stored that another version would have to understand."""

Words: TypeAlias = "array[int]"
"""A text's words in their order, each as 64 bits of this process's own hash: two words are taken
for one with a probability of 2^-64."""

_PARTS: Final = 8
_BITS: Final = 64 * _PARTS
_MASK: Final = (1 << 64) - 1
_ASCII = re.compile(r"[a-z0-9]+")
_SIGN = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_ANY = re.compile(rf"[{_SIGN}]|[^\W_{_SIGN}]+")
"""Chinese and Japanese are written without spaces: there, every sign is a word."""


@dataclass(frozen=True, slots=True)
class Rouge:
    """A corpus's rule: a record is new if no other says more than `threshold` of the same words in
    the same order.
    """

    fields: tuple[str, ...]
    threshold: float
    pool: int
    """How many records, the newest ones, it is compared with."""

    def words(self, record: Record) -> Words:
        return words(text_of(record, self.fields))


def words(text: str) -> Words:
    """Of a canonical text. Of an English one they are those of Google's `rouge_score`."""
    found = (_ASCII if text.isascii() else _ANY).findall(text)
    return array("Q", [hash(word) & _MASK for word in found])


def score(one: Words, other: Words) -> float:
    """From 0 to 1. A text without words is like no other."""
    return 2 * LCSseq.similarity(one, other) / max(1, len(one) + len(other))


@dataclass(frozen=True, slots=True, eq=False)
class Shelf:
    """Many texts, to find those that say the same words as one."""

    texts: tuple[Words, ...]
    _lengths: NDArray[np.int32]
    _maps: NDArray[np.uint64]
    """A column for each text."""
    _bits: NDArray[np.int32]
    """Set in its map."""

    @classmethod
    def of(cls, texts: Iterable[Words]) -> Self:
        kept = tuple(texts)
        lengths = np.fromiter(map(len, kept), dtype=np.int32, count=len(kept))
        maps = np.frombuffer(b"".join(map(_map, kept)), dtype=np.uint64)
        maps = np.ascontiguousarray(maps.reshape(len(kept), _PARTS).T)
        return cls(kept, lengths, maps, np.bitwise_count(maps).sum(axis=0, dtype=np.int32))

    def __len__(self) -> int:
        return len(self.texts)

    def and_then(self, later: Self, most: int) -> Self:
        """Both, one after the other, of which the last `most` are kept."""
        return type(self)(
            (*self.texts, *later.texts)[-most:],
            np.concatenate((self._lengths, later._lengths))[-most:],
            np.concatenate((self._maps, later._maps), axis=1)[:, -most:],
            np.concatenate((self._bits, later._bits))[-most:],
        )

    def alike(self, asked: Words, threshold: float) -> list[tuple[int, float]]:
        """The places of all texts that score more than `threshold`, and their scores."""
        if not asked or not self.texts:
            return []
        shared = np.zeros(len(self), dtype=np.int32)
        asked_map = np.frombuffer(_map(asked), dtype=np.uint64)
        for part, bits in zip(self._maps, asked_map, strict=True):
            shared += np.bitwise_count(part & bits)
        missing_here = self._bits - shared
        missing_there = int(np.bitwise_count(asked_map).sum()) - shared
        most = np.minimum(self._lengths - missing_here, len(asked) - missing_there)
        possible = np.flatnonzero(2 * most >= threshold * (self._lengths + len(asked)))
        scored = ((int(place), score(asked, self.texts[place])) for place in possible)
        return [(place, found) for place, found in scored if found > threshold]


def earlier_alike(texts: Sequence[Words], threshold: float) -> list[list[tuple[int, float]]]:
    """For each text, which of those before it score more than `threshold`."""
    shelf = Shelf.of(texts)
    return [
        [(place, found) for place, found in shelf.alike(text, threshold) if place < number]
        for number, text in enumerate(texts)
    ]


def _map(text: Words) -> bytes:
    bits = 0
    for word in set(text):
        bits |= 1 << (word % _BITS)
    return bits.to_bytes(_BITS // 8, "little")
