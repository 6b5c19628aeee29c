"""What a job will still take, from what its last chunks took.

Each quantity is a ratio to accepted records (for a comparison, or a job that asks nobody, all of
which is done whatever is accepted: to decided replies), over
the last chunks that ended: samples, tokens and money of each chunk, and the seconds from the end of
one chunk to that of the next, so that chunks that run side by side count as they are. The spread
is the 90 % prediction interval of a ratio estimator: the error of the ratio itself (Cochran,
Sampling Techniques, 3rd ed., section 6.3) and the scatter of the chunks that are still to come,
times Student's t.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from math import sqrt
from operator import itemgetter
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.jobs.ledger import Ledger
from app.jobs.models import Job
from app.jobs.spent import Spent
from app.jobs.tariff import Tariff

CHUNKS = 20
"""The last ones that count: enough for a spread, few enough to follow a change of pace."""
_T95 = (
    *(6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860, 1.833, 1.812),
    *(1.796, 1.782, 1.771, 1.761, 1.753, 1.746, 1.740, 1.734, 1.729),
)
"""Student's t, 95 % one-sided, for 1 to 19 degrees of freedom."""


Limit = Literal["max_candidates", "tokens", "gpu_hours", "wall_time", "cost"]


class Span(BaseModel):
    expected: float
    low: float | None
    """With `high`, where it will be nine times out of ten; null after a single chunk."""
    high: float | None


class ForecastView(BaseModel):
    """What is still to come, at the pace and the yield of the last chunks."""

    samples: Span
    """To be decided on."""
    prompt_tokens: Span
    completion_tokens: Span
    judge_tokens: Span
    """Those that its judge is asked with and answers with."""
    seconds: Span | None
    """Of work, at the pace of the last chunks; null until that is known."""
    ends_at: datetime | None
    """Null while the job is paused."""
    gpu_hours: Span | None
    """Null where the teacher does not say how many GPUs it has."""
    cost: Span | None
    """Null where the teacher has no price."""
    currency: str | None
    reaches_target: bool
    """False where, at this yield and pace, one of the limits is reached before."""
    stopped_by: Limit | None
    """Which of the limits is reached first, if the target is not."""
    chunks: int = Field(examples=[20])
    """How many of the last chunks it was worked out from."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A chunk that has ended."""

    arm: int

    accepted: int
    settled: int
    prompt_tokens: int
    completion_tokens: int
    judge_prompt_tokens: int
    judge_completion_tokens: int
    teacher_seconds: float
    ended_at: datetime

    @property
    def judge_tokens(self) -> int:
        return self.judge_prompt_tokens + self.judge_completion_tokens


async def recent(
    session: AsyncSession, job_ids: Collection[UUID]
) -> dict[UUID, tuple[datetime, list[Ended]]]:
    """The database's clock, and the last chunks of each job that ended, oldest first."""
    rows = (await session.execute(_RECENT, {"jobs": list(job_ids), "most": CHUNKS + 1})).all()
    clock: datetime = await session.scalar(text("SELECT clock_timestamp()"))
    found: dict[UUID, tuple[datetime, list[Ended]]] = {job: (clock, []) for job in job_ids}
    for row in rows:
        found[row.job_id][1].append(
            Ended(
                row.arm,
                row.accepted,
                row.settled,
                row.prompt_tokens,
                row.completion_tokens,
                row.judge_prompt_tokens,
                row.judge_completion_tokens,
                row.teacher_seconds,
                row.ended_at,
            )
        )
    return found


_RECENT = text("""
    SELECT c.* FROM unnest(CAST(:jobs AS uuid[])) AS asked (job_id)
    CROSS JOIN LATERAL (
        SELECT job_id, arm, accepted, accepted + rejected + failed AS settled, prompt_tokens,
            completion_tokens, judge_prompt_tokens, judge_completion_tokens, teacher_seconds,
            ended_at
        FROM chunk
        WHERE job_id = asked.job_id AND state = 'done' AND accepted + rejected + failed > 0
        ORDER BY ended_at DESC LIMIT :most
    ) AS c
    ORDER BY c.job_id, c.ended_at
""")


