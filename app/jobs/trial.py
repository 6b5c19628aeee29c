"""The smoke gate as the job document has it, and as the job's answer shows it."""

from typing import Literal

from pydantic import BaseModel, Field


class SmokeSpec(BaseModel, frozen=True, extra="forbid"):
    """When a job stops by itself, because what comes first is worth nothing."""

    min_yield: float = Field(default=0.05, gt=0, le=1)
    """The least share of accepted ones among the first samples."""
    after: int = Field(default=32, ge=1, le=10_000)
    """How many samples are looked at: those of the first batches that together have so many."""


class SmokeReply(BaseModel):
    """One of the first samples that came to nothing."""

    item: int
    sample: int
    reason: str = Field(examples=["parse.json.invalid"])
    detail: str | None
    """What the filter saw, or what the teacher said instead of a reply."""
    reply: str | None
    """What came, its first 2,000 characters."""


class SmokeView(BaseModel):
    """What the first samples of the job showed."""

    state: Literal["off", "pending", "passed", "stopped", "overruled"]
    """`overruled`: it stopped the job, and somebody resumed it."""
    accepted: int | None
    samples: int | None
    replies: list[SmokeReply]
    """Some that were lost, where the gate stopped the job."""
