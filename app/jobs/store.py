"""SQL of jobs, their ledger and their samples. Chunks are written in `lease.py` alone."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.arrays import Int8s, Texts, Uuids
from app.corpus.candidate import Place
from app.corpus.item import ROWS
from app.errors import NotFound
from app.jobs import arm_rows, events
from app.jobs.ledger import Ledger
from app.jobs.models import Job

LIVE = ("queued", "running", "paused", "cancelling")


class SampleRow(NamedTuple):
    place: Place
    outcome: str
    reason: str | None = None
    detail: str | None = None
    attempts: int = 1


async def get(session: AsyncSession, job_id: UUID) -> Job:
    job = await session.get(Job, job_id)
    if job is None:
        raise NotFound("job.not_found", f"there is no job {job_id}")
    return job


async def some(session: AsyncSession, job_ids: Sequence[UUID]) -> Sequence[Job]:
    """Those of these jobs that there are, oldest first."""
    return (await session.scalars(select(Job).where(Job.id.in_(job_ids)).order_by(Job.id))).all()


async def with_replies(session: AsyncSession, corpus_id: UUID) -> Sequence[Job]:
    """The jobs that decided on what a corpus holds, oldest first; not those that only tried to
    rebuild it.
    """
    query = select(Job).where(Job.corpus_id == corpus_id).order_by(Job.id)
    tried = Job.shadow_id.is_not(None) & (Job.state != "finished")
    return (await session.scalars(query.where(~tried))).all()


@dataclass(frozen=True, slots=True)
class Starts:
    """Where the chunks of a job begin."""

    items: Sequence[int]
    """The first of each, in order."""
    numbers: Sequence[int]

    def seq(self, item: int) -> int:
        """The number of the chunk that an item is in: what its prompt showed depends on that."""
        at = bisect_right(self.items, item) - 1
        return self.numbers[at] if at >= 0 else 0


async def chunk_starts(session: AsyncSession, job_id: UUID) -> Starts:
    rows = (await session.execute(_CHUNK_STARTS, {"job": job_id})).all()
    return Starts([row.first_item for row in rows], [row.seq for row in rows])


_CHUNK_STARTS = text("SELECT first_item, seq FROM chunk WHERE job_id = :job ORDER BY first_item")


async def lock(session: AsyncSession, job_id: UUID) -> Job:
    """The job, locked until the transaction ends: whoever decides what it does next holds this."""
    job = await session.get(Job, job_id, with_for_update=True, populate_existing=True)
    if job is None:
        raise NotFound("job.not_found", f"there is no job {job_id}")
    return job


async def page(
    session: AsyncSession,
    *,
    namespace: str | None,
    state: str | None,
    before: UUID | None,
    limit: int,
) -> Sequence[Job]:
    """Jobs, newest first."""
    query = select(Job).order_by(Job.id.desc()).limit(limit)
    if namespace is not None:
        query = query.where(Job.namespace == namespace)
    if state is not None:
        query = query.where(Job.state == state)
    if before is not None:
        query = query.where(Job.id < before)
    return (await session.scalars(query)).all()


async def finish(
    session: AsyncSession, job_id: UUID, state: str, reason: str | None, account: Ledger
) -> None:
    """The caller holds the job's lock, and has seen that it is live."""
    await session.execute(
        update(Job)
        .where(Job.id == job_id)
        .values(state=state, reason=reason, ended_at=func.now(), account=account.sums)
    )
    await arm_rows.end(session, job_id)
    await events.note(session, job_id, "end", state=state, reason=reason)


async def ledgers(session: AsyncSession, job_ids: Sequence[UUID]) -> dict[UUID, Ledger]:
    """The accounts of some jobs, in one query and of one moment."""
    rows = await session.execute(_LEDGERS, {"jobs": list(job_ids)})
    return {
        row.job_id: Ledger(
            planned=row.planned,
            accepted=row.accepted,
            rejected=row.rejected,
            failed=row.failed,
            cancelled=row.cancelled,
            reasons=row.reasons,
            prompt_tokens=row.prompt_tokens,
            completion_tokens=row.completion_tokens,
            cached_tokens=row.cached_tokens,
            judge_prompt_tokens=row.judge_prompt_tokens,
            judge_completion_tokens=row.judge_completion_tokens,
            chunks_ready=row.ready,
            chunks_running=row.running,
        )
        for row in rows
    }


_LEDGERS = text("""
    SELECT totals.*, coalesce(by_reason.reasons, '{}') AS reasons
    FROM (
        SELECT job_id,
            CAST(sum(samples) AS int8) AS planned, CAST(sum(accepted) AS int8) AS accepted,
            CAST(sum(rejected) AS int8) AS rejected, CAST(sum(failed) AS int8) AS failed,
            CAST(sum(cancelled) AS int8) AS cancelled,
            CAST(sum(prompt_tokens) AS int8) AS prompt_tokens,
            CAST(sum(completion_tokens) AS int8) AS completion_tokens,
            CAST(sum(cached_tokens) AS int8) AS cached_tokens,
            CAST(sum(judge_prompt_tokens) AS int8) AS judge_prompt_tokens,
            CAST(sum(judge_completion_tokens) AS int8) AS judge_completion_tokens,
            count(*) FILTER (WHERE state = 'ready') AS ready,
            count(*) FILTER (WHERE state = 'running') AS running
        FROM chunk WHERE job_id = ANY(:jobs) GROUP BY job_id
    ) AS totals
    LEFT JOIN (
        SELECT job_id, jsonb_object_agg(key, n) AS reasons FROM (
            SELECT job_id, key, sum(CAST(value AS int8)) AS n
            FROM chunk, jsonb_each_text(reasons)
            WHERE job_id = ANY(:jobs) GROUP BY job_id, key
        ) AS summed GROUP BY job_id
    ) AS by_reason USING (job_id)
""")


