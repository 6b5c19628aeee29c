"""A schedule is made, changed, paused and resumed; what it would be refused for is said now."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import Conflict, FieldError, Invalid
from app.jobs.schemas import JobSpec
from app.jobs.submit import check
from app.names import Ref
from app.prompts.sandbox import RenderPool
from app.schedules import store
from app.schedules.begin import begin
from app.schedules.cron import Timetable
from app.schedules.fire import coming
from app.schedules.lack import cells_of
from app.schedules.models import Schedule, ScheduleRun
from app.schedules.schemas import ScheduleSpec


async def create(
    session: AsyncSession, pool: RenderPool, spec: ScheduleSpec
) -> tuple[Schedule, bool]:
    """The schedule, and whether it is new: the same again changes nothing."""
    now = await store.clock(session)
    await _check(session, pool, spec, now)
    wanted = _values(spec)
    new = await store.add(session, spec.name, {"paused": bool(spec.paused), **wanted})
    schedule = await store.get(session, spec.name, lock=True)
    if new:
        await store.change(session, schedule, coming(schedule, now))
    elif any(getattr(schedule, name) != value for name, value in wanted.items()):
        raise Conflict(
            "schedule.exists",
            f"there is a schedule {schedule.ref}, which says something else",
            hint=f"PUT /v1/schedules/{schedule.ref} replaces it.",
        )
    return schedule, new


async def replace(
    session: AsyncSession, pool: RenderPool, ref: Ref, spec: ScheduleSpec
) -> Schedule:
    """Let a schedule say what `spec` does. Its history stays; what is running goes on."""
    if spec.name != ref:
        raise Invalid.at("/name", f"should be {ref}, as in the address", str(spec.name))
    schedule = await store.get(session, ref, lock=True)
    now = await store.clock(session)
    await _check(session, pool, spec, now)
    before = (schedule.cron, schedule.timezone, schedule.jitter)
    await store.change(session, schedule, _values(spec))
    if (schedule.cron, schedule.timezone, schedule.jitter) != before:
        await store.change(session, schedule, coming(schedule, now))
    if spec.paused is not None:
        await pause(session, schedule, paused=spec.paused)
    return schedule


async def pause(session: AsyncSession, schedule: Schedule, *, paused: bool) -> None:
    """Times that pass meanwhile are no misfires: they pass. The schedule must be locked."""
    if schedule.paused == paused:
        return
    values: dict[str, Any] = {"paused": paused}
    if not paused:
        values |= coming(schedule, await store.clock(session))
    await store.change(session, schedule, values)


async def run_now(session: AsyncSession, pool: RenderPool, ref: Ref) -> ScheduleRun:
    """A run beside the timetable, which goes on as if nothing had been; the overlap policy holds
    for it too. Whatever becomes of it, it is in the history.
    """
    schedule = await store.get(session, ref, lock=True)
    moment = await store.clock(session)
    run = await store.add_run(session, schedule.id, moment, manual=True)
    if run is None:
        raise Conflict(
            "schedule.busy", "another run was asked for at the same moment", retry_after=1
        )
    await begin(session, pool, schedule, run)
    return run


async def _check(
    session: AsyncSession, pool: RenderPool, spec: ScheduleSpec, now: datetime
) -> None:
    timetable = Timetable(spec.cron, spec.timezone)
    if timetable.next(now) is None:
        raise Invalid.at("/cron", "should come some day: this day is in no calendar", spec.cron)
    closest = timetable.closest(now)
    if closest is not None and timedelta(seconds=spec.jitter) >= closest:
        shortest = f"should be below {closest.total_seconds():g}, the pause between two times"
        raise Invalid.at("/jitter", shortest, spec.jitter)
    job = spec.job
    if spec.top_up is not None:
        if job.compare is not None:
            raise Invalid.at("/top_up", "should be left out: a comparison asks about so many rows")
        if spec.top_up.per_stratum is not None or job.stratify:
            cells_of(job)
        most = spec.top_up.per_stratum or spec.top_up.records
        job = job.model_copy(update={"num_records": most})
    await _check_job(session, pool, job)


async def _check_job(session: AsyncSession, pool: RenderPool, job: JobSpec) -> None:
    """Of its document, which is a part of ours: its fields are below `/job`."""
    try:
        await check(session, pool, job)
    except Invalid as error:
        errors = [
            FieldError(f"/job{each.field}", each.problem, each.value) for each in error.errors
        ]
        raise Invalid(
            error.code,
            f"/job{error.detail}" if errors else error.detail,
            hint=error.hint,
            errors=errors,
        ) from error


def _values(spec: ScheduleSpec) -> dict[str, Any]:
    return {
        "cron": spec.cron,
        "timezone": spec.timezone,
        "jitter": spec.jitter,
        "misfire": spec.misfire,
        "grace": spec.grace,
        "overlap": spec.overlap,
        # As it was given: what it leaves out is decided by each run.
        "job": spec.job.model_dump(mode="json", by_alias=True, exclude_unset=True),
        "top_up": spec.top_up and spec.top_up.model_dump(mode="json", exclude_none=True),
        "webhook": spec.webhook and spec.webhook.model_dump(mode="json"),
    }