def of(
    job: Job,
    account: Ledger,
    seen: tuple[datetime, Sequence[Ended]],
    spent: Spent,
    tariff: Tariff | None,
) -> ForecastView | None:
    """None until a chunk has ended that had an accepted record. Without `tariff`, nothing is said
    of what the teacher costs.
    """
    clock, ended = seen
    asks = job.teacher_id is not None and not job.compares
    need = job.num_records - account.accepted if asks else account.open
    chunks = ended[-CHUNKS:]
    made = [c.accepted if asks else c.settled for c in chunks]
    if need < 0 or sum(made) == 0:
        return None

    def span(amounts: Sequence[float]) -> Span:
        return predict(made[-len(amounts) :], amounts, need)

    def span_of(amounts: Sequence[float | None]) -> Span | None:
        known = [amount for amount in amounts if amount is not None]
        return span(known) if asks and len(known) == len(amounts) else None

    samples = span([c.settled for c in chunks])
    prompt = span([c.prompt_tokens for c in chunks])
    completion = span([c.completion_tokens for c in chunks])
    judge = span([c.judge_tokens for c in chunks])
    seconds = _seconds(ended, made, need)
    hours = span_of([_gpu_hours(c, tariff) for c in chunks]) if tariff else None
    cost = span_of([_cost(c, tariff) for c in chunks]) if tariff else None
    coming: dict[Limit, float | None] = {
        "max_candidates": samples.expected,
        "tokens": prompt.expected + completion.expected + judge.expected,
        "gpu_hours": None if hours is None else hours.expected,
        "wall_time": None if seconds is None else seconds.expected,
        "cost": None if cost is None else cost.expected,
    }
    stopped_by = _first_reached(coming, _rooms(job, account, spent))
    return ForecastView(
        samples=samples,
        prompt_tokens=prompt,
        completion_tokens=completion,
        judge_tokens=judge,
        seconds=seconds,
        ends_at=None
        if seconds is None or job.state == "paused"
        else clock + timedelta(seconds=min(seconds.expected, 1e9)),
        gpu_hours=hours,
        cost=cost,
        currency=tariff.currency if tariff and cost is not None else None,
        reaches_target=stopped_by is None,
        stopped_by=stopped_by,
        chunks=len(chunks),
    )


def _seconds(ended: Sequence[Ended], made: Sequence[int], need: int) -> Span | None:
    """From the gaps between the ends of chunks; the first of them has none."""
    gaps = [(late.ended_at - early.ended_at).total_seconds() for early, late in pairwise(ended)][
        -CHUNKS:
    ]
    counted = made[-len(gaps) :] if gaps else []
    return predict(counted, gaps, need) if sum(counted) else None


def _gpu_hours(chunk: Ended, tariff: Tariff) -> float | None:
    return tariff.arms[chunk.arm].gpu_hours(chunk.teacher_seconds)


def _cost(chunk: Ended, tariff: Tariff) -> float | None:
    if not tariff.adds_up:
        return None
    rates = tariff.arms[chunk.arm]
    cost = rates.cost(chunk.prompt_tokens, chunk.completion_tokens, chunk.teacher_seconds)
    judged = tariff.judge and tariff.judge.cost(
        chunk.judge_prompt_tokens, chunk.judge_completion_tokens, 0
    )
    return cost if cost is None else cost + (judged or 0)


def _rooms(job: Job, account: Ledger, spent: Spent) -> dict[Limit, float]:
    """What is left of each limit that the job has."""
    used: dict[Limit, tuple[float | None, float]] = {
        "max_candidates": (job.max_candidates, account.settled),
        "tokens": (job.max_tokens, spent.tokens),
        "gpu_hours": (job.max_gpu_hours, spent.gpu_hours or 0),
        "wall_time": (job.max_wall_time, spent.wall_time),
        "cost": (job.max_cost, spent.cost or 0),
    }
    return {name: most - so_far for name, (most, so_far) in used.items() if most is not None}


def _first_reached(
    coming: Mapping[Limit, float | None], rooms: Mapping[Limit, float]
) -> Limit | None:
    """The limit that is used up at the smallest part of the way, if any is."""
    ways = {
        name: room / need
        for name, room in rooms.items()
        if (need := coming[name]) is not None and need > room
    }
    return min(ways.items(), key=itemgetter(1))[0] if ways else None


def predict(made: Sequence[int], amounts: Sequence[float], need: int) -> Span:
    """The amount for `need` more, from chunks that made so many for such amounts."""
    count, total = len(made), sum(made)
    ratio = sum(amounts) / total
    expected = ratio * need
    if count == 1:
        return Span(expected=expected, low=None, high=None)
    scatter = sum((y - ratio * x) ** 2 for x, y in zip(made, amounts, strict=True)) / (count - 1)
    of_ratio = count * scatter / total**2 * need**2
    of_coming = scatter * need / (total / count)
    off = _T95[min(count, CHUNKS) - 2] * sqrt(of_ratio + of_coming)
    return Span(expected=expected, low=max(0.0, expected - off), high=expected + off)
