"""Which records of a corpus mean the same: one report a corpus, and the pairs it found.

The vectors themselves stand in a table `embedding`, made where pgvector is (`vectors.py`).
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, new_id, now


class SemanticReport(Base, kw_only=True):
    __tablename__ = "semantic_report"

    corpus_id: Mapped[UUID] = mapped_column(ForeignKey("corpus.id"), primary_key=True)
    teacher_id: Mapped[UUID] = mapped_column(ForeignKey("teacher.id"))
    teacher: Mapped[str]
    """Its name when it was asked for."""
    model: Mapped[str]
    fields: Mapped[list[Any]]
    """The texts embedded, together."""
    threshold: Mapped[float]
    """Pairs of at least this cosine are kept."""
    state: Mapped[str] = mapped_column(default="queued")
    """queued, running, finished, failed."""
    reason: Mapped[str | None] = mapped_column(default=None)
    """Why it waits or failed."""
    retry_at: Mapped[datetime | None] = mapped_column(default=None)
    """Nothing is done before this."""
    edition: Mapped[int] = mapped_column(default=1)
    """Raised when what was found so far is void: what was begun before is dropped."""
    compared_until: Mapped[int] = mapped_column(default=0)
    """The number of the last vector that was compared with all before it."""
    created_at: Mapped[datetime] = now()


class SemanticPair(Base, kw_only=True):
    __tablename__ = "semantic_pair"
    __table_args__ = (
        UniqueConstraint("newer_id", "older_id"),
        Index(None, "corpus_id", "id"),
        Index(None, "older_id"),
    )

    id: Mapped[UUID] = new_id()
    corpus_id: Mapped[UUID] = mapped_column(ForeignKey("corpus.id"))
    older_id: Mapped[UUID] = mapped_column(
        ForeignKey("record.id", ondelete="CASCADE", onupdate="CASCADE")
    )
    newer_id: Mapped[UUID] = mapped_column(
        ForeignKey("record.id", ondelete="CASCADE", onupdate="CASCADE")
    )
    cosine: Mapped[float]
