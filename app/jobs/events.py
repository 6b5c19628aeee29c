"""What happened to a job, one row each: what a subscriber sees besides progress.

A job's events are numbered under its row's lock, so that their numbers are the order in which they
were committed: who has seen one has seen all before it, whichever process showed it.

| kind           | data                         | written by                                 |
|----------------|------------------------------|--------------------------------------------|
| `state`        | state, reason                | the first claim, pause, resume, cancel     |
| `changed`      | what was changed: was, now   | a change of priority, target or limit      |
| `waiting`      | reason                       | the sweep: who is still needed is away     |
| `recovered`    |                              | the sweep: one of them is back             |
| `chunk_lost`   | chunk, arm, losses, holder   | the sweep: its worker shows no life        |
| `chunk_failed` | chunk, arm, failed           | the end of a chunk in which samples failed |
| `retried`      | samples                      | a retry of what failed                     |
| `end`          | state, reason                | the job's end                              |

A chunk is named by its number in its arm; of arm 0, the arm is not said.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Noted:
    job_id: UUID
    number: int
    kind: str
    data: dict[str, Any]
    at: datetime


def which(arm: int, seq: int) -> dict[str, Any]:
    """A chunk as events name it: most jobs have one arm."""
    return {"chunk": seq} | ({"arm": arm} if arm else {})


async def note(session: AsyncSession, job_id: UUID, kind: str, **data: Any) -> None:
    """Add an event; the job's row is locked until the transaction ends. A chunk's lock, where one
    is needed, is taken before.
    """
    await session.execute(_NOTE, {"job": job_id, "kind": kind, "data": orjson.dumps(data).decode()})


_NOTE = text("""
    WITH next AS (
        UPDATE job SET events = events + 1 WHERE id = :job RETURNING id, events
    )
    INSERT INTO job_event (job_id, number, kind, data)
    SELECT id, events, :kind, CAST(:data AS jsonb) FROM next
""")


async def note_waiting(session: AsyncSession) -> None:
    """Tell jobs whose teacher or judge went away, or came back, since they were last told."""
    await session.execute(_NOTE_WAITING)


# One that is being changed at this moment is told at the next sweep.
_NOTE_WAITING = text("""
    WITH needed AS (
        SELECT a.job_id, t.down_since, t.down_reason
        FROM job AS j
        JOIN job_arm AS a ON a.job_id = j.id JOIN teacher AS t ON t.id = a.teacher_id
        WHERE j.state IN ('queued', 'running') AND (j.arms = 1 OR EXISTS (
            SELECT FROM chunk
            WHERE job_id = a.job_id AND arm = a.arm AND state IN ('ready', 'running')
        ))
    ), asked AS (
        SELECT job_id, bool_and(down_since IS NOT NULL) AS waits,
            string_agg(DISTINCT down_reason, '; ') AS down_reason
        FROM needed GROUP BY job_id
        UNION ALL
        SELECT q.job_id, t.down_since IS NOT NULL, 'judge: ' || t.down_reason
        FROM job AS j
        JOIN job_judge AS q ON q.job_id = j.id JOIN teacher AS t ON t.id = q.teacher_id
        WHERE j.state IN ('queued', 'running')
    ), standing AS (
        SELECT job_id, bool_or(waits) AS waits,
            string_agg(down_reason, '; ') FILTER (WHERE waits) AS down_reason
        FROM asked GROUP BY job_id
    ), untold AS (
        SELECT j.id, s.waits, s.down_reason
        FROM standing AS s JOIN job AS j ON j.id = s.job_id
        WHERE j.state IN ('queued', 'running') AND j.waits <> s.waits
        FOR NO KEY UPDATE OF j SKIP LOCKED
    ), next AS (
        UPDATE job SET waits = untold.waits, events = events + 1
        FROM untold WHERE job.id = untold.id
        RETURNING job.id, job.events, job.waits, untold.down_reason
    )
    INSERT INTO job_event (job_id, number, kind, data)
    SELECT id, events, CASE WHEN waits THEN 'waiting' ELSE 'recovered' END,
        CASE WHEN waits THEN jsonb_build_object('reason', down_reason) ELSE '{}' END
    FROM next
""")


async def after(session: AsyncSession, job_id: UUID, number: int) -> Sequence[Noted]:
    """The events of a job that follow the one of this number, oldest first, at most `AT_ONCE`."""
    return await after_each(session, [job_id], [number])


async def after_each(
    session: AsyncSession, job_ids: Collection[UUID], numbers: Collection[int]
) -> Sequence[Noted]:
    """The same for several jobs, each with a number of its own."""
    rows = await session.execute(
        _AFTER, {"jobs": list(job_ids), "numbers": list(numbers), "most": AT_ONCE}
    )
    return [Noted(row.job_id, row.number, row.kind, row.data, row.at) for row in rows]


_AFTER = text("""
    SELECT e.job_id, e.number, e.kind, e.data, e.at
    FROM unnest(CAST(:jobs AS uuid[]), CAST(:numbers AS int8[])) AS asked (job_id, number)
    CROSS JOIN LATERAL (
        SELECT * FROM job_event
        WHERE job_id = asked.job_id AND number > asked.number
        ORDER BY number LIMIT :most
    ) AS e
    ORDER BY e.job_id, e.number
""")
