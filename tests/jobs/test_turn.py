"""Chunks of one slot, one after another, overlapping at their ends."""

import asyncio
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from app.db import Database
from app.jobs.loaded import Tools
from app.jobs.room import Room
from app.jobs.turn import overlapping
from app.jobs.worker import Worker
from tests.fake_teacher import Behaviour, FakeTeacher, Gate
from tests.fake_teacher.script import Rule
from tests.jobs.conftest import spec


class Chunks:
    """Each ends when it is told to, with what it is told."""

    def __init__(self, count: int) -> None:
        self.ends: list[asyncio.Future[bool]] = []
        self.near_ends: list[asyncio.Event] = []
        self.tasks: list[asyncio.Task[bool]] = []
        self.begun: asyncio.Queue[None] = asyncio.Queue()
        self.left = count

    async def begin(self, near_end: asyncio.Event) -> asyncio.Task[bool] | None:
        if not self.left:
            return None
        self.left -= 1
        end: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.ends.append(end)
        self.near_ends.append(near_end)
        self.tasks.append(asyncio.create_task(_until(end)))
        self.begun.put_nowait(None)
        return self.tasks[-1]


async def _until(end: asyncio.Future[bool]) -> bool:
    return await end


async def go_on() -> bool:
    return True


async def test_the_next_chunk_begins_while_the_last_replies_of_the_one_before_are_out() -> None:
    chunks = Chunks(2)
    turn = asyncio.create_task(overlapping(chunks.begin, go_on))
    await chunks.begun.get()
    chunks.near_ends[0].set()
    await chunks.begun.get()
    chunks.ends[1].set_result(True)
    chunks.ends[0].set_result(True)
    await turn


async def test_after_one_that_found_the_teacher_away_none_begins() -> None:
    chunks = Chunks(3)
    turn = asyncio.create_task(overlapping(chunks.begin, go_on))
    await chunks.begun.get()
    chunks.near_ends[0].set()
    await chunks.begun.get()
    chunks.ends[0].set_result(False)
    chunks.ends[1].set_result(True)
    await turn
    assert chunks.left == 1


async def test_one_that_fails_takes_the_others_with_it() -> None:
    chunks = Chunks(2)
    turn = asyncio.create_task(overlapping(chunks.begin, go_on))
    await chunks.begun.get()
    chunks.near_ends[0].set()
    await chunks.begun.get()
    chunks.ends[1].set_exception(LookupError("no such filter"))
    with pytest.raises(LookupError):
        await turn
    assert chunks.tasks[0].cancelled()


async def test_one_long_reply_leaves_the_other_slots_busy_and_the_cap_holds(
    ready: httpx.AsyncClient,
    tools: Tools,
    database: Database,
    fake: FakeTeacher,
    tmp_path: Path,
) -> None:
    await ready.patch("/v1/teachers/default/fake", json={"max_in_flight": 4, "chunk_slots": 1})
    gate = Gate()
    fake.when(_first(gate))
    rows = [{"topic": f"topic number {number}"} for number in range(64)]
    body = spec(seeds={"rows": rows}, num_records=64, limits={"max_candidates": 64})
    job = (await ready.post("/v1/jobs", json=body)).json()["id"]
    worker = Worker(tools, tmp_path, Room(tmp_path, 0), 2, lease=timedelta(seconds=60), grace=1)
    async with database.unit_of_work() as session:
        teacher_id: UUID = await session.scalar(text("SELECT id FROM teacher"))
        chunks = await session.scalar(text("SELECT count(*) FROM chunk"))
    assert chunks == 8
    turn = asyncio.create_task(worker._take_for(teacher_id, 0))
    # All of the chunks but the first one's one reply: three more chunks begin, and are done.
    await fake.until(lambda seen: seen.answered >= 3 * 8 - 1)
    gate.open()
    await turn
    assert fake.peak <= 4
    ended = (await ready.get(f"/v1/jobs/{job}")).json()
    assert (ended["state"], ended["ledger"]["accepted"]) == ("finished", 64)


def _first(gate: Gate) -> Rule:
    """Holds back the reply to the first topic."""
    held = Behaviour(gate=gate)
    return lambda body: held if "topic number 0" in str(body["messages"][-1]) else None
