"""The stored replies that records were made of, many at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.corpus.replies import as_text


@dataclass(frozen=True, slots=True)
class Behind:
    record_id: UUID
    job_id: UUID
    """Of the job that has the reply, whichever decided on it."""
    item: int
    content: str
    reasoning: str | None
    prompt_digest: bytes
    inputs: dict[str, Any]
    erased: bool


async def behind(session: AsyncSession, records: Sequence[UUID]) -> dict[UUID, Behind]:
    """The reply of each of these records that has one."""
    rows = await session.execute(_BEHIND, {"records": list(records)})
    return {
        row.record_id: Behind(
            record_id=row.record_id,
            job_id=row.job_id,
            item=row.item,
            content=as_text(row.content),
            reasoning=None if row.reasoning is None else as_text(row.reasoning),
            prompt_digest=row.prompt_digest,
            inputs=row.inputs,
            erased=row.erased_at is not None,
        )
        for row in rows
    }


_BEHIND = text("""
    SELECT r.id AS record_id, c.job_id, c.item, c.content, c.reasoning, c.prompt_digest, c.inputs,
        c.erased_at
    FROM record AS r
    LEFT JOIN replayed AS p ON p.job_id = r.job_id AND p.item = r.item
    JOIN completion AS c ON c.job_id = coalesce(p.source_job_id, r.job_id)
        AND c.item = coalesce(p.source_item, r.item)
        AND c.sample = coalesce(p.source_sample, r.sample)
    WHERE r.id = ANY(:records)
""")
