"""Stop a job for a while, let it go on, or end it.

Each changes one row. Workers learn of it within two seconds (`Worker` in `jobs/worker.py`): of a
paused job they ask nothing more, settle what is in flight and hand the rest back; of a cancelled
one they drop what is in flight.
"""

from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import Conflict
from app.jobs import events, store, tickets
from app.jobs.advance import advance
from app.jobs.models import Job


def require_live(job: Job) -> None:
    if job.state not in store.LIVE:
        raise Conflict("job.ended", f"job {job.id} has ended already: it is {job.state}")


async def pause(session: AsyncSession, job: Job, reason: str | None = None) -> None:
    """The caller holds the job's lock. Raises `Conflict` where it has ended or is about to."""
    require_live(job)
    if job.state == "cancelling":
        raise Conflict("job.ended", f"job {job.id} is being cancelled")
    if job.state == "paused":
        return
    job.state, job.reason = "paused", reason
    await session.flush()
    await events.note(session, job.id, "state", state="paused", reason=reason)


async def resume(session: AsyncSession, job: Job) -> None:
    """The caller holds the job's lock. A smoke gate that stopped it does so no more."""
    require_live(job)
    if job.state != "paused":
        return
    job.state, job.reason = "running" if job.started_at else "queued", None
    if job.smoke is not None and not job.smoke["passed"]:
        job.smoke = job.smoke | {"overruled": True}
    await session.flush()
    await events.note(session, job.id, "state", state=job.state, reason=None)
    await issue_tickets(session, job)
    await advance(session, job.id)


async def cancel(session: AsyncSession, job: Job) -> None:
    """The caller holds the job's lock. What was accepted stays."""
    require_live(job)
    if job.state != "cancelling":
        job.state, job.reason = "cancelling", None
        await session.flush()
        await events.note(session, job.id, "state", state="cancelling", reason=None)
    await advance(session, job.id)


async def issue_tickets(session: AsyncSession, job: Job) -> None:
    """What wakes a worker for it."""
    if job.teacher_id is None:
        await tickets.issue_stored(session)
    else:
        await tickets.issue_for(session, job.id)
