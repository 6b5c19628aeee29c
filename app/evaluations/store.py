"""SQL of evaluation sets: versions written at once, items read in their order."""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.errors import NotFound
from app.evaluations.models import EvaluationItem, EvaluationSet, EvaluationVersion
from app.names import Ref

Named = tuple[EvaluationSet, EvaluationVersion]
_PAGE = 500


async def lock(session: AsyncSession, ref: Ref) -> EvaluationSet:
    """The set of that name, made where there is none. Until the transaction ends nobody else gives
    it a version.
    """
    await session.execute(
        insert(EvaluationSet)
        .values(namespace=ref.namespace, name=ref.name)
        .on_conflict_do_nothing()
    )
    return (
        await session.scalars(
            select(EvaluationSet)
            .where(EvaluationSet.namespace == ref.namespace, EvaluationSet.name == ref.name)
            .with_for_update()
        )
    ).one()


async def with_digest(
    session: AsyncSession, set_id: UUID, digest: bytes
) -> EvaluationVersion | None:
    return await session.scalar(
        select(EvaluationVersion).where(
            EvaluationVersion.set_id == set_id, EvaluationVersion.digest == digest
        )
    )


async def add(
    session: AsyncSession,
    set_id: UUID,
    *,
    digest: bytes,
    items: int,
    fields: Iterable[str],
    texts: int,
    too_short: int,
) -> EvaluationVersion:
    """The next version, still without items; the set must be locked."""
    last = await session.scalar(
        select(func.max(EvaluationVersion.version)).where(EvaluationVersion.set_id == set_id)
    )
    version = EvaluationVersion(
        set_id=set_id,
        version=(last or 0) + 1,
        digest=digest,
        items=items,
        fields=list(fields),
        texts=texts,
        too_short=too_short,
    )
    session.add(version)
    await session.flush()
    return version


async def get(session: AsyncSession, ref: Ref) -> Named:
    """The version that `ref` names, or the latest; of a retired set too."""
    query = _named().where(EvaluationSet.namespace == ref.namespace, EvaluationSet.name == ref.name)
    if ref.version is not None:
        query = query.where(EvaluationVersion.version == ref.version)
    found = (
        await session.execute(query.order_by(EvaluationVersion.version.desc()).limit(1))
    ).one_or_none()
    if found is None:
        raise NotFound(
            "evaluation.not_found",
            f"there is no evaluation set {ref}",
            hint="GET /v1/evaluation-sets lists them.",
        )
    return found[0], found[1]


async def in_force(session: AsyncSession, namespace: str) -> Sequence[Named]:
    """The latest version of every set of a namespace, by name, but for those retired."""
    query = _latest().where(
        EvaluationSet.namespace == namespace, EvaluationSet.retired_at.is_(None)
    )
    found = await session.execute(query.order_by(EvaluationSet.name))
    return [(one, version) for one, version in found]


async def page(
    session: AsyncSession, *, namespace: str | None, after: UUID | None, limit: int
) -> Sequence[Named]:
    """Sets, oldest first, each with its latest version."""
    query = _latest()
    if namespace is not None:
        query = query.where(EvaluationSet.namespace == namespace)
    if after is not None:
        query = query.where(EvaluationSet.id > after)
    found = await session.execute(query.order_by(EvaluationSet.id).limit(limit))
    return [(one, version) for one, version in found]


async def versions(
    session: AsyncSession, set_id: UUID, *, after: int, limit: int
) -> Sequence[EvaluationVersion]:
    """Oldest first."""
    found = await session.scalars(
        select(EvaluationVersion)
        .where(EvaluationVersion.set_id == set_id, EvaluationVersion.version > after)
        .order_by(EvaluationVersion.version)
        .limit(limit)
    )
    return found.all()


async def items_after(
    session: AsyncSession, version_id: UUID, *, after: int, limit: int
) -> Sequence[EvaluationItem]:
    found = await session.scalars(
        select(EvaluationItem)
        .where(EvaluationItem.version_id == version_id, EvaluationItem.position > after)
        .order_by(EvaluationItem.position)
        .limit(limit)
    )
    return found.all()


async def items(
    session: AsyncSession, version_id: UUID
) -> AsyncIterator[list[tuple[int, dict[str, Any]]]]:
    """Every item of a version with its position, a page at a time."""
    query = (
        select(EvaluationItem.position, EvaluationItem.fields)
        .where(EvaluationItem.version_id == version_id)
        .order_by(EvaluationItem.position)
    )
    found = await session.stream(query, execution_options={"yield_per": _PAGE})
    async for part in found.partitions():
        yield [(row.position, row.fields) for row in part]


async def retire(session: AsyncSession, set_id: UUID, *, retired: bool) -> None:
    await session.execute(
        update(EvaluationSet)
        .where(EvaluationSet.id == set_id)
        .values(retired_at=func.coalesce(EvaluationSet.retired_at, func.now()) if retired else None)
    )


def _named() -> Select[EvaluationSet, EvaluationVersion]:
    return select(EvaluationSet, EvaluationVersion).join(
        EvaluationVersion, EvaluationVersion.set_id == EvaluationSet.id
    )


def _latest() -> Select[EvaluationSet, EvaluationVersion]:
    other = aliased(EvaluationVersion)
    latest = select(func.max(other.version)).where(other.set_id == EvaluationSet.id)
    return _named().where(EvaluationVersion.version == latest.scalar_subquery())
