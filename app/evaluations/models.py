"""Evaluation sets: named, their versions immutable, their items numbered from 0."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, new_id, now


class EvaluationSet(Base, kw_only=True):
    __tablename__ = "evaluation_set"
    __table_args__ = (UniqueConstraint("namespace", "name"),)

    id: Mapped[UUID] = new_id()
    namespace: Mapped[str]
    name: Mapped[str]
    retired_at: Mapped[datetime | None] = mapped_column(default=None)
    """Since when nothing is held against it unless it is named. A new upload brings it back."""
    created_at: Mapped[datetime] = now()


class EvaluationVersion(Base, kw_only=True):
    """Written with all of its items in one transaction, and never changed."""

    __tablename__ = "evaluation_version"
    __table_args__ = (UniqueConstraint("set_id", "version"), UniqueConstraint("set_id", "digest"))

    id: Mapped[UUID] = new_id()
    set_id: Mapped[UUID] = mapped_column(ForeignKey("evaluation_set.id"))
    version: Mapped[int]
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    """Over the fields that are kept of its items, in their order."""
    items: Mapped[int]
    fields: Mapped[list[str]]
    """What is kept of each item."""
    texts: Mapped[int]
    """Of all items, those that are long enough to be compared."""
    too_short: Mapped[int]
    created_at: Mapped[datetime] = now()


class EvaluationItem(Base, kw_only=True):
    __tablename__ = "evaluation_item"

    version_id: Mapped[UUID] = mapped_column(
        ForeignKey("evaluation_version.id", ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    fields: Mapped[dict[str, Any]]
