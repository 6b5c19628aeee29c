"""SQL of the arms of jobs: who is asked, and whether they are still needed."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.jobs.models import Job


async def end(session: AsyncSession, job_id: UUID) -> None:
    """The job has ended. The caller holds its lock."""
    await session.execute(_END, {"job": job_id})


_END = text("""
    UPDATE job_arm AS a SET account = (
        SELECT jsonb_build_object(
            'accepted', coalesce(sum(accepted), 0), 'rejected', coalesce(sum(rejected), 0),
            'failed', coalesce(sum(failed), 0), 'cancelled', coalesce(sum(cancelled), 0),
            'prompt_tokens', coalesce(sum(prompt_tokens), 0),
            'completion_tokens', coalesce(sum(completion_tokens), 0),
            'cached_tokens', coalesce(sum(cached_tokens), 0),
            'judge_prompt_tokens', coalesce(sum(judge_prompt_tokens), 0),
            'judge_completion_tokens', coalesce(sum(judge_completion_tokens), 0)
        ) FROM chunk WHERE job_id = a.job_id AND arm = a.arm
    )
    FROM job AS j WHERE j.id = :job AND j.arms > 1 AND a.job_id = j.id
""")


async def teacher_of(session: AsyncSession, job_id: UUID, arm: int) -> UUID:
    """Who is asked in this arm of a job that asks somebody."""
    found: UUID = (await session.scalars(_TEACHER_OF, {"job": job_id, "arm": arm})).one()
    return found


_TEACHER_OF = text("SELECT teacher_id FROM job_arm WHERE job_id = :job AND arm = :arm")


async def teachers_of(session: AsyncSession, job: Job) -> dict[int, UUID]:
    """By arm."""
    if job.arms == 1:
        return {0: job.teacher_id} if job.teacher_id else {}
    rows = await session.execute(_TEACHERS_OF, {"job": job.id})
    return {row.arm: row.teacher_id for row in rows}


_TEACHERS_OF = text("SELECT arm, teacher_id FROM job_arm WHERE job_id = :job ORDER BY arm")


async def teachers_of_all(session: AsyncSession, jobs: Sequence[Job]) -> dict[UUID, set[UUID]]:
    """All whom each of these jobs asks."""
    found = {job.id: {job.teacher_id} if job.teacher_id else set() for job in jobs}
    several = [job.id for job in jobs if job.arms > 1]
    if several:
        for row in await session.execute(_ALL_OF, {"jobs": several}):
            found[row.job_id].add(row.teacher_id)
    return found


_ALL_OF = text("SELECT job_id, teacher_id FROM job_arm WHERE job_id = ANY(:jobs)")


async def needed(session: AsyncSession, jobs: Sequence[Job]) -> dict[UUID, list[UUID]]:
    """The teachers that jobs still need: of several, those who have chunks that have not ended."""
    found = {job.id: [job.teacher_id] for job in jobs if job.teacher_id and job.arms == 1}
    several = [job.id for job in jobs if job.arms > 1]
    if several:
        for row in await session.execute(_NEEDED, {"jobs": several}):
            found.setdefault(row.job_id, []).append(row.teacher_id)
    return found


_NEEDED = text("""
    SELECT DISTINCT a.job_id, a.teacher_id FROM job_arm AS a
    WHERE a.job_id = ANY(:jobs) AND (
        EXISTS (SELECT FROM chunk WHERE job_id = a.job_id AND arm = a.arm AND state = 'ready')
        OR EXISTS (SELECT FROM chunk WHERE job_id = a.job_id AND arm = a.arm AND state = 'running')
    )
    ORDER BY a.job_id, a.teacher_id
""")


async def revive(session: AsyncSession, job_id: UUID) -> None:
    """A job that had ended goes on. The caller holds its lock."""
    await session.execute(_REVIVE, {"job": job_id})


_REVIVE = text("UPDATE job_arm SET account = NULL WHERE job_id = :job AND account IS NOT NULL")
