"""SQL of the workers' signs of life: who is there, why it takes no work, what it has in flight."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.jobs import spent

ALIVE = 15.0
"""Seconds after its last sign of life for which a worker counts as there: seven signs."""


@dataclass(frozen=True, slots=True)
class Sign:
    """What a worker says of itself."""

    worker_id: UUID
    host: str
    pid: int
    concurrency: int
    waits: str | None
    in_flight: Mapping[str, int]
    """By `job/arm`."""


async def beat(session: AsyncSession, sign: Sign) -> None:
    await session.execute(
        _BEAT,
        {
            "id": sign.worker_id,
            "host": sign.host,
            "pid": sign.pid,
            "concurrency": sign.concurrency,
            "waits": sign.waits,
            "in_flight": orjson.dumps(dict(sign.in_flight)).decode(),
        },
    )


_BEAT = text("""
    INSERT INTO worker (id, host, pid, concurrency, waits, in_flight)
    VALUES (:id, :host, :pid, :concurrency, :waits, CAST(:in_flight AS jsonb))
    ON CONFLICT (id) DO UPDATE SET waits = excluded.waits, in_flight = excluded.in_flight,
        seen_at = clock_timestamp()
""")


async def leave(session: AsyncSession, worker_id: UUID) -> None:
    """It stopped as it was told to."""
    await session.execute(text("DELETE FROM worker WHERE id = :id"), {"id": worker_id})


async def forget(session: AsyncSession) -> None:
    """Take out those of which nobody has heard for a day."""
    await session.execute(
        text("DELETE FROM worker WHERE seen_at < clock_timestamp() - interval '1 day'")
    )


@dataclass(frozen=True, slots=True)
class Standing:
    """What became of a job of which somebody holds a chunk."""

    state: str
    priority: int
    outranked: bool
    """Whether its teacher is wanted for a job of a higher priority that has work ready."""
    spent: bool
    """Whether it has reached one of its limits."""


async def standings(
    session: AsyncSession, held: Collection[tuple[UUID, int]]
) -> dict[tuple[UUID, int], Standing]:
    """By job and arm."""
    if not held:
        return {}
    asked = {"jobs": [job for job, _ in held], "arms": [arm for _, arm in held]}
    rows = (await session.execute(_STANDINGS, asked)).all()
    full = await spent.reached(session, {row.id for row in rows if row.limited})
    return {
        (row.id, row.arm): Standing(row.state, row.priority, row.outranked, row.id in full)
        for row in rows
    }


_STANDINGS = text(f"""
    SELECT job.id, held.arm, state, priority, {spent.LIMITED} AS limited, EXISTS (
        SELECT FROM job AS higher
        JOIN job_arm AS theirs ON theirs.job_id = higher.id
        WHERE theirs.teacher_id = mine.teacher_id AND higher.priority > job.priority
          AND (higher.teacher_id = mine.teacher_id OR higher.arms > 1)
          AND higher.state IN ('queued', 'running')
          AND EXISTS (
              SELECT FROM chunk
              WHERE job_id = theirs.job_id AND arm = theirs.arm AND state = 'ready'
          )
    ) AS outranked
    FROM unnest(CAST(:jobs AS uuid[]), CAST(:arms AS int8[])) AS held (job_id, arm)
    JOIN job ON job.id = held.job_id
    LEFT JOIN job_arm AS mine ON mine.job_id = held.job_id AND mine.arm = held.arm
""")  # noqa: S608  (put together from constants)


@dataclass(frozen=True, slots=True)
class Crew:
    """All workers that are alive, taken together."""

    alive: int
    silent: int
    """Those that stopped showing life without having been told to stop."""
    waiting: str | None
    """Why those that take no work take none: the words of one of them."""
    takes_work: bool
    in_flight: Mapping[UUID, int]

    @property
    def idle(self) -> str | None:
        """Why nobody takes work, where nobody does."""
        if self.alive == 0:
            return "no worker is running: `limbeck worker` starts one"
        return None if self.takes_work else self.waiting


async def crew(session: AsyncSession, job_ids: Collection[UUID]) -> Crew:
    """The workers that are alive, and what they have in flight for these jobs."""
    row = (
        await session.execute(_CREW, {"jobs": [str(job) for job in job_ids], "silence": ALIVE})
    ).one()
    return Crew(
        alive=row.alive,
        silent=row.silent,
        waiting=row.waiting,
        takes_work=row.takes_work or False,
        in_flight={UUID(job): number for job, number in (row.in_flight or {}).items()},
    )


_CREW = text("""
    WITH known AS (
        SELECT *, seen_at > clock_timestamp() - make_interval(secs => :silence) AS alive
        FROM worker
    )
    SELECT count(*) FILTER (WHERE alive) AS alive, count(*) FILTER (WHERE NOT alive) AS silent,
        min(waits) FILTER (WHERE alive) AS waiting,
        bool_or(waits IS NULL) FILTER (WHERE alive) AS takes_work,
        (
            SELECT jsonb_object_agg(job, n) FROM (
                SELECT split_part(key, '/', 1) AS job, sum(CAST(value AS int8)) AS n
                FROM known, jsonb_each_text(in_flight)
                WHERE alive AND split_part(key, '/', 1) = ANY(:jobs) GROUP BY 1
            ) AS summed
        ) AS in_flight
    FROM known
""")
