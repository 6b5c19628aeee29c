"""A corpus: everything ever made for it, kept or not, and why.

Replies, records and rejects name their corpus without a foreign key: to check one takes 7 µs a row
and a lock on the corpus's row, and a corpus is only ever deleted once it holds nothing.
"""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    SmallInteger,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db import Base, new_id, now

ReviewVerdict = Literal["approved", "rejected", "needs_work"]


class Corpus(Base, kw_only=True):
    __tablename__ = "corpus"
    __table_args__ = (UniqueConstraint("namespace", "name"),)

    id: Mapped[UUID] = new_id()
    namespace: Mapped[str]
    name: Mapped[str]
    columns: Mapped[dict[str, Any] | None] = mapped_column(default=None)
    """JSON type by field; set by the first job, and every later job must agree."""
    dedup: Mapped[dict[str, Any]]
    """What makes two records the same: as it was said, written out by the first job."""
    salt: Mapped[int]
    """Mixed into the bands of its records, which thereby meet no other corpus's."""
    shadow_of: Mapped[UUID | None] = mapped_column(ForeignKey("corpus.id"), default=None)
    """Of a hidden corpus: the one whose records it is to replace. Its name is no name."""
    created_at: Mapped[datetime] = now()


class StoredCompletion(Base, kw_only=True):
    """A teacher's reply as it came, kept before anything is made of it."""

    __tablename__ = "completion"

    job_id: Mapped[UUID] = mapped_column(primary_key=True)
    item: Mapped[int] = mapped_column(primary_key=True)
    sample: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    corpus_id: Mapped[UUID]
    content: Mapped[bytes] = mapped_column(LargeBinary)
    """UTF-8 with surrogates passed through: whatever the teacher said comes back as it was."""
    reasoning: Mapped[bytes | None] = mapped_column(LargeBinary)
    finish_reason: Mapped[str]
    prompt_tokens: Mapped[int]
    completion_tokens: Mapped[int]
    cached_tokens: Mapped[int]
    size: Mapped[int]
    fingerprint: Mapped[str | None]
    model: Mapped[str | None]
    logprobs: Mapped[bytes | None] = mapped_column(LargeBinary)
    """The teacher's `logprobs.content` as JSON bytes; tokens may be half a character."""
    prompt_digest: Mapped[bytes] = mapped_column(LargeBinary)
    inputs: Mapped[dict[str, Any]]
    """The seed row as it was rendered."""
    seed_position: Mapped[int | None]
    erased_at: Mapped[datetime | None] = mapped_column(default=None)
    """When its content, its log-probabilities and its inputs were taken out, by a deletion."""
    created_at: Mapped[datetime] = now()


class Judgement(Base, kw_only=True):
    """What a judge said of a record, kept as it came; where its record was made."""

    __tablename__ = "judgement"

    job_id: Mapped[UUID] = mapped_column(primary_key=True)
    item: Mapped[int] = mapped_column(primary_key=True)
    sample: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    question: Mapped[bytes] = mapped_column(LargeBinary)
    """A digest of who was asked, how, and what: the same question need not be asked again."""
    content: Mapped[bytes] = mapped_column(LargeBinary)
    """As that of a completion."""
    score: Mapped[float | None]
    """None where none could be read."""
    detail: Mapped[str | None]
    """What else was said, or why there is no score."""
    prompt_tokens: Mapped[int]
    completion_tokens: Mapped[int]
    created_at: Mapped[datetime] = now()


class StoredRecord(Base, kw_only=True):
    __tablename__ = "record"
    __table_args__ = (
        # What makes exact duplicates impossible, whatever runs at once.
        UniqueConstraint("corpus_id", "digest"),
        UniqueConstraint("job_id", "item", "sample"),
        Index(None, "corpus_id", "id"),
        Index(None, "corpus_id", "number"),
        Index(None, "job_id", "id"),
    )

    id: Mapped[UUID] = new_id()
    corpus_id: Mapped[UUID]
    job_id: Mapped[UUID]
    item: Mapped[int]
    sample: Mapped[int] = mapped_column(SmallInteger)
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    number: Mapped[int] = mapped_column(Identity(always=True), init=False)
    """In what order records came, where the corpus compares them with each other: such numbers are
    given under its lock, so that whoever has seen one has seen all before it. Neither an id nor a
    time would do: a clock may be set back."""
    fields: Mapped[dict[str, Any]]
    bands: Mapped[list[int] | None] = mapped_column(
        ARRAY(BigInteger), default=None, deferred=True, deferred_raiseload=True
    )
    """Where its near-duplicates find it, if the corpus minds them and there is text to compare."""
    flags: Mapped[list[dict[str, Any]]] = mapped_column(
        JSONB, server_default="[]", default_factory=list
    )
    """What the filters noted of it: reason, value, threshold, detail, revision."""
    created_at: Mapped[datetime] = now()
    review: Mapped["Review | None"] = relationship(
        primaryjoin="and_(StoredRecord.id == foreign(Review.record_id), Review.latest)",
        viewonly=True,
        uselist=False,
        lazy="selectin",
        init=False,
    )
    """The latest one."""


