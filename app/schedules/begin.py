"""A run begins: its jobs are submitted, or it is said why not; never half of it."""

import structlog
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import AppError
from app.jobs.durable import is_away
from app.jobs.models import Job
from app.jobs.schemas import JobSpec
from app.jobs.submit import submit
from app.prompts.sandbox import RenderPool
from app.schedules import store
from app.schedules.close import end
from app.schedules.lack import wanted
from app.schedules.models import Schedule, ScheduleRun
from app.schedules.schemas import TopUp

log = structlog.stdlib.get_logger(__name__)

MOST_WAITING = 10
"""Runs of a schedule that queue; further ones are skipped: whoever comes later than that every time
never catches up."""


async def begin(
    session: AsyncSession, pool: RenderPool, schedule: Schedule, run: ScheduleRun
) -> None:
    """By the overlap policy: begin, wait, or leave out. The schedule must be locked."""
    going = await store.going(session, run)
    if schedule.overlap == "allow" or not (going.running or going.queued):
        await carry_out(session, pool, schedule, run)
    elif schedule.overlap == "skip":
        await end(session, schedule, run, "skipped", f"the run of {going.since} is still going")
    elif going.queued >= MOST_WAITING:
        await end(session, schedule, run, "skipped", f"{going.queued} runs are waiting already")


async def carry_out(
    session: AsyncSession, pool: RenderPool, schedule: Schedule, run: ScheduleRun
) -> None:
    """Submit what the schedule asks for now. What is refused becomes the run's end: there is nobody
    to tell but who reads the history, and the next time is as good as any.
    """
    try:
        async with session.begin_nested():
            jobs = await _submit(session, pool, schedule)
    except (AppError, ValidationError) as error:
        await end(session, schedule, run, "failed", _why(error))
        return
    except Exception as error:
        if is_away(error):
            raise
        log.exception("a run failed", schedule=schedule.ref, run=str(run.id))
        await end(session, schedule, run, "failed", "internal: the worker's log has it")
        return
    if jobs:
        await store.start_run(session, run, [job.id for job in jobs])
    else:
        await end(session, schedule, run, "nothing_to_do")


async def _submit(session: AsyncSession, pool: RenderPool, schedule: Schedule) -> list[Job]:
    document = JobSpec.model_validate(schedule.job)
    top_up = schedule.top_up and TopUp.model_validate(schedule.top_up)
    specs = await wanted(session, document, top_up or None)
    jobs = [await submit(session, pool, spec) for spec in specs]
    if len(jobs) > 1 and document.publish is not None:
        # One version of what all of them made, when the last has ended.
        for job in jobs:
            job.publishes = False
        await session.flush()
    return jobs


def _why(error: AppError | ValidationError) -> str:
    if isinstance(error, AppError):
        return f"{error.code}: {error.detail}"[:2000]
    first = error.errors(include_url=False, include_input=False)[0]
    where = "/".join(map(str, first["loc"]))
    return f"request.invalid: /job/{where}: {first['msg']}"[:2000]
