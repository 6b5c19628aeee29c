"""What a job does next, decided in one place, under the job's lock."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.corpus import shadow
from app.jobs import lease, store, tickets
from app.jobs.ledger import Ledger
from app.jobs.models import Job
from app.jobs.plan import items_per_chunk, more_items


async def advance(session: AsyncSession, job_id: UUID) -> None:
    """Plan more, wait, or end. Call it whenever a chunk has ended; calling it twice is harmless."""
    job = await store.lock(session, job_id)
    if job.state not in store.LIVE:
        return
    account = await store.ledger(session, job_id)
    enough = account.accepted >= job.num_records
    if enough or job.state == "cancelling":
        await lease.cancel_ready(session, job_id)
        account = await store.ledger(session, job_id)
        if account.chunks_ready + account.chunks_running == 0:
            await _end(session, job, account)
    elif account.chunks_ready + account.chunks_running == 0:
        more = more_items(
            missing=job.num_records - account.accepted,
            accepted=account.accepted,
            settled=account.settled,
            planned=account.planned,
            most=job.max_candidates,
            samples_per_item=job.samples_per_item,
        )
        if more:
            await lease.plan(
                session,
                job_id,
                first_item=await store.next_item(session, job_id),
                items=more,
                per_chunk=items_per_chunk(more, job.samples_per_item),
                samples=job.samples_per_item,
            )
        else:
            await _end(session, job, account)


async def _end(session: AsyncSession, job: Job, account: Ledger) -> None:
    state, reason = _verdict(job, account)
    if state == "finished" and job.shadow_id is not None:
        await shadow.take_over(session, job.corpus_id, job.shadow_id)
    await store.finish(session, job.id, state, reason)
    if state == "finished" and job.publishes:
        await tickets.issue_publications(session)


def _verdict(job: Job, account: Ledger) -> tuple[str, str | None]:
    """How a job ended. One that made nothing has failed, whatever it was told to do."""
    if job.state == "cancelling":
        return "cancelled", None
    if account.accepted >= job.num_records or (job.teacher_id is None and account.accepted):
        return "finished", None
    got = (
        f"{account.accepted} of {job.num_records} records after {account.planned} candidates"
        f" (the most allowed are {job.max_candidates})"
    )
    if account.reasons:
        worst = max(account.reasons, key=lambda code: account.reasons[code])
        got += f"; most were lost to {worst} ({account.reasons[worst]})"
    if account.accepted == 0 or job.document.get("on_exhausted") == "fail":
        return "failed", got
    return "finished", got
