"""What is selected and yet left out, one check after the other, and why.

Cheapest and surest first: a copy of an evaluation item is out whatever it is like, so that no
other row is left out for its sake; then what says exactly the same, nearly the same, and the same
in other words as a row that comes before it; then the mix, which fills its places with what is
left; and last, where rows may not tear clusters apart, those that would.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from app.curation import exact
from app.datasets.exporter import Row
from app.datasets.gate import MOST_NAMED, Gate
from app.datasets.manifest import NearLeftOut
from app.datasets.mix import MixRule
from app.datasets.pick import Pick
from app.datasets.sweep import Signed


@dataclass(slots=True)
class Tally:
    """How many were left out, and why; of rows of the version before, which."""

    known: Collection[UUID]
    counts: Counter[str] = field(default_factory=Counter)
    reasons: dict[UUID, str] = field(default_factory=dict)
    near: list[NearLeftOut] = field(default_factory=list)

    def leave_out(self, record: UUID, reason: str) -> None:
        self.counts[reason] += 1
        if record in self.known:
            self.reasons[record] = reason

    def leave_out_near(self, record: UUID, like: UUID, similarity: float) -> None:
        self.leave_out(record, "near")
        if len(self.near) < MOST_NAMED:
            named = NearLeftOut(record=str(record), like=str(like), similarity=round(similarity, 4))
            self.near.append(named)


@dataclass(slots=True)
class Sieve:
    """The checks that read what a record says, each row by itself. Its calls block: make them in a
    thread, one at a time.
    """

    tally: Tally
    gate: Gate
    mix: Sequence[MixRule]
    equal_in: Collection[str] | None
    """The fields by which rows of different corpora are told apart; none where digests do."""
    signed: Signed | None
    passed: list[Pick] = field(default_factory=list)
    _digests: set[bytes] = field(default_factory=set)

    @property
    def reads(self) -> bool:
        return bool(
            self.gate.checks or self.mix or self.equal_in is not None or self.signed is not None
        )

    def add(self, page: Sequence[tuple[Pick, Row]]) -> None:
        through = {row.id for row in self.gate.passed([row for _, row in page])}
        kept = []
        for pick, row in page:
            if row.id not in through:
                self.tally.leave_out(pick.id, "contaminated")
                continue
            if self.equal_in is not None and self._said(exact.digest(row.fields, self.equal_in)):
                self.tally.leave_out(pick.id, "exact")
                continue
            pick.strata = tuple(rule.stratum(row) for rule in self.mix)
            self.passed.append(pick)
            kept.append(row)
        if self.signed is not None:
            self.signed.add(kept)

    def _said(self, digest: bytes) -> bool:
        if digest in self._digests:
            return True
        self._digests.add(digest)
        return False
