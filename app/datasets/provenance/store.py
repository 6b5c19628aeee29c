"""SQL of provenance: the jobs behind a version, and what their documents say."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

# The ledger of jobs lies further downstream; here, a job is a document, and no more of it is read.
_JOBS = text("SELECT id, kind, document FROM job WHERE id = ANY(:jobs)")


@dataclass(frozen=True, slots=True)
class Said:
    kind: str
    document: Mapping[str, Any]


async def documents(session: AsyncSession, jobs: Collection[UUID]) -> dict[UUID, Said]:
    rows = await session.execute(_JOBS, {"jobs": list(jobs)})
    return {row.id: Said(row.kind, row.document) for row in rows}
