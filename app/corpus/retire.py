"""Taking records out of a corpus: what they said goes, a tombstone stays.

What was counted stays counted: a job accepted what it accepted, and a version that was published
keeps its rows. The sample's place is never filled again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Select, delete, func, insert, literal, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.corpus import dedup
from app.corpus.models import Deletion, StoredRecord, Tombstone
from app.corpus.shadow import require_open


@dataclass(frozen=True, slots=True)
class Decision:
    """Why records are taken out, who wants it so, and what goes with them."""

    reason: str
    caller: str
    selection: dict[str, Any]
    block: bool = False
    """Refuse what they said from now on."""
    erase: bool = False
    """Empty their raw replies too, and what was refused for their sake."""


async def retire(
    session: AsyncSession, corpus_id: UUID, doomed: Select[UUID], decision: Decision
) -> Deletion | None:
    """Take the records with these ids out, all or nothing; nothing is written where there are none.
    Raises `Conflict` while the corpus is being rebuilt.

    Whoever adds to the corpus waits until the transaction ends: a loser must find its winner. It
    takes about 40 ms for a thousand records.
    """
    await require_open(session, corpus_id)
    await dedup.lock(session, corpus_id)
    made = Deletion(
        corpus_id=corpus_id,
        selection=decision.selection,
        reason=decision.reason,
        caller=decision.caller,
        block=decision.block,
        erase=decision.erase,
        records=0,
    )
    session.add(made)
    await session.flush()
    made.records = await _bury(session, corpus_id, doomed, made)
    if not made.records:
        await session.delete(made)
        await session.flush()
        return None
    if decision.erase:
        for statement in _ERASE:
            await session.execute(statement, {"deletion": made.id})
    await session.flush()
    return made


async def _bury(
    session: AsyncSession, corpus_id: UUID, doomed: Select[UUID], made: Deletion
) -> int:
    gone = (
        delete(StoredRecord)
        .where(StoredRecord.corpus_id == corpus_id, StoredRecord.id.in_(doomed))
        .returning(
            StoredRecord.id,
            StoredRecord.corpus_id,
            StoredRecord.job_id,
            StoredRecord.item,
            StoredRecord.sample,
            StoredRecord.digest,
        )
        .cte("gone")
    )
    columns = ["record_id", "corpus_id", "job_id", "item", "sample", "digest"]
    buried = (
        insert(Tombstone)
        .from_select(
            [*columns, "reason", "deletion_id", "blocks"],
            select(gone, literal(made.reason), literal(made.id), literal(made.block)),
        )
        .returning(Tombstone.record_id)
        .cte("buried")
    )
    return await session.scalar(select(func.count()).select_from(buried)) or 0


_LOSERS = """
    SELECT r.id, r.job_id, r.item, r.sample FROM reject AS r
    JOIN tombstone AS t ON t.record_id = r.duplicate_of WHERE t.deletion_id = :deletion
"""
_PLACES = f"""
    SELECT job_id, item, sample FROM tombstone WHERE deletion_id = :deletion
    UNION SELECT job_id, item, sample FROM ({_LOSERS}) AS loser
"""  # noqa: S608  (our own words)
_ERASE = [
    text(statement)
    for statement in (
        f"""
        UPDATE completion AS c SET content = '', reasoning = NULL, logprobs = NULL, inputs = '{{}}',
            erased_at = now()
        FROM ({_PLACES}) AS place
        LEFT JOIN replayed AS r ON r.job_id = place.job_id AND r.item = place.item
        WHERE c.job_id = coalesce(r.source_job_id, place.job_id)
          AND c.item = coalesce(r.source_item, place.item)
          AND c.sample = coalesce(r.source_sample, place.sample)
        """,  # noqa: S608  (our own words)
        f"""
        WITH place AS ({_PLACES})
        UPDATE judgement AS q SET content = '', detail = NULL
        FROM (
            SELECT * FROM place UNION
            SELECT source_job_id, source_item, source_sample
            FROM place JOIN replayed USING (job_id, item)
        ) AS place
        WHERE q.job_id = place.job_id AND q.item = place.item AND q.sample = place.sample
        """,  # noqa: S608
        f"""
        UPDATE reject SET fields = NULL, detail = NULL
        WHERE id IN (SELECT id FROM ({_LOSERS}) AS loser)
        """,  # noqa: S608
        # After the update, which waits for whoever is indexing these.
        f"DELETE FROM reject_words WHERE reject_id IN (SELECT id FROM ({_LOSERS}) AS loser)",  # noqa: S608
    )
]


async def page(
    session: AsyncSession, corpus_id: UUID, *, after: UUID | None, limit: int
) -> Sequence[Deletion]:
    """What was decided, oldest first."""
    query = select(Deletion).where(Deletion.corpus_id == corpus_id).order_by(Deletion.id)
    if after is not None:
        query = query.where(Deletion.id > after)
    return (await session.scalars(query.limit(limit))).all()