async def ledger(session: AsyncSession, job_id: UUID) -> Ledger:
    return (await ledgers(session, [job_id]))[job_id]


async def next_row(session: AsyncSession, job_id: UUID) -> int:
    """The first row that no chunk of the job covers yet."""
    return (await session.scalar(_NEXT_ROW, {"job": job_id, "in_arm": ROWS})) or 0


_NEXT_ROW = text("SELECT max(first_item % :in_arm + items) FROM chunk WHERE job_id = :job")


async def chunk_of(session: AsyncSession, job_id: UUID, item: int) -> int | None:
    """The number of the chunk that an item is worked in, in its arm."""
    found: int | None = await session.scalar(_CHUNK_OF, {"job": job_id, "item": item})
    return found


_CHUNK_OF = text("""
    SELECT seq FROM chunk
    WHERE job_id = :job AND first_item <= :item AND first_item + items > :item
""")


async def end_samples(session: AsyncSession, rows: Sequence[SampleRow]) -> None:
    """Write samples' ends. A second end for one sample breaks the primary key, and the whole
    transaction with it.
    """
    if rows:
        await session.execute(
            _END_SAMPLES,
            {
                "jobs": Uuids([r.place.job_id for r in rows]),
                "items": Int8s([r.place.item for r in rows]),
                "samples": Int8s([r.place.sample for r in rows]),
                "outcomes": Texts([r.outcome for r in rows]),
                "reasons": Texts([r.reason for r in rows]),
                "details": Texts([r.detail for r in rows]),
                "attempts": Int8s([r.attempts for r in rows]),
            },
        )


_END_SAMPLES = text("""
    INSERT INTO sample (job_id, item, sample, outcome, reason, detail, attempts)
    SELECT * FROM unnest(
        CAST(:jobs AS uuid[]), CAST(:items AS int8[]), CAST(:samples AS int8[]),
        CAST(:outcomes AS text[]), CAST(:reasons AS text[]), CAST(:details AS text[]),
        CAST(:attempts AS int8[])
    )
""")


async def ended(session: AsyncSession, places: Sequence[Place]) -> set[Place]:
    """Those of these samples that have ended."""
    rows = await session.execute(
        _ENDED,
        {
            "jobs": Uuids([p.job_id for p in places]),
            "items": Int8s([p.item for p in places]),
            "samples": Int8s([p.sample for p in places]),
        },
    )
    return {Place(row.job_id, row.item, row.sample) for row in rows}


# One look into the index for each, whatever Postgres knows of the table's size.
_ENDED = text("""
    SELECT asked.*
    FROM unnest(CAST(:jobs AS uuid[]), CAST(:items AS int8[]), CAST(:samples AS int8[]))
        AS asked (job_id, item, sample)
    CROSS JOIN LATERAL (
        SELECT FROM sample AS s
        WHERE s.job_id = asked.job_id AND s.item = asked.item AND s.sample = asked.sample LIMIT 1
    ) AS found
""")


async def open_items(
    session: AsyncSession, job_id: UUID, first_item: int, items: int, samples: int
) -> list[int]:
    """The items of a run of which some sample neither ended nor has a stored reply."""
    rows = await session.scalars(
        _OPEN, {"job": job_id, "first": first_item, "end": first_item + items, "samples": samples}
    )
    return list(rows)


_OPEN = text("""
    SELECT i FROM generate_series(CAST(:first AS int8), CAST(:end AS int8) - 1) AS i
    WHERE :samples > (
        SELECT count(*) FROM (
            SELECT sample FROM sample WHERE job_id = :job AND item = i
            UNION SELECT sample FROM completion WHERE job_id = :job AND item = i
        ) AS known
    )
    ORDER BY i
""")


@dataclass(frozen=True, slots=True)
class Failure:
    item: int
    sample: int
    reason: str
    detail: str | None
    attempts: int


async def failures(
    session: AsyncSession, job_id: UUID, *, after: int | None, limit: int
) -> Sequence[Failure]:
    """Samples that failed, by item and sample; `after` is `item * 64 + sample` of one."""
    rows = await session.execute(
        _FAILURES, {"job": job_id, "after": -1 if after is None else after, "limit": limit}
    )
    return [Failure(r.item, r.sample, r.reason, r.detail, r.attempts) for r in rows]


_FAILURES = text("""
    SELECT item, sample, reason, detail, attempts FROM sample
    WHERE job_id = :job AND outcome = 'failed'
      AND (item, sample) > (CAST(:after AS int8) / 64, CAST(:after AS int8) % 64)
    ORDER BY item, sample LIMIT :limit
""")


async def undecided(session: AsyncSession) -> Sequence[UUID]:
    """Live jobs that nobody works on and that nobody will: somebody has to decide what is next."""
    return (await session.scalars(_UNDECIDED)).all()


# Passing over jobs that somebody is deciding for: to put a rebuilt corpus in place takes a while.
_UNDECIDED = text("""
    SELECT id FROM job
    WHERE state IN ('queued', 'running', 'cancelling')
      AND NOT EXISTS (SELECT FROM chunk WHERE job_id = job.id AND chunk.state = 'running')
      AND (
          state = 'cancelling'
          OR NOT EXISTS (SELECT FROM chunk WHERE job_id = job.id AND chunk.state = 'ready')
      )
    FOR UPDATE SKIP LOCKED
""")
