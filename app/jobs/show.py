"""One job as it is answered: its row, its account and what is worked out from them."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.jobs import (
    arm_rows,
    forecast,
    judges,
    novelty,
    quota,
    smoke,
    spent,
    store,
    workers,
)
from app.jobs.ledger import Ledger
from app.jobs.models import Job
from app.jobs.schemas import JobView
from app.jobs.spent import Spent
from app.jobs.tariff import tariff_of
from app.teachers import shares
from app.teachers import store as teachers


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
        view.limit = await _limit(session, job)
        recent = await forecast.recent(session, [job.id])
        tariff = await tariff_of(session, job)
        view.forecast = forecast.of(job, account, recent[job.id], used, tariff)
    return view


async def why_waiting(
    session: AsyncSession, jobs: Sequence[Job], accounts: Mapping[UUID, Ledger]
) -> dict[UUID, tuple[str, str]]:
    """Of these jobs, those that wait for something: the state to show, and why."""
    waiting = [job for job in jobs if job.state in {"queued", "running"}]
    needed = await arm_rows.needed(session, waiting)
    judged = await judges.of_jobs(session, [job.id for job in waiting])
    asked = [*needed.values(), *judged.values()]
    away = await teachers.away(session, {one for each in asked for one in each})
    found = {
        job_id: ("waiting_for_teacher", "; ".join(away[one] for one in wanted))
        for job_id, wanted in needed.items()
        if wanted and all(one in away for one in wanted)
    }
    for job_id, wanted in judged.items():
        if lacking := [f"judge: {away[one]}" for one in wanted if one in away]:
            found[job_id] = ("waiting_for_teacher", "; ".join(lacking))
    stuck = [j for j in waiting if j.id not in found and not accounts[j.id].chunks_running]
    if stuck and (why := (await workers.crew(session, ())).idle) is not None:
        found |= {job.id: (job.state, why) for job in stuck}
    return found


async def _limit(session: AsyncSession, job: Job) -> int | None:
    """Requests that its teachers are asked at a time, as far as a worker has found that out."""
    arms = await arm_rows.teachers_of(session, job)
    seen = [await shares.together(session, teacher) for teacher in set(arms.values())]
    found = [each.limit for each in seen if each.workers]
    return sum(found) if found else None


async def spent_by(session: AsyncSession, jobs: Sequence[Job]) -> dict[UUID, Spent]:
    """What these jobs have spent. What hangs on a teacher is not told to who may not see it."""
    asked = await arm_rows.teachers_of_all(session, jobs)
    seen = await teachers.rates(session, {one for each in asked.values() for one in each})
    used = await spent.of(session, [job.id for job in jobs])
    return {
        job.id: used[job.id] if asked[job.id] <= seen.keys() else used[job.id].hidden()
        for job in jobs
    }
