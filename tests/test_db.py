"""Looks at the database that take no transaction."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app import db
from app.arrays import Byteas, Int8s, Texts, Uuids
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


async def test_a_connection_that_died_while_nobody_used_it_is_replaced(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db, "_FRESH", 0.0)
    async with database.unit_of_work() as session:
        first = await session.scalar(select(func.pg_backend_pid()))
    with psycopg.connect(database.libpq_url, autocommit=True) as other:
        assert other.execute("SELECT pg_terminate_backend(%s, 10000)", (first,)).fetchone()
    async with database.unit_of_work() as session:
        assert await session.scalar(select(func.pg_backend_pid())) != first


@pytest.mark.parametrize(
    ("kind", "type_of", "values"),
    [
        (Int8s, "int8", [0, -1, 2**63 - 1, -(2**63)]),
        (Texts, "text", ["", "a", None, 'quoted "\\{}, NULL', "茶壶 \N{PILE OF POO}"]),
        (Byteas, "bytea", [b"", b"\x00\xff", None]),
        (Uuids, "uuid", [UUID(int=0), None, UUID(int=2**128 - 1)]),
    ],
)
async def test_columns_arrive_as_they_were(
    database: Database, kind: Any, type_of: str, values: list[Any]
) -> None:
    back = text(f"SELECT CAST(:them AS {type_of}[])")

    async def sent(session: AsyncSession) -> Any:
        return [await session.scalar(back, {"them": kind(each)}) for each in (values, [])]

    assert await database.read(sent) == [values, []]


async def test_a_look_finds_what_a_transaction_finds(database: Database) -> None:
    async def names(session: AsyncSession) -> Sequence[str]:
        return (await session.scalars(select(Corpus.name).order_by(Corpus.name))).all()

    await grow(database, "ours/one")
    await grow(database, "theirs/two")
    assert await database.read(names) == ["one", "two"]
    assert await database.within(["ours"]).read(names) == ["one"]
