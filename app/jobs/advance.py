"""What a job does next, decided in one place, under the job's lock."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.corpus import shadow
from app.jobs import lease, novelty, quota, spent, store, tickets
from app.jobs.announce import announce_end
from app.jobs.extend import extend
from app.jobs.ledger import Ledger
from app.jobs.models import Job
from app.jobs.schemas import JobSpec


async def advance(session: AsyncSession, job_id: UUID) -> None:
    """Plan more, wait, or end. Call it whenever a chunk has ended; calling it twice is harmless."""
    job = await store.lock(session, job_id)
    if job.state not in store.LIVE:
        return
    account = await store.ledger(session, job_id)
    cells = await _cells(session, job)
    # What is paused may yet be given more, so that it does not end for that.
    full = None if job.state == "paused" else await spent.why_full(session, job)
    if _enough(job, account, cells) or full or cells.all_closed or job.state == "cancelling":
        await lease.cancel_ready(session, job_id)
        account = await store.ledger(session, job_id)
        if account.chunks_ready + account.chunks_running == 0:
            await _end(session, job, account, cells, full)
    elif job.state == "paused":
        return
    elif account.chunks_ready + account.chunks_running == 0 and not await extend(
        session, job, account
    ):
        await _end(session, job, account, cells)


@dataclass(frozen=True, slots=True)
class _Cells:
    """How far a job has come in closing its cells."""

    dry: int = 0
    full: int = 0
    """With their quota; 0 in a job without."""
    all: int = 1
    why: str = ""
    """Why those that are dry are."""

    @property
    def all_closed(self) -> bool:
        return self.dry + self.full >= self.all


def _enough(job: Job, account: Ledger, cells: _Cells) -> bool:
    if job.stratified:
        return cells.full >= cells.all
    return account.accepted >= job.num_records


async def _cells(session: AsyncSession, job: Job) -> _Cells:
    limits = job.document.get("limits") or {}
    least, window = limits.get("min_novelty"), limits.get("novelty_window")
    why = f"fewer than {least or 0:.0%} of the last {window} candidates were new"
    if job.stratified:
        tally = await quota.tally(session, job.id)
        return _Cells(tally.dry, tally.full, tally.all, why)
    if least is None:
        return _Cells()
    spec = JobSpec.model_validate(job.document)
    dry, _ = await novelty.dry_and_known(session, job.id)
    return _Cells(dry, 0, novelty.how_many(spec.seeds), why)


async def _end(
    session: AsyncSession, job: Job, account: Ledger, cells: _Cells, full: str | None = None
) -> None:
    """`full` says which limit is reached, where one is."""
    state, reason = _verdict(job, account, cells, full)
    if state == "finished" and job.shadow_id is not None:
        await shadow.take_over(session, job.corpus_id, job.shadow_id)
    await store.finish(session, job.id, state, reason, account)
    await announce_end(session, job, state, reason, account)
    if state == "finished" and job.publishes:
        await tickets.issue_publications(session)


def _verdict(job: Job, account: Ledger, cells: _Cells, full: str | None) -> tuple[str, str | None]:
    """How a job ended. One that made nothing has failed, whatever it was told to do."""
    if job.state == "cancelling":
        return "cancelled", None
    if _enough(job, account, cells) or (job.teacher_id is None and account.accepted):
        return "finished", None
    if job.compares and account.accepted and account.settled == account.planned:
        return "finished", None  # every arm was asked about every row: that was all it should do
    asked = account.planned - account.cancelled
    got = f"{account.accepted} of {job.num_records} records after {asked} candidates"
    if not full and not cells.all_closed:
        got += f" (the most allowed are {job.max_candidates})"
    if job.stratified:
        got += f", {cells.full} of {cells.all} strata have their quota"
    if full:
        got = f"{full}: {got}"
    if cells.dry:
        which = "all" if cells.dry >= cells.all else f"{cells.dry} of {cells.all}"
        got = f"saturated: in {which} strata {cells.why}; {got}"
    if account.reasons:
        worst = max(account.reasons, key=lambda code: account.reasons[code])
        got += f"; most were lost to {worst} ({account.reasons[worst]})"
    if account.accepted == 0 or job.document.get("on_exhausted") == "fail":
        return "failed", got
    return "finished", got
