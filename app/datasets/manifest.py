"""The manifest of a version: every file with its digest, and how its rows came to be."""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from app.datasets.features import Kind
from app.datasets.lengths import Lengths
from app.datasets.provenance.entries import Override, Provenance
from app.datasets.statistics.entries import Statistics

CARD = "README.md"
MANIFEST = "manifest.json"


class FileEntry(BaseModel, frozen=True):
    path: str = Field(examples=["data/train-00000-of-00001.parquet"])
    sha256: str
    size: int
    split: str | None = None
    """Null for the card, its plots and the manifest."""
    rows: int | None = None


class SplitEntry(BaseModel, frozen=True):
    asked: float
    """The share that was asked for."""
    share: float
    """The share that it has: rows that belong together are never torn apart."""
    rows: int
    memory: int
    """Bytes of its rows in memory."""


class Source(BaseModel, frozen=True):
    """A job, or one of its arms, and how many of the rows it made."""

    job: str
    arm: int | None = None
    """Which of several; null for a job that has one."""
    digest: str | None
    """Of its resolved document."""
    template: str | None
    few_shot: str | None
    teacher: str | None
    seeds: str | None
    rows: int
    corpus: str | None = None
    """Where they were taken from."""


class CorpusEntry(BaseModel, frozen=True):
    """A corpus, and how many of the rows it gave."""

    corpus: str
    selected: int
    """Records that the selection means."""
    rows: int


class NearLeftOut(BaseModel, frozen=True):
    """A record that is not in the version, because a row of it says nearly the same."""

    record: str
    like: str
    """The record of that row."""
    similarity: float


class NearEntry(BaseModel, frozen=True):
    """What near-duplicates were left out by."""

    threshold: float
    fields: list[str]
    """The texts that were compared, together."""
    same: list[str]
    """Fields in which only equal records were compared."""
    guarded: list[str]
    """Corpora that keep to this rule by themselves; their rows were compared with others' only."""
    rows_left_out: int
    left_out: list[NearLeftOut]
    """The first hundred of them."""


class StratumEntry(BaseModel, frozen=True):
    stratum: str
    available: int
    """Rows that there were."""
    rows: int
    """Rows that were taken."""


class MixEntry(BaseModel, frozen=True):
    """A rule of the mix, and what it took."""

    by: list[str]
    cap: int | None
    weights: dict[str, float] | None
    rows_left_out: int
    strata: list[StratumEntry]
    """By name; the first thousand of them."""


class FunnelEntry(BaseModel, frozen=True):
    """What became of all replies to these jobs, whether their records were selected or not."""

    generated: int
    accepted: int
    rejected: dict[str, int]
    """By reason."""


class LeftOut(BaseModel, frozen=True):
    """A record that is not in the version, because it copies an evaluation item."""

    record: str
    coverage: float
    """The share of the words of a text of the item that it has, in runs of eight."""
    why: str


class DecontaminationEntry(BaseModel, frozen=True):
    """What the rows were checked against when they were published."""

    sets: list[str] = Field(examples=[["support/exam@1"]])
    """Evaluation sets, with their versions."""
    threshold: float
    """Records with this coverage or more are left out."""
    rows_checked: int
    rows_left_out: int
    left_out: list[LeftOut]
    """The first hundred of them."""
    rows_flagged: int
    """Rows of this version that have 13 words in a row of an item, and were kept."""


class SemanticEntry(BaseModel, frozen=True):
    """What was left out because an older row of the version means the same."""

    model: str
    """By whose vectors."""
    max_similarity: float
    """The cosine from which on the newer of two records was left out."""
    alike: int
    """So many were."""
    not_compared: int
    """Left out because the corpus's semantic report had not come to them."""


class BeforeEntry(BaseModel, frozen=True):
    """The version before this one, and how this one differs from it."""

    version: int
    commit: str
    rows: int
    published_at: datetime
    changes: list[str]
    """In words."""


class Manifest(BaseModel, frozen=True):
    dataset: str = Field(examples=["support/faq"])
    version: int
    description: str
    corpus: str
    """The first of its corpora."""
    corpora: list[CorpusEntry] = []
    selection: dict[str, Any]
    layout: dict[str, Any]
    features: dict[str, Kind]
    splits: dict[str, SplitEntry]
    split_by: str = "seed"
    """What stays together: the rows of one seed row, a cluster of near-duplicates, or nothing."""
    mix: list[MixEntry] = []
    left_out: dict[str, int] = {}
    """Selected records that are no rows, by reason: `contaminated`, `exact` (the same as another
    corpus's), `near`, `alike` and `not_compared` (by the semantic report), `mix`, `split` (it
    would join two splits)."""
    lengths: dict[str, Lengths] = {}
    """In characters, by column."""
    near: NearEntry | None = None
    """Null where near-duplicates were let through."""
    rows: int
    bytes: int
    """Of the data files."""
    sources: list[Source]
    funnel: FunnelEntry
    decontamination: DecontaminationEntry | None = None
    """Null for versions from before there was this check."""
    semantic: SemanticEntry | None = None
    """Null where what means the same was let through."""
    provenance: Provenance | None = None
    """Who and what made the rows. Null for versions from before this was written down."""
    statistics: Statistics | None = None
    """Null likewise."""
    terms_override: Override | None = None
    """Why rows are here of a teacher whose owner forbids training on them; null where there are
    none."""
    before: BeforeEntry | None = None
    """Null for the first version."""
    snapshot_at: datetime
    """The moment whose records these are."""
    published_at: datetime
    files: list[FileEntry]


class PublishedManifest(Manifest, frozen=True):
    commit: str
    """40 hexadecimal digits over the paths and digests of all files."""


def commit_of(files: Iterable[FileEntry]) -> str:
    """Equal for equal files, whatever the order they are named in."""
    lines = sorted(f"{each.path}\0{each.sha256}\n" for each in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:40]
