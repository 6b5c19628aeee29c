"""Whether a record holds what students will be examined on.

Every text of an evaluation item is a *passage*. A record's words in runs of eight are looked up
among those of all passages; a passage is covered as far as such runs cover its words. Covered by
half or more, and the record is dropped; one run of 13 words, and it is flagged. By any eight words
alone, 63 of Alpaca's 52,002 records and 184 of 6,552 about code would be called copies of GSM8K or
HumanEval, all of them covered by less than 0.3 (measured); by half, none.

Fields are compared one by one, not the whole item: a copied question with an answer of its own is
a copy, although the answer may be most of the item.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.curation.passages import BREAK, Passage, words
from app.curation.texts import texts
from app.curation.verdict import Flag, Record, Verdict

GRAM = 8
"""Words in a run. Tulu 3 decontaminates by 8-grams as well."""
COVERED = 0.5
"""The share of a passage's words from which on a record is dropped."""
RUN = 13
"""Words in a row that flag a record: the n-gram of GPT-3's contamination study."""
SHORTEST = 5
"""Words of the shortest passage that counts. One of 5 to 7 words, too short for a run of eight,
counts only where a whole text of the record is the same: a short question asked again is a copy,
the same words in the midst of others are not. With fewer words stand mostly answers, such as
"none of the above"."""
REVISION = 1

Hashes = NDArray[np.uint64]
_POWER = {n: np.uint64(pow(0x9E3779B97F4A7C15, n, 2**64)) for n in (1, 2, 4, 8, 12)}
_MOST_BITS = 24
_LAST = np.uint64(2**64 - 1)


@dataclass(frozen=True, slots=True)
class _Found:
    """The passage of one evaluation set that a record holds most of."""

    source: str
    place: str
    """Where it stands in the set, in words."""
    covered: int
    words: int
    run: bool
    """Whether it is `RUN` words in a row."""

    @property
    def share(self) -> float:
        return self.covered / self.words


@dataclass(frozen=True, slots=True, eq=False)
class Index:
    """The passages of one evaluation set, ready to be looked up; about 30 bytes for each word.

    Words are hashed as Python hashes text, which differs from process to process: an index is
    made where it is used, and is never pickled.
    """

    source: str
    """Its name and version, as in `support/exam@3`."""
    passages: tuple[str, ...]
    """Where each stands: those that count, and equal ones once."""
    starts: NDArray[np.int64]
    """Where each passage's words begin in all of them put together, and where the last one ends."""
    grams: Hashes
    """Sorted, each once, and one beyond every other."""
    offsets: NDArray[np.int32]
    """Where in `places` those of each gram begin, and where the last one's end."""
    places: NDArray[np.int32]
    """The word that a gram begins with."""
    runs: Hashes
    """Those of `RUN` words: sorted, and one beyond every other."""
    run_places: NDArray[np.int32]
    short: dict[tuple[str, ...], str]

    def __reduce__(self) -> Any:
        raise TypeError("an index is of no use in another process: make it there")

    @classmethod
    def of(cls, source: str, passages: Iterable[Passage]) -> "Index":
        """Takes its time, about a second for a million words: not for the event loop."""
        kept: dict[bytes, str] = {}
        hashed: list[Hashes] = []
        short: dict[tuple[str, ...], str] = {}
        for passage in passages:
            said = words(passage.text)
            if len(said) < GRAM:
                if len(said) >= SHORTEST:
                    short.setdefault(tuple(said), passage.place)
                continue
            hashes = _hashed(said)
            if hashes.tobytes() not in kept:
                kept[hashes.tobytes()] = passage.place
                hashed.append(hashes)
        starts = np.cumsum([0, *map(len, hashed)], dtype=np.int64)
        together = np.concatenate([*hashed, np.empty(0, np.uint64)])
        eights = _eights(together)
        of_gram = _within(starts, GRAM)
        order = np.argsort(eights[of_gram], kind="stable")
        grams, first = np.unique(eights[of_gram][order], return_index=True)
        of_run = _within(starts, RUN)
        runs = _thirteens(together)[of_run]
        run_order = np.argsort(runs, kind="stable")
        return cls(
            source=source,
            passages=tuple(kept.values()),
            starts=starts,
            grams=np.append(grams, _LAST),
            offsets=np.append(first, [len(order)] * 2).astype(np.int32),
            places=of_gram[order].astype(np.int32),
            runs=np.append(runs[run_order], _LAST),
            run_places=np.append(of_run[run_order], 0).astype(np.int32),
            short=short,
        )

    def most_covered(self, hashes: Hashes) -> _Found | None:
        """What a record of these words holds most of; if that is not enough to drop it,
        a passage of which it has 13 words in a row, if there is one.
        """
        at = np.unique(_among(self.grams, _eights(hashes)))
        if not len(at):
            return None
        begins = np.unique(
            np.concatenate([self.places[self.offsets[n] : self.offsets[n + 1]] for n in at])
        )
        owners = np.searchsorted(self.starts, begins, side="right") - 1
        gaps = np.append(np.diff(begins), GRAM)
        gaps[np.append(np.diff(owners), 1) != 0] = GRAM
        covered = np.bincount(owners, np.minimum(gaps, GRAM))
        lengths = np.diff(self.starts)
        best = int(np.argmax(covered / lengths[: len(covered)]))
        runs = _among(self.runs, _thirteens(hashes))
        if covered[best] / lengths[best] < COVERED and len(runs):
            best = int(np.searchsorted(self.starts, self.run_places[runs[0]], side="right")) - 1
        return _Found(
            self.source,
            self.passages[best],
            int(covered[best]),
            int(lengths[best]),
            run=bool(len(runs)),
        )

    def same(self, said: tuple[str, ...]) -> _Found | None:
        """The short passage that says just this."""
        place = self.short.get(said)
        if place is None:
            return None
        return _Found(self.source, place, len(said), len(said), run=False)


