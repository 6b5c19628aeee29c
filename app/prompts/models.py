"""Templates and few-shot sets: names, and the immutable versions under them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, new_id, now


class TemplateName(Base, kw_only=True):
    __tablename__ = "template"
    __table_args__ = (UniqueConstraint("namespace", "name"),)

    id: Mapped[UUID] = new_id()
    namespace: Mapped[str]
    name: Mapped[str]
    created_at: Mapped[datetime] = now()


class StoredTemplate(Base, kw_only=True):
    __tablename__ = "template_version"
    __table_args__ = (
        UniqueConstraint("template_id", "version"),
        # The same content is the same version, however often it is pushed.
        UniqueConstraint("template_id", "digest"),
    )

    id: Mapped[UUID] = new_id()
    template_id: Mapped[UUID] = mapped_column(ForeignKey("template.id"))
    version: Mapped[int]
    digest: Mapped[str]
    description: Mapped[str]
    source: Mapped[str]
    created_at: Mapped[datetime] = now()


class FewShotName(Base, kw_only=True):
    __tablename__ = "few_shot_set"
    __table_args__ = (UniqueConstraint("namespace", "name"),)

    id: Mapped[UUID] = new_id()
    namespace: Mapped[str]
    name: Mapped[str]
    created_at: Mapped[datetime] = now()


class StoredFewShot(Base, kw_only=True):
    __tablename__ = "few_shot_version"
    __table_args__ = (
        UniqueConstraint("few_shot_set_id", "version"),
        UniqueConstraint("few_shot_set_id", "digest"),
    )

    id: Mapped[UUID] = new_id()
    few_shot_set_id: Mapped[UUID] = mapped_column(ForeignKey("few_shot_set.id"))
    version: Mapped[int]
    digest: Mapped[str]
    """Of the examples and of the template version they are bound to."""
    examples: Mapped[list[Any]]
    template_version_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("template_version.id"), index=True
    )
    """The version whose inputs and response the examples were checked against."""
    created_at: Mapped[datetime] = now()
