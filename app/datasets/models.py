"""Datasets: what is published from corpora, and its versions, which never change."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, new_id, now


class Dataset(Base, kw_only=True):
    __tablename__ = "dataset"
    __table_args__ = (UniqueConstraint("namespace", "name"),)

    id: Mapped[UUID] = new_id()
    namespace: Mapped[str]
    name: Mapped[str]
    corpus_id: Mapped[UUID] = mapped_column(ForeignKey("corpus.id"), index=True)
    """The first of its corpora; the others are in `dataset_corpus`."""
    description: Mapped[str]
    splits: Mapped[dict[str, Any] | None] = mapped_column(default=None)
    """Set by the first version. Later ones keep them, so that no row ever changes its split."""
    split_by: Mapped[str | None] = mapped_column(default=None)
    """What of a row decides on its split; set with `splits`."""
    created_at: Mapped[datetime] = now()


class FurtherCorpus(Base, kw_only=True):
    """A corpus of a dataset, after the first."""

    __tablename__ = "dataset_corpus"

    dataset_id: Mapped[UUID] = mapped_column(ForeignKey("dataset.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    corpus_id: Mapped[UUID] = mapped_column(ForeignKey("corpus.id"), index=True)


class DatasetVersion(Base, kw_only=True):
    """One publication. Written once, after all of its files; nothing of it changes afterwards, but
    that it may be withdrawn.
    """

    __tablename__ = "dataset_version"
    __table_args__ = (
        UniqueConstraint("dataset_id", "version"),
        # By the jobs that rows are from.
        Index(
            "ix_dataset_version_sources",
            text("(manifest -> 'sources')"),
            postgresql_using="gin",
        ),
    )

    id: Mapped[UUID] = new_id()
    dataset_id: Mapped[UUID] = mapped_column(ForeignKey("dataset.id"))
    version: Mapped[int]
    commit: Mapped[str] = mapped_column(index=True)
    """40 hexadecimal digits over the paths and digests of all files."""
    selection: Mapped[dict[str, Any]]
    layout: Mapped[dict[str, Any]]
    splits: Mapped[dict[str, Any]]
    rows: Mapped[int]
    bytes: Mapped[int]
    manifest: Mapped[dict[str, Any]]
    shape: Mapped[str | None] = mapped_column(default=None)
    """By what its shards follow from their rows; a later version of the same shape may list them
    too. Null where the files are not in the order of the rows' table."""
    published_at: Mapped[datetime] = now()
    withdrawn_at: Mapped[datetime | None] = mapped_column(default=None)
    withdrawn_because: Mapped[str | None] = mapped_column(default=None)


class DatasetFile(Base, kw_only=True):
    """A file of a version; its bytes are stored under their digest, once for all versions."""

    __tablename__ = "dataset_file"

    version_id: Mapped[UUID] = mapped_column(ForeignKey("dataset_version.id"), primary_key=True)
    path: Mapped[str] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(index=True)
    blob_id: Mapped[str]
    """What git calls it: the id of its bytes, or of a pointer to them where they are data."""
    size: Mapped[int]
    split: Mapped[str | None]
    """Null for the card and the manifest."""
    rows: Mapped[int | None]
    memory: Mapped[int | None] = mapped_column(default=None)
    """Bytes of its rows in memory."""
    lengths: Mapped[dict[str, Any] | None] = mapped_column(default=None)
    """How long the texts of each of its columns are."""
    values: Mapped[dict[str, Any] | None] = mapped_column(default=None)
    """Its rows by value, of the fields that have few."""


class DatasetRow(Base, kw_only=True):
    """A record, and from which version of a dataset until which it is a row of it.

    A version that adds a hundredth adds a hundredth here. The versions' rows, oldest first, are in
    the order of `since` and then of their ids. Nothing is ever removed: what was in a split once
    is known for good. It holds no content, and refers to no table: a record may be deleted.
    """

    __tablename__ = "dataset_row"
    __table_args__ = (
        Index(None, "record_id"),
        Index(
            "ix_dataset_row_until",
            "dataset_id",
            "until",
            postgresql_where=text("until IS NOT NULL"),
        ),
    )

    dataset_id: Mapped[UUID] = mapped_column(primary_key=True)
    since: Mapped[int] = mapped_column(primary_key=True)
    record_id: Mapped[UUID] = mapped_column(primary_key=True)
    split: Mapped[str]
    key: Mapped[int] = mapped_column(BigInteger)
    """A hash of what decides on its split: rows with the same key are in the same one."""
    made_at: Mapped[int] = mapped_column(BigInteger)
    """A hash of its job, item and sample, which a rebuilding of its corpus may change."""
    until: Mapped[int | None] = mapped_column(default=None)
    """The first version without it."""
    why: Mapped[str | None] = mapped_column(default=None)
    """What left it out of that version."""


class DatasetPull(Base, kw_only=True):
    """The receipt: who fetched files of a version, from where and by which client, on one day."""

    __tablename__ = "dataset_pull"
    __table_args__ = (
        UniqueConstraint("version_id", "caller", "address", "client", "via", "day"),
        CheckConstraint("via IN ('api', 'hub', 'url')", name="via"),
    )

    id: Mapped[UUID] = new_id()
    version_id: Mapped[UUID] = mapped_column(ForeignKey("dataset_version.id"))
    caller: Mapped[str]
    """The id of the key that was shown, or that signed the URL; `local` for none."""
    name: Mapped[str]
    address: Mapped[str]
    client: Mapped[str]
    """The beginning of its User-Agent."""
    via: Mapped[str]
    day: Mapped[date]
    """By UTC."""
    first_at: Mapped[datetime] = now()
    last_at: Mapped[datetime] = now()


class DatasetPullFile(Base, kw_only=True):
    """How much of one file that was."""

    __tablename__ = "dataset_pull_file"

    pull_id: Mapped[UUID] = mapped_column(ForeignKey("dataset_pull.id"), primary_key=True)
    path: Mapped[str] = mapped_column(primary_key=True)
    requests: Mapped[int]
    bytes: Mapped[int]
    """That were handed to the connection, over all requests."""
