"""One job as it is answered: its row, its account and what is worked out from them."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.jobs import forecast, novelty, quota, smoke, spent, store, workers
from app.jobs.ledger import Ledger
from app.jobs.models import Job
from app.jobs.schemas import JobView
from app.jobs.spent import Spent
from app.teachers import store as teachers
from app.teachers.rates import Rates


async def show(session: AsyncSession, job: Job) -> JobView:
    """Everything that is known of one job."""
    account = await store.ledger(session, job.id)
    reasons = await why_waiting(session, [job], {job.id: account})
    crew = await workers.crew(session, [job.id])
    full = (await quota.tally(session, job.id)).full if job.stratified else None
    seen = await novelty.of_job(session, job.id, full=full)
    trial = await smoke.shown(session, job)
    used = (await spent_by(session, [job]))[job.id]
    view = JobView.of(job, account, reasons.get(job.id), used, seen, trial)
    view.in_flight = crew.in_flight.get(job.id, 0)
    if job.state in store.LIVE:
        recent = await forecast.recent(session, [job.id])
        view.forecast = forecast.of(job, account, recent[job.id], used, await rates(session, job))
    return view


async def why_waiting(
    session: AsyncSession, jobs: Sequence[Job], accounts: Mapping[UUID, Ledger]
) -> dict[UUID, tuple[str, str]]:
    """Of these jobs, those that wait for something: the state to show, and why."""
    waiting = [job for job in jobs if job.state in {"queued", "running"}]
    away = await teachers.away(session, {job.teacher_id for job in waiting if job.teacher_id})
    found = {
        job.id: ("waiting_for_teacher", away[job.teacher_id])
        for job in waiting
        if job.teacher_id in away
    }
    stuck = [j for j in waiting if j.id not in found and not accounts[j.id].chunks_running]
    if stuck and (why := (await workers.crew(session, ())).idle) is not None:
        found |= {job.id: (job.state, why) for job in stuck}
    return found


async def rates(session: AsyncSession, job: Job) -> Rates | None:
    """What the job's teacher costs, where the caller may see it."""
    if job.teacher_id is None:
        return None
    return (await teachers.rates(session, [job.teacher_id])).get(job.teacher_id)


async def spent_by(session: AsyncSession, jobs: Sequence[Job]) -> dict[UUID, Spent]:
    """What these jobs have spent. What hangs on a teacher is not told to who may not see it."""
    seen = await teachers.rates(session, {job.teacher_id for job in jobs if job.teacher_id})
    used = await spent.of(session, [job.id for job in jobs])
    return {
        job.id: used[job.id] if job.teacher_id in seen else used[job.id].hidden() for job in jobs
    }
