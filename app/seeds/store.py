"""SQL of seed datasets: versions written at once, rows read by position."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Select, any_, bindparam, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.errors import NotFound
from app.names import Ref
from app.seeds.models import SeedDataset, SeedRow, SeedVersion

Named = tuple[SeedDataset, SeedVersion]


async def lock(session: AsyncSession, ref: Ref) -> SeedDataset:
    """The dataset of that name, made where there is none. Until the transaction ends nobody else
    gives it a version.
    """
    await session.execute(
        insert(SeedDataset).values(namespace=ref.namespace, name=ref.name).on_conflict_do_nothing()
    )
    return (
        await session.scalars(
            select(SeedDataset)
            .where(SeedDataset.namespace == ref.namespace, SeedDataset.name == ref.name)
            .with_for_update()
        )
    ).one()


async def with_digest(session: AsyncSession, dataset_id: UUID, digest: bytes) -> SeedVersion | None:
    return await session.scalar(
        select(SeedVersion).where(
            SeedVersion.dataset_id == dataset_id, SeedVersion.digest == digest
        )
    )


async def add(
    session: AsyncSession,
    dataset_id: UUID,
    *,
    digest: bytes,
    rows: int,
    columns: Iterable[str],
    source: str,
) -> SeedVersion:
    """The next version, still without rows; the dataset must be locked."""
    last = await session.scalar(
        select(func.max(SeedVersion.version)).where(SeedVersion.dataset_id == dataset_id)
    )
    version = SeedVersion(
        dataset_id=dataset_id,
        version=(last or 0) + 1,
        digest=digest,
        rows=rows,
        columns=list(columns),
        source=source,
    )
    session.add(version)
    await session.flush()
    return version


async def get(session: AsyncSession, ref: Ref) -> Named:
    """The version that `ref` names, or the latest."""
    query = _named().where(SeedDataset.namespace == ref.namespace, SeedDataset.name == ref.name)
    if ref.version is not None:
        query = query.where(SeedVersion.version == ref.version)
    found = (
        await session.execute(query.order_by(SeedVersion.version.desc()).limit(1))
    ).one_or_none()
    if found is None:
        raise NotFound(
            "seeds.not_found",
            f"there is no seed dataset {ref}",
            hint="GET /v1/seeds lists them.",
        )
    return found[0], found[1]


async def page(
    session: AsyncSession, *, namespace: str | None, after: UUID | None, limit: int
) -> Sequence[Named]:
    """Datasets, oldest first, each with its latest version."""
    other = aliased(SeedVersion)
    latest = select(func.max(other.version)).where(other.dataset_id == SeedDataset.id)
    query = _named().where(SeedVersion.version == latest.scalar_subquery())
    if namespace is not None:
        query = query.where(SeedDataset.namespace == namespace)
    if after is not None:
        query = query.where(SeedDataset.id > after)
    found = await session.execute(query.order_by(SeedDataset.id).limit(limit))
    return [(dataset, version) for dataset, version in found]


async def versions(
    session: AsyncSession, dataset_id: UUID, *, after: int, limit: int
) -> Sequence[SeedVersion]:
    found = await session.scalars(
        select(SeedVersion)
        .where(SeedVersion.dataset_id == dataset_id, SeedVersion.version > after)
        .order_by(SeedVersion.version)
        .limit(limit)
    )
    return found.all()


async def rows(
    session: AsyncSession, version_id: UUID, positions: Iterable[int]
) -> dict[int, dict[str, Any]]:
    """The rows at these positions, by position, in one statement."""
    found = await session.execute(
        select(SeedRow.position, SeedRow.fields).where(
            SeedRow.version_id == version_id,
            SeedRow.position == any_(bindparam("positions", list(positions), ARRAY(BigInteger))),
        )
    )
    return dict(found.all())


async def rows_after(
    session: AsyncSession, version_id: UUID, *, after: int, limit: int
) -> Sequence[SeedRow]:
    found = await session.scalars(
        select(SeedRow)
        .where(SeedRow.version_id == version_id, SeedRow.position > after)
        .order_by(SeedRow.position)
        .limit(limit)
    )
    return found.all()


def _named() -> Select[SeedDataset, SeedVersion]:
    return select(SeedDataset, SeedVersion).join(
        SeedVersion, SeedVersion.dataset_id == SeedDataset.id
    )
