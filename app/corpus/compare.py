"""Candidates against what is stored and against each other: who is new, and who lost to whom."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from app.corpus.candidate import Candidate, Place
from app.curation.near import VERSION, Grams, Near, Signed, grams, jaccard
from app.curation.verdict import Verdict


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
    score: float | None = None
    """How alike the two are; nothing for equal ones."""

    def verdict(self, near: Near | None) -> Verdict:
        if self.score is None or near is None:
            return Verdict("dedup.exact", detail="a record of the corpus says the same")
        alike = f"a record of the corpus is as alike in {', '.join(near.fields)}"
        return Verdict("dedup.near", round(self.score, 4), near.threshold, alike, VERSION)


@dataclass(slots=True)
class Comparison:
    """One batch, in order: the first of those that say the same is the one to keep."""

    near: Near | None
    known: Mapping[bytes, UUID]
    """Stored records by digest."""
    found: Mapping[int, Sequence[Stored]]
    """Stored records that may be like the candidate of that number, the oldest first."""
    _by_digest: dict[bytes, Place] = field(default_factory=dict)
    _by_band: defaultdict[int, list[Candidate]] = field(default_factory=lambda: defaultdict(list))
    _grams: dict[str, Grams] = field(default_factory=dict)

    def losses(self, candidates: Sequence[Candidate]) -> list[Loss]:
        lost = []
        for number, candidate in enumerate(candidates):
            loss = self._equal(candidate)
            if loss is None and self.near is not None:
                loss = self._alike(self.near, number, candidate)
            if loss is not None:
                lost.append(loss)
                continue
            self._by_digest[candidate.digest] = candidate.place
            if self.near is not None:
                for band in signed(candidate).bands:
                    self._by_band[band].append(candidate)
        return lost

    def _equal(self, candidate: Candidate) -> Loss | None:
        winner = self.known.get(candidate.digest) or self._by_digest.get(candidate.digest)
        return None if winner is None else Loss(candidate, winner)

    def _alike(self, near: Near, number: int, candidate: Candidate) -> Loss | None:
        mine = signed(candidate)
        for stored in self.found.get(number, ()):
            score = self._score(mine, stored.text, stored.context)
            if score >= near.threshold:
                return Loss(candidate, stored.record_id, score)
        earlier = {
            other.place: signed(other)
            for band in mine.bands
            for other in self._by_band.get(band, ())
        }
        for place, theirs in earlier.items():
            score = self._score(mine, theirs.text, theirs.context)
            if score >= near.threshold:
                return Loss(candidate, place, score)
        return None

    def _score(self, mine: Signed, text: str, context: bytes) -> float:
        if mine.context != context:
            return 0.0
        return jaccard(self._of(mine.text), self._of(text))

    def _of(self, text: str) -> Grams:
        found = self._grams.get(text)
        if found is None:
            found = self._grams[text] = grams(text)
        return found


def signed(candidate: Candidate) -> Signed:
    if candidate.signed is None:
        raise AssertionError("a corpus that minds near-duplicates gets signed candidates")
    return candidate.signed
