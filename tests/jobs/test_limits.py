"""What a job may use, and what becomes of one that has used it."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter
from sqlalchemy import text

from app.db import Database
from app.jobs import lease, spent
from app.jobs.amounts import Seconds, Tokens, short_count, short_time
from app.jobs.chunk import work
from app.jobs.lane import Course
from app.jobs.loaded import Tools
from app.jobs.reap import reap
from app.jobs.room import Room
from app.jobs.sweep import sweep
from app.jobs.worker import Held, Worker
from tests.fake_teacher import FakeTeacher
from tests.fake_teacher.behaviour import Behaviour, Gate, fails
from tests.jobs.conftest import Drain, adds_up, claim_one, spec, work_one

TOKENS: TypeAdapter[int] = TypeAdapter(Tokens)
SECONDS: TypeAdapter[int] = TypeAdapter(Seconds)
PRICES = {"prompt_price": 1.0, "completion_price": 4.0, "currency": "EUR"}


async def submitted(ready: httpx.AsyncClient, **changes: Any) -> str:
    answer = await ready.post("/v1/jobs", json=spec(**changes))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def seen(ready: httpx.AsyncClient, job_id: str) -> dict[str, Any]:
    job: dict[str, Any] = (await ready.get(f"/v1/jobs/{job_id}")).json()
    assert adds_up(job)
    return job


async def costing(ready: httpx.AsyncClient, **rates: Any) -> None:
    answer = await ready.patch("/v1/teachers/default/fake", json=rates)
    assert answer.is_success, answer.text


async def passes(database: Database, hours: float) -> None:
    """As if so much time had gone by, while whoever holds a chunk went on showing life."""
    async with database.unit_of_work() as session:
        for table in ("job_event", "teacher_clock"):
            await session.execute(
                text(f"UPDATE {table} SET at = at - make_interval(secs => :seconds)"),
                {"seconds": hours * 3600},
            )


@given(st.integers(1, 10**14))
def test_tokens_are_read_as_they_are_told(number: int) -> None:
    read = TOKENS.validate_python
    assert abs(read(short_count(number)) - number) <= 0.0005 * number
    assert (read("250k"), read("1.5G"), read("40M")) == (250_000, 15 * 10**8, 40 * 10**6)


@given(st.integers(1, 10**8))
def test_times_are_read_as_they_are_told(number: int) -> None:
    read = SECONDS.validate_python
    assert read(short_time(number)) == number
    assert (read("1h30m"), read("90m"), read(5400)) == (5400, 5400, 5400)


@pytest.mark.parametrize(("on_exhausted", "state"), [("finish", "finished"), ("fail", "failed")])
async def test_at_its_token_limit_a_job_asks_nothing_more_and_keeps_what_is_on_its_way(
    ready: httpx.AsyncClient, tools: Tools, fake: FakeTeacher, on_exhausted: str, state: str
) -> None:
    gate = Gate()
    fake.does(Behaviour(), times=2).does(Behaviour(gate=gate), times=100)
    job_id = await submitted(
        ready, num_records=200, limits={"tokens": "0.001k"}, on_exhausted=on_exhausted
    )
    claim = await claim_one(tools)
    assert claim is not None
    course = Course()
    working = asyncio.create_task(work(claim, tools, course))
    async with asyncio.timeout(20):
        await course.stop.wait()
    asked = len(fake.asked)
    assert asked < claim.items
    assert (await seen(ready, job_id))["state"] == "running"
    gate.open()
    await working
    assert await work_one(tools) is not None  # looks, asks nothing, and ends the job
    assert await work_one(tools) is None
    job = await seen(ready, job_id)
    assert (job["state"], len(fake.asked)) == (state, asked)
    assert job["ledger"]["accepted"] == asked
    assert job["ledger"]["cancelled"] == 200 - asked
    assert job["reason"].startswith(
        f"token limit of 1 reached: {asked} of 200 records after {asked} candidates"
    )
    assert job["document"]["limits"]["tokens"] == 1
    assert job["spent"]["tokens"] == job["tokens"]["prompt"] + job["tokens"]["completion"]


async def test_limits_that_nobody_could_measure_are_refused_and_so_are_odd_ones(
    ready: httpx.AsyncClient,
) -> None:
    for limits, field, hint in (
        ({"gpu_hours": "6"}, "/limits/gpu_hours", "`gpus`"),
        ({"cost": 20}, "/limits/cost", "`prompt_price`"),
        ({"tokens": "many"}, "/limits/tokens", "40M"),
        ({"wall_time": "6 parsecs"}, "/limits/wall_time", "1h30m"),
    ):
        refused = await ready.post("/v1/jobs", json=spec(limits=limits))
        assert refused.status_code == 422
        [error] = [one for one in refused.json()["errors"] if one["field"].startswith(field)]
        assert hint in error["problem"]
    await costing(ready, gpus=2, **PRICES)
    asked_for: dict[str, Any] = {"tokens": "40M", "wall_time": "1h30m", "gpu_hours": 6, "cost": 20}
    job = await seen(ready, await submitted(ready, limits=asked_for))
    kept: dict[str, Any] = {"tokens": 40_000_000, "wall_time": 5400, "gpu_hours": 6, "cost": 20}
    assert kept.items() <= job["document"]["limits"].items()
    assert kept.items() <= job["limits"].items()


async def test_wall_time_runs_from_the_first_chunk_and_stands_still_during_a_pause(
    ready: httpx.AsyncClient, tools: Tools, drain: Drain, database: Database, fake: FakeTeacher
) -> None:
    job_id = await submitted(ready, num_records=40, limits={"wall_time": "3h"})
    await passes(database, 5)
    assert (await seen(ready, job_id))["spent"]["wall_time_seconds"] == 0
    await work_one(tools)
    await passes(database, 2)
    await ready.post(f"/v1/jobs/{job_id}/pause")
    await passes(database, 50)
    assert 7200 <= (await seen(ready, job_id))["spent"]["wall_time_seconds"] < 7300
    await ready.post(f"/v1/jobs/{job_id}/resume")
    await work_one(tools)
    assert len(fake.asked) == 16
    await passes(database, 1)
    await drain()
    job = await seen(ready, job_id)
    assert len(fake.asked) == 16
    assert job["state"] == "finished"
    assert job["reason"].startswith("wall time limit of 3h reached: 16 of 40 records")


async def test_a_job_whose_time_is_up_ends_although_nobody_works_on_it(
    ready: httpx.AsyncClient, tools: Tools, database: Database
) -> None:
    job_id = await submitted(ready, num_records=40, limits={"wall_time": "1h"})
    await work_one(tools)
    await passes(database, 2)
    await sweep(database, timedelta(seconds=30))
    job = await seen(ready, job_id)
    assert (job["state"], job["ledger"]["cancelled"]) == ("finished", 32)


async def test_who_holds_a_chunk_of_a_job_that_has_used_its_limit_is_told_to_stop_asking(
    ready: httpx.AsyncClient, tools: Tools, database: Database, tmp_path: Path
) -> None:
    await submitted(ready, limits={"wall_time": "1h"})
    worker = Worker(tools, tmp_path, Room(tmp_path, 0), 2, lease=timedelta(seconds=30), grace=1)
    claim = await claim_one(tools, worker.holder)
    assert claim is not None
    forever = asyncio.create_task(asyncio.Event().wait())
    held = Held(claim.job_id, forever, asyncio.Event())
    worker.held[claim.chunk_id, claim.epoch] = held
    await worker._show_life()
    assert not held.stop.is_set()
    await passes(database, 2)
    await worker._show_life()
    assert held.stop.is_set()
    assert not forever.cancelling()
    forever.cancel()


async def test_gpu_hours_are_shared_out_among_the_chunks_that_run_and_none_is_counted_twice(
    ready: httpx.AsyncClient, tools: Tools, database: Database
) -> None:
    await costing(ready, gpus=4, gpu_hour_price=2.5, currency="EUR")
    one, two = await submitted(ready, num_records=16), await submitted(ready, num_records=16)

    async def hours() -> list[float]:
        return [round((await seen(ready, job))["spent"]["gpu_hours"], 2) for job in (one, two)]

    first = await claim_one(tools)
    await passes(database, 1)  # alone: all four GPUs
    second = await claim_one(tools)
    assert first is not None
    assert second is not None
    assert (str(first.job_id), str(second.job_id)) == (one, two)
    assert await hours() == [4, 0]
    await passes(database, 1)  # half of them each
    third = await claim_one(tools)
    assert third is not None
    assert str(third.job_id) == one
    await passes(database, 3)  # a third for each chunk, of which one job has two
    assert await hours() == [4 + 2 + 8, 2 + 4]
    async with database.unit_of_work() as session:
        await lease.fence(session, first)
        await lease.close(session, first)
        await lease.hand_back(session, third)
    await passes(database, 1)
    async with database.unit_of_work() as session:
        await lease.hand_back(session, second)
    await passes(database, 100)  # nobody works
    assert await hours() == [14, 10]
    assert (await seen(ready, one))["spent"]["cost"] == pytest.approx(35, abs=0.1)


async def test_the_time_of_holders_that_died_counts_until_their_leases_end_and_no_longer(
    ready: httpx.AsyncClient, tools: Tools, database: Database
) -> None:
    await costing(ready, gpus=2)
    job_id = await submitted(ready)
    assert await claim_one(tools, "first") is not None
    assert await claim_one(tools, "second") is not None
    await passes(database, 10)
    async with database.unit_of_work() as session:
        await session.execute(text("UPDATE chunk SET lease_until = now() - interval '9 h'"))
    assert (await seen(ready, job_id))["spent"]["gpu_hours"] == pytest.approx(2, abs=0.01)
    async with database.unit_of_work() as session:
        assert len(await reap(session, timedelta(0))) == 2
    await passes(database, 5)
    assert (await seen(ready, job_id))["spent"]["gpu_hours"] == pytest.approx(2, abs=0.01)


async def test_racing_claims_and_ends_leave_the_clock_right(
    ready: httpx.AsyncClient, tools: Tools, database: Database
) -> None:
    await costing(ready, gpus=1)
    await submitted(ready, num_records=64)

    async def take_and_give_back(number: int) -> None:
        for _ in range(5):
            claim = await claim_one(tools, f"w{number}")
            if claim is not None:
                async with database.unit_of_work() as session:
                    await lease.hand_back(session, claim)

    await asyncio.gather(*(take_and_give_back(number) for number in range(8)))
    async with database.unit_of_work() as session:
        row = (await session.execute(text("SELECT * FROM teacher_clock"))).one()
        parts = await session.scalar(text("SELECT sum(teacher_seconds) FROM chunk"))
        wide = await session.scalar(
            text("SELECT extract(epoch FROM clock_timestamp() - min(started_at)) FROM chunk")
        )
        held = await session.scalar(text("SELECT count(*) FROM chunk WHERE state = 'running'"))
    assert (row.running, held) == (0, 0)
    assert 0 < parts <= wide


async def test_the_limits_of_a_running_job_are_raised_and_taken_away(
    ready: httpx.AsyncClient, drain: Drain
) -> None:
    limits = {"tokens": 1, "wall_time": 60}
    job_id = await submitted(ready, num_records=12, limits=limits)
    path = f"/v1/jobs/{job_id}"
    refused = await ready.patch(path, json={"cost": 5})
    assert refused.json()["errors"][0]["field"] == "/cost"
    changed = await ready.patch(path, json={"tokens": "2M", "wall_time": None})
    assert (
        changed.json()["limits"] | {"tokens": 2_000_000, "wall_time": None}
        == (changed.json()["limits"])
    )
    assert changed.json()["document"]["limits"]["tokens"] == 1
    await drain()
    job = await seen(ready, job_id)
    assert (job["state"], job["reason"], job["ledger"]["accepted"]) == ("finished", None, 12)


async def test_a_paused_job_that_reached_its_limit_may_be_given_more(
    ready: httpx.AsyncClient, tools: Tools, drain: Drain
) -> None:
    job_id = await submitted(ready, num_records=40, limits={"tokens": 1})
    claim = await claim_one(tools)
    assert claim is not None
    await ready.post(f"/v1/jobs/{job_id}/pause")
    await work(claim, tools, Course())
    assert (await seen(ready, job_id))["state"] == "paused"
    await ready.patch(f"/v1/jobs/{job_id}", json={"tokens": "1G"})
    await ready.post(f"/v1/jobs/{job_id}/resume")
    await drain()
    assert (await seen(ready, job_id))["ledger"]["accepted"] == 40


async def test_the_forecast_says_which_limit_will_be_reached_first(
    ready: httpx.AsyncClient, tools: Tools, database: Database
) -> None:
    await costing(ready, gpus=1, **PRICES)
    job_id = await submitted(ready, num_records=400, limits={"max_candidates": 400})
    await work_one(tools)
    job = await seen(ready, job_id)
    used, forecast = job["spent"], job["forecast"]
    assert (forecast["reaches_target"], forecast["stopped_by"]) == (True, None)
    assert used["cost"] == pytest.approx(
        (job["tokens"]["prompt"] + 4 * job["tokens"]["completion"]) / 1e6
    )
    assert forecast["gpu_hours"]["expected"] > 0
    for caps, first in (
        ({"tokens": used["tokens"] * 2, "cost": used["cost"] * 3}, "tokens"),
        ({"tokens": used["tokens"] * 3, "cost": used["cost"] * 2}, "cost"),
        ({"tokens": None, "cost": None, "gpu_hours": used["gpu_hours"] * 1.5}, "gpu_hours"),
    ):
        changed = (await ready.patch(f"/v1/jobs/{job_id}", json=caps)).json()
        assert changed["forecast"]["stopped_by"] == first
        assert not changed["forecast"]["reaches_target"]


async def test_lists_show_what_was_spent(ready: httpx.AsyncClient, drain: Drain) -> None:
    job_id = await submitted(ready, num_records=4)
    await drain()
    [job] = (await ready.get("/v1/jobs")).json()["items"]
    assert job["spent"] == (await seen(ready, job_id))["spent"]
    assert job["spent"]["tokens"] > 0


async def test_a_smoke_gate_does_not_stop_what_ends_of_itself(
    ready: httpx.AsyncClient, drain: Drain, fake: FakeTeacher, database: Database
) -> None:
    fake.when(lambda _: None).says("no JSON at all", times=1000)
    job_id = await submitted(
        ready, num_records=100, limits={"tokens": 1}, smoke={"after": 1, "min_yield": 0.5}
    )
    await drain()
    job = await seen(ready, job_id)
    assert job["state"] == "failed"
    assert job["reason"].startswith("token limit of 1 reached: 0 of 100 records")
    async with database.unit_of_work() as session:
        assert await spent.exhausted(session) == []
        assert (await spent.of(session, [UUID(job_id)]))[UUID(job_id)].tokens > 0


async def test_what_failed_is_not_asked_again_once_a_limit_is_reached(
    ready: httpx.AsyncClient, drain: Drain, fake: FakeTeacher
) -> None:
    fake.when(lambda body: fails(400) if "rain" in str(body["messages"][-1]) else None)
    job_id = await submitted(ready, num_records=40, limits={"tokens": 1})
    await drain()
    assert (await seen(ready, job_id))["ledger"]["failed"] > 0
    refused = await ready.post(f"/v1/jobs/{job_id}/retry")
    assert (refused.status_code, refused.json()["code"]) == (409, "job.exhausted")
