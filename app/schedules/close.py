"""A run ends when its jobs have, and what they publish is published."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from app.jobs import store as jobs
from app.jobs import tickets
from app.jobs.models import Job
from app.schedules import store
from app.schedules.models import Schedule, ScheduleRun
from app.webhooks import store as webhooks
from app.webhooks.schemas import WebhookSpec

EVENT = "schedule.run.ended"


async def close(session: AsyncSession, run: ScheduleRun) -> None:
    """End a run whose jobs have ended; the run must be locked."""
    made = await jobs.some(session, run.jobs)
    if await _publishes_now(session, made):
        return
    published = next((job.published for job in made if job.published), None)
    state = _state(made)
    worst = next((job.reason for job in made if job.state == state and job.reason), None)
    schedule = await store.schedule_of(session, run)
    await end(session, schedule, run, state, worst, published=published, made=made)


def _state(made: Sequence[Job]) -> str:
    """The worst of what became of its jobs."""
    states = {job.state for job in made}
    return next((each for each in ("failed", "cancelled") if each in states), "finished")


async def _publishes_now(session: AsyncSession, made: Sequence[Job]) -> bool:
    """Of a run with several jobs, the one that finished last publishes, once, for all of them."""
    finished = [job for job in made if job.state == "finished"]
    if len(made) == 1 or not finished or any(job.published for job in made):
        return False
    last = max(finished, key=lambda job: (job.ended_at is not None, job.ended_at, job.id))
    if last.document.get("publish") is None:
        return False
    last.publishes = True
    await session.flush()
    await tickets.issue_publications(session)
    return True


async def end(
    session: AsyncSession,
    schedule: Schedule,
    run: ScheduleRun,
    state: str,
    error: str | None = None,
    *,
    published: str | None = None,
    made: Sequence[Job] = (),
) -> None:
    """End a run and have told who wants to know, in this transaction."""
    await store.end_run(session, run, state, error, published)
    if schedule.webhook is None:
        return
    data = {
        "schedule": schedule.ref,
        "run_id": run.id,
        "nominal_time": run.nominal_time,
        "manual": run.manual,
        "missed_before": run.missed_before,
        "state": state,
        "error": error,
        "published": published,
        "jobs": [{"job_id": job.id, "state": job.state} for job in made],
    }
    hook = WebhookSpec.model_validate(schedule.webhook)
    await webhooks.announce(
        session,
        hook,
        EVENT,
        data,
        owner_id=schedule.id,
        subject_id=run.id,
        occasion=run.nominal_time,
    )
    await tickets.issue_deliveries(session)
