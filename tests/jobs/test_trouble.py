"""A teacher in trouble costs a job nothing but time, and what kills engines fails alone."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from app.db import Database
from app.jobs.chunk import Done, HandedBack
from app.jobs.loaded import Tools
from app.jobs.room import Room
from app.jobs.worker import Worker
from app.prompts.sandbox import RenderPool
from app.teachers.clients import Clients
from app.teachers.pulse import Heartbeat
from tests.fake_teacher import KILLS, FakeTeacher
from tests.fake_teacher.behaviour import Behaviour, Gate
from tests.fake_teacher.record import Record
from tests.jobs.conftest import adds_up, spec, work_one

QUICK = Heartbeat(every=0.02, frozen_after=0.2)


@pytest.fixture
async def tools(database: Database) -> AsyncIterator[Tools]:
    clients = Clients(max_reply_bytes=100_000, heartbeat=QUICK)
    made = Tools(database=database, pool=RenderPool(1), clients=clients, deadline=20)
    yield made
    await made.clients.close()
    await made.pool.close()


async def submitted(ready: httpx.AsyncClient, items: int, **changes: Any) -> str:
    rows = [{"topic": f"topic {number}."} for number in range(items)]
    body = spec(seeds={"rows": rows}, num_records=items, limits={"max_candidates": items})
    answer = await ready.post("/v1/jobs", json=body | changes)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def seen(ready: httpx.AsyncClient, job_id: str) -> dict[str, Any]:
    job: dict[str, Any] = (await ready.get(f"/v1/jobs/{job_id}")).json()
    assert adds_up(job)
    return job


def asked_again(fake: FakeTeacher) -> int:
    return sum(n - 1 for n in Counter(one.question for one in fake.asked).values())


async def opens(gate: Gate, fake: FakeTeacher, claim: Callable[[Record], bool]) -> None:
    await fake.until(claim)
    gate.open()


async def test_what_kills_engines_fails_alone_and_its_neighbours_lose_nothing(
    ready: httpx.AsyncClient, tools: Tools, fake: FakeTeacher, database: Database
) -> None:
    gate = Gate()
    held, deadly = Behaviour(gate=gate), Behaviour(gate=gate, kills=True)
    fake.when(lambda body: deadly if "topic 5." in str(body["messages"][-1]) else held)
    job_id = await submitted(ready, 8)
    end, _ = await asyncio.gather(
        work_one(tools), opens(gate, fake, lambda record: record.in_flight == 8)
    )
    assert fake.peak == 8
    ends = [end]
    while not isinstance(ends[-1], Done):
        assert isinstance(ends[-1], HandedBack)
        assert ends[-1].failure is not None
        assert ends[-1].failure.reason == "teacher.engine_dead"
        fake.revives()
        fake.record.peak = 0
        ends.append(await work_one(tools))
    # The first time they may have been unlucky; those that were there twice are asked alone.
    assert fake.peak == 1
    assert len(ends) == 4
    job = await seen(ready, job_id)
    assert job["ledger"]["accepted"] == 7
    assert job["ledger"]["failed"] == 1
    (failure,) = (await ready.get(f"/v1/jobs/{job_id}/failures")).json()["items"]
    assert (failure["reason"], failure["attempts"]) == ("teacher.crash", 3)
    async with database.unit_of_work() as session:
        deaths = text("SELECT count(*) FROM crash WHERE item = :item")
        assert await session.scalar(deaths, {"item": failure["item"]}) == 3
    assert asked_again(fake) <= 8 * 3
    # Who asks for it again means it.
    fake.forgets()
    again = await ready.post(f"/v1/jobs/{job_id}/retry")
    assert again.json()["samples"] == 1
    assert isinstance(await work_one(tools), Done)
    assert (await seen(ready, job_id))["ledger"]["accepted"] == 8


async def test_with_another_server_left_the_job_goes_on_and_suspects_are_asked_there(
    ready: httpx.AsyncClient, tools: Tools, fake: FakeTeacher
) -> None:
    with FakeTeacher() as other:
        urls = {"urls": [fake.url, other.url], "max_in_flight": 16}
        assert (await ready.patch("/v1/teachers/default/fake", json=urls)).is_success
        gate = Gate()
        fake.when(lambda _: Behaviour(gate=gate) if len(fake.asked) < 4 else KILLS)
        job_id = await submitted(ready, 16)
        while (await seen(ready, job_id))["ledger"]["open"]:
            assert isinstance(await work_one(tools), Done)
        assert (await seen(ready, job_id))["ledger"]["accepted"] == 16
        assert asked_again(other) == 0
        gate.open()


async def test_a_frozen_engine_is_noticed_and_charges_nobody(
    ready: httpx.AsyncClient, tools: Tools, fake: FakeTeacher
) -> None:
    job_id = await submitted(ready, 8)
    gate = fake.holds("never")
    end = await work_one(tools)
    assert isinstance(end, HandedBack)
    assert end.failure is not None
    assert end.failure.reason == "teacher.frozen"
    assert "8 requests run" in end.failure.message
    assert not end.failure.suspect
    await fake.until(lambda record: record.hung_up == 8)
    gate.open()
    fake.forgets()
    while not isinstance(await work_one(tools), Done):
        pass
    job = await seen(ready, job_id)
    assert job["ledger"]["accepted"] == 8
    assert asked_again(fake) == 8


async def test_a_slow_engine_is_not_frozen(
    ready: httpx.AsyncClient, tools: Tools, fake: FakeTeacher
) -> None:
    job_id = await submitted(ready, 8)
    fake.tokens_per_look = 1
    gate = fake.holds('{"question": "Why?", "answer": "Because."}', times=8)
    looks = int(3 * QUICK.frozen_after / QUICK.every)
    end, _ = await asyncio.gather(
        work_one(tools), opens(gate, fake, lambda seen: seen.looks >= looks)
    )
    assert isinstance(end, Done)
    assert (await seen(ready, job_id))["ledger"]["accepted"] == 8
    assert asked_again(fake) == 0


async def turn(worker: Worker, database: Database) -> None:
    """A slot's turn, with the wait of an open circuit cut short."""
    async with database.unit_of_work() as session:
        await session.execute(text("UPDATE teacher SET retry_at = clock_timestamp()"))
        teacher_id: UUID = await session.scalar(text("SELECT id FROM teacher"))
    await worker._take_for(teacher_id, 0)


