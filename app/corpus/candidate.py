"""What the jobs hand to a corpus: replies to keep, candidates to add, rejects to remember."""

from dataclasses import dataclass
from uuid import UUID

from app.curation.verdict import Record, Verdict
from app.teachers.completion import Completion


@dataclass(frozen=True, slots=True)
class Place:
    """A sample's identity: unique in the corpus for ever."""

    job_id: UUID
    item: int
    sample: int


@dataclass(frozen=True, slots=True)
class Reply:
    """A completion on its way into the store, with what it was asked."""

    place: Place
    completion: Completion
    prompt_digest: bytes
    inputs: Record
    seed_position: int | None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A record that passed every filter; the corpus decides whether it is new."""

    place: Place
    fields: Record
    digest: bytes


@dataclass(frozen=True, slots=True)
class Rejected:
    place: Place
    verdict: Verdict
    fields: Record | None = None
    duplicate_of: UUID | None = None


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A candidate that lost, and the record that was there first."""

    candidate: Candidate
    winner: UUID
