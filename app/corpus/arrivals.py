"""SQL of the order in which records came to a corpus, where it compares them by ROUGE-L."""

from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.curation.rouge import Rouge

_PAGE = 2_000


async def after(
    session: AsyncSession, corpus_id: UUID, number: int, rouge: Rouge
) -> AsyncIterator[Sequence[Row[Any]]]:
    """`number` and `fields` of those that came after it, in order, a page at a time; no more of
    them than the rule's pool, and no fields that it does not read.

    What is seen is never a part of what was committed at once, nor without what came before it.
    """
    found = await session.stream(
        AFTER,
        {
            "corpus_id": corpus_id,
            "number": number,
            "most": rouge.pool,
            "fields": list(rouge.fields),
        },
        execution_options={"yield_per": _PAGE},
    )
    async for page in found.partitions():
        yield page


AFTER = text("""
    SELECT number, (
        SELECT jsonb_object_agg(name, record.fields -> name)
        FROM unnest(CAST(:fields AS text[])) AS name
    ) AS fields
    FROM (
        SELECT number, record_id FROM arrival
        WHERE corpus_id = :corpus_id AND number > :number
        ORDER BY number DESC LIMIT :most
    ) AS newest JOIN record ON record.id = record_id
    ORDER BY number
""")


async def records(
    session: AsyncSession, corpus_id: UUID, numbers: Collection[int]
) -> dict[int, UUID]:
    """Which records these are; nothing for those that are gone."""
    if not numbers:
        return {}
    rows = await session.execute(_RECORDS, {"corpus_id": corpus_id, "numbers": list(numbers)})
    return {row.number: row.record_id for row in rows}


_RECORDS = text("""
    SELECT number, record_id FROM arrival
    WHERE corpus_id = :corpus_id AND number = ANY(CAST(:numbers AS int8[]))
""")
