"""The statements that run all the time find their index."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.corpus import browse, dedup, replies
from app.corpus.browse import Scope
from app.corpus.candidate import Candidate, Place, Target
from app.corpus.search import Search
from app.corpus.selection import RejectSelection
from app.db import Database

CORPORA = 400
ROWS = 50
JOB = UUID(int=7)


@pytest.fixture
async def corpus_id(database: Database) -> UUID:
    """One of many corpora, so that only its own index leads to its rows at once."""
    async with database.unit_of_work() as session:
        await session.execute(
            text("""
                INSERT INTO corpus (namespace, name, dedup, salt)
                SELECT 'default', 'c' || n, '{}', n FROM generate_series(1, :corpora) AS n
            """),
            {"corpora": CORPORA},
        )
        for table, columns, values in (
            ("record", "digest, fields", "sha256(CAST(CAST(n AS text) AS bytea)), '{}'"),
            ("reject", "reason, revision", "'parse.json.r' || n % 7, 1"),
        ):
            await session.execute(
                text(f"""
                    INSERT INTO {table} (corpus_id, job_id, item, sample, {columns})
                    SELECT id, CAST(lpad(to_hex(row_number() OVER () % 400), 32, '0') AS uuid),
                        n * 1000 + row_number() OVER (), 0, {values}
                    FROM corpus, generate_series(1, :rows) AS n
                    ORDER BY md5(CAST(n AS text))
                """),
                {"rows": ROWS},
            )
        await session.execute(
            text("""
                INSERT INTO record_words (record_id, words)
                SELECT record.id, to_tsvector('simple', 'word' || row_number() OVER () % 1000)
                    || array_to_tsvector(ARRAY['in:' || salt])
                FROM record JOIN corpus ON corpus.id = corpus_id
            """)
        )
        # As a vacuum leaves it; new words wait in a list beside the index.
        await session.execute(text("SELECT gin_clean_pending_list('ix_record_words_words')"))
        await session.execute(text("ANALYZE record, reject, record_words"))
        found: UUID | None = await session.scalar(text("SELECT id FROM corpus WHERE name = 'c9'"))
    assert found is not None
    return found


Deed = Callable[[AsyncSession, UUID], Awaitable[Any]]

PAGE: dict[str, Any] = {"after": None, "limit": 51}
ALL = RejectSelection()


def pick(**chosen: Any) -> RejectSelection:
    return RejectSelection(**chosen)


DEEDS: dict[str, tuple[Deed, str]] = {
    "records of a corpus": (
        lambda session, corpus: browse.records(session, Scope(corpus), ALL, **PAGE),
        "ix_record_corpus_id",
    ),
    "records of a job": (
        lambda session, corpus: browse.records(session, Scope(corpus, [JOB]), ALL, **PAGE),
        "ix_record_job_id",
    ),
    "records of a time": (
        lambda session, corpus: browse.records(
            session, Scope(corpus), pick(created_before=datetime(2000, 1, 1, tzinfo=UTC)), **PAGE
        ),
        "id < '",
    ),
    "records with some words": (
        lambda session, corpus: browse.records(
            session, Scope(corpus, None, Search(corpus, 9, "word17")), ALL, **PAGE
        ),
        "ix_record_words_words",
    ),
    "rejects of a corpus": (
        lambda session, corpus: browse.rejects(session, Scope(corpus), ALL, **PAGE),
        "ix_reject_corpus_id",
    ),
    "rejects of a job for a reason": (
        lambda session, corpus: browse.rejects(
            session, Scope(corpus, [JOB]), pick(reason="parse.json.r3"), **PAGE
        ),
        "ix_reject_job_id",
    ),
    "rejects of a corpus for a reason": (
        lambda session, corpus: browse.rejects(session, Scope(corpus), pick(reason="rare"), **PAGE),
        "ix_reject_corpus_id_reason_id",
    ),
    "what is known": (
        lambda session, corpus: dedup.known(session, corpus, [b"a" * 16, b"b" * 16]),
        "uq_record_corpus_id",
    ),
    "a raw reply": (
        lambda session, _: replies.reply_at(session, Place(JOB, 1, 0)),
        "pk_completion",
    ),
}


@pytest.mark.parametrize("name", DEEDS)
async def test_a_hot_statement_uses_its_index(
    database: Database, corpus_id: UUID, name: str
) -> None:
    deed, index = DEEDS[name]
    seen: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        seen.append((statement, parameters))

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    async with database.unit_of_work() as session:
        await deed(session, corpus_id)
        event.remove(database.engine.sync_engine, "before_cursor_execute", note)
        connection = await session.connection()
        plans = []
        for statement, parameters in seen:
            plan = await connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)
            plans.append("\n".join(row[0] for row in plan))
    [hot] = [plan for plan in plans if index in plan] or [pytest.fail("\n".join(plans))]
    assert "Seq Scan" not in hot


async def test_of_racing_batches_with_the_same_texts_one_wins_each(
    database: Database, corpus_id: UUID
) -> None:
    def batch(job: int, order: int) -> list[Candidate]:
        made = [
            Candidate(Place(UUID(int=job), n, 0), {"n": n}, n.to_bytes(16, "big"))
            for n in range(200)
        ]
        return made[::order]

    async def add(job: int, order: int) -> int:
        async with database.unit_of_work() as session:
            return len(await dedup.add(session, Target(corpus_id, 0, None), batch(job, order)))

    lost = await asyncio.gather(*(add(job, (-1) ** job) for job in range(2, 8)))
    assert sum(lost) == 5 * 200
