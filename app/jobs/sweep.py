"""What every worker sees to from time to time; any number may do so at once."""

from datetime import timedelta

import structlog

from app.corpus import shadow
from app.db import Database
from app.jobs import deal, events, lease, spent, store, tickets, workers
from app.jobs.abandon import abandon
from app.jobs.advance import advance
from app.teachers import shares

log = structlog.stdlib.get_logger(__name__)


async def sweep(database: Database, silence: timedelta) -> None:
    """Return orphaned chunks, decide for jobs that nobody decides for, top up tickets. A worker
    that showed no sign of life for `silence` is gone.

    Each in a transaction of its own: none then waits for another's locks while it holds some.
    """
    unit_of_work = database.unit_of_work
    async with unit_of_work() as session:
        lost = await lease.reap(session)
    async with unit_of_work() as session:
        given_up = await abandon(session)
    if lost or given_up:
        log.warning("chunks taken back", lost=len(lost), abandoned_in=len(given_up))
    async with unit_of_work() as session:
        await events.note_waiting(session)
        await workers.forget(session)
        await shares.forget(session)
    async with unit_of_work() as session:
        waiting = await deal.stranded(session)
    for job_id in waiting:
        async with unit_of_work() as session:
            await store.lock(session, job_id)
            taken = await deal.take_over(session, job_id)
        if taken:  # another worker may have been quicker
            log.info("chunks taken over from a teacher that is away", job=str(job_id), chunks=taken)
    async with unit_of_work() as session:
        undecided = {*await store.undecided(session), *await spent.exhausted(session)}
    for job_id in undecided:
        async with unit_of_work() as session:
            await advance(session, job_id)
    async with unit_of_work() as session:
        await tickets.drop_stalled(session, silence)
        await tickets.top_up(session)
        await tickets.issue_publications(session)
        await tickets.issue_semantics(session)
        await tickets.issue_deliveries(session)
    async with unit_of_work() as session:
        await shadow.clear(session)
