"""What a job does next, decided in one place, under the job's lock."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.corpus import shadow
from app.jobs import lease, novelty, spent, store, tickets
from app.jobs.announce import announce_end
from app.jobs.ledger import Ledger
from app.jobs.models import Job
from app.jobs.plan import items_per_chunk, more_items
from app.jobs.schemas import JobSpec

_PLANNED = 10
"""Times `max_candidates` that are planned at most, asked for or not: where the strata that are left
come up once in a million, somebody has to end it."""


async def advance(session: AsyncSession, job_id: UUID) -> None:
    """Plan more, wait, or end. Call it whenever a chunk has ended; calling it twice is harmless."""
    job = await store.lock(session, job_id)
    if job.state not in store.LIVE:
        return
    account = await store.ledger(session, job_id)
    enough = account.accepted >= job.num_records
    strata = await _strata(session, job)
    # What is paused may yet be given more, so that it does not end for that.
    full = None if job.state == "paused" else await spent.why_full(session, job)
    if enough or full or strata.all_dry or job.state == "cancelling":
        await lease.cancel_ready(session, job_id)
        account = await store.ledger(session, job_id)
        if account.chunks_ready + account.chunks_running == 0:
            await _end(session, job, account, strata, full)
    elif job.state == "paused":
        return
    elif account.chunks_ready + account.chunks_running == 0:
        more = _more(job, account)
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
            await _end(session, job, account, strata)


def _more(job: Job, account: Ledger) -> int:
    """Items to plan. Cancelled samples are those of dry strata: they count for the yield of what is
    planned, not for the limit of what is asked for.
    """
    if account.planned >= _PLANNED * job.max_candidates:
        return 0
    return more_items(
        missing=job.num_records - account.accepted,
        accepted=account.accepted,
        settled=account.settled + account.cancelled,
        planned=account.planned - account.cancelled,
        most=job.max_candidates,
        samples_per_item=job.samples_per_item,
    )


@dataclass(frozen=True, slots=True)
class _Dryness:
    """How far a job has come in giving up its strata."""

    dry: int = 0
    all: int = 1
    why: str = ""

    @property
    def all_dry(self) -> bool:
        return self.dry >= self.all


async def _strata(session: AsyncSession, job: Job) -> _Dryness:
    limits = job.document.get("limits") or {}
    if limits.get("min_novelty") is None:
        return _Dryness()
    spec = JobSpec.model_validate(job.document)
    dry, _ = await novelty.dry_and_known(session, job.id)
    return _Dryness(
        dry,
        novelty.how_many(spec.seeds),
        f"fewer than {spec.limits.min_novelty:.0%} of the last {spec.limits.novelty_window} "
        "candidates were new",
    )


async def _end(
    session: AsyncSession, job: Job, account: Ledger, strata: _Dryness, full: str | None = None
) -> None:
    """`full` says which limit is reached, where one is."""
    state, reason = _verdict(job, account, strata, full)
    if state == "finished" and job.shadow_id is not None:
        await shadow.take_over(session, job.corpus_id, job.shadow_id)
    await store.finish(session, job.id, state, reason, account)
    await announce_end(session, job, state, reason, account)
    if state == "finished" and job.publishes:
        await tickets.issue_publications(session)


def _verdict(
    job: Job, account: Ledger, strata: _Dryness, full: str | None
) -> tuple[str, str | None]:
    """How a job ended. One that made nothing has failed, whatever it was told to do."""
    if job.state == "cancelling":
        return "cancelled", None
    if account.accepted >= job.num_records or (job.teacher_id is None and account.accepted):
        return "finished", None
    asked = account.planned - account.cancelled
    got = f"{account.accepted} of {job.num_records} records after {asked} candidates"
    if full:
        got = f"{full}: {got}"
    elif not strata.all_dry:
        got += f" (the most allowed are {job.max_candidates})"
    if strata.dry:
        which = "all" if strata.all_dry else f"{strata.dry} of {strata.all}"
        got = f"saturated: in {which} strata {strata.why}; {got}"
    if account.reasons:
        worst = max(account.reasons, key=lambda code: account.reasons[code])
        got += f"; most were lost to {worst} ({account.reasons[worst]})"
    if account.accepted == 0 or job.document.get("on_exhausted") == "fail":
        return "failed", got
    return "finished", got
