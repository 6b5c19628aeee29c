"""Comparisons over HTTP."""

from uuid import UUID

from fastapi import APIRouter

from app.auth.dependency import CallerDep
from app.jobs import store
from app.jobs.comparison.compare import compare
from app.jobs.comparison.schemas import ComparisonView
from app.web.route import Route, SessionDep

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], route_class=Route)


@router.get("/{job_id}/comparison")
async def compare_arms(job_id: UUID, session: SessionDep, caller: CallerDep) -> ComparisonView:
    """The arms of a job side by side: yield, novelty, tokens and cost of an accepted record, each
    with its confidence interval, and each arm's difference to the first.
    """
    return await compare(session, await store.get(session, job_id))
