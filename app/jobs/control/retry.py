"""Samples that failed are asked for again.

Their chunks are opened again, with what had been cancelled in them: an item of an open chunk is
either ended or to be asked for.
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.corpus import shadow
from app.errors import Conflict
from app.jobs import arm_rows, events, spent
from app.jobs.control.hold import issue_tickets
from app.jobs.models import Job


async def retry(session: AsyncSession, job: Job) -> int:
    """Answers how many samples are open again; a job that had ended lives again then. The caller
    holds the job's lock.

    Raises `Conflict` for a job that was cancelled, has its records, has used one of its limits, or
    asks nobody.
    """
    _require_wanting(job)
    count: int = await session.scalar(_WANTED, {"job": job.id}) or 0
    if count >= job.num_records:
        raise Conflict(
            "job.complete",
            f"job {job.id} has its {job.num_records} records, so that nothing more is asked for",
        )
    if (why := await spent.why_full(session, job)) is not None:
        raise Conflict(
            "job.exhausted",
            f"job {job.id} asks nothing more: {why}",
            hint="While it has not ended, PATCH raises its limits; later, a clone may have others.",
        )
    await shadow.require_open(session, job.corpus_id)
    reopened = await _reopen(session, job)
    if not reopened:
        return 0
    was, job.state = job.state, _live(job)
    if was != job.state:
        job.reason = job.ended_at = job.account = None
        await arm_rows.revive(session, job.id)
    await session.flush()
    await events.note(session, job.id, "retried", samples=reopened)
    if was != job.state:
        await events.note(session, job.id, "state", state=job.state, reason=None)
    await issue_tickets(session, job)
    return reopened


def _require_wanting(job: Job) -> None:
    if job.kind != "generate":
        raise Conflict("job.asks_nobody", f"job {job.id} decides on stored replies: none can fail")
    if job.state in {"cancelling", "cancelled"}:
        raise Conflict(
            "job.ended",
            f"job {job.id} was cancelled",
            hint=f"POST /v1/jobs/{job.id}/clone submits it again.",
        )


def _live(job: Job) -> str:
    return "running" if job.state in {"finished", "failed"} else job.state


_WANTED = text("SELECT CAST(sum(accepted) AS int8) FROM chunk WHERE job_id = :job")


async def _reopen(session: AsyncSession, job: Job) -> int:
    least = (job.document.get("limits") or {}).get("min_novelty")
    gives_up = job.stratified or least is not None or (job.arms > 1 and not job.compares)
    count: int = await session.scalar(_REOPEN, {"job": job.id, "gives_up": gives_up}) or 0
    return count


# Chunks that somebody holds are passed over: their holders have decided what they ask for. So are
# those in which samples of dry strata were cancelled: they are counted with their strata; and those
# of which another teacher has taken over the rest.
_REOPEN = text("""
    WITH idle AS (
        SELECT id, first_item, items FROM chunk
        WHERE job_id = :job AND state <> 'running' AND failed > 0
          AND (cancelled = 0 OR NOT :gives_up)
        FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM sample AS s USING idle
        WHERE s.job_id = :job AND s.outcome = 'failed'
          AND s.item >= idle.first_item AND s.item < idle.first_item + idle.items
        RETURNING idle.id, s.item, s.reason
    ), cleared AS (
        DELETE FROM crash USING gone WHERE crash.job_id = :job AND crash.item = gone.item
    ), counted AS (
        SELECT id, reason, count(*) AS n FROM gone GROUP BY id, reason
    ), left_over AS (
        SELECT c.id, coalesce(jsonb_object_agg(r.key, CAST(r.value AS int8) - coalesce(g.n, 0))
            FILTER (WHERE CAST(r.value AS int8) > coalesce(g.n, 0)), '{}') AS reasons
        FROM chunk AS c JOIN idle USING (id)
        CROSS JOIN LATERAL jsonb_each_text(c.reasons) AS r
        LEFT JOIN counted AS g ON g.id = c.id AND g.reason = r.key
        GROUP BY c.id
    ), opened AS (
        UPDATE chunk SET state = 'ready', ended_at = NULL, losses = 0, cancelled = 0,
            failed = failed - sums.n, reasons = left_over.reasons
        FROM (SELECT id, sum(n) AS n FROM counted GROUP BY id) AS sums
        JOIN left_over USING (id)
        WHERE chunk.id = sums.id
        RETURNING sums.n
    )
    SELECT CAST(sum(n) AS int8) FROM opened
""")
