"""SQL of provenance: the jobs behind a version, and what their documents say."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.corpus.models import Replayed, StoredRecord
from app.corpus.replay import IS_REPLAYED, SOURCE_JOB
from app.corpus.selection import Selection

# The ledger of jobs lies further downstream; here, a job is a document, and no more of it is read.
_JOBS = text("SELECT id, kind, document FROM job WHERE id = ANY(:jobs)")


@dataclass(frozen=True, slots=True)
class Said:
    kind: str
    document: Mapping[str, Any]


async def documents(session: AsyncSession, jobs: Collection[UUID]) -> dict[UUID, Said]:
    rows = await session.execute(_JOBS, {"jobs": list(jobs)})
    return {row.id: Said(row.kind, row.document) for row in rows}


async def behind(
    session: AsyncSession, corpus_id: UUID, jobs: Collection[UUID], selection: Selection
) -> set[UUID]:
    """Of these jobs, those whose replies are among the selected records."""
    record = StoredRecord
    query = (
        select(SOURCE_JOB)
        .select_from(record)
        .outerjoin(Replayed, IS_REPLAYED)
        .where(record.corpus_id == corpus_id, SOURCE_JOB.in_(jobs))
        .distinct()
    )
    if selection.created_after is not None:
        query = query.where(record.created_at >= selection.created_after)
    if selection.created_before is not None:
        query = query.where(record.created_at < selection.created_before)
    return set(await session.scalars(query))
