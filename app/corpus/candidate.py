"""What the jobs hand to a corpus: replies to keep, candidates to add, rejects to remember.

Of each there is one for every sample: as tuples they are made and hashed in half the time of frozen
dataclasses.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from app.curation.near import Near, Signed
from app.curation.rouge import Rouge, Words
from app.curation.verdict import Flag, Record, Verdict
from app.teachers.completion import Completion


class Place(NamedTuple):
    """A sample's identity: unique in the corpus for ever."""

    job_id: UUID
    item: int
    sample: int


class Reply(NamedTuple):
    """A completion on its way into the store, with what it was asked."""

    place: Place
    completion: Completion
    prompt_digest: bytes
    inputs: Record
    seed_position: int | None
    source: Place | None = None
    """Where it is stored, if it is another job's, on which this one decides anew."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A candidate's words, and which of the corpus's records say the same."""

    words: Words
    alike: tuple[tuple[int, float], ...]
    """The number and the score of each record that says too much of it."""
    until: int
    """The last arrival that it was compared with."""


class Candidate(NamedTuple):
    """A record that passed every filter; the corpus decides whether it is new."""

    place: Place
    fields: Record
    digest: bytes
    flags: tuple[Flag, ...] = ()
    """What the filters noted of it."""
    signed: Signed | None = None
    """What near-duplicates are found by, where its corpus minds them."""
    heard: Heard | None = None
    """What was found before the corpus was locked, where it minds ROUGE-L; without it, all of it
    is done while others wait."""


class Rejected(NamedTuple):
    place: Place
    verdict: Verdict
    fields: Record | None = None
    duplicate_of: UUID | None = None


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A candidate that lost, and the record that was there first."""

    candidate: Candidate
    winner: UUID
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Target:
    """A corpus, and what is new to it."""

    corpus_id: UUID
    salt: int
    near: Near | None
    rouge: Rouge | None = None

    @property
    def admits_singly(self) -> bool:
        """Whether its index alone cannot tell what is new: then one batch is let in at a time."""
        return self.near is not None or self.rouge is not None

    def signed(self, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        """The candidates as the corpus wants them; quickest for many at once."""
        if self.near is None or not candidates:
            return candidates
        made = self.near.sign([c.fields for c in candidates], self.salt)
        return [
            Candidate(c.place, c.fields, c.digest, c.flags, one, c.heard)
            for c, one in zip(candidates, made, strict=True)
        ]