class StoredReject(Base, kw_only=True):
    __tablename__ = "reject"
    __table_args__ = (
        UniqueConstraint("job_id", "item", "sample"),
        Index(None, "job_id", "reason", "id"),
        Index(None, "corpus_id", "id"),
        # A whole code or, as a prefix, a stage.
        Index(None, "corpus_id", "reason", "id", postgresql_ops={"reason": "text_pattern_ops"}),
        Index(None, "duplicate_of", postgresql_where=text("duplicate_of IS NOT NULL")),
    )

    id: Mapped[UUID] = new_id()
    corpus_id: Mapped[UUID]
    job_id: Mapped[UUID]
    item: Mapped[int]
    sample: Mapped[int] = mapped_column(SmallInteger)
    reason: Mapped[str]
    revision: Mapped[int]
    value: Mapped[Any] = mapped_column(JSONB(none_as_null=True), nullable=True)
    threshold: Mapped[Any] = mapped_column(JSONB(none_as_null=True), nullable=True)
    detail: Mapped[str | None]
    duplicate_of: Mapped[UUID | None]
    """The record that was there first."""
    fields: Mapped[dict[str, Any] | None]
    """What was parsed, where it got so far."""
    created_at: Mapped[datetime] = now()


class Replayed(Base, kw_only=True):
    """Which stored reply an item of a reprocess job stands for: never another replayed one, so
    that from any record one step leads to what was asked and said.
    """

    __tablename__ = "replayed"

    job_id: Mapped[UUID] = mapped_column(primary_key=True)
    item: Mapped[int] = mapped_column(primary_key=True)
    """In the order in which the replies were stored."""
    source_job_id: Mapped[UUID]
    source_item: Mapped[int]
    source_sample: Mapped[int] = mapped_column(SmallInteger)


class RecordWords(Base, kw_only=True):
    """The words of a record, in a table of its own: to index them costs 85 µs of each record (63
    words; measured), a quarter of all that is done to store it, so that it is done later and never
    under a corpus's lock.
    """

    __tablename__ = "record_words"
    __table_args__ = (Index(None, "words", postgresql_using="gin"),)

    record_id: Mapped[UUID] = mapped_column(
        ForeignKey("record.id", ondelete="CASCADE", onupdate="CASCADE"), primary_key=True
    )
    words: Mapped[Any] = mapped_column(TSVECTOR)
    """With one that no text has, made of the corpus's salt: the index then finds within a corpus.
    """


class RejectWords(Base, kw_only=True):
    """The words of a reject, likewise."""

    __tablename__ = "reject_words"
    __table_args__ = (Index(None, "words", postgresql_using="gin"),)

    reject_id: Mapped[UUID] = mapped_column(
        ForeignKey("reject.id", ondelete="CASCADE", onupdate="CASCADE"), primary_key=True
    )
    words: Mapped[Any] = mapped_column(TSVECTOR)


class Unindexed(Base, kw_only=True):
    """Places whose words are still to be indexed; one row for each batch that was settled."""

    __tablename__ = "unindexed"

    id: Mapped[UUID] = new_id()
    job_id: Mapped[UUID] = mapped_column(index=True)
    items: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    samples: Mapped[list[int]] = mapped_column(ARRAY(SmallInteger))


class Review(Base, kw_only=True):
    """What somebody thought of a record. The latest one counts, the earlier ones are kept."""

    __tablename__ = "review"
    __table_args__ = (
        Index(None, "record_id", unique=True, postgresql_where=text("latest")),
        Index("ix_review_history", "record_id", "id"),
        CheckConstraint("verdict IN ('approved', 'rejected', 'needs_work')", name="verdict"),
    )

    id: Mapped[UUID] = new_id()
    record_id: Mapped[UUID] = mapped_column(
        ForeignKey("record.id", ondelete="CASCADE", onupdate="CASCADE")
    )
    verdict: Mapped[str]
    note: Mapped[str | None]
    reviewer: Mapped[str]
    latest: Mapped[bool] = mapped_column(default=True, server_default="true")
    created_at: Mapped[datetime] = now()


class Deletion(Base, kw_only=True):
    """Somebody's decision that some records should not be in a corpus."""

    __tablename__ = "deletion"
    __table_args__ = (Index(None, "corpus_id", "id"),)

    id: Mapped[UUID] = new_id()
    corpus_id: Mapped[UUID] = mapped_column(ForeignKey("corpus.id"))
    selection: Mapped[dict[str, Any]]
    reason: Mapped[str]
    caller: Mapped[str]
    block: Mapped[bool]
    erase: Mapped[bool]
    records: Mapped[int]
    created_at: Mapped[datetime] = now()


class Tombstone(Base, kw_only=True):
    """A record that was in a corpus, and why it is not any more. What it said is gone."""

    __tablename__ = "tombstone"
    __table_args__ = (
        Index(None, "corpus_id", "record_id"),
        Index(None, "job_id"),
        Index(None, "deletion_id"),
        Index("ix_tombstone_blocks", "corpus_id", "digest", postgresql_where=text("blocks")),
    )

    record_id: Mapped[UUID] = mapped_column(primary_key=True)
    corpus_id: Mapped[UUID] = mapped_column(ForeignKey("corpus.id"))
    job_id: Mapped[UUID]
    item: Mapped[int]
    sample: Mapped[int] = mapped_column(SmallInteger)
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    reason: Mapped[str]
    """`reprocessed`, or what was said with the deletion."""
    deletion_id: Mapped[UUID | None] = mapped_column(ForeignKey("deletion.id"), default=None)
    """The decision behind it, where it was somebody's."""
    blocks: Mapped[bool] = mapped_column(default=False, server_default="false")
    """Whether what it said is refused from now on."""
    deleted_at: Mapped[datetime] = now()
