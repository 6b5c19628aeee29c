"""SQL of the vectors of a corpus's records, which pgvector stores.

The table is made when it is first needed, since a database may well be without pgvector: all else
works there. It has no index by nearness. To compare 256 vectors of 384 numbers with 50,000 takes a
quarter of a second, exactly; an HNSW index takes longer than that to be kept up to date.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import Unavailable
from app.teachers.embeddings import Vectors

MOST_DIMENSIONS = 16_000
"""What pgvector's type `vector` holds."""
_LOCK = 0x4C6D_7665


@dataclass(frozen=True, slots=True)
class Numbered:
    """Vectors in the order in which they were stored."""

    numbers: NDArray[np.int64]
    record_ids: Sequence[UUID]
    vectors: Vectors


async def provide(session: AsyncSession) -> None:
    """Make the table, if it is not there. Raises `Unavailable` where pgvector is not to be had."""
    if await session.scalar(text("SELECT to_regclass('embedding') IS NOT NULL")):
        return
    await session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    state = (await session.execute(_STATE)).one()
    if not state.made:
        if not state.available:
            raise _missing(
                "Install it on the server (Debian: the package postgresql-18-pgvector; Docker: the "
                "image pgvector/pgvector:pg18) and ask again. Everything else works without it."
            )
        try:
            async with session.begin_nested():
                await session.execute(text("CREATE EXTENSION vector"))
        except DBAPIError as error:
            raise _missing(
                f'Run `CREATE EXTENSION vector` in the database "{state.name}" as a superuser, and '
                "ask again. Everything else works without it."
            ) from error
    for statement in _TABLE:
        await session.execute(text(statement))


_STATE = text("""
    SELECT current_database() AS name,
        EXISTS (SELECT FROM pg_extension WHERE extname = 'vector') AS made,
        EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector') AS available
""")
_TABLE = (
    """
    CREATE TABLE IF NOT EXISTS embedding (
        record_id uuid NOT NULL,
        corpus_id uuid NOT NULL,
        number bigint GENERATED ALWAYS AS IDENTITY,
        model text NOT NULL,
        vector vector,
        CONSTRAINT pk_embedding PRIMARY KEY (record_id),
        CONSTRAINT uq_embedding_corpus_id_number UNIQUE (corpus_id, number),
        CONSTRAINT fk_embedding_record_id_record
            FOREIGN KEY (record_id) REFERENCES record (id)
            ON DELETE CASCADE ON UPDATE CASCADE
    )
    """,
    # As they come they do not compress, and short ones are read without a detour.
    "ALTER TABLE embedding ALTER COLUMN vector SET STORAGE EXTERNAL",
)


def _missing(hint: str) -> Unavailable:
    return Unavailable(
        "semantic.no_pgvector", "the database is without pgvector, which keeps vectors", hint=hint
    )


async def lacking(
    session: AsyncSession, corpus_id: UUID, after: UUID | None, limit: int
) -> Sequence[tuple[UUID, dict[str, Any]]]:
    """Records without a vector, in the order of their ids."""
    asked = {"corpus_id": corpus_id, "after": after or UUID(int=0), "most": limit}
    return [(row.id, row.fields) for row in await session.execute(_LACKING, asked)]


_LACKING = text("""
    SELECT id, fields FROM record
    WHERE corpus_id = :corpus_id AND id > :after
      AND NOT EXISTS (SELECT FROM embedding WHERE record_id = record.id)
    ORDER BY id LIMIT :most
""")


async def add(
    session: AsyncSession,
    corpus_id: UUID,
    model: str,
    made: Sequence[tuple[UUID, NDArray[np.float32] | None]],
) -> None:
    """Store vectors; nothing for a record whose text has none. To be called by one at a time."""
    await session.execute(
        _ADD,
        {
            "corpus_id": corpus_id,
            "model": model,
            "ids": [one for one, _ in made],
            "vectors": [None if each is None else _written(each) for _, each in made],
        },
    )


