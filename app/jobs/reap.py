"""Chunks are taken from holders that show no sign of life.

While the database itself was away nobody could show any: from its start on, every holder has a
whole lease to do so. So its restart takes no chunk from anybody, however long it took.
"""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.jobs import events
from app.jobs.abandon import MOST_LOSSES
from app.jobs.clock import CHUNKS, LET_GO, STOPPED

_SILENT = """
    state = 'running' AND lease_until < clock_timestamp()
    AND pg_postmaster_start_time() < clock_timestamp() - :lease
"""


async def some_are_lost(session: AsyncSession, lease: timedelta) -> bool:
    """Whether somebody who holds a chunk shows no sign of life, or too many died with one."""
    said = {"lease": lease, "most": MOST_LOSSES}
    return bool(await session.scalar(_SOME_ARE_LOST, said))


_SOME_ARE_LOST = text(f"""
    SELECT EXISTS (SELECT FROM chunk WHERE {_SILENT})
        OR EXISTS (SELECT FROM chunk WHERE state = 'ready' AND losses >= :most)
""")  # noqa: S608  (put together from constants, as below)


async def reap(session: AsyncSession, lease: timedelta) -> Sequence[UUID]:
    """Take chunks from holders that show no sign of life; answers the jobs they are of. `lease` is
    how long they may be silent.
    """
    found = (await session.execute(_REAP, {"lease": lease})).all()
    rows = sorted(found, key=lambda row: row.job_id)
    for row in rows:
        said = events.which(row.arm, row.seq) | {"losses": row.losses, "holder": row.holder}
        await events.note(session, row.job_id, "chunk_lost", **said)
    return [row.job_id for row in rows]


# Clocks are locked in the order of teachers, so that two sweeps wait for each other rather than
# deadlock.
_REAP = text(f"""
    WITH silent AS (
        SELECT id, holder FROM chunk WHERE {_SILENT}
        FOR UPDATE SKIP LOCKED
    ), mine AS (
        SELECT id, silent.holder, teacher_id FROM {CHUNKS} AS c JOIN silent USING (id)
    ), let_go AS (
        SELECT k.teacher_id, n AS chunks
        FROM (SELECT teacher_id, count(*) AS n FROM mine GROUP BY teacher_id) AS counted
        JOIN teacher_clock AS k USING (teacher_id)
        ORDER BY k.teacher_id FOR UPDATE OF k
    ), {STOPPED}
    UPDATE chunk SET state = 'ready', holder = NULL, lease_until = NULL, epoch = chunk.epoch + 1,
        losses = chunk.losses + 1, {LET_GO}
    FROM mine LEFT JOIN clock USING (teacher_id)
    WHERE chunk.id = mine.id
    RETURNING chunk.job_id, chunk.arm, chunk.seq, chunk.losses, mine.holder
""")  # noqa: S608
