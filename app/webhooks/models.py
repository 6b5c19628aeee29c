"""What somebody is to be told, and how often it was tried."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, new_id, now


class Delivery(Base, kw_only=True):
    """Written in the transaction that ends what it tells of."""

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        # One end is told once, however often somebody finds that it has come.
        UniqueConstraint("subject_id", "event", "occasion"),
        CheckConstraint("state IN ('pending', 'delivered', 'failed')", name="state"),
        Index(None, "owner_id", "id"),
        Index(
            "ix_webhook_delivery_pending", "retry_at", postgresql_where=text("state = 'pending'")
        ),
    )

    id: Mapped[UUID] = new_id()
    owner_id: Mapped[UUID]
    """The job or the schedule with whose deliveries it is listed."""
    subject_id: Mapped[UUID]
    """The job or the run that has ended."""
    event: Mapped[str]
    occasion: Mapped[datetime]
    """Which end is told of: a job that is retried ends again."""
    url: Mapped[str]
    secret: Mapped[str | None]
    """A reference to the secret, never the secret."""
    body: Mapped[bytes] = mapped_column(LargeBinary)
    """As it is signed and sent: every attempt sends the same bytes."""
    state: Mapped[str] = mapped_column(server_default="pending", init=False)
    attempts: Mapped[int] = mapped_column(server_default="0", init=False)
    last_error: Mapped[str | None] = mapped_column(init=False)
    retry_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"), init=False)
    """Not before this; while an attempt runs, when it is taken for lost."""
    created_at: Mapped[datetime] = now()
    ended_at: Mapped[datetime | None] = mapped_column(init=False)