async def test_a_teacher_that_is_down_for_a_while_costs_nothing_but_time(
    ready: httpx.AsyncClient, tools: Tools, fake: FakeTeacher, database: Database, tmp_path: Path
) -> None:
    job_id = await submitted(ready, 40)
    worker = Worker(tools, tmp_path, Room(tmp_path, 0), 1, lease=timedelta(seconds=60), grace=1)
    fake.says_json({"question": "One?", "answer": "A."}, times=6)
    fake.holds("never", times=100)
    working = asyncio.create_task(turn(worker, database))
    await fake.until(lambda record: record.answered == 6 and record.in_flight > 0)
    port, out = fake.port, fake.record.in_flight
    fake.stop()
    await working
    down = await seen(ready, job_id)
    assert down["state"] == "waiting_for_teacher"
    assert down["reason"].startswith("teacher.")
    asked = len(fake.asked)
    for _ in range(3):
        await turn(worker, database)
    async with database.unit_of_work() as session:
        tries, wait = (
            await session.execute(text("SELECT failures, retry_at - now() FROM teacher"))
        ).one()
    assert tries == 4
    assert timedelta(seconds=7) < wait < timedelta(seconds=9)
    assert len(fake.asked) == asked
    assert (await seen(ready, job_id))["state"] == "waiting_for_teacher"
    fake.forgets()
    fake.start(port)
    await turn(worker, database)
    job = await seen(ready, job_id)
    assert (job["state"], job["ledger"]["failed"], job["ledger"]["open"]) == ("finished", 0, 0)
    assert asked_again(fake) <= out
    async with database.unit_of_work() as session:
        charged = "SELECT count(*) FROM sample WHERE attempts > 1"
        assert await session.scalar(text(charged)) == 0
        assert await session.scalar(text("SELECT count(down_since) FROM teacher")) == 0


async def test_what_workers_make_of_a_teacher_is_shown(
    ready: httpx.AsyncClient, tools: Tools, fake: FakeTeacher, database: Database, tmp_path: Path
) -> None:
    job_id = await submitted(ready, 16)
    worker = Worker(tools, tmp_path, Room(tmp_path, 0), 1, lease=timedelta(seconds=60), grace=1)
    gate = fake.holds('{"question": "Why?", "answer": "Because."}', times=16)
    before = (await ready.get("/v1/teachers/default/fake/health")).json()
    assert (before["in_flight"], before["limit"], before["max_in_flight"]) == (0, None, 8)
    working = asyncio.create_task(turn(worker, database))
    await fake.until(lambda record: record.in_flight == 8)
    worker.shares._due.clear()
    await worker.shares.beat()
    health = (await ready.get("/v1/teachers/default/fake/health")).json()
    assert (health["in_flight"], health["limit"], health["max_in_flight"]) == (8, 8, 8)
    assert (health["endpoints"][0]["in_flight"], health["endpoints"][0]["limit"]) == (8, 8)
    assert (await seen(ready, job_id))["limit"] == 8
    page = (await ready.get("/metrics")).text
    assert 'limbeck_teacher_limit{teacher="default/fake"} 8.0' in page
    gate.open()
    await working
