"""A server is watched for as long as it has something of ours."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from app.teachers.client import TeacherClient
from app.teachers.failures import TeacherDown
from app.teachers.pace import Pace
from app.teachers.pulse import Heartbeat
from tests.fake_teacher import FakeTeacher
from tests.fake_teacher.abilities import ALL
from tests.teachers.asking import ABLE, CAP, ask
from tests.teachers.conftest import Serve, read_request

QUICK = Heartbeat(every=0.02, frozen_after=0.2)


@asynccontextmanager
async def client_of(*urls: str) -> AsyncIterator[TeacherClient]:
    async with TeacherClient(
        urls, "fake", capabilities=ABLE, cap=CAP, deadline=20, heartbeat=QUICK
    ) as client:
        yield client


async def busy_until(client: TeacherClient, claim: Callable[[], bool], at_once: int = 40) -> None:
    """Ask, with so many who want to, until something is true; that it never is fails the test."""

    async def slot() -> None:
        while not claim():
            await ask(client)

    async with asyncio.timeout(20):
        await asyncio.gather(*(slot() for _ in range(at_once)))


async def test_a_queue_at_the_server_shrinks_the_limit(fake: FakeTeacher) -> None:
    fake.waiting = 1_000
    async with client_of(fake.url) as client:
        (endpoint,) = client.gate.endpoints
        endpoint.pace = Pace(16, doubling=False)
        await busy_until(client, lambda: endpoint.pace.limit < 8)
        assert endpoint.waiting == 1_000


async def test_with_room_at_the_server_the_limit_grows(fake: FakeTeacher) -> None:
    async with client_of(fake.url) as client:
        (endpoint,) = client.gate.endpoints
        await busy_until(client, lambda: endpoint.pace.limit > 8)
        assert endpoint.load_is_shown
        assert fake.record.looks > 0


async def test_requests_thrown_out_and_redone_shrink_the_limit(fake: FakeTeacher) -> None:
    async with client_of(fake.url) as client:
        (endpoint,) = client.gate.endpoints
        endpoint.pace = Pace(16, doubling=False)

        def fewer() -> bool:
            fake.preemptions += 1
            return endpoint.pace.limit < 14

        await busy_until(client, fewer)


async def test_without_gauges_the_limit_grows_by_the_rate_and_nobody_looks_again() -> None:
    with FakeTeacher(abilities=ALL - {"gauges"}, latency=0.02) as fake:
        async with client_of(fake.url) as client:
            (endpoint,) = client.gate.endpoints
            await busy_until(client, lambda: endpoint.pace.limit > 8)
            assert endpoint.load_is_hidden
            assert not endpoint.load_is_shown


async def test_back_pressure_shrinks_the_limit_once_for_all_that_were_out(
    fake: FakeTeacher,
) -> None:
    fake.fails(503, times=8).says("good")
    async with client_of(fake.url) as client:
        (endpoint,) = client.gate.endpoints
        ended = await asyncio.gather(*(ask(client) for _ in range(8)), return_exceptions=True)
        assert all(isinstance(one, Exception) for one in ended)
        assert endpoint.pace.limit == 6


async def test_what_a_frozen_server_has_is_asked_of_another_one() -> None:
    with FakeTeacher() as frozen, FakeTeacher() as other:
        gate = frozen.holds("never")
        async with client_of(frozen.url, other.url) as client:
            client.gate.endpoints[1].paused_until = asyncio.get_running_loop().time() + 3600
            asking = [asyncio.create_task(ask(client)) for _ in range(3)]
            await frozen.until(lambda record: record.in_flight == 3)
            client.gate.endpoints[1].paused_until = 0.0
            await asyncio.gather(*asking)
        assert len(other.asked) == len(frozen.asked) == frozen.record.hung_up == 3
        gate.open()


async def test_a_server_that_shows_neither_load_nor_health_is_given_up(serve: Serve) -> None:
    async def answer(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _number: int
    ) -> None:
        while head := await read_request(reader):
            if head.startswith(b"POST"):
                await reader.read()  # until whoever asked goes away
                return
            writer.write(b"HTTP/1.1 503 Down\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()

    async with client_of(await serve(answer)) as client:
        with pytest.raises(TeacherDown) as seen:
            await ask(client)
    assert seen.value.reason == "teacher.unreachable"
    assert not seen.value.suspect


async def test_one_that_is_given_up_while_a_dropped_request_is_looked_into_is_down(
    serve: Serve,
) -> None:
    looked_into, given_up = asyncio.Event(), asyncio.Event()

    async def answer(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _number: int
    ) -> None:
        while head := await read_request(reader):
            if head.startswith(b"POST"):
                return
            if head.startswith(b"GET /metrics"):
                await looked_into.wait()
            elif not looked_into.is_set():
                looked_into.set()
                await given_up.wait()
            writer.write(b"HTTP/1.1 503 Down\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()

    async with client_of(await serve(answer)) as client:
        client.gate.allow(1)
        asking = asyncio.create_task(ask(client))
        await looked_into.wait()
        with pytest.raises(TeacherDown):
            await ask(client)  # waits for a place until nobody is there any more
        given_up.set()
        with pytest.raises(TeacherDown) as seen:
            await asking
    assert seen.value.reason == "teacher.engine_dead"
    assert seen.value.suspect


async def test_only_a_server_that_takes_priorities_is_told_one(fake: FakeTeacher) -> None:
    async with client_of(fake.url) as plain:
        await ask(plain, priority=-10)
    assert "priority" not in fake.asked[0].body
    able = ABLE.model_copy(update={"priority": True})
    async with TeacherClient([fake.url], "fake", capabilities=able, cap=CAP) as client:
        await ask(client, priority=-10)
        await ask(client, priority=100)
    assert [one.body.get("priority") for one in fake.asked[1:]] == [-10, 100]
