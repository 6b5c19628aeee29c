"""The circuit: open while a teacher is away, on the database's clock."""

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import func, select, update

from app.db import Database
from app.errors import NotFound
from app.names import Ref
from app.teachers import store
from app.teachers.models import Teacher

REF = Ref("default", "t")


async def made(database: Database) -> UUID:
    async with database.unit_of_work() as session:
        values = {"urls": ["http://a"], "model": "m", "max_in_flight": 64, "chunk_slots": 2}
        teacher, _ = await store.register(session, REF, {**values, "random_seed": False})
        return teacher.id


async def opened(
    database: Database,
    teacher_id: UUID,
    reason: str = "teacher.down: gone",
    wait: float | None = None,
) -> float:
    """Opens the circuit; answers the seconds until the next try."""
    async with database.unit_of_work() as session:
        await store.open_circuit(session, teacher_id, reason, wait)
        left = select(func.extract("epoch", Teacher.retry_at - func.clock_timestamp()))
        return float(await session.scalar(left) or 0)


async def wait_is_over(database: Database) -> None:
    async with database.unit_of_work() as session:
        await session.execute(update(Teacher).values(retry_at=func.now()))


async def test_waits_double_from_one_second_to_thirty(database: Database) -> None:
    teacher_id = await made(database)
    waits = []
    for _ in range(7):
        waits.append(round(await opened(database, teacher_id)))
        await wait_is_over(database)
    assert waits == [1, 2, 4, 8, 16, 30, 30]


async def test_workers_that_fail_together_count_once(database: Database) -> None:
    teacher_id = await made(database)
    await asyncio.gather(*(opened(database, teacher_id) for _ in range(8)))
    async with database.unit_of_work() as session:
        teacher = await store.by_id(session, teacher_id)
    assert teacher.failures == 1


async def test_a_wait_that_was_asked_for_is_kept(database: Database) -> None:
    teacher_id = await made(database)
    assert round(await opened(database, teacher_id, wait=120)) == 120
    assert round(await opened(database, teacher_id)) == 120


async def test_a_teacher_is_away_from_the_first_failure_until_it_answers(
    database: Database,
) -> None:
    teacher_id = await made(database)
    await opened(database, teacher_id, "teacher.unreachable: nobody there")
    async with database.unit_of_work() as session:
        first = await store.by_id(session, teacher_id)
        assert await store.away(session, [teacher_id]) == {
            teacher_id: "teacher.unreachable: nobody there"
        }
    since = first.down_since
    await opened(database, teacher_id, "teacher.busy: full")
    async with database.unit_of_work() as session:
        assert (await store.by_id(session, teacher_id)).down_since == since
        await store.close_circuit(session, teacher_id)
    async with database.unit_of_work() as session:
        assert await store.away(session, [teacher_id]) == {}
        closed = await store.by_id(session, teacher_id)
    assert (closed.down_since, closed.retry_at, closed.failures) == (None, None, 0)


async def test_there_are_no_versions_of_a_teacher(database: Database) -> None:
    await made(database)
    async with database.unit_of_work() as session:
        assert (await store.get(session, REF)).ref == "default/t"
        with pytest.raises(NotFound):
            await store.get(session, Ref("default", "t", 1))
