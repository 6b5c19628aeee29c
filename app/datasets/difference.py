"""How two versions of a dataset differ, as JSON."""

from pydantic import BaseModel, Field

from app.datasets.lengths import Lengths
from app.datasets.manifest import FileEntry, FunnelEntry


class Counts(BaseModel):
    before: int
    after: int


class RowsAdded(BaseModel):
    rows: int
    by_reason: dict[str, int]
    """`new`: records made since; `let_in`: older ones that the version before left out."""
    by_split: dict[str, int]
    by_job: dict[str, int]
    """The hundred that made most of them."""
    records: list[str]
    """The first hundred, the oldest first."""


class RowsRemoved(RowsAdded):
    by_reason: dict[str, int]
    """`deleted`, `selection` (not asked for any more), or one of the reasons that a manifest
    counts under `left_out`."""
    deleted: dict[str, int]
    """Of those that were deleted: by what was said with it."""


class LengthSummary(BaseModel):
    """Of one column, in characters."""

    mean: float
    min: int
    median: int
    """Like `p95`, the lower end of its bin: right to within 41 %."""
    p95: int
    max: int

    @classmethod
    def of(cls, lengths: Lengths | None) -> "LengthSummary | None":
        if lengths is None:
            return None
        return cls(
            mean=round(lengths.total / lengths.rows, 1),
            min=lengths.min,
            median=lengths.percentile(0.5),
            p95=lengths.percentile(0.95),
            max=lengths.max,
        )


class LengthChange(BaseModel):
    before: LengthSummary | None
    after: LengthSummary | None


class FunnelChange(BaseModel):
    before: FunnelEntry
    after: FunnelEntry


class Files(BaseModel):
    kept: list[FileEntry]
    """Those that both have, under whatever path."""
    added: list[FileEntry]
    removed: list[FileEntry]
    bytes_added: int
    """What somebody who has the one transfers to have the other."""


class Difference(BaseModel):
    dataset: str = Field(examples=["support/faq"])
    before: int
    after: int
    """The numbers of the versions."""
    rows: Counts
    added: RowsAdded
    removed: RowsRemoved
    splits: dict[str, Counts]
    corpora: dict[str, Counts]
    strata: dict[str, Counts]
    """By the rules of the mix that both have, such as `level=easy`."""
    left_out: dict[str, Counts]
    """Selected records that are no rows, by reason."""
    funnel: FunnelChange
    lengths: dict[str, LengthChange]
    files: Files
