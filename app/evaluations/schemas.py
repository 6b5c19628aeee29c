"""Evaluation sets as JSON."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from app.evaluations.models import EvaluationItem, EvaluationSet, EvaluationVersion
from app.names import Ref


class EvaluationVersionView(BaseModel):
    namespace: str = Field(examples=["support"])
    name: str = Field(examples=["exam"])
    version: int
    ref: str = Field(examples=["support/exam@1"])
    """What a job or a publication calls it."""
    items: int
    fields: list[str]
    """What is kept of each item. Every text in them is compared with by itself."""
    texts: int
    """Texts of five words or more, which records are compared with."""
    too_short: int
    """Texts with fewer words, which are not."""
    digest: str
    """sha256 over the fields kept: equal for equal items in equal order, whatever their format."""
    retired_at: datetime | None
    """Since when only those who name the set are held against it."""
    created_at: datetime

    @classmethod
    def of(cls, named: EvaluationSet, version: EvaluationVersion) -> "EvaluationVersionView":
        return cls(
            namespace=named.namespace,
            name=named.name,
            version=version.version,
            ref=str(Ref(named.namespace, named.name, version.version)),
            items=version.items,
            fields=version.fields,
            texts=version.texts,
            too_short=version.too_short,
            digest=version.digest.hex(),
            retired_at=named.retired_at,
            created_at=version.created_at,
        )


class EvaluationItemView(BaseModel):
    position: int
    """From 0."""
    fields: dict[str, Any]

    @classmethod
    def of(cls, item: EvaluationItem) -> "EvaluationItemView":
        return cls(position=item.position, fields=item.fields)
