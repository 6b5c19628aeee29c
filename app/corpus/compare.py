"""Candidates against what is stored and against each other: who is new, and who lost to whom."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import numpy as np

from app.corpus.candidate import Candidate, Place
from app.curation import near as nears
from app.curation import rouge as rouges
from app.curation.near import Grams, Keys, Near, Signed, grams, jaccard
from app.curation.rouge import Rouge
from app.curation.verdict import Verdict

EQUAL: Final = Verdict("dedup.exact", detail="a record of the corpus says the same")


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored record that shares a band with a candidate."""

    record_id: UUID
    text: str
    context: bytes


@dataclass(frozen=True, slots=True)
class Loss:
    candidate: Candidate
    winner: UUID | Place
    """The record that was there first, or the candidate of the same batch."""
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Echoes:
    """Which of a batch's candidates say too much of others' words."""

    rouge: Rouge
    stored: Mapping[int, Sequence[tuple[UUID, float]]]
    """By a candidate's number, the records, the oldest first, and their scores."""
    earlier: Sequence[Sequence[tuple[int, float]]]
    """For each candidate, the numbers of earlier ones, and their scores."""

    def loss(
        self, number: int, candidates: Sequence[Candidate], kept: Collection[Place]
    ) -> Loss | None:
        """To the most alike of the records and of the earlier candidates that are `kept`."""
        rivals: list[tuple[UUID | Place, float]] = list(self.stored.get(number, ()))
        for earlier, score in self.earlier[number]:
            place = candidates[earlier].place
            if place in kept:
                rivals.append((place, score))
        if not rivals:
            return None
        winner, score = max(rivals, key=lambda rival: rival[1])
        rouge = self.rouge
        alike = f"a record of the corpus says as much of the same in {', '.join(rouge.fields)}"
        verdict = Verdict("dedup.rouge", round(score, 4), rouge.threshold, alike, rouges.VERSION)
        return Loss(candidates[number], winner, verdict)


@dataclass(slots=True)
class Comparison:
    """One batch, in order: the first of those that say the same is the one to keep."""

    near: Near | None
    known: Mapping[bytes, UUID]
    """Stored records by digest."""
    found: Mapping[int, Sequence[Stored]]
    """Stored records that may be like the candidate of that number, the oldest first."""
    echoes: Echoes | None = None
    _by_digest: dict[bytes, Place] = field(default_factory=dict)
    _by_band: defaultdict[int, list[Candidate]] = field(default_factory=lambda: defaultdict(list))
    _shared: defaultdict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    """By the number of a candidate, its bands that another one has; the others bring nobody
    together."""
    _grams: dict[str, Grams] = field(default_factory=dict)

    def losses(self, candidates: Sequence[Candidate]) -> list[Loss]:
        lost: list[Loss] = []
        kept: set[Place] = set()
        self._prepare(candidates)
        for number, candidate in enumerate(candidates):
            loss = self._equal(candidate)
            if loss is None and self.near is not None:
                loss = self._alike(self.near, number, candidate)
            if loss is None and self.echoes is not None:
                loss = self.echoes.loss(number, candidates, kept)
            if loss is not None:
                lost.append(loss)
                continue
            kept.add(candidate.place)
            self._by_digest[candidate.digest] = candidate.place
            if self.near is not None:
                for band in self._shared.get(number, ()):
                    self._by_band[band].append(candidate)
        return lost

    def _equal(self, candidate: Candidate) -> Loss | None:
        winner = self.known.get(candidate.digest) or self._by_digest.get(candidate.digest)
        return None if winner is None else Loss(candidate, winner, EQUAL)

    def _alike(self, near: Near, number: int, candidate: Candidate) -> Loss | None:
        mine = signed(candidate)
        for stored in self.found.get(number, ()):
            score = self._score(mine, stored.text, stored.context)
            if score >= near.threshold:
                return Loss(candidate, stored.record_id, _verdict(near, score))
        earlier = {
            other.place: signed(other)
            for band in self._shared.get(number, ())
            for other in self._by_band.get(band, ())
        }
        for place, theirs in earlier.items():
            score = self._score(mine, theirs.text, theirs.context)
            if score >= near.threshold:
                return Loss(candidate, place, _verdict(near, score))
        return None

    def _score(self, mine: Signed, text: str, context: bytes) -> float:
        if mine.context != context:
            return 0.0
        return jaccard(self._of(mine.text), self._of(text))

    def _prepare(self, candidates: Sequence[Candidate]) -> None:
        """What candidates share with each other, and the grams of what is compared with stored
        records: all at once, for that is quicker.
        """
        if self.near is not None:
            self._share([signed(each).bands for each in candidates])
        texts = {stored.text for each in self.found.values() for stored in each}
        texts |= {signed(candidates[number]).text for number in self.found}
        self._grams = dict(zip(texts, grams([*texts]), strict=True))

    def _share(self, bands: Sequence[Keys]) -> None:
        every = np.concatenate(bands)
        owners = np.repeat(np.arange(len(bands)), [len(each) for each in bands])
        order = np.argsort(every, kind="stable")
        same = every[order[1:]] == every[order[:-1]]
        for place in np.union1d(order[1:][same], order[:-1][same]):
            self._shared[int(owners[place])].append(int(every[place]))

    def _of(self, text: str) -> Grams:
        found = self._grams.get(text)
        if found is None:
            (found,) = grams([text])
            self._grams[text] = found
        return found


def _verdict(near: Near, score: float) -> Verdict:
    alike = f"a record of the corpus is as alike in {', '.join(near.fields)}"
    return Verdict("dedup.near", round(score, 4), near.threshold, alike, nears.VERSION)


def signed(candidate: Candidate) -> Signed:
    if candidate.signed is None:
        raise AssertionError("a corpus that minds near-duplicates gets signed candidates")
    return candidate.signed
