"""Semantic reports as JSON, and what publishing may ask of one."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.curation.novelty import Fields
from app.names import Ref
from app.semantic.models import SemanticReport
from app.web.paging import Page

THRESHOLD = 0.9
"""A convention, not a measurement: models differ in what a cosine of theirs means."""
Cosine = Annotated[float, Field(ge=0.5, le=1.0, examples=[0.9])]


class SemanticSpec(
    BaseModel,
    frozen=True,
    extra="forbid",
    json_schema_extra={"examples": [{"teacher": "embedder", "threshold": 0.9}]},
):
    """Which model turns texts into vectors, and from which cosine on two of them are a pair."""

    teacher: Ref
    """One that answers at `/v1/embeddings`."""
    threshold: Cosine = THRESHOLD
    """Pairs below it are not kept. What a cosine means differs from model to model."""
    fields: Fields | None = Field(default=None, examples=[["question"]])
    """The texts that are embedded, together; by default those that the corpus compares for
    near-duplicates, else those by which its records must differ."""


class SemanticLimit(BaseModel, frozen=True, extra="forbid"):
    """Leave out what means the same as an older record of the version, by the corpus's semantic
    report. Records that the report has not come to are left out too, and counted.
    """

    max_similarity: Cosine = Field(examples=[0.9])
    """The cosine from which on the newer of two records is left out; at least the report's
    threshold."""


class PairedRecord(BaseModel):
    id: UUID
    text: str
    """What was embedded, shortened."""


class PairView(BaseModel):
    older: PairedRecord
    newer: PairedRecord
    cosine: float


class SemanticView(BaseModel):
    """How far a corpus's semantic report is."""

    teacher: str
    model: str
    dimensions: int | None
    """Numbers of a vector."""
    fields: list[str]
    threshold: float
    state: Literal["queued", "running", "finished", "failed"]
    reason: str | None
    """Why it waits for its teacher, or failed."""
    records: int
    """In the corpus."""
    embedded: int
    blank: int
    """Records whose text is blank, or refused by the teacher: they are like no other."""
    compared: int
    """Of all these, those that were compared with every one before."""
    pairs: int
    created_at: datetime

    @classmethod
    def of(
        cls, report: SemanticReport, dimensions: int | None, counts: dict[str, int]
    ) -> "SemanticView":
        return cls(**_told(report, dimensions, counts))


class SemanticPage(SemanticView, Page[PairView]):
    """The report, and a page of its pairs in the order in which they were found."""

    @classmethod
    def with_pairs(
        cls,
        report: SemanticReport,
        dimensions: int | None,
        counts: dict[str, int],
        page: Page[PairView],
    ) -> "SemanticPage":
        return cls(**_told(report, dimensions, counts), items=page.items, next=page.next)


def _told(report: SemanticReport, dimensions: int | None, counts: dict[str, int]) -> dict[str, Any]:
    return {
        "teacher": report.teacher,
        "model": report.model,
        "dimensions": dimensions,
        "fields": report.fields,
        "threshold": report.threshold,
        "state": report.state,
        "reason": report.reason,
        "created_at": report.created_at,
        **counts,
    }
