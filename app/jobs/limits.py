"""How much a job may use: the caps of its document, and as they are now."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, Field

from app.errors import Invalid
from app.jobs.amounts import Seconds, Tokens
from app.jobs.models import Job
from app.teachers.rates import Rates

MOST_RECORDS = 100_000_000

GpuHours = Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False, examples=[6])]
Cost = Annotated[float, Field(gt=0, le=1e12, allow_inf_nan=False, examples=[25])]

COLUMNS = {
    "max_candidates": "max_candidates",
    "tokens": "max_tokens",
    "gpu_hours": "max_gpu_hours",
    "wall_time": "max_wall_time",
    "cost": "max_cost",
}
"""Each cap, and the column of the job that has it as it is now."""


class Limits(
    BaseModel,
    frozen=True,
    extra="forbid",
    json_schema_extra={"examples": [{"tokens": "40M", "gpu_hours": 6, "wall_time": "8h"}]},
):
    """Caps. Once one is reached nothing more is asked, what is in flight is still decided on, and
    the job ends as one that is exhausted.
    """

    max_candidates: int | None = Field(default=None, ge=1, le=10 * MOST_RECORDS, examples=[500])
    """The most samples to ask for, kept or not; five times `num_records` if it is not said."""
    tokens: Tokens | None = None
    """The most tokens, those of prompts and of completions together: 40000000, or 40M."""
    gpu_hours: GpuHours | None = None
    """The most GPU hours: the hours of its teacher that go to this job, times the teacher's
    `gpus`. While chunks of several jobs run on it, each chunk counts for an equal part."""
    wall_time: Seconds | None = None
    """The longest it may run, from its first chunk on and without the time for which it is paused:
    seconds, or a time such as 90m, 6h or 1h30m."""
    cost: Cost | None = None
    """The most it may cost, in its teacher's currency and by its teacher's prices."""
    min_novelty: float | None = Field(default=None, gt=0, le=1, examples=[0.1])
    """Give up a cell of the matrix when fewer of its last candidates than this share were new to
    the corpus: its open samples are cancelled, unasked. When all cells are given up, the job ends.
    """
    novelty_window: int = Field(default=100, ge=10, le=1000)
    """How many of the last candidates count for that. Candidates are samples that passed all
    filters; fewer than these never give a cell up."""


class LimitsView(BaseModel):
    """The caps as they are now, after every change. What is null is not limited."""

    max_candidates: int
    tokens: int | None
    gpu_hours: float | None
    wall_time: int | None
    """In seconds."""
    cost: float | None

    @classmethod
    def of(cls, job: Job) -> "LimitsView":
        return cls(**{cap: getattr(job, column) for cap, column in COLUMNS.items()})


def require_rates(caps: Mapping[str, Any], rates: Rates, teacher: str, at: str) -> None:
    """Refuses caps that nobody could measure: of GPU hours, where it is not known how many GPUs
    the teacher has; of cost, where it has no price.
    """
    if caps.get("gpu_hours") is not None and rates.gpus is None:
        raise Invalid.at(
            f"{at}/gpu_hours",
            f"should be left out until it is known how many GPUs serve {teacher}: give the teacher "
            "its `gpus`",
            caps["gpu_hours"],
        )
    if caps.get("cost") is not None and not rates.priced:
        raise Invalid.at(
            f"{at}/cost",
            f"should be left out until {teacher} has a price: give the teacher its `prompt_price` "
            "and `completion_price`, or its `gpus` and `gpu_hour_price`",
            caps["cost"],
        )


def require_token_price(cost: float | None, rates: Rates, judge: str, at: str) -> None:
    """Refuses a cap of cost where the judge has no price by the token: the time of its GPUs is not
    told apart by the job.
    """
    if cost is not None and not rates.by_token:
        raise Invalid.at(
            f"{at}/cost",
            f"should be left out until the judge {judge} has a price by the token: give it its "
            "`prompt_price` and `completion_price`",
            cost,
        )
