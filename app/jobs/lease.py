"""Who works on which chunk, for as long as it shows life (see `app.jobs.reap` for the others).

A claim raises the chunk's epoch; every later write of that holder names chunk and epoch, so a
holder that lost its claim changes nothing. Leases end by the database's clock alone.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.corpus.item import arm_of
from app.jobs import events
from app.jobs.clock import CHUNKS, LET_GO, STARTED, STOPPED
from app.jobs.judges import READY


class LeaseLost(Exception):
    """Somebody else holds the chunk now: what this holder has is dropped."""


@dataclass(frozen=True, slots=True)
class Claim:
    chunk_id: UUID
    epoch: int
    job_id: UUID
    seq: int
    first_item: int
    items: int
    losses: int
    """How many holders died with it since it last got on."""

    @property
    def arm(self) -> int:
        return arm_of(self.first_item)

    @property
    def is_first(self) -> bool:
        """Whether nobody had the chunk before: then none of its samples was ever asked for."""
        return self.epoch == 1


@dataclass(frozen=True, slots=True)
class Progress:
    """What a settled batch adds to its chunk."""

    accepted: int = 0
    rejected: int = 0
    failed: int = 0
    reasons: Mapping[str, int] | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    judge_prompt_tokens: int = 0
    judge_completion_tokens: int = 0


async def claim(
    session: AsyncSession, teacher_id: UUID, holder: str, lease: timedelta
) -> Claim | None:
    """The best chunk of this teacher: of the job with the highest priority, among those of the
    one with the fewest chunks running. None where nothing is ready or the teacher is away.
    """
    said = {"teacher": teacher_id, "holder": holder, "lease": lease}
    return await _started(session, (await session.execute(_CLAIM, said)).one_or_none())


async def _started(session: AsyncSession, row: Any) -> Claim | None:
    if row is None:
        return None
    await session.execute(_START, {"job": row.job_id})
    return Claim(row.id, row.epoch, row.job_id, row.seq, row.first_item, row.items, row.losses)


# A handful of each arm's first chunks are candidates: enough to pass those that a racing claim has
# locked, and no scan over a large job's thousands. Of running chunks, this teacher's count.
_CLAIM = text(f"""
    WITH candidate AS (
        SELECT c.id, j.priority, j.id AS job_id, c.seq, a.arm,
            (SELECT count(*) FROM chunk AS r
             WHERE r.job_id = j.id AND r.state = 'running' AND (j.arms = 1 OR EXISTS (
                 SELECT FROM job_arm
                 WHERE job_id = r.job_id AND arm = r.arm AND teacher_id = :teacher
             ))) AS running
        FROM job AS j
        JOIN job_arm AS a ON a.job_id = j.id AND a.teacher_id = :teacher
        JOIN teacher AS t ON t.id = a.teacher_id
        CROSS JOIN LATERAL (
            SELECT id, seq FROM chunk
            WHERE job_id = a.job_id AND arm = a.arm AND state = 'ready' ORDER BY seq LIMIT 16
        ) AS c
        WHERE j.state IN ('queued', 'running') AND (j.teacher_id = :teacher OR j.arms > 1)
          AND (t.retry_at IS NULL OR t.retry_at <= clock_timestamp()) AND {READY}
    ), best AS (
        SELECT chunk.id FROM chunk JOIN candidate USING (id)
        WHERE chunk.state = 'ready'
        ORDER BY candidate.priority DESC, candidate.running, candidate.job_id, candidate.seq,
            candidate.arm
        LIMIT 1
        FOR UPDATE OF chunk SKIP LOCKED
    ), taken AS (
        SELECT CAST(:teacher AS uuid) AS teacher_id FROM best
    ), {STARTED}
    UPDATE chunk SET state = 'running', epoch = epoch + 1, holder = :holder,
        lease_until = clock_timestamp() + :lease, started_at = coalesce(started_at, now()),
        clock_from = clock.seconds
    FROM best, clock WHERE chunk.id = best.id
    RETURNING chunk.id, chunk.epoch, chunk.job_id, chunk.seq, chunk.first_item, chunk.items,
        chunk.losses
