"""What a version leaves out because an older record of it means the same."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import Conflict, Invalid
from app.semantic import store, vectors
from app.semantic.models import SemanticReport
from app.semantic.schemas import SemanticLimit


@dataclass(slots=True)
class Screen:
    """Records pass in their order, the oldest first."""

    model: str
    max_similarity: float
    _older: Mapping[UUID, Sequence[UUID]]
    """The older records that one is like."""
    _not_compared: frozenset[UUID]
    _kept: set[UUID] = field(default_factory=set)
    left_out: Counter[str] = field(default_factory=Counter)
    """How many as `alike`, and how many as `not_compared`."""

    def passes(self, record_id: UUID) -> bool:
        """Whether it is in the version; only what is there keeps later ones out."""
        if record_id in self._not_compared:
            self.left_out["not_compared"] += 1
            return False
        if not self._kept.isdisjoint(self._older.get(record_id, ())):
            self.left_out["alike"] += 1
            return False
        self._kept.add(record_id)
        return True


async def screen(session: AsyncSession, corpus_id: UUID, limit: SemanticLimit) -> Screen:
    """For a corpus as this transaction sees it."""
    report = await check(session, corpus_id, limit)
    return Screen(
        report.model,
        limit.max_similarity,
        await store.older_of(session, corpus_id, limit.max_similarity),
        await vectors.not_compared(session, corpus_id, report.compared_until),
    )


async def check(
    session: AsyncSession, corpus_id: UUID, limit: SemanticLimit, at: str = "/semantic"
) -> SemanticReport:
    """The report to go by. Refuses a limit that it cannot tell about; `at` is where that stands."""
    report = await store.get(session, corpus_id)
    if report is None:
        raise Conflict(
            "semantic.none",
            "the corpus has no semantic report, by which to leave out what means the same",
            hint="POST /v1/corpora/{namespace}/{name}/semantic makes one.",
        )
    if limit.max_similarity < report.threshold:
        raise Invalid.at(
            f"{at}/max_similarity",
            f"should be at least {report.threshold:g}, the threshold of the semantic report",
            limit.max_similarity,
        )
    return report


async def covers(session: AsyncSession, corpus_id: UUID, job_id: UUID) -> bool:
    """Whether the report has come to all records of a job. One that has not goes on at once.

    Raises `Conflict` where it cannot.
    """
    report = await store.lock(session, corpus_id)
    if report is None or not await vectors.is_behind(session, job_id, report.compared_until):
        return True
    if report.state == "failed":
        raise Conflict("semantic.failed", f"the semantic report failed: {report.reason}")
    if report.state == "finished":
        report.state = "queued"
    return False
