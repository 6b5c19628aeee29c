"""A schedule's time has come: each time once.

Whoever looks first locks the schedule, writes the run, submits its job and moves the schedule on to
its next time, in one transaction. A schedule only ever moves on: where the clock is put back,
nothing comes twice; where it is put forward, or nobody looked for a while, the misfire policy says
what becomes of the times between.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app.prompts.sandbox import RenderPool
from app.schedules import store
from app.schedules.begin import begin
from app.schedules.close import end
from app.schedules.cron import Timetable, delay
from app.schedules.models import Schedule


@dataclass(frozen=True, slots=True)
class Turn:
    """What one look at a schedule decides."""

    nominal: datetime
    missed_before: int
    runs: bool
    """Whether anything is done for it."""


def turn(schedule: Schedule, first: datetime, now: datetime) -> Turn:
    """For `first`, the schedule's next time, which has come; and, where it was missed, for all that
    were missed after it.
    """
    grace = timedelta(seconds=schedule.grace)

    def is_past(nominal: datetime) -> bool:
        return nominal + delay(schedule.id, nominal, schedule.jitter) + grace < now

    if not is_past(first):
        return Turn(first, 0, runs=True)
    last, before = Timetable(schedule.cron, schedule.timezone).last(first, now, is_past)
    return Turn(last, before, runs=schedule.misfire == "catch_up")


async def fire(session: AsyncSession, pool: RenderPool, schedule: Schedule, now: datetime) -> None:
    """Decide about the next time of a schedule that is due, and locked."""
    if schedule.next_nominal is None:
        raise AssertionError("a schedule that is due has a time")
    decided = turn(schedule, schedule.next_nominal, now)
    run = await store.add_run(
        session, schedule.id, decided.nominal, missed_before=decided.missed_before
    )
    if run is not None and decided.runs:
        await begin(session, pool, schedule, run)
    elif run is not None:
        await end(session, schedule, run, "missed", "no worker was there in time")
    await store.change(session, schedule, coming(schedule, decided.nominal))


def coming(schedule: Schedule, after: datetime) -> dict[str, datetime | None]:
    """The columns that say when a schedule comes next."""
    nominal = Timetable(schedule.cron, schedule.timezone).next(after)
    at = nominal and nominal + delay(schedule.id, nominal, schedule.jitter)
    return {"next_nominal": nominal, "next_at": at}
