"""What a recall asks, and what it answers."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from app.datasets.schemas import PullView


class JobTouched(BaseModel):
    id: UUID
    kind: str
    state: str
    corpus: str
    """Where its records went."""
    arms: list[int] = Field(examples=[[1]])
    """Of several arms, those that it went into; empty where it is the whole job."""
    created_at: datetime


class CorpusTouched(BaseModel):
    corpus: str
    records: int
    """In it now."""
    deleted: int
    """That somebody deleted since; versions from before still have them."""


class VersionTouched(BaseModel):
    version: str = Field(examples=["support/faq@3"])
    rows: int
    """Made by these jobs."""
    of_rows: int
    """It has in all."""
    exact: bool
    """False where so many rows at most are meant: a reprocess job decided on some of them, and a
    version does not say on which."""
    published_at: datetime
    withdrawn_at: datetime | None
    withdrawn_because: str | None
    pulls: list[PullView]
    """Its receipts, newest first."""


class RecallView(BaseModel):
    """Everything that something bad went into, and who has it."""

    asked: str = Field(examples=["template faq/qa@4"])
    jobs: list[JobTouched]
    """Oldest first; those that only decided on the replies of others of them too."""
    corpora: list[CorpusTouched]
    versions: list[VersionTouched]
    pulls_left_out: int
    """Older receipts than the thousand newest; `GET …/pulls` has all of them."""
