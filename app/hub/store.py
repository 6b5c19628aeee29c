"""SQL of the Hub's endpoints: which version a revision means, and what it holds. Reads only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from app.datasets.models import Dataset, DatasetFile, DatasetVersion
from app.hub.names import MAIN, Repo, is_commit, version_of


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One version as a client sees it: without its manifest, which may be long."""

    id: UUID
    dataset_id: UUID
    namespace: str
    name: str
    description: str
    created_at: datetime
    """Of the dataset."""
    version: int
    commit: str
    bytes: int
    published_at: datetime
    withdrawn_at: datetime | None
    withdrawn_because: str | None


def _snapshots() -> Select[*tuple[Any, ...]]:
    version = DatasetVersion
    return select(
        version.id,
        version.dataset_id,
        Dataset.namespace,
        Dataset.name,
        Dataset.description,
        Dataset.created_at,
        version.version,
        version.commit,
        version.bytes,
        version.published_at,
        version.withdrawn_at,
        version.withdrawn_because,
    ).join(Dataset, Dataset.id == version.dataset_id)


async def dataset_id(session: AsyncSession, repo: Repo) -> UUID | None:
    return await session.scalar(
        select(Dataset.id).where(Dataset.namespace == repo.namespace, Dataset.name == repo.name)
    )


async def at(session: AsyncSession, repo: Repo, revision: str) -> Snapshot | None:
    """The version that a revision means, withdrawn or not; `main` is withdrawn only if all are."""
    query = _snapshots().where(Dataset.namespace == repo.namespace, Dataset.name == repo.name)
    tagged = version_of(revision)
    if repo.pinned is not None:
        query = query.where(DatasetVersion.version == repo.pinned)
    if tagged is not None:
        query = query.where(DatasetVersion.version == tagged)
    elif is_commit(revision):
        query = query.where(DatasetVersion.commit == revision)
    elif revision != MAIN:
        return None
    newest_first = (DatasetVersion.withdrawn_at.is_not(None), DatasetVersion.version.desc())
    row = (await session.execute(query.order_by(*newest_first).limit(1))).one_or_none()
    return None if row is None else Snapshot(*row)


async def published(
    session: AsyncSession, repo: Repo, limit: int, upto: int | None = None
) -> Sequence[Snapshot]:
    """The versions of a repository that are not withdrawn, from number `upto` down."""
    query = _snapshots().where(
        Dataset.namespace == repo.namespace,
        Dataset.name == repo.name,
        DatasetVersion.withdrawn_at.is_(None),
    )
    if repo.pinned is not None:
        query = query.where(DatasetVersion.version == repo.pinned)
    if upto is not None:
        query = query.where(DatasetVersion.version <= upto)
    rows = await session.execute(query.order_by(DatasetVersion.version.desc()).limit(limit))
    return [Snapshot(*row) for row in rows]


async def listing(
    session: AsyncSession, author: str | None, search: str, after: UUID | None, limit: int
) -> Sequence[Snapshot]:
    """`main` of every dataset that has one, in the order of their creation."""
    query = (
        _snapshots()
        .where(DatasetVersion.withdrawn_at.is_(None))
        .ext(distinct_on(Dataset.id))
        .order_by(Dataset.id, DatasetVersion.version.desc())
        .limit(limit)
    )
    if author is not None:
        query = query.where(Dataset.namespace == author)
    if search:
        name = func.concat(Dataset.namespace, "/", Dataset.name)
        query = query.where(name.icontains(search, autoescape=True))
    if after is not None:
        query = query.where(Dataset.id > after)
    return [Snapshot(*row) for row in await session.execute(query)]


async def files(session: AsyncSession, version_id: UUID) -> Sequence[DatasetFile]:
    query = select(DatasetFile).where(DatasetFile.version_id == version_id)
    return sorted(await session.scalars(query), key=lambda file: file.path)


async def file(session: AsyncSession, version_id: UUID, path: str) -> DatasetFile | None:
    return await session.get(DatasetFile, (version_id, path))
