"""What may be changed in a job."""

from typing import Any

from pydantic import BaseModel, Field

from app.jobs.amounts import Seconds, Tokens
from app.jobs.limits import MOST_RECORDS, Cost, GpuHours
from app.jobs.schemas import JobView


class JobChange(
    BaseModel,
    frozen=True,
    extra="forbid",
    json_schema_extra={"examples": [{"priority": 10}, {"num_records": 120, "tokens": "60M"}]},
):
    """What is not said stays."""

    priority: int | None = Field(default=None, ge=-100, le=100, examples=[10])
    """Its chunks are taken before those of jobs with a lower one, which hand theirs back within
    seconds."""
    num_records: int | None = Field(default=None, ge=1, le=MOST_RECORDS, examples=[120])
    """Its target, higher or lower. With a lower one than it has reached, it finishes."""
    max_candidates: int | None = Field(default=None, ge=1, le=10 * MOST_RECORDS, examples=[600])
    """The most samples to ask for. If it is not said, it grows with `num_records`."""
    tokens: Tokens | None = None
    """The most tokens, as in the document's `limits`; as for the three below, null takes the limit
    away."""
    gpu_hours: GpuHours | None = None
    wall_time: Seconds | None = None
    cost: Cost | None = None


class CloneSpec(
    BaseModel,
    frozen=True,
    extra="forbid",
    json_schema_extra={"examples": [{"changes": {"seeds": {"random_seed": 8}}}]},
):
    changes: dict[str, Any] = Field(
        default_factory=dict, examples=[{"num_records": 30, "sampling": {"temperature": 1.0}}]
    )
    """Laid over the document as a JSON merge patch (RFC 7396): what is null is left out."""


class RetriedView(BaseModel):
    samples: int
    """Failed ones that are open again. Those in chunks that a worker holds at this moment stay as
    they are, until asked for again; so do those beside samples that `min_novelty` cancelled."""
    job: JobView
