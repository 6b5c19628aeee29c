"""The ledger: jobs, the chunks they are worked in, and what became of every sample.

At every moment, for every job: planned = accepted + rejected + failed + cancelled + open.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.corpus.item import ROWS
from app.db import Base, new_id, now


class Job(Base, kw_only=True):
    __tablename__ = "job"
    __table_args__ = (
        CheckConstraint(
            "state IN ('queued', 'running', 'paused', 'cancelling', 'finished', 'failed',"
            " 'cancelled')",
            name="state",
        ),
        CheckConstraint("kind IN ('generate', 'reprocess', 'import')", name="kind"),
        CheckConstraint(
            "(kind = 'generate') = (teacher_id IS NOT NULL)"
            " AND (kind <> 'generate' OR template_version_id IS NOT NULL)",
            name="kind_has_teacher",
        ),
        Index(
            "ix_job_live",
            "teacher_id",
            "priority",
            postgresql_where=text("state IN ('queued', 'running', 'paused', 'cancelling')"),
        ),
        # A claim of any teacher looks at these: hardly any job has several arms.
        Index(
            "ix_job_several",
            "id",
            postgresql_where=text(
                "arms > 1 AND state IN ('queued', 'running', 'paused', 'cancelling')"
            ),
        ),
        Index(None, "namespace", "id"),
        Index(None, "corpus_id", "id"),
        Index(
            "ix_job_unpublished", "id", postgresql_where=text("publishes AND state = 'finished'")
        ),
    )

    id: Mapped[UUID] = new_id()
    kind: Mapped[str] = mapped_column(default="generate", server_default="generate")
    """`generate` asks a teacher; `reprocess` and `import` ask nobody: their replies are stored."""
    namespace: Mapped[str]
    document: Mapped[dict[str, Any]]
    """The resolved job document: every "latest" pinned, every default written out."""
    digest: Mapped[str]
    corpus_id: Mapped[UUID] = mapped_column(ForeignKey("corpus.id"))
    shadow_id: Mapped[UUID | None] = mapped_column(default=None)
    """Of a job that rebuilds its own corpus: the hidden one that it fills meanwhile."""
    teacher_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("teacher.id"), default=None, index=True
    )
    """Of its first arm, as what follows; null for one that asks nobody."""
    template_version_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("template_version.id"), default=None, index=True
    )
    few_shot_version_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("few_shot_version.id"), default=None, index=True
    )
    seed_version_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("seed_version.id"), default=None, index=True
    )
    num_records: Mapped[int]
    max_candidates: Mapped[int]
    max_tokens: Mapped[int | None] = mapped_column(default=None)
    max_gpu_hours: Mapped[float | None] = mapped_column(default=None)
    max_wall_time: Mapped[int | None] = mapped_column(default=None)
    """In seconds."""
    max_cost: Mapped[float | None] = mapped_column(default=None)
    samples_per_item: Mapped[int]
    arms: Mapped[int] = mapped_column(SmallInteger, default=1, server_default="1")
    """How many it has; see `JobArm`."""
    compares: Mapped[bool] = mapped_column(default=False, server_default="false")
    """Whether all arms are asked about the same rows; else they share them out."""
    stratified: Mapped[bool] = mapped_column(default=False, server_default="false")
    """Whether each cell of its matrix has a quota."""
    priority: Mapped[int] = mapped_column(default=0)
    before: Mapped[dict[str, Any] | None] = mapped_column(default=None)
    """Of a reprocess job: how its replies had been decided, by reason; `accepted` is one."""
    state: Mapped[str] = mapped_column(default="queued")
    reason: Mapped[str | None] = mapped_column(default=None)
    """Why it ended, or is paused, in a sentence."""
    events: Mapped[int] = mapped_column(default=0, server_default="0")
    """The number of its last event. Raised under the row's lock, so that whoever has seen one has
    seen all before it."""
    waits: Mapped[bool] = mapped_column(default=False, server_default="false")
    """Whether its last event about its teacher says that it waits for it."""
    smoke: Mapped[dict[str, Any] | None] = mapped_column(default=None)
    """What its first samples showed; null until there are enough."""
    account: Mapped[dict[str, Any] | None] = mapped_column(default=None)
    """Its ledger, once it has ended: sums over all jobs then need not read all chunks."""
    publishes: Mapped[bool] = mapped_column(default=False)
    """Whether its `publish` is still to be carried out."""
    published: Mapped[str | None] = mapped_column(default=None)
    """The dataset version that its `publish` made, or why it could not."""
    created_at: Mapped[datetime] = now()
    started_at: Mapped[datetime | None] = mapped_column(default=None)
    ended_at: Mapped[datetime | None] = mapped_column(default=None)


class JobArm(Base, kw_only=True):
    """One of those who are asked for a job: a teacher with a template version. A job that asks
    nobody has none.
    """

    __tablename__ = "job_arm"
    job_id: Mapped[UUID] = mapped_column(ForeignKey("job.id"), primary_key=True)
    arm: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    """From 0; what the number of an item begins with."""
    name: Mapped[str | None] = mapped_column(default=None)
    """What it is called in a comparison."""
    teacher_id: Mapped[UUID] = mapped_column(ForeignKey("teacher.id"), index=True)
    template_version_id: Mapped[UUID] = mapped_column(ForeignKey("template_version.id"), index=True)
    few_shot_version_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("few_shot_version.id"), default=None, index=True
    )
    weight: Mapped[float] = mapped_column(default=1.0, server_default="1")
    account: Mapped[dict[str, Any] | None] = mapped_column(default=None)
    """Its part of the job's ledger, once that has ended, where there are other arms."""


