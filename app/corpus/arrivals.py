"""SQL of the order in which records came to a corpus that compares them with each other."""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.arrays import Int8s
from app.curation.rouge import Rouge

_PAGE = 2_000
_SIGNATURES_AT_ONCE = 20_000


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
        SELECT jsonb_object_agg(name, newest.fields -> name)
        FROM unnest(CAST(:fields AS text[])) AS name
    ) AS fields
    FROM (
        SELECT number, fields FROM record
        WHERE corpus_id = :corpus_id AND number > :number
        ORDER BY number DESC LIMIT :most
    ) AS newest
    ORDER BY number
""")


async def records(
    session: AsyncSession, corpus_id: UUID, numbers: Collection[int]
) -> dict[int, UUID]:
    """Which records these are; nothing for those that are gone."""
    if not numbers:
        return {}
    rows = await session.execute(_RECORDS, {"corpus_id": corpus_id, "numbers": list(numbers)})
    return {row.number: row.id for row in rows}


_RECORDS = text("""
    SELECT number, id FROM record
    WHERE corpus_id = :corpus_id AND number = ANY(CAST(:numbers AS int8[]))
""")


@dataclass(frozen=True, slots=True)
class Signatures:
    """Of some records, one after another as they came: their ids and their bands, in the bytes in
    which Postgres sends a uuid and an `int8[]`. Thousands are read in a few milliseconds so.
    """

    until: int
    """The number of the last one."""
    ids: bytes
    bands: bytes


async def signatures(
    session: AsyncSession, corpus_id: UUID, number: int, sharing: NDArray[np.int64] | None = None
) -> AsyncIterator[Signatures]:
    """Of those records that came after `number` and have bands, a page at a time; or only of those
    that share a band with these.
    """
    statement, more = (
        (SIGNATURES, {}) if sharing is None else (_SHARING, {"sharing": Int8s(sharing)})
    )
    while True:
        asked = {"corpus_id": corpus_id, "number": number, "most": _SIGNATURES_AT_ONCE, **more}
        row = (await session.execute(statement, asked)).one()
        if row.until is None:
            return
        yield Signatures(row.until, row.ids, row.bands)
        if row.n < _SIGNATURES_AT_ONCE:
            return
        number = row.until


_SIGNATURES = """
    SELECT count(*) AS n, max(number) AS until,
        string_agg(uuid_send(id), '' ORDER BY number) AS ids,
        string_agg(array_send(bands), '' ORDER BY number) AS bands
    FROM (
        SELECT id, number, bands FROM record
        WHERE corpus_id = :corpus_id AND number > :number AND bands IS NOT NULL {and_more}
        ORDER BY number LIMIT :most
    ) AS next
"""
SIGNATURES = text(_SIGNATURES.format(and_more=""))
_SHARING = text(_SIGNATURES.format(and_more="AND bands && CAST(:sharing AS int8[])"))
