"""What a job has spent, and which of its limits it has reached.

All of it is read off the ledger. Tokens, those of judges included, count with the chunk in which
they were settled, and cost what is asked for them now. GPU hours are the parts of its teacher's
time (`clock.py`) that went to the job's chunks, times the teacher's GPUs; of a judge's time there
is no account. Wall time is what its events say: from the first claim on, without the time between a
pause and what ended it.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.jobs.amounts import short_count, short_time
from app.jobs.clock import CHUNKS, SHOWS
from app.jobs.models import Job
from app.teachers.rates import Rates

_COLUMNS = ("max_tokens", "max_gpu_hours", "max_wall_time", "max_cost")
LIMITED = f"num_nonnulls({', '.join(_COLUMNS)}) > 0"
"""Whether a job has a limit of those that are told here."""


@dataclass(frozen=True, slots=True)
class Spent:
    tokens: int
    gpu_hours: float | None
    """None where it is not known how many GPUs there are."""
    wall_time: float
    """In seconds."""
    cost: float | None
    """None where there is no price."""
    currency: str | None

    def hidden(self) -> "Spent":
        """For who may not know what the teacher is."""
        return Spent(self.tokens, None, self.wall_time, None, None)


class SpentView(BaseModel):
    """What a job has used so far of what can be limited."""

    tokens: int
    """Of prompts and completions, those of its judge included."""
    gpu_hours: float | None
    """Null where the teacher does not say how many GPUs it has."""
    wall_time_seconds: float = Field(examples=[127.5])
    """From its first chunk on, without the time for which it was paused."""
    cost: float | None
    """By what its teacher asks now; null where that has no price."""
    currency: str | None

    @classmethod
    def of(cls, spent: Spent) -> "SpentView":
        return cls(
            tokens=spent.tokens,
            gpu_hours=spent.gpu_hours,
            wall_time_seconds=spent.wall_time,
            cost=spent.cost,
            currency=spent.currency,
        )


async def of(session: AsyncSession, job_ids: Collection[UUID]) -> dict[UUID, Spent]:
    return {job_id: _spent(rows) for job_id, rows in (await _rows(session, job_ids)).items()}


async def reached(session: AsyncSession, job_ids: Collection[UUID]) -> dict[UUID, str]:
    """Of these jobs, those that reached a limit, and which, in the words of who set it."""
    found = {
        job_id: _reached(rows[0], _spent(rows))
        for job_id, rows in (await _rows(session, job_ids)).items()
    }
    return {job_id: why for job_id, why in found.items() if why is not None}


async def why_full(session: AsyncSession, job: Job) -> str | None:
    """Which of its limits a job has reached, if any."""
    if all(getattr(job, column) is None for column in _COLUMNS):
        return None
    await session.flush()
    return (await reached(session, [job.id])).get(job.id)


async def exhausted(session: AsyncSession) -> Sequence[UUID]:
    """Running jobs that reached a limit, and that somebody has to decide for: their chunks wait,
    or nobody holds any.
    """
    running = list(await session.scalars(_RUNNING))
    return list(await reached(session, running))


_RUNNING = text(f"""
    SELECT id FROM job
    WHERE state = 'running' AND {LIMITED} AND (
        EXISTS (SELECT FROM chunk WHERE job_id = job.id AND state = 'ready')
        OR NOT EXISTS (SELECT FROM chunk WHERE job_id = job.id AND state = 'running')
    )
