"""What every worker does from time to time. There is no scheduler among them: whoever looks first
locks what there is to do, and the others pass it over.
"""

from collections.abc import Awaitable, Callable, Collection
from datetime import datetime
from typing import TypeVar
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import Database
from app.jobs.durable import is_away
from app.prompts.sandbox import RenderPool
from app.schedules import store
from app.schedules.begin import carry_out
from app.schedules.close import close
from app.schedules.fire import fire
from app.schedules.models import Schedule, ScheduleRun

log = structlog.stdlib.get_logger(__name__)
Taken = TypeVar("Taken", Schedule, ScheduleRun)


async def tick(database: Database, pool: RenderPool, now: datetime | None = None) -> None:
    """End what has ended, begin what waits, fire what is due; any number of workers may, at once.

    `now` is the database's clock if it is not given.
    """

    async def due(session: AsyncSession, passing_over: Collection[UUID]) -> Schedule | None:
        return await store.take_due(session, now or await store.clock(session), passing_over)

    async def begin_waiting(session: AsyncSession, run: ScheduleRun) -> None:
        await carry_out(session, pool, await store.schedule_of(session, run), run)

    async def fire_due(session: AsyncSession, schedule: Schedule) -> None:
        await fire(session, pool, schedule, now or await store.clock(session))

    if not await database.singly(lambda session: store.some_are_due(session, now)):
        return
    await _one_by_one(database, store.take_ended, close)
    await _one_by_one(database, store.take_waiting, begin_waiting)
    await _one_by_one(database, due, fire_due)


async def _one_by_one(
    database: Database,
    take: Callable[[AsyncSession, Collection[UUID]], Awaitable[Taken | None]],
    deal: Callable[[AsyncSession, Taken], Awaitable[None]],
) -> None:
    """Deal with all that `take` finds, each in a transaction of its own. One that fails keeps no
    other waiting.
    """
    broken: set[UUID] = set()
    while True:
        taken: Taken | None = None
        try:
            async with database.unit_of_work() as session:
                taken = await take(session, broken)
                if taken is None:
                    return
                await deal(session, taken)
        except Exception as error:
            if taken is None or is_away(error):
                raise
            log.exception("a schedule cannot be evaluated", row=str(taken.id))
            broken.add(taken.id)
