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
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.jobs.ledger import Ledger
from app.jobs.models import Job

CHUNKS = 20
"""The last ones that count: enough for a spread, few enough to follow a change of pace."""
_T95 = (
    *(6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860, 1.833, 1.812),
    *(1.796, 1.782, 1.771, 1.761, 1.753, 1.746, 1.740, 1.734, 1.729),
)
"""Student's t, 95 % one-sided, for 1 to 19 degrees of freedom."""


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
    seconds: Span | None
    """Of work, at the pace of the last chunks; null until that is known."""
    ends_at: datetime | None
    """Null while the job is paused."""
    cost: Span | None
    """Null where the teacher has no price."""
    currency: str | None
    reaches_target: bool
    """False where, at this yield, the candidates that are allowed will not do."""
    chunks: int = Field(examples=[20])
    """How many of the last chunks it was worked out from."""


@dataclass(frozen=True, slots=True)
class Prices:
    """Of a million tokens."""

    prompt: float
    completion: float
    currency: str | None

    def of(self, prompt: float, completion: float) -> float:
        """What so many tokens cost."""
        return (prompt * self.prompt + completion * self.completion) / 1e6


Tariff = Mapping[int, Prices]
"""What each arm of a job costs, all in one currency."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A chunk that has ended."""

    arm: int

    accepted: int
    settled: int
    prompt_tokens: int
    completion_tokens: int
    ended_at: datetime


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
                row.ended_at,
            )
        )
    return found


_RECENT = text("""
    SELECT c.* FROM unnest(CAST(:jobs AS uuid[])) AS asked (job_id)
    CROSS JOIN LATERAL (
        SELECT job_id, arm, accepted, accepted + rejected + failed AS settled, prompt_tokens,
            completion_tokens, ended_at
        FROM chunk
        WHERE job_id = asked.job_id AND state = 'done' AND accepted + rejected + failed > 0
        ORDER BY ended_at DESC LIMIT :most
    ) AS c
    ORDER BY c.job_id, c.ended_at
""")


def of(
    job: Job, account: Ledger, seen: tuple[datetime, Sequence[Ended]], tariff: Tariff | None
) -> ForecastView | None:
    """None until a chunk has ended that had an accepted record."""
    clock, ended = seen
    asks = job.teacher_id is not None and not job.compares
    need = job.num_records - account.accepted if asks else account.open
    chunks = ended[-CHUNKS:]
    made = [c.accepted if asks else c.settled for c in chunks]
    if need < 0 or sum(made) == 0:
        return None

    def span(amounts: Sequence[float]) -> Span:
        return predict(made[-len(amounts) :], amounts, need)

    samples = span([c.settled for c in chunks])
    seconds = _seconds(ended, made, need)
    room = job.max_candidates - account.settled
    return ForecastView(
        samples=samples,
        prompt_tokens=span([c.prompt_tokens for c in chunks]),
        completion_tokens=span([c.completion_tokens for c in chunks]),
        seconds=seconds,
        ends_at=None
        if seconds is None or job.state == "paused"
        else clock + timedelta(seconds=min(seconds.expected, 1e9)),
        cost=span([_cost(c, tariff) for c in chunks]) if tariff else None,
        currency=tariff[0].currency if tariff else None,
        reaches_target=samples.expected <= room,
        chunks=len(chunks),
    )


def _seconds(ended: Sequence[Ended], made: Sequence[int], need: int) -> Span | None:
    """From the gaps between the ends of chunks; the first of them has none."""
    gaps = [(late.ended_at - early.ended_at).total_seconds() for early, late in pairwise(ended)][
        -CHUNKS:
    ]
    counted = made[-len(gaps) :] if gaps else []
    return predict(counted, gaps, need) if sum(counted) else None


def _cost(chunk: Ended, tariff: Tariff) -> float:
    return tariff[chunk.arm].of(chunk.prompt_tokens, chunk.completion_tokens)


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
