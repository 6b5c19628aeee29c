"""A comparison as it is answered."""

from uuid import UUID

from pydantic import BaseModel, Field

from app.jobs.comparison.intervals import Estimate


class EstimateView(BaseModel):
    value: float
    low: float | None
    """With `high`, the 95 % confidence interval; null where there is too little to say."""
    high: float | None

    @classmethod
    def of(cls, estimate: Estimate) -> "EstimateView":
        return cls(value=estimate.value, low=estimate.low, high=estimate.high)


class DifferenceView(EstimateView):
    """This arm's figure less the first arm's."""

    differs: bool
    """Whether the interval leaves out 0: so large a difference would hardly come by chance."""

    @classmethod
    def of(cls, estimate: Estimate) -> "DifferenceView":
        low, high = estimate.low, estimate.high
        differs = low is not None and high is not None and (low > 0 or high < 0)
        return cls(value=estimate.value, low=low, high=high, differs=differs)


class Figures(BaseModel):
    """Null where there is nothing to count."""

    yield_: EstimateView | None = Field(alias="yield", serialization_alias="yield")
    """Accepted of all samples that have ended."""
    novelty: EstimateView | None
    """New of those that passed all filters, and were compared with the corpus."""
    score: EstimateView | None
    """What the judge gave on average to those that passed all filters, kept or not; null without a
    judge."""
    completion_tokens: EstimateView | None
    """Of one reply."""
    tokens_per_record: EstimateView | None
    """Prompt and completion tokens, of all samples, for each accepted one."""
    cost_per_record: EstimateView | None
    """The same in money, at the prices of today, with what the judge costs. Null where one of them
    has no price by the token."""


class Differences(BaseModel):
    yield_: DifferenceView | None = Field(alias="yield", serialization_alias="yield")
    novelty: DifferenceView | None
    score: DifferenceView | None
    completion_tokens: DifferenceView | None
    tokens_per_record: DifferenceView | None
    cost_per_record: DifferenceView | None


class ArmView(BaseModel):
    arm: int
    """Its number; items of arm 1 begin at 1000000000000."""
    name: str = Field(examples=["default/question-answer@2"])
    teacher: str
    template: str
    candidates: int
    """Samples that have ended."""
    accepted: int
    """Those of them that are records."""
    elsewhere: int
    """Those that are not, only because another arm said the same first. In all figures below, they
    count as accepted and new: an arm is measured as if it had been alone with the corpus as it
    was."""
    figures: Figures
    difference: Differences | None
    """To the first arm; null for that one."""
    rows: int
    """How many the difference is over: those of which all samples have ended in both arms, or of
    arms that were not asked about the same rows, all."""
    reasons: dict[str, int] = Field(examples=[{"parse.json.invalid": 7, "dedup.near": 3}])
    """Why samples were rejected or failed."""


class ComparisonView(BaseModel):
    job_id: UUID
    state: str
    """Of the job; until it has ended, figures are of what has come so far."""
    confidence: float = 0.95
    paired: bool
    """Whether all arms are asked about the same rows, so that differences are taken row by row;
    false where several teachers share the rows out."""
    currency: str | None
    arms: list[ArmView]
