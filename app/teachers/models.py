"""A teacher: a model, where it answers, what it can do, and whether it is there."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, new_id, now
from app.teachers.capabilities import Capabilities

MOST_IN_FLIGHT = 512
"""Of a teacher of which nobody said how many. The limit that is found for it is mostly lower."""


class Teacher(Base, kw_only=True):
    __tablename__ = "teacher"
    __table_args__ = (
        UniqueConstraint("namespace", "name"),
        CheckConstraint("training IN ('allowed', 'forbidden', 'unknown')", name="training"),
    )

    id: Mapped[UUID] = new_id()
    namespace: Mapped[str]
    name: Mapped[str]
    urls: Mapped[list[str]]
    """Its endpoints, each without the `/v1`."""
    model: Mapped[str]
    """The name to ask for."""
    api_key: Mapped[str | None] = mapped_column(default=None)
    """A reference to the key, never the key."""
    max_in_flight: Mapped[int] = mapped_column(default=MOST_IN_FLIGHT)
    """Requests at a time, over all workers; fewer where it is found to take fewer."""
    chunk_slots: Mapped[int] = mapped_column(default=2)
    """Runs of chunks at a time, over all workers: how many workers may work for it."""
    licence: Mapped[str | None] = mapped_column(default=None)
    terms: Mapped[str | None] = mapped_column(default=None)
    terms_url: Mapped[str | None] = mapped_column(default=None)
    training: Mapped[str] = mapped_column(default="unknown", server_default="unknown")
    """Whether its owner lets others train on what it says."""
    prompt_price: Mapped[float | None] = mapped_column(default=None)
    """Of a million prompt tokens."""
    completion_price: Mapped[float | None] = mapped_column(default=None)
    currency: Mapped[str | None] = mapped_column(default=None)
    gpus: Mapped[float | None] = mapped_column(default=None)
    """How many GPUs serve it."""
    gpu_hour_price: Mapped[float | None] = mapped_column(default=None)
    """Of an hour of one of them."""
    random_seed: Mapped[bool] = mapped_column(default=False)
    capabilities: Mapped[dict[str, Any] | None] = mapped_column(default=None)
    """As probed; null for one that never was."""
    probed_at: Mapped[datetime | None] = mapped_column(default=None)
    # The circuit: open while the teacher is away.
    down_since: Mapped[datetime | None] = mapped_column(default=None)
    down_reason: Mapped[str | None] = mapped_column(default=None)
    retry_at: Mapped[datetime | None] = mapped_column(default=None)
    """No work is taken for it before this."""
    failures: Mapped[int] = mapped_column(default=0, server_default="0")
    """Tries in a row that found it away."""
    created_at: Mapped[datetime] = now()

    @property
    def ref(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def known_capabilities(self) -> Capabilities | None:
        """What it can do; None where nobody has looked."""
        if self.capabilities is None:
            return None
        found = Capabilities.model_validate(self.capabilities)
        return found.model_copy(update={"random_seed": self.random_seed})


class TeacherShare(Base, kw_only=True):
    """What one worker has of a teacher's `max_in_flight`, and what it does with it. The shares of
    those that are alive never add up to more.
    """

    __tablename__ = "teacher_share"
    __table_args__ = ({"postgresql_with": {"fillfactor": 50}},)

    teacher_id: Mapped[UUID] = mapped_column(
        ForeignKey("teacher.id", ondelete="CASCADE"), primary_key=True
    )
    worker_id: Mapped[UUID] = mapped_column(primary_key=True)
    places: Mapped[int]
    """Requests at a time, those included whose replies are not stored yet."""
    isolates: Mapped[bool]
    """It has to ask for something while nobody else does: others give up their places."""
    in_flight: Mapped[int]
    most: Mapped[int]
    """The limit that it found, within its places."""
    endpoints: Mapped[dict[str, Any]]
    """In flight, limit and trouble by address."""
    seen_at: Mapped[datetime] = now()
