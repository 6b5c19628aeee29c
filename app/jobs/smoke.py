"""The smoke gate: a job whose first samples come to nothing stops before the spend.

It is decided once, in the transaction that settles the last of the first samples. A job that it
stops is paused, and shows some of its replies; whoever resumes it overrules the gate.
"""

from typing import Any, Literal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.curation.text import for_display
from app.jobs import spent, store
from app.jobs.control.hold import pause
from app.jobs.models import Job
from app.jobs.trial import SmokeReply, SmokeView

SHOWN = 5
_LONGEST = 2_000


async def judge(session: AsyncSession, job_id: UUID) -> bool:
    """Whether the gate is decided, so that nobody need ask again; decides it if it is time.

    The job's lock is taken when it is: chunks are locked before.
    """
    row = (await session.execute(_FIRST, {"job": job_id})).one()
    if row.decided or row.settled < row.after:
        return bool(row.decided)
    job = await store.lock(session, job_id)
    if job.smoke is not None:
        return True
    account = await store.ledger(session, job_id)
    passed = account.accepted >= row.min_yield * account.settled
    job.smoke = {"passed": passed, "accepted": account.accepted, "samples": account.settled}
    await session.flush()
    wants_more = account.accepted < job.num_records and account.settled < job.max_candidates
    if not passed and wants_more and job.state in {"queued", "running"}:
        if await spent.why_full(session, job):
            return True  # it ends of itself
        await pause(session, job, _why(job.smoke, row.min_yield, account.reasons))
    return True


_FIRST = text("""
    SELECT
        j.smoke IS NOT NULL
            OR coalesce(jsonb_typeof(j.document -> 'smoke'), 'none') <> 'object' AS decided,
        CAST(j.document #>> '{smoke,after}' AS int8) AS after,
        CAST(j.document #>> '{smoke,min_yield}' AS float8) AS min_yield,
        (
            SELECT CAST(sum(accepted + rejected + failed) AS int8) FROM chunk WHERE job_id = j.id
        ) AS settled
    FROM job AS j WHERE j.id = :job
""")


def _why(seen: dict[str, Any], floor: float, reasons: Any) -> str:
    said = (
        f"smoke_gate: {seen['accepted']} of the first {seen['samples']} samples were accepted, "
        f"fewer than {floor:.0%}"
    )
    if reasons:
        worst = max(reasons, key=lambda code: reasons[code])
        said += f"; most were lost to {worst} ({reasons[worst]})"
    return said


async def shown(session: AsyncSession, job: Job) -> SmokeView | None:
    """For the job's answer; nothing for one that asks nobody."""
    if job.teacher_id is None:
        return None
    if job.smoke is None:
        state: Literal["off", "pending"] = "pending" if job.document.get("smoke") else "off"
        return SmokeView(state=state, accepted=None, samples=None, replies=[])
    passed, overruled = job.smoke["passed"], job.smoke.get("overruled")
    return SmokeView(
        state="passed" if passed else "overruled" if overruled else "stopped",
        accepted=job.smoke["accepted"],
        samples=job.smoke["samples"],
        replies=[] if passed else await _replies(session, job.id),
    )


async def _replies(session: AsyncSession, job_id: UUID) -> list[SmokeReply]:
    rows = await session.execute(_REPLIES, {"job": job_id, "most": SHOWN})
    return [
        SmokeReply(
            item=row.item,
            sample=row.sample,
            reason=row.reason,
            detail=row.detail,
            reply=None
            if row.content is None
            else for_display(bytes(row.content).decode("utf-8", "surrogatepass"), _LONGEST),
        )
        for row in rows
    ]


_REPLIES = text("""
    SELECT s.item, s.sample, s.reason, coalesce(s.detail, r.detail) AS detail, c.content
    FROM sample AS s
    LEFT JOIN completion AS c USING (job_id, item, sample)
    LEFT JOIN reject AS r USING (job_id, item, sample)
    WHERE s.job_id = :job AND s.outcome <> 'accepted'
    ORDER BY s.item, s.sample LIMIT :most
""")
