"""The arms of a job side by side, each as if it had been alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import Conflict
from app.jobs.arms import Arm, arms_of
from app.jobs.comparison import intervals, store
from app.jobs.comparison.intervals import Estimate, Sums
from app.jobs.comparison.schemas import (
    ArmView,
    ComparisonView,
    Differences,
    DifferenceView,
    EstimateView,
    Figures,
)
from app.jobs.models import Job
from app.jobs.schemas import JobSpec
from app.jobs.tariff import Tariff, tariff_of
from app.teachers.rates import Rates

_SHARES = ("yield", "novelty")
_COLUMNS = (
    *("row", "ended", "accepted", "elsewhere", "compared", "replies"),
    *("prompt_tokens", "completion_tokens"),
    *("scored", "score", "judge_prompt_tokens", "judge_completion_tokens"),
)


@dataclass(frozen=True)
class Made:
    """What one arm made, row by row."""

    columns: Mapping[str, Sums]
    prices: Rates | None
    """Of its teacher; with `judge`, of whom it was judged by."""
    judge: Rates | None

    def over(self, rows: Sums) -> "Made":
        """Of these rows alone, in their order."""
        kept = np.isin(self.columns["row"], rows)
        columns = {name: column[kept] for name, column in self.columns.items()}
        return replace(self, columns=columns)

    def total(self, name: str) -> int:
        return int(self.columns[name].sum())

    @cached_property
    def ratios(self) -> Mapping[str, tuple[Sums, Sums]]:
        """Each figure as what it counts, and what it is counted by."""
        of = self.columns
        kept = of["accepted"] + of["elsewhere"]
        found = {
            "yield": (kept, of["ended"]),
            "novelty": (kept, of["compared"]),
            "completion_tokens": (of["completion_tokens"], of["replies"]),
            "tokens_per_record": (of["prompt_tokens"] + of["completion_tokens"], kept),
            "score": (of["score"], of["scored"]),
        }
        if self.prices is not None:
            cost = _cost(self.prices, of["prompt_tokens"], of["completion_tokens"])
            if self.judge is not None:
                asked, said = of["judge_prompt_tokens"], of["judge_completion_tokens"]
                cost = cost + _cost(self.judge, asked, said)
            found["cost_per_record"] = cost, kept
        return found

    @cached_property
    def estimates(self) -> Mapping[str, Estimate | None]:
        how = {**dict.fromkeys(_SHARES, intervals.share), "score": intervals.mean}
        return {name: how.get(name, intervals.ratio)(*sums) for name, sums in self.ratios.items()}


def _cost(rates: Rates, prompt_tokens: Sums, completion_tokens: Sums) -> Sums:
    """Row by row, by the token."""
    prompt, completion = (rates.prompt_price or 0) / 1e6, (rates.completion_price or 0) / 1e6
    return prompt_tokens * prompt + completion_tokens * completion


async def compare(session: AsyncSession, job: Job) -> ComparisonView:
    """Raises `Conflict` for a job with nothing to compare."""
    if job.arms == 1:
        raise Conflict(
            "job.not_compared",
            f"job {job.id} asks {'nobody' if job.teacher_id is None else 'in one way only'}",
            hint="A document with `compare`, or with several teachers, has arms to compare.",
        )
    tariff = _by_token(await tariff_of(session, job))
    made = await _read(session, job, tariff)
    reasons = await store.reasons(session, job.id)
    return ComparisonView(
        job_id=job.id,
        state=job.state,
        paired=job.compares,
        currency=tariff.currency if tariff else None,
        arms=[
            _arm(job, arm, made, reasons.get(arm.number, {}))
            for arm in arms_of(JobSpec.model_validate(job.document))
        ],
    )


def _by_token(tariff: Tariff | None) -> Tariff | None:
    """Where every arm's teacher, and the judge, is paid by the token, in one currency: the hours of
    its GPUs are shared between arms and cannot be told apart by the row.
    """
    return tariff if tariff and tariff.adds_up and tariff.by_token else None


async def _read(session: AsyncSession, job: Job, tariff: Tariff | None) -> list[Made]:
    none: Sums = np.empty((0, 1 + len(_COLUMNS)))
    pages = [none]
    async for page in store.rows(session, job.id):
        read = [[row.arm, *(getattr(row, name) for name in _COLUMNS)] for row in page]
        pages.append(np.array(read, dtype=np.float64))
    table = np.concatenate(pages)
    return [_made(table[table[:, 0] == arm, 1:], arm, tariff) for arm in range(job.arms)]


def _made(rows: Sums, arm: int, tariff: Tariff | None) -> Made:
    rows = rows[np.argsort(rows[:, 0])]
    columns = {name: rows[:, at] for at, name in enumerate(_COLUMNS)}
    return Made(columns, tariff.arms[arm] if tariff else None, tariff.judge if tariff else None)


def _arm(job: Job, arm: Arm, made: Sequence[Made], reasons: dict[str, int]) -> ArmView:
    first, this = made[0], made[arm.number]
    rows = len(this.columns["row"])
    over = this
    if job.compares:
        both = np.intersect1d(_whole(first, job), _whole(this, job))
        first, over, rows = first.over(both), this.over(both), len(both)
    return ArmView(
        arm=arm.number,
        name=arm.name or str(arm.teacher),
        teacher=str(arm.teacher),
        template=str(arm.spec.template),
        candidates=this.total("ended"),
        accepted=this.total("accepted"),
        elsewhere=this.total("elsewhere"),
        figures=_figures(this),
        difference=_differences(over, first, paired=job.compares) if arm.number else None,
        rows=rows,
        reasons=reasons,
    )


def _whole(made: Made, job: Job) -> Sums:
    """The rows of which all samples have ended."""
    rows: Sums = made.columns["row"][made.columns["ended"] == job.samples_per_item]
    return rows


def _figures(made: Made) -> Figures:
    found = made.estimates
    return Figures.model_validate(
        {
            name: EstimateView.of(one) if (one := found.get(name)) else None
            for name in _names(Figures)
        }
    )


def _differences(this: Made, first: Made, *, paired: bool) -> Differences:
    return Differences.model_validate(
        {name: _difference(name, this, first, paired=paired) for name in _names(Differences)}
    )


def _difference(name: str, this: Made, first: Made, *, paired: bool) -> DifferenceView | None:
    one, other = this.estimates.get(name), first.estimates.get(name)
    if one is None or other is None:
        return None
    together = intervals.going_together(this.ratios[name], first.ratios[name]) if paired else 0.0
    return DifferenceView.of(intervals.difference(one, other, together))


def _names(model: type[Figures | Differences]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]
