"""What every worker sees to from time to time; any number may do so at once."""

from datetime import timedelta

import structlog

from app.corpus import shadow
from app.db import Database
from app.jobs import deal, events, spent, store, tickets, workers
from app.jobs.abandon import abandon
from app.jobs.advance import advance
from app.jobs.reap import reap, some_are_lost
from app.teachers import shares

log = structlog.stdlib.get_logger(__name__)


async def sweep(database: Database, lease: timedelta) -> None:
    """Return orphaned chunks, decide for jobs that nobody decides for, top up tickets. A worker
    that showed no sign of life for a `lease` is gone.

    Mostly there is nothing to do, and any worker may be quicker: so it is looked for by statements
    of their own, and only what takes several has a transaction, in which nobody waits for another's
    locks while holding some.
    """
    unit_of_work, singly = database.unit_of_work, database.singly
    if await singly(lambda session: some_are_lost(session, lease)):
        async with unit_of_work() as session:
            lost = await reap(session, lease)
        async with unit_of_work() as session:
            given_up = await abandon(session)
        if lost or given_up:  # another worker may have been quicker
            log.warning("chunks taken back", lost=len(lost), abandoned_in=len(given_up))
    await singly(events.note_waiting)
    for job_id in await singly(deal.stranded):
        async with unit_of_work() as session:
            await store.lock(session, job_id)
            taken = await deal.take_over(session, job_id)
        if taken:
            log.info("chunks taken over from a teacher that is away", job=str(job_id), chunks=taken)
    for job_id in {*await singly(store.undecided), *await singly(spent.exhausted)}:
        async with unit_of_work() as session:
            await advance(session, job_id)
    await singly(lambda session: tickets.drop_stalled(session, lease))
    await singly(tickets.top_up)
    await singly(shadow.clear)


async def tidy(database: Database) -> None:
    """Take out what is of no use to anybody."""
    await database.singly(workers.forget)
    await database.singly(shares.forget)
