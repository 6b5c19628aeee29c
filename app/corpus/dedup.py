"""What is new to a corpus: the unique digest decides, whatever else commits meanwhile."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.corpus.candidate import Candidate, Duplicate
from app.corpus.models import StoredRecord
from app.corpus.store import as_json, place_arrays


async def add(
    session: AsyncSession, corpus_id: UUID, candidates: Sequence[Candidate]
) -> list[Duplicate]:
    """Insert what is new; answer the losers with their winners.

    The unique index decides, so it holds whatever else commits meanwhile. Rows go in by digest,
    so that two batches with the same texts wait for each other rather than deadlock.
    """
    if not candidates:
        return []
    rows = await session.execute(
        _ADD,
        {
            **place_arrays([c.place for c in candidates]),
            "corpus_id": corpus_id,
            "digests": [c.digest for c in candidates],
            "fields": [as_json(c.fields) for c in candidates],
        },
    )
    added = {(row.item, row.sample) for row in rows}
    losers = [c for c in candidates if (c.place.item, c.place.sample) not in added]
    if not losers:
        return []
    winners = await known(session, corpus_id, [c.digest for c in losers])
    return [Duplicate(c, winners[c.digest]) for c in losers]


_ADD = text("""
    INSERT INTO record (corpus_id, job_id, item, sample, digest, fields)
    SELECT :corpus_id, job_id, item, sample, digest, CAST(fields AS jsonb)
    FROM unnest(
        CAST(:job_ids AS uuid[]), CAST(:items AS int8[]), CAST(:samples AS int2[]),
        CAST(:digests AS bytea[]), CAST(:fields AS text[])
    ) AS t (job_id, item, sample, digest, fields)
    ORDER BY digest, item, sample
    ON CONFLICT (corpus_id, digest) DO NOTHING
    RETURNING item, sample
""")


async def known(
    session: AsyncSession, corpus_id: UUID, digests: Sequence[bytes]
) -> dict[bytes, UUID]:
    """Which digests a corpus holds already, and whose they are."""
    rows = await session.execute(
        select(StoredRecord.digest, StoredRecord.id).where(
            StoredRecord.corpus_id == corpus_id, StoredRecord.digest.in_(digests)
        )
    )
    return {row.digest: row.id for row in rows}
