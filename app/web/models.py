"""Answers kept for repeated requests."""

from datetime import datetime
from typing import Any

from sqlalchemy import LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, now


class StoredAnswer(Base, kw_only=True):
    """The answer to the first request with an Idempotency-Key, replayed to its twins for a day."""

    __tablename__ = "stored_answer"

    caller: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    request: Mapped[bytes] = mapped_column(LargeBinary)
    """Digest of method, path, query and body."""
    status: Mapped[int | None] = mapped_column(default=None)
    headers: Mapped[dict[str, Any] | None] = mapped_column(default=None)
    body: Mapped[bytes | None] = mapped_column(LargeBinary, default=None)
    created_at: Mapped[datetime] = now()