class JobJudge(Base, kw_only=True):
    """Who scores the records of a job, and by which rubric; nobody of most jobs."""

    __tablename__ = "job_judge"
    job_id: Mapped[UUID] = mapped_column(ForeignKey("job.id"), primary_key=True)
    teacher_id: Mapped[UUID] = mapped_column(ForeignKey("teacher.id"), primary_key=True, index=True)
    template_version_id: Mapped[UUID] = mapped_column(
        ForeignKey("template_version.id"), primary_key=True, index=True
    )


class Chunk(Base, kw_only=True):
    """A run of consecutive items of one arm; what one worker holds at a time."""

    __tablename__ = "chunk"
    __table_args__ = (
        UniqueConstraint("job_id", "arm", "seq"),
        CheckConstraint(f"arm = first_item / {ROWS}", name="arm_of_items"),
        CheckConstraint("state IN ('ready', 'running', 'done')", name="state"),
        CheckConstraint("accepted + rejected + failed + cancelled <= samples", name="adds_up"),
        Index("ix_chunk_ready", "job_id", "arm", "seq", postgresql_where=text("state = 'ready'")),
        Index("ix_chunk_running", "lease_until", postgresql_where=text("state = 'running'")),
    )

    id: Mapped[UUID] = new_id()
    job_id: Mapped[UUID] = mapped_column(ForeignKey("job.id"))
    arm: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    seq: Mapped[int]
    """Its number in its arm: chunks of one number, in the arms of a comparison, have the same rows
    and show the same examples."""
    first_item: Mapped[int]
    items: Mapped[int]
    samples: Mapped[int]
    """`items` times the job's `samples_per_item`."""
    state: Mapped[str] = mapped_column(server_default="ready")
    epoch: Mapped[int] = mapped_column(server_default="0")
    """Raised by every claim; a holder of an older one can commit nothing."""
    holder: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    losses: Mapped[int] = mapped_column(server_default="0")
    """Leases lost since the chunk last got on."""
    accepted: Mapped[int] = mapped_column(server_default="0")
    rejected: Mapped[int] = mapped_column(server_default="0")
    failed: Mapped[int] = mapped_column(server_default="0")
    cancelled: Mapped[int] = mapped_column(server_default="0")
    reasons: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    """How many samples were rejected or failed for each reason."""
    prompt_tokens: Mapped[int] = mapped_column(server_default="0")
    completion_tokens: Mapped[int] = mapped_column(server_default="0")
    cached_tokens: Mapped[int] = mapped_column(server_default="0")
    judge_prompt_tokens: Mapped[int] = mapped_column(server_default="0")
    """Those of its job's judge, as the next."""
    judge_completion_tokens: Mapped[int] = mapped_column(server_default="0")
    teacher_seconds: Mapped[float] = mapped_column(server_default="0")
    """Its part of its teacher's time, up to when it was last let go of."""
    clock_from: Mapped[float | None]
    """What its teacher's clock showed when it was taken; null while nobody holds it."""
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class TeacherClock(Base, kw_only=True):
    """A teacher's time, shared out. While so many chunks run on it, its clock goes so many times
    slower than the wall's: what it went on by while a chunk was held is that chunk's part. All
    parts together are the time for which any chunk was held.
    """

    __tablename__ = "teacher_clock"
    __table_args__ = ({"postgresql_with": {"fillfactor": 50}},)

    teacher_id: Mapped[UUID] = mapped_column(
        ForeignKey("teacher.id", ondelete="CASCADE"), primary_key=True
    )
    running: Mapped[int]
    """Chunks that are held."""
    seconds: Mapped[float]
    """What it showed at `at`."""
    at: Mapped[datetime]


