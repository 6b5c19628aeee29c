"""SQL of semantic reports and of the pairs they found."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.corpus.models import StoredRecord
from app.semantic import vectors
from app.semantic.models import SemanticPair, SemanticReport

WORKING = ("queued", "running")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A report as somebody asks for it."""

    teacher_id: UUID
    teacher: str
    model: str
    fields: Sequence[str]
    threshold: float


async def get(session: AsyncSession, corpus_id: UUID) -> SemanticReport | None:
    return await session.get(SemanticReport, corpus_id, populate_existing=True)


async def lock(session: AsyncSession, corpus_id: UUID) -> SemanticReport | None:
    """Whoever holds it writes vectors and pairs; the others wait."""
    query = select(SemanticReport).where(SemanticReport.corpus_id == corpus_id).with_for_update()
    found = await session.scalars(query.execution_options(populate_existing=True))
    return found.one_or_none()


async def ask_for(session: AsyncSession, corpus_id: UUID, wanted: Wanted) -> SemanticReport:
    """Begin or go on. What another model or other fields led to is dropped; another threshold has
    all vectors compared again, and asks the teacher nothing.
    """
    values = {
        "teacher_id": wanted.teacher_id,
        "teacher": wanted.teacher,
        "model": wanted.model,
        "fields": list(wanted.fields),
        "threshold": wanted.threshold,
    }
    new = {"corpus_id": corpus_id, "state": "queued", "edition": 1, "compared_until": 0}
    await session.execute(insert(SemanticReport).values(**values, **new).on_conflict_do_nothing())
    report = await lock(session, corpus_id)
    if report is None:
        raise AssertionError("a report that was just asked for is there")
    if (report.model, report.fields) != (wanted.model, list(wanted.fields)):
        await vectors.forget(session, corpus_id)
        await _start_over(session, report)
    elif report.threshold != wanted.threshold:
        await _start_over(session, report)
    for name, value in values.items():
        setattr(report, name, value)
    report.state, report.reason, report.retry_at = "queued", None, None
    await session.flush()
    return report


async def _start_over(session: AsyncSession, report: SemanticReport) -> None:
    await session.execute(delete(SemanticPair).where(SemanticPair.corpus_id == report.corpus_id))
    report.compared_until = 0
    report.edition += 1


async def wait(session: AsyncSession, corpus_id: UUID, reason: str, seconds: float) -> None:
    """Note why nothing is done for some time."""
    await session.execute(
        update(SemanticReport)
        .where(SemanticReport.corpus_id == corpus_id, SemanticReport.state.in_(WORKING))
        .values(reason=reason, retry_at=func.now() + func.make_interval(0, 0, 0, 0, 0, 0, seconds))
    )


async def add_pairs(
    session: AsyncSession, corpus_id: UUID, pairs: Sequence[tuple[UUID, UUID, float]]
) -> None:
    """Older, newer and cosine of each; passes over pairs of which a record is gone."""
    await session.execute(
        _ADD_PAIRS,
        {
            "corpus_id": corpus_id,
            "older": [older for older, _, _ in pairs],
            "newer": [newer for _, newer, _ in pairs],
            "cosines": [cosine for _, _, cosine in pairs],
        },
    )


_ADD_PAIRS = text("""
    INSERT INTO semantic_pair (corpus_id, older_id, newer_id, cosine)
    SELECT :corpus_id, older, newer, cosine
    FROM unnest(CAST(:older AS uuid[]), CAST(:newer AS uuid[]), CAST(:cosines AS float8[]))
        AS given (older, newer, cosine)
    WHERE EXISTS (SELECT FROM record WHERE id = older)
      AND EXISTS (SELECT FROM record WHERE id = newer)
    ON CONFLICT DO NOTHING
""")


async def counts(session: AsyncSession, report: SemanticReport) -> dict[str, int]:
    records = select(func.count()).where(StoredRecord.corpus_id == report.corpus_id)
    pairs = select(func.count()).where(SemanticPair.corpus_id == report.corpus_id)
    embedded, blank, compared = await vectors.counts(
        session, report.corpus_id, report.compared_until
    )
    return {
        "records": await session.scalar(records) or 0,
        "embedded": embedded,
        "blank": blank,
        "compared": compared,
        "pairs": await session.scalar(pairs) or 0,
    }


async def pairs(
    session: AsyncSession, corpus_id: UUID, *, after: UUID | None, limit: int
) -> Sequence[Row[Any]]:
    """Pairs in the order in which they were found, with the fields of both records."""
    older, newer = aliased(StoredRecord), aliased(StoredRecord)
    query = (
        select(
            SemanticPair.id,
            SemanticPair.older_id,
            SemanticPair.newer_id,
            SemanticPair.cosine,
            older.fields.label("older_fields"),
            newer.fields.label("newer_fields"),
        )
        .join(older, older.id == SemanticPair.older_id)
        .join(newer, newer.id == SemanticPair.newer_id)
        .where(SemanticPair.corpus_id == corpus_id)
        .order_by(SemanticPair.id)
        .limit(limit)
    )
    if after is not None:
        query = query.where(SemanticPair.id > after)
    return (await session.execute(query)).all()


async def older_of(session: AsyncSession, corpus_id: UUID, least: float) -> dict[UUID, list[UUID]]:
    """By record, the older ones that it is like by this cosine or more."""
    query = select(SemanticPair.newer_id, SemanticPair.older_id).where(
        SemanticPair.corpus_id == corpus_id, SemanticPair.cosine >= least
    )
    found: dict[UUID, list[UUID]] = {}
    for newer, older in await session.execute(query):
        found.setdefault(newer, []).append(older)
    return found