_ADD = text("""
    INSERT INTO embedding (corpus_id, model, record_id, vector)
    SELECT :corpus_id, :model, record.id, CAST(given.vector AS vector)
    FROM unnest(CAST(:ids AS uuid[]), CAST(:vectors AS text[])) AS given (id, vector)
    JOIN record ON record.id = given.id
    ON CONFLICT DO NOTHING
""")


async def between(
    session: AsyncSession, corpus_id: UUID, after: int, until: int, page: int
) -> AsyncIterator[Numbered]:
    """All vectors stored after one number and up to another, some at a time."""
    asked = {"corpus_id": corpus_id, "after": after, "until": until}
    found = await session.stream(_BETWEEN, asked, execution_options={"yield_per": page})
    async for rows in found.partitions():
        yield Numbered(
            np.array([row.number for row in rows], dtype=np.int64),
            [row.record_id for row in rows],
            np.stack([_read(row.sent) for row in rows]),
        )


_BETWEEN = text("""
    SELECT number, record_id, vector_send(vector) AS sent FROM embedding
    WHERE corpus_id = :corpus_id AND number > :after AND number <= :until AND vector IS NOT NULL
    ORDER BY number
""")


async def end_of_block(session: AsyncSession, corpus_id: UUID, after: int, size: int) -> int | None:
    """The number of the last of the next `size` vectors; nothing if there are none."""
    found: int | None = await session.scalar(
        _END, {"corpus_id": corpus_id, "after": after, "size": size}
    )
    return found


_END = text("""
    SELECT max(number) FROM (
        SELECT number FROM embedding WHERE corpus_id = :corpus_id AND number > :after
        ORDER BY number LIMIT :size
    ) AS block
""")


async def dimensions(session: AsyncSession, corpus_id: UUID) -> int | None:
    found: int | None = await session.scalar(_DIMENSIONS, {"corpus_id": corpus_id})
    return found


_DIMENSIONS = text("""
    SELECT vector_dims(vector) FROM embedding
    WHERE corpus_id = :corpus_id AND vector IS NOT NULL LIMIT 1
""")


async def counts(session: AsyncSession, corpus_id: UUID, until: int) -> tuple[int, int, int]:
    """Records embedded, records whose text has no vector, and those of both that are compared."""
    row = (await session.execute(_COUNTS, {"corpus_id": corpus_id, "until": until})).one()
    return row.embedded, row.blank, row.compared


_COUNTS = text("""
    SELECT count(*) FILTER (WHERE vector IS NOT NULL) AS embedded,
        count(*) FILTER (WHERE vector IS NULL) AS blank,
        count(*) FILTER (WHERE number <= :until) AS compared
    FROM embedding WHERE corpus_id = :corpus_id
""")


async def not_compared(session: AsyncSession, corpus_id: UUID, until: int) -> frozenset[UUID]:
    """Records without a vector, or with one of a later number."""
    asked = {"corpus_id": corpus_id, "until": until}
    return frozenset((await session.scalars(_NOT_COMPARED, asked)).all())


_NOT_COMPARED = text("""
    SELECT id FROM record WHERE corpus_id = :corpus_id
      AND NOT EXISTS (SELECT FROM embedding WHERE record_id = record.id AND number <= :until)
""")


async def is_behind(session: AsyncSession, job_id: UUID, until: int) -> bool:
    """Whether any record of a job is not compared."""
    return bool(await session.scalar(_IS_BEHIND, {"job_id": job_id, "until": until}))


_IS_BEHIND = text("""
    SELECT EXISTS (
        SELECT FROM record WHERE job_id = :job_id
          AND NOT EXISTS (SELECT FROM embedding WHERE record_id = record.id AND number <= :until)
    )
""")


async def forget(session: AsyncSession, corpus_id: UUID) -> None:
    await session.execute(
        text("DELETE FROM embedding WHERE corpus_id = :corpus_id"), {"corpus_id": corpus_id}
    )


def _written(vector: NDArray[np.float32]) -> str:
    return "[" + ",".join(map(str, vector.tolist())) + "]"


def _read(sent: bytes) -> NDArray[np.float32]:
    """Pgvector's own binary form: two 16-bit numbers, the first of them the size, then floats."""
    return np.frombuffer(sent, dtype=">f4", offset=4).astype(np.float32)
