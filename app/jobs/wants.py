"""What a job still wants of those who work on it."""

from enum import Enum
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.jobs import spent


class Wants(Enum):
    MORE = "more"
    REPLIES = "replies"
    """A limit is reached: nothing more is asked, and what is in flight is decided on."""
    NOTHING = "nothing"


async def of(session: AsyncSession, job_id: UUID) -> Wants:
    """One that was paused wants more: what is in flight is settled, and who holds a chunk of it is
    told by itself.
    """
    row = (await session.execute(_WANTS, {"job": job_id})).one()
    if not row.short:
        return Wants.NOTHING
    if row.limited and await spent.reached(session, [job_id]):
        return Wants.REPLIES
    return Wants.MORE


_WANTS = text(f"""
    SELECT {spent.LIMITED} AS limited, state IN ('running', 'paused') AND
        CASE WHEN stratified THEN EXISTS (
            SELECT FROM stratum WHERE job_id = job.id AND novel < quota
        ) ELSE num_records > (
            SELECT sum(accepted) FROM chunk WHERE job_id = job.id
        ) END AS short
    FROM job WHERE id = :job
""")  # noqa: S608  (put together from constants)
