"""Seed datasets: named, their versions immutable, their rows numbered from 0."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, new_id, now


class SeedDataset(Base, kw_only=True):
    __tablename__ = "seed_dataset"
    __table_args__ = (UniqueConstraint("namespace", "name"),)

    id: Mapped[UUID] = new_id()
    namespace: Mapped[str]
    name: Mapped[str]
    created_at: Mapped[datetime] = now()


class SeedVersion(Base, kw_only=True):
    """Written with all of its rows in one transaction: a part of it is never to be seen."""

    __tablename__ = "seed_version"
    __table_args__ = (
        UniqueConstraint("dataset_id", "version"),
        UniqueConstraint("dataset_id", "digest"),
    )

    id: Mapped[UUID] = new_id()
    dataset_id: Mapped[UUID] = mapped_column(ForeignKey("seed_dataset.id"))
    version: Mapped[int]
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    """Over the rows in their order, however they were sent."""
    rows: Mapped[int]
    columns: Mapped[list[str]]
    """Every row has exactly these, in the order of the first row."""
    source: Mapped[str]
    """`upload`, `rows` or `matrix`."""
    created_at: Mapped[datetime] = now()


class SeedRow(Base, kw_only=True):
    __tablename__ = "seed_row"

    version_id: Mapped[UUID] = mapped_column(
        ForeignKey("seed_version.id", ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    fields: Mapped[dict[str, Any]]
