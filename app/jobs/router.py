"""Jobs and previews over HTTP."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.dependency import CallerDep
from app.corpus import store as corpora
from app.corpus.candidate import Place
from app.corpus.router import ReasonQuery
from app.corpus.schemas import RecordView, RejectView, ReplyView
from app.errors import Conflict, NotFound
from app.jobs import store
from app.jobs.advance import advance
from app.jobs.models import Job
from app.jobs.preview import MOST_ROWS, PreviewView, preview
from app.jobs.schemas import FailureView, JobSpec, JobView
from app.jobs.submit import submit
from app.names import Name
from app.teachers import store as teachers
from app.web.paging import Page, PageDep, page_of
from app.web.route import DatabaseDep, Route, SessionDep, not_replayed

router = APIRouter(prefix="/v1", tags=["jobs"], route_class=Route)


@router.post("/jobs", status_code=201)
async def submit_job(
    request: Request, body: JobSpec, session: SessionDep, caller: CallerDep, response: Response
) -> JobView:
    """Submit a job. Everything that can be checked is checked now; the answer is the resolved
    document, every "latest" pinned, with one digest over all of it.
    """
    job = await submit(session, request.app.state.render_pool, body)
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    return await _view(session, job)


@router.get("/jobs")
async def list_jobs(
    session: SessionDep,
    caller: CallerDep,
    page: PageDep,
    namespace: Name | None = None,
    state: Annotated[
        Literal["queued", "running", "cancelling", "finished", "failed", "cancelled"] | None,
        Query(description="Only jobs in this state."),
    ] = None,
) -> Page[JobView]:
    """Jobs, newest first."""
    rows = await store.page(
        session, namespace=namespace, state=state, before=page.after_id, limit=page.limit + 1
    )
    accounts = await store.ledgers(session, [job.id for job in rows])
    away = await teachers.away(session, {job.teacher_id for job in rows})
    return page_of(
        rows,
        page,
        lambda job: job.id,
        lambda job: JobView.of(job, accounts[job.id], away.get(job.teacher_id)),
    )


@router.get("/jobs/{job_id}")
async def get_job(job_id: UUID, session: SessionDep, caller: CallerDep) -> JobView:
    """One job: its state, its ledger, which always adds up, and its funnel."""
    return await _view(session, await store.get(session, job_id))


@router.post("/jobs/{job_id}/cancel")
async def cancel_job(job_id: UUID, session: SessionDep, caller: CallerDep) -> JobView:
    """Stop a job. Samples that have not ended are cancelled; what was accepted stays."""
    job = await store.lock(session, job_id)
    if job.state not in store.LIVE:
        raise Conflict("job.ended", f"job {job_id} has ended already: it is {job.state}")
    job.state = "cancelling"
    await session.flush()
    await advance(session, job_id)
    await session.refresh(job)
    return await _view(session, job)


@router.get("/jobs/{job_id}/records")
async def list_job_records(
    job_id: UUID, session: SessionDep, caller: CallerDep, page: PageDep
) -> Page[RecordView]:
    """What a job added to its corpus, oldest first."""
    await store.get(session, job_id)
    rows = await corpora.records(session, job_id=job_id, after=page.after_id, limit=page.limit + 1)
    return page_of(rows, page, lambda record: record.id, RecordView.of)


@router.get("/jobs/{job_id}/rejects")
async def list_job_rejects(
    job_id: UUID,
    session: SessionDep,
    caller: CallerDep,
    page: PageDep,
    reason: ReasonQuery = None,
) -> Page[RejectView]:
    """What was refused, oldest first, with why."""
    await store.get(session, job_id)
    rows = await corpora.rejects(
        session, job_id=job_id, reason=reason, after=page.after_id, limit=page.limit + 1
    )
    return page_of(rows, page, lambda reject: reject.id, RejectView.of)


@router.get("/jobs/{job_id}/failures")
async def list_job_failures(
    job_id: UUID, session: SessionDep, caller: CallerDep, page: PageDep
) -> Page[FailureView]:
    """Samples for which no usable reply could be had, with what the teacher said."""
    await store.get(session, job_id)
    rows = await store.failures(session, job_id, after=page.after_number, limit=page.limit + 1)
    return page_of(rows, page, lambda row: row.item * 64 + row.sample, FailureView.of)


@router.get("/jobs/{job_id}/replies/{item}/{sample}")
async def get_reply(
    job_id: UUID,
    item: Annotated[int, Path(ge=0, lt=2**62)],
    sample: Annotated[int, Path(ge=0, lt=64)],
    session: SessionDep,
    caller: CallerDep,
) -> ReplyView:
    """The raw reply behind a record or a reject, exactly as it came."""
    stored = await corpora.reply_at(session, Place(job_id, item, sample))
    if stored is None:
        raise NotFound("reply.not_found", f"job {job_id} has no reply {item}/{sample}")
    return ReplyView.of(stored)


@router.post("/previews")
@not_replayed
async def preview_job(
    request: Request,
    body: JobSpec,
    database: DatabaseDep,
    caller: CallerDep,
    rows: Annotated[int, Query(ge=1, le=MOST_ROWS, description="How many rows.")] = 3,
) -> PreviewView:
    """Run a job document on its first rows and show prompt, raw reply, parsed record and verdict
    of each. Nothing is stored in a corpus.
    """
    state = request.app.state
    return await preview(database, state.render_pool, state.clients, body, rows)


async def _view(session: AsyncSession, job: Job) -> JobView:
    account = await store.ledger(session, job.id)
    away = await teachers.away(session, {job.teacher_id})
    return JobView.of(job, account, away.get(job.teacher_id))
