"""Plan more items of a job: its first ones, and more where the yield was short."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.jobs import deal, quota, store
from app.jobs.ledger import Ledger
from app.jobs.models import Job
from app.jobs.plan import items_per_cell, more_items

_PLANNED = 10
"""Times `max_candidates` that are planned at most, asked for or not: where the strata that are left
come up once in a million, somebody has to end it."""


async def begin(session: AsyncSession, job: Job, rows: int) -> None:
    """The first `rows`; where the job has quotas, as many as its strata lack: they are there
    already.
    """
    if job.stratified:
        await _stratified(session, job, accepted=0, settled=0, room=job.max_candidates, first=0)
    else:
        await _plan(session, job, 0, rows)


async def extend(session: AsyncSession, job: Job, account: Ledger) -> bool:
    """Whether there was anything more to plan. The caller holds the job's lock, and no chunk of it
    waits or is worked.

    Cancelled samples are those of closed strata: they count for the yield of what is planned, not
    for the limit of what is asked for. (Where cells have quotas, each has a yield of its own, of
    what was decided on.)
    """
    if account.planned >= _PLANNED * job.max_candidates:
        return False
    asked = account.planned - account.cancelled
    first = await store.next_row(session, job.id)
    if job.stratified:
        return await _stratified(
            session,
            job,
            accepted=account.accepted,
            settled=account.settled,
            room=job.max_candidates - asked,
            first=first,
        )
    rows = more_items(
        missing=job.num_records - account.accepted,
        accepted=account.accepted,
        settled=account.settled + account.cancelled,
        planned=asked,
        most=job.max_candidates,
        samples_per_item=job.samples_per_item,
    )
    return await _plan(session, job, first, rows)


async def _stratified(
    session: AsyncSession, job: Job, *, accepted: int, settled: int, room: int, first: int
) -> bool:
    items = items_per_cell(
        await quota.lacking(session, job.id),
        accepted=accepted,
        settled=settled,
        room=room,
        samples_per_item=job.samples_per_item,
    )
    if items:
        await quota.add_wave(session, job.id, first, items)
    return await _plan(session, job, first, sum(items.values()))


async def _plan(session: AsyncSession, job: Job, first: int, rows: int) -> bool:
    if rows <= 0:
        return False
    await deal.plan(session, job, first_row=first, rows=rows)
    return True
