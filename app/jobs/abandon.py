"""Chunks that killed everybody who held them."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.jobs import events

MOST_LOSSES = 5
"""A chunk whose holders died so often without getting on is taken to be what kills them."""


async def abandon(session: AsyncSession) -> Collection[UUID]:
    """Fail the open samples of chunks that killed every holder; answers the jobs they are of."""
    rows = (await session.execute(_ABANDON, {"most": MOST_LOSSES})).all()
    for row in sorted(rows, key=lambda row: row.job_id):
        await events.note(
            session, row.job_id, "chunk_failed", **events.which(row.arm, row.seq), failed=row.n
        )
    return {row.job_id for row in rows}


_ABANDON = text("""
    WITH deadly AS (
        SELECT c.id, c.job_id, c.first_item, c.items, j.samples_per_item
        FROM chunk AS c JOIN job AS j ON j.id = c.job_id
        WHERE c.state = 'ready' AND c.losses >= :most
        FOR UPDATE OF c SKIP LOCKED
    ), lost AS (
        INSERT INTO sample (job_id, item, sample, outcome, reason, detail, attempts)
        SELECT d.job_id, i, s, 'failed', 'worker.lost',
            'every worker that took this chunk died with it', :most
        FROM deadly AS d
        CROSS JOIN generate_series(d.first_item, d.first_item + d.items - 1) AS i
        CROSS JOIN generate_series(0, d.samples_per_item - 1) AS s
        ON CONFLICT DO NOTHING
        RETURNING job_id, item
    ), counted AS (
        SELECT d.id, count(lost.item) AS n
        FROM deadly AS d LEFT JOIN lost
            ON lost.job_id = d.job_id AND lost.item >= d.first_item
            AND lost.item < d.first_item + d.items
        GROUP BY d.id
    )
    UPDATE chunk SET state = 'done', ended_at = now(), failed = failed + counted.n,
        reasons = reasons || jsonb_build_object(
            'worker.lost',
            counted.n + coalesce(CAST(reasons ->> 'worker.lost' AS int8), 0)
        )
    FROM counted WHERE chunk.id = counted.id
    RETURNING chunk.job_id, chunk.arm, chunk.seq, counted.n
""")
