"""SQL of the Hub's endpoints: which version a revision means, and what it holds. Reads only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Select, and_, bindparam, func, select
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


_By = Literal["tag", "commit", "main"]


@cache
def _at(*, pinned: bool, by: _By) -> Select[*tuple[Any, ...]]:
    """The version that a revision means, and its file at a path if there is one. Made once: making
    it takes longer than asking.
    """
    file = and_(DatasetFile.version_id == DatasetVersion.id, DatasetFile.path == bindparam("path"))
    query = (
        _snapshots()
        .add_columns(DatasetFile)
        .outerjoin(DatasetFile, file)
        .where(Dataset.namespace == bindparam("namespace"), Dataset.name == bindparam("name"))
        .order_by(DatasetVersion.withdrawn_at.is_not(None), DatasetVersion.version.desc())
        .limit(1)
    )
    if pinned:
        query = query.where(DatasetVersion.version == bindparam("pinned"))
    if by == "tag":
        return query.where(DatasetVersion.version == bindparam("tagged"))
    if by == "commit":
        return query.where(DatasetVersion.commit == bindparam("commit"))
    return query


_FILES = select(DatasetFile).where(DatasetFile.version_id == bindparam("version_id"))


async def dataset_id(session: AsyncSession, repo: Repo) -> UUID | None:
    return await session.scalar(
        select(Dataset.id).where(Dataset.namespace == repo.namespace, Dataset.name == repo.name)
    )


async def at(
    session: AsyncSession, repo: Repo, revision: str, path: str = ""
) -> tuple[Snapshot, DatasetFile | None] | None:
    """The version that a revision means, withdrawn or not, and its file at `path`. `main` is a
    withdrawn one only if all are.
    """
    tagged = version_of(revision)
    by: _By | None = "main" if revision == MAIN else None
    if tagged is not None or is_commit(revision):
        by = "commit" if tagged is None else "tag"
    if by is None:
        return None
    asked = {
        "namespace": repo.namespace,
        "name": repo.name,
        "path": path,
        "pinned": repo.pinned,
        "tagged": tagged,
        "commit": revision,
    }
    query = _at(pinned=repo.pinned is not None, by=by)
    row = (await session.execute(query, asked)).one_or_none()
    return None if row is None else (Snapshot(*row[:-1]), row[-1])


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
    found = await session.scalars(_FILES, {"version_id": version_id})
    return sorted(found, key=lambda file: file.path)