""")  # noqa: S608  (put together from constants)

_START = text("""
    WITH started AS (
        UPDATE job SET state = 'running', started_at = coalesce(started_at, now()),
            events = events + 1
        WHERE id = :job AND state = 'queued' RETURNING id, events
    )
    INSERT INTO job_event (job_id, number, kind, data)
    SELECT id, events, 'state', jsonb_build_object('state', 'running') FROM started
""")


async def claim_stored(
    session: AsyncSession, job_id: UUID, holder: str, lease: timedelta
) -> Claim | None:
    """The next chunk of a job that asks nobody. One at a time and in their order, whoever holds
    them: so the same replies are always decided in the same order, also after a crash.
    """
    said = {"job": job_id, "holder": holder, "lease": lease}
    return await _started(session, (await session.execute(_CLAIM_STORED, said)).one_or_none())


_CLAIM_STORED = text(f"""
    UPDATE chunk SET state = 'running', epoch = epoch + 1, holder = :holder,
        lease_until = clock_timestamp() + :lease, started_at = coalesce(started_at, now())
    WHERE id = (
        SELECT c.id FROM chunk AS c JOIN job AS j ON j.id = c.job_id
        WHERE c.job_id = :job AND c.arm = 0 AND c.state = 'ready'
          AND j.teacher_id IS NULL AND j.state IN ('queued', 'running') AND {READY}
          AND NOT EXISTS (SELECT FROM chunk WHERE job_id = :job AND state = 'running')
        ORDER BY c.seq LIMIT 1
        FOR UPDATE OF c SKIP LOCKED
    )
    RETURNING id, epoch, job_id, seq, first_item, items, losses
""")  # noqa: S608


async def renew(
    session: AsyncSession, held: Collection[tuple[UUID, int]], lease: timedelta
) -> set[tuple[UUID, int]]:
    """Signs of life for chunks and epochs; answers those that nobody else has taken meanwhile, the
    ones that have just been closed included.
    """
    rows = await session.execute(
        _RENEW,
        {
            "chunks": [chunk for chunk, _ in held],
            "epochs": [epoch for _, epoch in held],
            "lease": lease,
        },
    )
    return {(row.id, row.epoch) for row in rows}


_RENEW = text("""
    WITH held AS (
        SELECT * FROM unnest(CAST(:chunks AS uuid[]), CAST(:epochs AS int8[])) AS t (id, epoch)
    ), renewed AS (
        UPDATE chunk SET lease_until = clock_timestamp() + :lease
        FROM held
        WHERE chunk.id = held.id AND chunk.epoch = held.epoch AND chunk.state = 'running'
    )
    SELECT id, epoch FROM chunk JOIN held USING (id, epoch)
""")


async def fence(session: AsyncSession, claim: Claim) -> None:
    """Lock the chunk until the transaction ends. Raises `LeaseLost` where it is not ours now."""
    if await session.scalar(_FENCE, {"chunk": claim.chunk_id, "epoch": claim.epoch}) is None:
        raise LeaseLost


# Whoever freezes with these locks loses them, and its connection, well before its lease ends: it
# must not keep others from the corpus.
_FENCE = text("""
    SELECT id, set_config('idle_in_transaction_session_timeout', '20s', true)
    FROM chunk WHERE id = :chunk AND epoch = :epoch AND state = 'running' FOR UPDATE
""")


IS_HELD = """
    EXISTS (SELECT FROM chunk WHERE id = :chunk AND epoch = :epoch AND state = 'running')
"""
"""Of a claim, in SQL. It locks nothing: for writes that are harmless beside a newer holder's."""


async def check(session: AsyncSession, claim: Claim) -> None:
    """Raises `LeaseLost` where the claim is not held any more."""
    if not await session.scalar(_CHECK, {"chunk": claim.chunk_id, "epoch": claim.epoch}):
        raise LeaseLost


_CHECK = text(f"SELECT {IS_HELD}")