@dataclass(frozen=True, slots=True, eq=False)
class Contamination:
    """What records are held against: the evaluation sets of a job or of a publication."""

    indexes: tuple[Index, ...]
    grams: Hashes
    """Of all of them, sorted."""
    maybe: NDArray[np.bool_]
    """By a gram's first bits, whether there is one; most of a record's are done with here."""
    short: frozenset[tuple[str, ...]]

    @classmethod
    def of(cls, indexes: Sequence[Index]) -> "Contamination":
        grams = (
            indexes[0].grams
            if len(indexes) == 1
            else np.unique(np.concatenate([np.array([_LAST]), *(i.grams for i in indexes)]))
        )
        bits = min(4 + len(grams).bit_length(), _MOST_BITS)
        maybe = np.zeros(1 << bits, bool)
        maybe[grams[:-1] >> np.uint64(64 - bits)] = True
        return cls(tuple(indexes), grams, maybe, frozenset(s for i in indexes for s in i.short))

    def check(self, record: Record) -> Verdict | Flag | None:
        """Why this record is dropped, or what should be noted of it, or nothing."""
        return self.check_many([record])[0]

    def check_many(self, records: Sequence[Record]) -> list[Verdict | Flag | None]:
        """The same for each of them; at once, in about half the time."""
        said: list[str] = []
        begins: list[int] = []
        same: dict[int, _Found] = {}
        for number, record in enumerate(records):
            begins.append(len(said))
            for text in texts(record):
                here = words(text)
                if len(here) >= GRAM:
                    said += here
                    said.append(BREAK)
                elif (short := tuple(here)) in self.short:
                    same[number] = next(f for i in self.indexes if (f := i.same(short)))
        answers: list[Verdict | Flag | None] = [None] * len(records)
        for number, found in same.items():
            answers[number] = _judged([found])
        hashes = _hashed(said)
        hits = self._hits(_eights(hashes))
        if not hits.size:
            return answers
        ends = [*begins[1:], len(said)]
        for number in np.unique(np.searchsorted(begins, hits, side="right") - 1):
            if number not in same:
                of_record = hashes[begins[number] : ends[number]]
                each = (index.most_covered(of_record) for index in self.indexes)
                answers[number] = _judged([found for found in each if found])
        return answers

    def _hits(self, eights: Hashes) -> NDArray[np.int64]:
        """Where runs begin that stand in some passage."""
        first_bits = np.uint64(65 - len(self.maybe).bit_length())
        at = self.maybe[eights >> first_bits].nonzero()[0]
        asked = eights[at]
        there: NDArray[np.int64] = at[self.grams[self.grams.searchsorted(asked)] == asked]
        return there


def _judged(found: Sequence[_Found]) -> Verdict | Flag | None:
    most = max(found, key=lambda each: each.share)
    if most.share >= COVERED:
        return Verdict(
            "filter.contamination.covered",
            round(most.share, 4),
            COVERED,
            f"has {most.covered} of the {most.words} words of {_named(most)}",
            REVISION,
        )
    runs = [each for each in found if each.run]
    if not runs:
        return None
    return Flag(
        "filter.contamination.run",
        round(runs[0].share, 4),
        COVERED,
        f"has {RUN} words in a row of {_named(runs[0])}",
        REVISION,
    )


def _named(found: _Found) -> str:
    return f"{found.source}, {found.place}"


def _hashed(said: Sequence[str]) -> Hashes:
    return np.fromiter(map(hash, said), np.int64, len(said)).view(np.uint64)


def _eights(hashes: Hashes) -> Hashes:
    """The hash of the 8 words that begin with each word, modulo 2**64; the last ones have none."""
    fours = _fours(hashes)
    return _joined(fours, fours, 4)


def _thirteens(hashes: Hashes) -> Hashes:
    """The same of 13 words."""
    return _joined(_joined(_eights(hashes), _fours(hashes), 8), hashes, 12)


def _fours(hashes: Hashes) -> Hashes:
    twos = _joined(hashes, hashes, 1)
    return _joined(twos, twos, 2)


def _joined(head: Hashes, tail: Hashes, distance: int) -> Hashes:
    """Longer runs from shorter ones that follow each other at this distance."""
    rest = tail[distance:]
    return head[: len(rest)] * _POWER[distance] + rest[: len(head)]


def _within(starts: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """Where runs of so many words begin that do not reach from one passage into the next."""
    inside = np.ones(max(int(starts[-1]) - length + 1, 0), bool)
    for end in starts[1:-1]:
        inside[max(end - length + 1, 0) : end] = False
    return np.flatnonzero(inside)


def _among(known: Hashes, asked: Hashes) -> NDArray[np.int64]:
    """Where those that are known stand among the known, in the order in which they were asked."""
    at: NDArray[np.int64] = np.searchsorted(known, asked)
    there: NDArray[np.int64] = at[known[at] == asked]
    return there