class Sample(Base, kw_only=True):
    """One sample's end; an open one has no row yet, a cancelled one never gets one."""

    __tablename__ = "sample"
    __table_args__ = (
        CheckConstraint("outcome IN ('accepted', 'rejected', 'failed')", name="outcome"),
    )

    job_id: Mapped[UUID] = mapped_column(primary_key=True)
    item: Mapped[int] = mapped_column(primary_key=True)
    sample: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    outcome: Mapped[str]
    reason: Mapped[str | None]
    detail: Mapped[str | None]
    """For a failed one: what the teacher said."""
    attempts: Mapped[int] = mapped_column(SmallInteger)


class Crash(Base, kw_only=True):
    """An engine died while it had this item. Rows of items that have ended tell what happened to
    them; those of open ones make them suspects, whoever holds their chunk.
    """

    __tablename__ = "crash"

    job_id: Mapped[UUID] = mapped_column(primary_key=True)
    item: Mapped[int] = mapped_column(primary_key=True)
    attempt: Mapped[str] = mapped_column(primary_key=True)
    """Which of its requests that was: counted once, however often it is written."""
    detail: Mapped[str]
    """What was seen of the engine."""
    at: Mapped[datetime] = now()


class Stratum(Base, kw_only=True):
    """What came of one cell of a job's matrix, as far as it was compared with the corpus."""

    __tablename__ = "stratum"
    __table_args__ = ({"postgresql_with": {"fillfactor": 70}},)

    job_id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[UUID] = mapped_column(primary_key=True)
    """A digest of `cell`."""
    cell: Mapped[dict[str, Any]]
    number: Mapped[int | None]
    """Of the cell in the matrix, in a job whose cells have quotas."""
    quota: Mapped[int | None]
    """How many records it should have."""
    planned: Mapped[int] = mapped_column(server_default="0")
    """Items planned for it; only where it has a quota."""
    settled: Mapped[int] = mapped_column(server_default="0")
    """Samples that were decided on while it lacked records; only where it has a quota."""
    candidates: Mapped[int] = mapped_column(server_default="0")
    novel: Mapped[int] = mapped_column(server_default="0")
    recent: Mapped[str] = mapped_column(server_default="")
    """One character for each of the last candidates: 1 for a new one, 0 for one that was not."""
    dry_at: Mapped[datetime | None]
    cancelled: Mapped[int] = mapped_column(server_default="0")
    """Samples that were not asked for, because the stratum was dry or had its quota."""


class WaveRow(Base, kw_only=True):
    """The items that were planned at once for a job whose cells have quotas."""

    __tablename__ = "wave"

    job_id: Mapped[UUID] = mapped_column(ForeignKey("job.id"), primary_key=True)
    first_item: Mapped[int] = mapped_column(primary_key=True)
    runs: Mapped[list[Any]]
    """Each a cell's number, how many items it had before, and how many it has here."""


class JobEvent(Base, kw_only=True):
    """Something that happened to a job, and that nothing else keeps; progress is read off its
    chunks.
    """

    __tablename__ = "job_event"
    __table_args__ = (
        Index("ix_job_event_lost", "job_id", postgresql_where=text("kind = 'chunk_lost'")),
    )

    job_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    """From 1, without a gap."""
    kind: Mapped[str]
    data: Mapped[dict[str, Any]]
    at: Mapped[datetime] = now()


class WorkerRow(Base, kw_only=True):
    """A worker process and its last sign of life. Nothing depends on it but what is shown: chunks
    have leases of their own.
    """

    __tablename__ = "worker"
    __table_args__ = ({"postgresql_with": {"fillfactor": 50}},)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    host: Mapped[str]
    pid: Mapped[int]
    concurrency: Mapped[int]
    waits: Mapped[str | None]
    """Why it takes no work."""
    in_flight: Mapped[dict[str, Any]]
    """Requests that it has out with teachers, by job."""
    started_at: Mapped[datetime] = now()
    seen_at: Mapped[datetime] = now()
