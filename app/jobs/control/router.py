"""Control of jobs over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Request, Response

from app.auth.dependency import CallerDep
from app.jobs import quota, store
from app.jobs.control import hold
from app.jobs.control.change import change
from app.jobs.control.clone import cloned
from app.jobs.control.retry import retry
from app.jobs.control.schemas import CloneSpec, JobChange, RetriedView
from app.jobs.schemas import JobView
from app.jobs.show import show
from app.jobs.submit import submit
from app.web.route import Route, SessionDep

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], route_class=Route)


@router.post("/{job_id}/pause")
async def pause_job(job_id: UUID, session: SessionDep, caller: CallerDep) -> JobView:
    """Stop a job for a while. Within seconds nothing more is asked for it; replies that are on
    their way are kept and decided on.
    """
    job = await store.lock(session, job_id)
    await hold.pause(session, job)
    return await show(session, job)


@router.post("/{job_id}/resume")
async def resume_job(job_id: UUID, session: SessionDep, caller: CallerDep) -> JobView:
    """Let a paused job go on, also one that its smoke gate stopped."""
    job = await store.lock(session, job_id)
    await hold.resume(session, job)
    await session.refresh(job)
    return await show(session, job)


@router.post("/{job_id}/cancel")
async def cancel_job(job_id: UUID, session: SessionDep, caller: CallerDep) -> JobView:
    """Stop a job. Samples that have not ended are cancelled; what was accepted stays."""
    job = await store.lock(session, job_id)
    await hold.cancel(session, job)
    await session.refresh(job)
    return await show(session, job)


@router.patch("/{job_id}")
async def change_job(
    job_id: UUID, body: JobChange, session: SessionDep, caller: CallerDep
) -> JobView:
    """Change a job that has not ended: its priority, its target, its limits. Its document stays
    as it was submitted.
    """
    await quota.hold(session, job_id)
    job = await store.lock(session, job_id)
    await change(session, job, body)
    await session.refresh(job)
    return await show(session, job)


@router.post("/{job_id}/clone", status_code=201)
async def clone_job(
    job_id: UUID,
    request: Request,
    session: SessionDep,
    caller: CallerDep,
    response: Response,
    body: Annotated[CloneSpec, Body(default_factory=CloneSpec)],
) -> JobView:
    """Submit a job's document again, with every version that it pinned, and with changes if any
    are said.
    """
    found = await store.get(session, job_id)
    spec = cloned(found, body.changes)
    caller.require_all({"body": spec})  # changes are free JSON: only now are they names
    job = await submit(session, request.app.state.render_pool, spec)
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    return await show(session, job)


@router.post("/{job_id}/retry")
async def retry_job(job_id: UUID, session: SessionDep, caller: CallerDep) -> RetriedView:
    """Ask again for the samples that failed. A job that had ended goes on until they have."""
    job = await store.lock(session, job_id)
    samples = await retry(session, job)
    await session.refresh(job)
    return RetriedView(samples=samples, job=await show(session, job))
