"""Plan more items of a job: its first ones, and more where the yield was short."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.jobs import lease, quota, store
from app.jobs.ledger import Ledger
from app.jobs.models import Job
from app.jobs.plan import items_per_cell, items_per_chunk, more_items

_PLANNED = 10
"""Times `max_candidates` that are planned at most, asked for or not: where the strata that are left
come up once in a million, somebody has to end it."""


async def begin(session: AsyncSession, job: Job) -> None:
    """The first items. Strata, where the job has quotas, are there already."""
    samples = job.samples_per_item
    if job.stratified:
        await _stratified(session, job, accepted=0, settled=0, room=job.max_candidates, first=0)
    else:
        wanted = -(-job.num_records // samples)
        await _plan(session, job.id, 0, min(wanted, job.max_candidates // samples), samples)


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
    first = await store.next_item(session, job.id)
    if job.stratified:
        return await _stratified(
            session,
            job,
            accepted=account.accepted,
            settled=account.settled,
            room=job.max_candidates - asked,
            first=first,
        )
    items = more_items(
        missing=job.num_records - account.accepted,
        accepted=account.accepted,
        settled=account.settled + account.cancelled,
        planned=asked,
        most=job.max_candidates,
        samples_per_item=job.samples_per_item,
    )
    return await _plan(session, job.id, first, items, job.samples_per_item)


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
    return await _plan(session, job.id, first, sum(items.values()), job.samples_per_item)


async def _plan(session: AsyncSession, job_id: UUID, first: int, items: int, samples: int) -> bool:
    if items <= 0:
        return False
    per_chunk = items_per_chunk(items, samples)
    await lease.plan(
        session, job_id, first_item=first, items=items, per_chunk=per_chunk, samples=samples
    )
    return True
