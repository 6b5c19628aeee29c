"""A record on its way into a version, before its fields are read."""

import hashlib
import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from app.corpus.item import arm_of
from app.datasets.splits import hashed


@dataclass(slots=True)
class Pick:
    id: UUID
    corpus_id: UUID
    digest: bytes
    job_id: UUID
    item: int
    sample: int
    source_job_id: UUID
    """The job that has the reply it was made of."""
    source_item: int
    split: str | None = None
    """Where the version before had it; null for one that it did not have."""
    strata: tuple[str, ...] = ()
    """One for each rule of the mix."""

    @property
    def asked(self) -> tuple[UUID, UUID, int]:
        """The corpus, the job and its arm."""
        return self.corpus_id, self.source_job_id, arm_of(self.source_item)

    @property
    def made_at(self) -> int:
        place = b"%s%d/%d" % (self.job_id.bytes, self.item, self.sample)
        made = hashlib.blake2b(place, digest_size=8).digest()
        return int.from_bytes(made, signed=True)

    @property
    def rank(self) -> tuple[bool, int, UUID]:
        """The first of a stratum stay: what the version before had, then by a hash."""
        return self.split is None, hashed(b"mix" + self.digest), self.id


def drawn(picks: Sequence[Pick], count: int) -> list[Pick]:
    """Some of them, as if drawn at random, and the same of the same; in the order of the draw."""
    return heapq.nsmallest(count, picks, key=lambda pick: (pick.digest, pick.id))
