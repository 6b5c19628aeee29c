"""Following a job."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import orjson
import pytest
from sqlalchemy import text

from app.db import Database
from app.jobs import events
from app.jobs.loaded import Tools
from app.jobs.reap import reap
from app.main import create_app
from app.settings import Settings
from app.teachers import store as teachers
from tests.conftest import running
from tests.fake_teacher import FakeTeacher
from tests.fake_teacher.behaviour import fails
from tests.jobs.conftest import Drain, claim_one, spec, work_one

Event = tuple[str, str, dict[str, Any]]


def parsed(body: str) -> list[Event]:
    """Id, kind and data of each event of a stream."""
    found = []
    for block in body.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if "data" in fields:
            found.append((fields["id"], fields["event"], orjson.loads(fields["data"])))
    return found


async def submitted(ready: httpx.AsyncClient, **changes: Any) -> str:
    answer = await ready.post("/v1/jobs", json=spec(**changes))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def followed(api: httpx.AsyncClient, job_id: str, last: str | None = None) -> list[Event]:
    headers = {} if last is None else {"Last-Event-ID": last}
    answer = await api.get(f"/v1/jobs/{job_id}/events", headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    return parsed(answer.text)


async def test_events_are_the_same_from_any_process_and_go_on_where_they_were_left(
    ready: httpx.AsyncClient, drain: Drain, fake: FakeTeacher, settings: Settings
) -> None:
    fake.when(lambda body: fails(400) if "rain" in str(body["messages"][-1]) else None)
    job_id = await submitted(ready, num_records=12, limits={"max_candidates": 12})
    await ready.post(f"/v1/jobs/{job_id}/pause")
    await ready.patch(f"/v1/jobs/{job_id}", json={"priority": 3})
    await ready.post(f"/v1/jobs/{job_id}/resume")
    await drain()
    told = await followed(ready, job_id)
    assert [kind for _, kind, _ in told] == [
        *("state", "changed", "state", "state", "chunk_failed", "chunk_failed"),
        *("progress", "end"),
    ]
    states = [data["state"] for _, kind, data in told if kind in {"state", "end"}]
    assert states == ["paused", "queued", "running", "finished"]
    assert told[1][2]["priority"] == {"was": 0, "now": 3}
    assert told[-2][2]["ledger"]["accepted"] == 8
    assert sum(data["failed"] for _, kind, data in told if kind == "chunk_failed") == 4
    async with running(create_app(settings)) as other:
        assert await followed(other, job_id) == told
        for after in (0, 3, 6):
            assert await followed(other, job_id, last=told[after][0]) == told[after + 1 :]
        done = await other.get(f"/v1/jobs/{job_id}/events", headers={"Last-Event-ID": told[-1][0]})
        assert (done.status_code, done.content) == (204, b"")


async def test_a_follower_is_told_as_it_happens_until_the_end(
    ready: httpx.AsyncClient, served: str, tools: Tools, drain: Drain
) -> None:
    job_id = await submitted(ready, num_records=16)
    async with (
        httpx.AsyncClient(base_url=served, timeout=30) as client,
        client.stream("GET", f"/v1/jobs/{job_id}/events") as stream,
    ):
        lines = stream.aiter_lines()
        first = await _next(lines)
        assert (first[1], first[2]["ledger"]["open"]) == ("progress", 16)
        await work_one(tools)
        kinds = [(await _next(lines))[1], (await _next(lines))[1]]
        assert sorted(kinds) == ["progress", "state"]
        await drain()
        rest = [_event(block) for block in await _blocks(lines)]
        assert rest[-1][1] == "end"
        assert rest[-2][2]["ledger"]["accepted"] == 16
        assert rest[-2][2]["forecast"] is None


async def test_many_followers_of_a_job_share_one_connection(
    ready: httpx.AsyncClient, served: str, database: Database
) -> None:
    job_id = await submitted(ready)
    async with httpx.AsyncClient(base_url=served, timeout=30) as client:

        async def first() -> str:
            async with client.stream("GET", f"/v1/jobs/{job_id}/events") as stream:
                event = await _next(stream.aiter_lines())
                await everybody.wait()
                return event[1]

        everybody = asyncio.Barrier(41)
        following = [asyncio.create_task(first()) for _ in range(40)]
        await everybody.wait()
        async with database.unit_of_work() as session:
            used = await session.scalar(
                text(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                    " AND pid <> pg_backend_pid() AND state <> 'idle'"
                )
            )
        assert await asyncio.gather(*following) == ["progress"] * 40
    assert used <= 1


async def test_a_teacher_that_goes_and_comes_is_told_of_once_each(
    ready: httpx.AsyncClient, database: Database
) -> None:
    job_id = await submitted(ready)
    for away in (True, True, False, False):
        async with database.unit_of_work() as session:
            (teacher,) = await teachers.page(session, namespace=None, after=None, limit=1)
            if away:
                await teachers.open_circuit(session, teacher.id, "teacher.unreachable", None)
            else:
                await teachers.close_circuit(session, teacher.id)
        async with database.unit_of_work() as session:
            await events.note_waiting(session)
    await ready.post(f"/v1/jobs/{job_id}/cancel")
    told = await followed(ready, job_id)
    kinds = [kind for _, kind, _ in told]
    assert kinds == ["waiting", "recovered", "state", "progress", "end"]
    assert told[0][2]["reason"] == "teacher.unreachable"


async def test_a_chunk_whose_holder_fell_silent_is_told_of(
    ready: httpx.AsyncClient, tools: Tools, database: Database, drain: Drain
) -> None:
    job_id = await submitted(ready, num_records=8)
    await claim_one(tools, "silent")
    async with database.unit_of_work() as session:
        await session.execute(text("UPDATE chunk SET lease_until = now() - interval '1 s'"))
        await reap(session, timedelta(0))
    await drain()
    lost = [data for _, kind, data in await followed(ready, job_id) if kind == "chunk_lost"]
    assert [(one["chunk"], one["losses"], one["holder"]) for one in lost] == [(0, 1, "silent")]


@pytest.mark.parametrize("last", ["x", "1", "-1-2", "1-2-3", "9" * 30 + "-1"])
async def test_an_id_that_we_never_gave_is_refused(ready: httpx.AsyncClient, last: str) -> None:
    job_id = await submitted(ready)
    answer = await ready.get(f"/v1/jobs/{job_id}/events", headers={"Last-Event-ID": last})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "header.last-event-id"


def _event(block: list[str]) -> Event:
    (event,) = parsed("\n".join(block))
    return event


async def _next(lines: Any) -> Event:
    block: list[str] = []
    async for line in lines:
        if line.startswith("data") or line:
            block.append(line)
        elif any(each.startswith("data") for each in block):
            return _event(block)
        else:
            block = []
    raise AssertionError("the stream ended")


async def _blocks(lines: Any) -> list[list[str]]:
    found: list[list[str]] = [[]]
    async for line in lines:
        if line:
            found[-1].append(line)
        else:
            found.append([])
    return [block for block in found if any(line.startswith("data") for line in block)]
