"""Change a job that lives: its priority, its target, its limit. Its document stays as it was."""

from collections.abc import Mapping
from math import ceil

from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import Invalid
from app.jobs import events
from app.jobs.advance import advance
from app.jobs.control.hold import issue_tickets, require_live
from app.jobs.control.schemas import JobChange
from app.jobs.models import Job


async def change(session: AsyncSession, job: Job, wanted: JobChange) -> None:
    """The caller holds the job's lock. Raises `Conflict` for a job that has ended, and `Invalid`
    where it has no such target.
    """
    require_live(job)
    said = wanted.model_dump(exclude_none=True)
    _require_open_target(job, said)
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
        field: {"was": getattr(job, field), "now": value}
        for field, value in said.items()
        if getattr(job, field) != value
    }
    if not changed:
        return
    for field in changed:
        setattr(job, field, said[field])
    await session.flush()
    await events.note(session, job.id, "changed", **changed)
    if job.state != "paused":
        await advance(session, job.id)
        await issue_tickets(session, job)


def _require_open_target(job: Job, said: Mapping[str, int]) -> None:
    """How much is asked for is settled where nobody is asked, or several are compared."""
    why = "this job asks nobody, and decides on every stored reply"
    hint = None
    if job.compares:
        why = "each arm of a comparison is asked about as many rows"
        hint = f"POST /v1/jobs/{job.id}/clone compares over more: its `compare.rows`."
    elif job.teacher_id is not None:
        return
    for field in ("num_records", "max_candidates"):
        if field in said:
            raise Invalid.at(f"/{field}", f"should be left out: {why}", said[field], hint=hint)