async def record(session: AsyncSession, claim: Claim, progress: Progress) -> None:
    """Add a settled batch to the chunk's account. The caller holds the fence."""
    await session.execute(
        _RECORD,
        {
            "chunk": claim.chunk_id,
            "accepted": progress.accepted,
            "rejected": progress.rejected,
            "failed": progress.failed,
            "prompt_tokens": progress.prompt_tokens,
            "completion_tokens": progress.completion_tokens,
            "cached_tokens": progress.cached_tokens,
            "judge_prompt_tokens": progress.judge_prompt_tokens,
            "judge_completion_tokens": progress.judge_completion_tokens,
            "reasons": orjson.dumps(dict(progress.reasons or {})).decode(),
        },
    )


_RECORD = text("""
    UPDATE chunk SET
        accepted = accepted + :accepted, rejected = rejected + :rejected,
        failed = failed + :failed, prompt_tokens = prompt_tokens + :prompt_tokens,
        completion_tokens = completion_tokens + :completion_tokens,
        cached_tokens = cached_tokens + :cached_tokens,
        judge_prompt_tokens = judge_prompt_tokens + :judge_prompt_tokens,
        judge_completion_tokens = judge_completion_tokens + :judge_completion_tokens, losses = 0,
        reasons = (
            SELECT coalesce(jsonb_object_agg(key, n), '{}') FROM (
                SELECT key, sum(CAST(value AS int8)) AS n FROM (
                    SELECT key, value FROM jsonb_each_text(chunk.reasons)
                    UNION ALL SELECT key, value FROM jsonb_each_text(CAST(:reasons AS jsonb))
                ) AS both_of_them GROUP BY key
            ) AS summed
        )
    WHERE id = :chunk
""")


async def close(session: AsyncSession, claim: Claim) -> int:
    """The chunk is done; what was not settled is cancelled: answers how many samples that are. The
    caller holds the fence.
    """
    row = (await session.execute(_CLOSE, {"chunk": claim.chunk_id})).one()
    if row.failed:
        which = events.which(claim.arm, claim.seq)
        await events.note(session, claim.job_id, "chunk_failed", **which, failed=row.failed)
    return int(row.cancelled)


_CLOSE = text(f"""
    WITH mine AS (
        SELECT id, teacher_id FROM {CHUNKS} AS c WHERE id = :chunk
    ), let_go AS (
        SELECT teacher_id, 1 AS chunks FROM mine
    ), {STOPPED}
    UPDATE chunk SET state = 'done', holder = NULL, lease_until = NULL, ended_at = now(),
        cancelled = samples - accepted - rejected - failed, {LET_GO}
    FROM mine LEFT JOIN clock USING (teacher_id)
    WHERE chunk.id = mine.id RETURNING failed, cancelled
""")  # noqa: S608  (put together from constants, as below)


async def hand_back(session: AsyncSession, claim: Claim, *, lost: bool = False) -> None:
    """Give an unfinished chunk to the next taker; `lost` where it broke this one. Nothing happens
    where the lease is lost.
    """
    await session.execute(
        _HAND_BACK, {"chunk": claim.chunk_id, "epoch": claim.epoch, "lost": int(lost)}
    )


_HAND_BACK = text(f"""
    WITH held AS (
        SELECT id FROM chunk WHERE id = :chunk AND epoch = :epoch AND state = 'running' FOR UPDATE
    ), mine AS (
        SELECT id, teacher_id FROM {CHUNKS} AS c JOIN held USING (id)
    ), let_go AS (
        SELECT teacher_id, 1 AS chunks FROM mine
    ), {STOPPED}
    UPDATE chunk SET state = 'ready', holder = NULL, lease_until = NULL, losses = losses + :lost,
        {LET_GO}
    FROM mine LEFT JOIN clock USING (teacher_id)
    WHERE chunk.id = mine.id
""")  # noqa: S608


async def cancel_ready(session: AsyncSession, job_id: UUID) -> None:
    """Close every chunk of a job that nobody works on."""
    await session.execute(_CANCEL_READY, {"job": job_id})


# A chunk that is being claimed at this moment is passed over: its holder will see that nothing
# more is wanted. Waiting for it could deadlock, since the claim goes on to the job's row.
_CANCEL_READY = text("""
    UPDATE chunk SET state = 'done', ended_at = now(),
        cancelled = samples - accepted - rejected - failed
    WHERE id IN (
        SELECT id FROM chunk WHERE job_id = :job AND state = 'ready' FOR UPDATE SKIP LOCKED
    )
""")
