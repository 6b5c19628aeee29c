"""The `judge` key of `accept`: another teacher scores each record with a rubric."""

from pydantic import BaseModel, Field

from app.names import Ref
from app.teachers.sampling import Sampling


class JudgeSpec(BaseModel, frozen=True, extra="forbid"):
    """Records that passed all filters are scored before they are compared with the corpus. The
    score stays with the record, as its flag `judge.score`.
    """

    teacher: Ref = Field(examples=["judge-32b"])
    """Who scores; the job's own teacher may."""
    template: Ref = Field(examples=["rubric@1"])
    """The rubric: a template whose inputs are fields of the record and whose reply holds the score;
    its latest version if none is given."""
    field: str = "score"
    """The field of the rubric's reply that is the score, a number."""
    min: float | None = Field(default=None, allow_inf_nan=False, examples=[4])
    """Drop what scores less, or gets no score that can be read. If it is not said, nothing is
    dropped: records are kept with the scores that they have."""
    sampling: Sampling | None = None
    """Above the rubric's own defaults."""
