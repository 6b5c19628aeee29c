"""Looks at the database that take no transaction."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.corpus.models import Corpus
from app.db import Database
from tests.datasets.corpus import grow


async def test_a_dead_connection_is_not_noticed_by_a_look(database: Database) -> None:
    async def server(session: AsyncSession) -> int:
        return await session.scalar(select(func.pg_backend_pid())) or 0

    first = await database.read(server)
    assert await database.read(server) == first
    async with database.unit_of_work() as session:
        assert await session.scalar(select(func.pg_terminate_backend(first, 10_000)))
    assert await database.read(server) not in {0, first}


async def test_a_look_finds_what_a_transaction_finds(database: Database) -> None:
    async def names(session: AsyncSession) -> Sequence[str]:
        return (await session.scalars(select(Corpus.name).order_by(Corpus.name))).all()

    await grow(database, "ours/one")
    await grow(database, "theirs/two")
    assert await database.read(names) == ["one", "two"]
    assert await database.within(["ours"]).read(names) == ["one"]
