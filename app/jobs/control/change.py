"""Change a job that lives: its priority, its target, its limits. Its document stays as it was."""

from collections.abc import Mapping
from math import ceil
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import Invalid
from app.jobs import arm_rows, events, quota
from app.jobs.advance import advance
from app.jobs.control.hold import issue_tickets, require_live
from app.jobs.control.schemas import JobChange
from app.jobs.limits import COLUMNS, require_rates
from app.jobs.models import Job
from app.jobs.schemas import JobSpec
from app.teachers import store as teachers

_REMOVABLE = COLUMNS.keys() - {"max_candidates"}
"""Limits that a job may do without."""


async def change(session: AsyncSession, job: Job, wanted: JobChange) -> None:
    """The caller holds the job's lock. Raises `Conflict` for a job that has ended, and `Invalid`
    where it has no such target.
    """
    require_live(job)
    told = wanted.model_dump(exclude_unset=True)
    said = {name: value for name, value in told.items() if value is not None or name in _REMOVABLE}
    await _check(session, job, said)
    if "num_records" in said and "max_candidates" not in said:
        # As many candidates for each record as before: else more records could not be reached.
        scaled = ceil(job.max_candidates * said["num_records"] / job.num_records)
        said["max_candidates"] = max(job.max_candidates, scaled)
    if said.get("max_candidates", job.samples_per_item) < job.samples_per_item:
        raise Invalid.at(
            "/max_candidates",
            f"should be at least {job.samples_per_item}, the samples of one row",
            said["max_candidates"],
        )
    changed = {
        field: {"was": getattr(job, _column(field)), "now": value}
        for field, value in said.items()
        if getattr(job, _column(field)) != value
    }
    if not changed:
        return
    for field in changed:
        setattr(job, _column(field), said[field])
    await session.flush()
    if job.stratified and "num_records" in changed:
        seeds = JobSpec.model_validate(job.document).seeds
        await quota.divide(session, job.id, seeds, job.num_records)
    await events.note(session, job.id, "changed", **changed)
    if job.state != "paused":
        await advance(session, job.id)
        await issue_tickets(session, job)


def _column(field: str) -> str:
    return COLUMNS.get(field, field)


async def _check(session: AsyncSession, job: Job, said: Mapping[str, Any]) -> None:
    """Refuses what this job cannot have."""
    _require_open_target(job, said)
    for teacher_id in set((await arm_rows.teachers_of(session, job)).values()):
        teacher = await teachers.by_id(session, teacher_id)
        require_rates(said, teachers.rates_of(teacher), teacher.ref, "")


def _require_open_target(job: Job, said: Mapping[str, Any]) -> None:
    """How much is asked for is settled where nobody is asked, or several are compared."""
    settled, hint = {"num_records", "max_candidates"}, None
    why = "this job asks nobody, and decides on every stored reply"
    if job.compares:
        why = "each arm of a comparison is asked about as many rows"
        hint = f"POST /v1/jobs/{job.id}/clone compares over more: its `compare.rows`."
    elif job.teacher_id is not None:
        return
    else:
        settled |= COLUMNS.keys()
    for field in said.keys() & settled:
        raise Invalid.at(f"/{field}", f"should be left out: {why}", said[field], hint=hint)
