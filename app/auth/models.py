"""API keys, as digests."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, new_id, now


class ApiKey(Base, kw_only=True):
    __tablename__ = "api_key"

    id: Mapped[UUID] = new_id()
    name: Mapped[str]
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    """sha256 of the secret, which has 256 random bits: it cannot be guessed, slowly or quickly."""
    scopes: Mapped[list[str]]
    namespaces: Mapped[list[str] | None] = mapped_column(default=None)
    """Null for all."""
    created_by: Mapped[str]
    expires_at: Mapped[datetime | None] = mapped_column(default=None)
    revoked_at: Mapped[datetime | None] = mapped_column(default=None)
    last_used_at: Mapped[datetime | None] = mapped_column(default=None)
    """To the minute."""
    created_at: Mapped[datetime] = now()


class SigningSecret(Base, kw_only=True):
    """The one secret that URLs are signed with, by every process of the installation."""

    __tablename__ = "signing_secret"
    __table_args__ = (CheckConstraint("id = 1", name="only_one"),)

    id: Mapped[int] = mapped_column(primary_key=True, default=1)
    secret: Mapped[bytes] = mapped_column(LargeBinary)
    made_at: Mapped[datetime] = now()