""")  # noqa: S608  (put together from constants)


def _reached(row: Any, spent: Spent) -> str | None:
    if row.max_tokens is not None and spent.tokens >= row.max_tokens:
        return f"token limit of {short_count(row.max_tokens)} reached"
    if row.max_gpu_hours is not None and (spent.gpu_hours or 0) >= row.max_gpu_hours:
        return f"limit of {row.max_gpu_hours:g} GPU hours reached"
    if row.max_wall_time is not None and spent.wall_time >= row.max_wall_time:
        return f"wall time limit of {short_time(row.max_wall_time)} reached"
    if row.max_cost is not None and (spent.cost or 0) >= row.max_cost:
        money = f"{row.max_cost:g} {spent.currency or ''}".rstrip()
        return f"cost limit of {money} reached"
    return None


def _spent(rows: Sequence[Any]) -> Spent:
    """From one row for each teacher that the job's chunks are asked of."""
    by_teacher = [
        (row, Rates(row.prompt_price, row.completion_price, None, row.gpus, row.gpu_hour_price))
        for row in rows
    ]
    hours = [rates.gpu_hours(row.teacher_seconds) for row, rates in by_teacher]
    costs = [
        rates.cost(row.prompt_tokens, row.completion_tokens, row.teacher_seconds)
        for row, rates in by_teacher
    ]
    currencies = {row.currency for row, rates in by_teacher if rates.priced}
    first = rows[0]
    if first.judge_prompt_tokens:
        judge = Rates(first.judge_prompt_price, first.judge_completion_price, None, None, None)
        costs.append(judge.cost(first.judge_prompt_tokens, first.judge_completion_tokens, 0))
        currencies |= {first.judge_currency} if judge.priced else set()
    if len(currencies) > 1:
        costs = []  # prices in several currencies do not add up
    of_teachers = sum(row.prompt_tokens + row.completion_tokens for row in rows)
    return Spent(
        tokens=of_teachers + first.judge_prompt_tokens + first.judge_completion_tokens,
        gpu_hours=_sum(hours),
        wall_time=float(first.wall_time),
        cost=_sum(costs),
        currency=next(
            (row.currency for row in rows if row.currency is not None), first.judge_currency
        ),
    )


def _sum(known: Sequence[float | None]) -> float | None:
    """Of those that are known; None where none is."""
    found = [each for each in known if each is not None]
    return sum(found) if found else None


async def _rows(session: AsyncSession, job_ids: Collection[UUID]) -> dict[UUID, list[Any]]:
    found: defaultdict[UUID, list[Any]] = defaultdict(list)
    if job_ids:
        for row in await session.execute(_ROWS, {"jobs": list(job_ids)}):
            found[row.job_id].append(row)
    return found


_ROWS = text(f"""
    SELECT j.id AS job_id, j.max_tokens, j.max_gpu_hours, j.max_wall_time, j.max_cost,
        coalesce(used.prompt_tokens, 0) AS prompt_tokens,
        coalesce(used.completion_tokens, 0) AS completion_tokens,
        coalesce(used.teacher_seconds, 0) AS teacher_seconds,
        t.prompt_price, t.completion_price, t.currency, t.gpus, t.gpu_hour_price,
        judged.judge_prompt_tokens, judged.judge_completion_tokens,
        priced.prompt_price AS judge_prompt_price,
        priced.completion_price AS judge_completion_price, priced.currency AS judge_currency,
        (
            SELECT coalesce(sum(extract(epoch FROM until - at)), 0) FROM (
                SELECT at, data ->> 'state' AS state,
                    coalesce(lead(at) OVER (ORDER BY number), clock_timestamp()) AS until
                FROM job_event WHERE job_id = j.id AND kind IN ('state', 'end')
            ) AS spell WHERE state IN ('running', 'cancelling')
        ) AS wall_time
    FROM job AS j
    LEFT JOIN LATERAL (
        SELECT c.teacher_id,
            CAST(sum(c.prompt_tokens) AS int8) AS prompt_tokens,
            CAST(sum(c.completion_tokens) AS int8) AS completion_tokens,
            sum(c.teacher_seconds + CASE WHEN c.clock_from IS NULL THEN 0
                ELSE greatest({SHOWS} - c.clock_from, 0) END) AS teacher_seconds
        FROM {CHUNKS} AS c LEFT JOIN teacher_clock AS k ON k.teacher_id = c.teacher_id
        WHERE c.job_id = j.id GROUP BY c.teacher_id
    ) AS used ON true
    LEFT JOIN teacher AS t ON t.id = used.teacher_id
    LEFT JOIN LATERAL (
        SELECT coalesce(CAST(sum(judge_prompt_tokens) AS int8), 0) AS judge_prompt_tokens,
            coalesce(CAST(sum(judge_completion_tokens) AS int8), 0) AS judge_completion_tokens
        FROM chunk WHERE job_id = j.id
    ) AS judged ON true
    LEFT JOIN LATERAL (
        SELECT max(q.prompt_price) AS prompt_price, max(q.completion_price) AS completion_price,
            max(q.currency) AS currency
        FROM teacher AS q WHERE q.id IN (SELECT teacher_id FROM job_judge WHERE job_id = j.id)
        HAVING count(*) = 1  -- of several, nobody knows which said how much
    ) AS priced ON true
    WHERE j.id = ANY(:jobs)
""")  # noqa: S608
