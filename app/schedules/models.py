"""Schedules, and every run that they ever led to."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import UUID as UUIDS
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, new_id, now


class Schedule(Base, kw_only=True):
    __tablename__ = "schedule"
    __table_args__ = (
        UniqueConstraint("namespace", "name"),
        CheckConstraint("misfire IN ('skip', 'catch_up')", name="misfire"),
        CheckConstraint("overlap IN ('skip', 'queue', 'allow')", name="overlap"),
        Index(
            "ix_schedule_due",
            "next_at",
            postgresql_where=text("NOT paused AND next_at IS NOT NULL"),
        ),
    )

    id: Mapped[UUID] = new_id()
    namespace: Mapped[str]
    name: Mapped[str]
    cron: Mapped[str]
    timezone: Mapped[str]
    jitter: Mapped[int]
    """Seconds."""
    misfire: Mapped[str]
    grace: Mapped[int]
    """Seconds that a run may be late before it is a misfire."""
    overlap: Mapped[str]
    paused: Mapped[bool]
    job: Mapped[dict[str, Any]]
    """The job document as it was given: what is "latest" is pinned by each run."""
    top_up: Mapped[dict[str, Any] | None]
    webhook: Mapped[dict[str, Any] | None]
    next_nominal: Mapped[datetime | None]
    """The first time that nobody has decided about yet. It only ever moves on, whatever the clock
    does; none where no time comes any more."""
    next_at: Mapped[datetime | None]
    """The same with its jitter."""
    created_at: Mapped[datetime] = now()

    @property
    def ref(self) -> str:
        return f"{self.namespace}/{self.name}"


class ScheduleRun(Base, kw_only=True):
    """What became of one time."""

    __tablename__ = "schedule_run"
    __table_args__ = (
        # What makes each time fire once, however many workers look at the clock.
        UniqueConstraint("schedule_id", "nominal_time", "manual"),
        CheckConstraint(
            "state IN ('queued', 'running', 'finished', 'failed', 'cancelled', 'nothing_to_do',"
            " 'skipped', 'missed')",
            name="state",
        ),
        CheckConstraint("(ended_at IS NULL) = (state IN ('queued', 'running'))", name="has_ended"),
        Index(None, "schedule_id", "id"),
        Index("ix_schedule_run_open", "id", postgresql_where=text("ended_at IS NULL")),
    )

    id: Mapped[UUID] = new_id()
    schedule_id: Mapped[UUID] = mapped_column(ForeignKey("schedule.id", ondelete="CASCADE"))
    nominal_time: Mapped[datetime]
    manual: Mapped[bool]
    """Asked for by somebody; its nominal time is when."""
    missed_before: Mapped[int]
    """Times right before this one that were missed with it, and for which nothing is done."""
    state: Mapped[str]
    jobs: Mapped[list[UUID]] = mapped_column(
        ARRAY(UUIDS(as_uuid=True)), server_default=text("'{}'"), init=False
    )
    error: Mapped[str | None] = mapped_column(init=False)
    """Why it did nothing, or did not end well."""
    published: Mapped[str | None] = mapped_column(init=False)
    created_at: Mapped[datetime] = now()
    started_at: Mapped[datetime | None] = mapped_column(init=False)
    ended_at: Mapped[datetime | None] = mapped_column(init=False)
