from pathlib import Path

import pytest
from sqlalchemy import text

from app.db import Database
from app.errors import NotFound
from app.names import Ref
from app.seeds import store
from app.seeds.push import push_rows

TOPICS = Ref("support", "topics")


async def push(database: Database, folder: Path, count: int) -> None:
    rows = ((f"row {n}", {"n": n, "text": '\\ "tab\t" \n ü'}) for n in range(count))
    async with database.unit_of_work() as session:
        await push_rows(session, TOPICS, rows, "rows", folder=folder, most=10**9)


async def test_rows_are_fetched_by_position_in_one_statement(
    database: Database, tmp_path: Path
) -> None:
    await push(database, tmp_path, 100)

    async with database.unit_of_work() as session:
        dataset, version = await store.get(session, TOPICS)
        found = await store.rows(session, version.id, [99, 0, 7, 7, 100])
    assert (dataset.name, version.rows) == ("topics", 100)
    assert found == {n: {"n": n, "text": '\\ "tab\t" \n ü'} for n in (0, 7, 99)}


async def test_fetching_rows_uses_the_primary_key(database: Database, tmp_path: Path) -> None:
    await push(database, tmp_path, 20_000)

    async with database.unit_of_work() as session:
        await session.execute(text("ANALYZE seed_row"))
        _, version = await store.get(session, TOPICS)
        plan = await session.scalars(
            text(
                "EXPLAIN SELECT position, fields FROM seed_row"
                " WHERE version_id = :version AND position = ANY(:positions)"
            ),
            {"version": version.id, "positions": list(range(0, 20_000, 100))},
        )
        assert "pk_seed_row" in "\n".join(plan)


async def test_a_push_that_fails_leaves_nothing_behind(database: Database, tmp_path: Path) -> None:
    async def fail_after_the_rows() -> None:
        async with database.unit_of_work() as session:
            await push_rows(session, TOPICS, [("x", {"a": 1})], "rows", folder=tmp_path, most=99)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail_after_the_rows()

    async with database.unit_of_work() as session:
        with pytest.raises(NotFound, match="no seed dataset support/topics"):
            await store.get(session, TOPICS)
