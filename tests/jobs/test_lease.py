"""Who may write a chunk."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text
from tenacity import AsyncRetrying, retry_if_result, stop_after_delay, wait_fixed

from app.db import Database
from app.jobs import lease, settle, store
from app.jobs.abandon import MOST_LOSSES, abandon
from app.jobs.ask import Answered
from app.jobs.chunk import HandedBack, work
from app.jobs.lane import Course
from app.jobs.lease import LeaseLost
from app.jobs.loaded import Loaded, Tools
from app.jobs.reap import reap
from app.jobs.room import Room
from app.jobs.worker import Held, Worker
from app.teachers.completion import Completion
from tests.fake_teacher import FakeTeacher
from tests.jobs.conftest import Drain, adds_up, claim_one, spec

SOON = timedelta(seconds=0)


async def submitted(ready: httpx.AsyncClient, **changes: object) -> str:
    answer = await ready.post("/v1/jobs", json=spec(**changes))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def test_racing_workers_never_share_a_chunk(ready: httpx.AsyncClient, tools: Tools) -> None:
    await submitted(ready, num_records=64)
    claims = await asyncio.gather(*(claim_one(tools, f"w{number}") for number in range(24)))
    taken = [claim.chunk_id for claim in claims if claim]
    assert len(taken) == len(set(taken)) == 8


async def test_a_stale_holder_can_change_nothing(
    ready: httpx.AsyncClient, tools: Tools, database: Database
) -> None:
    job_id = await submitted(ready, num_records=8)
    stale = await claim_one(tools, "slow")
    assert stale is not None
    async with database.unit_of_work() as session:
        await session.execute(text("UPDATE chunk SET lease_until = now() - interval '1 s'"))
        assert [str(each) for each in await reap(session, timedelta(0))] == [job_id]
    fresh = await claim_one(tools, "quick")
    assert fresh is not None
    assert fresh.chunk_id == stale.chunk_id
    assert fresh.epoch > stale.epoch
    async with database.unit_of_work() as session:
        with pytest.raises(LeaseLost):
            await lease.fence(session, stale)
    async with database.unit_of_work() as session:
        await lease.hand_back(session, stale)
        await lease.fence(session, fresh)
        account = await store.ledger(session, stale.job_id)
    assert account.accepted == 0
    assert account.chunks_running == 1


async def test_what_a_lost_holder_stores_at_the_last_moment_is_settled(
    ready: httpx.AsyncClient, tools: Tools, database: Database, fake: FakeTeacher, drain: Drain
) -> None:
    """Its statement began before it lost the chunk, and ended when the next one had looked."""
    job_id = await submitted(ready, num_records=8)
    stale = await claim_one(tools, "slow")
    assert stale is not None
    loaded = await tools.load(stale)
    assert isinstance(loaded, Loaded)
    said = '{"question": "Which is number %d?", "answer": "That one."}'
    replies = [
        reply
        for question in (await loaded.questions(stale, tools))[:6]
        for reply in loaded.replies(question, Answered([Completion(said % question.item, "stop")]))
    ]
    async with database.unit_of_work() as late:
        await settle.keep(late, stale, loaded.target.corpus_id, replies)
        async with database.unit_of_work() as session:
            await session.execute(text("UPDATE chunk SET lease_until = now() - interval '1 s'"))
            assert await reap(session, timedelta(0))
        fresh = await claim_one(tools, "quick")
        assert fresh is not None
        # What it reads next after the replies that wait to be settled is the job.
        await late.execute(text("LOCK TABLE job IN ACCESS EXCLUSIVE MODE"))
        working = asyncio.create_task(work(fresh, tools, Course()))
        await somebody_waits(database, "job")
    assert isinstance(await working, HandedBack)
    await drain()
    job = (await ready.get(f"/v1/jobs/{job_id}")).json()
    assert job["ledger"]["accepted"] == 8, job["ledger"]
    assert len(fake.asked) == 2


async def somebody_waits(database: Database, table: str) -> None:
    """For a lock on the table."""

    async def waiting() -> Any:
        async with database.unit_of_work() as session:
            return await session.scalar(_WAITING, {"table": table})

    await AsyncRetrying(
        retry=retry_if_result(lambda count: not count),
        wait=wait_fixed(0.01),
        stop=stop_after_delay(20),
    )(waiting)


# Other databases of the same server have tables and locks of their own.
_WAITING = text("""
    SELECT count(*) FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database
    WHERE NOT granted AND relation = CAST(CAST(:table AS text) AS regclass)
      AND datname = current_database()
""")


async def test_a_sign_of_life_keeps_a_chunk(
    ready: httpx.AsyncClient, tools: Tools, database: Database
) -> None:
    await submitted(ready, num_records=8)
    claim = await claim_one(tools, "me")
    assert claim is not None
    async with database.unit_of_work() as session:
        await session.execute(text("UPDATE chunk SET lease_until = now() - interval '1 s'"))
        key = (claim.chunk_id, claim.epoch)
        assert await lease.renew(session, [key], timedelta(seconds=30)) == {key}
        assert await reap(session, timedelta(0)) == []
        await session.execute(text("UPDATE chunk SET epoch = epoch + 1"))
        assert await lease.renew(session, [key], timedelta(seconds=30)) == set()


async def test_nobody_is_silent_while_the_database_is_away(
    ready: httpx.AsyncClient, tools: Tools, database: Database
) -> None:
    await submitted(ready, num_records=8)
    await claim_one(tools, "me")
    async with database.unit_of_work() as session:
        await session.execute(text("UPDATE chunk SET lease_until = now() - interval '1 s'"))
        up: timedelta = await session.scalar(text("SELECT now() - pg_postmaster_start_time()"))
        assert await reap(session, up + timedelta(hours=1)) == []
        assert await reap(session, up)


async def test_a_claim_that_no_task_knows_of_ends_with_its_lease(
    ready: httpx.AsyncClient, tools: Tools, database: Database, tmp_path: Path
) -> None:
    """The commit that made it may have been cut off before its answer came."""
    await submitted(ready, num_records=16)
    worker = Worker(tools, tmp_path, Room(tmp_path, 0), 2, lease=SOON, grace=1)
    unknown = await claim_one(tools, worker.holder)
    known = await claim_one(tools, worker.holder)
    assert unknown is not None
    assert known is not None
    async with asyncio.TaskGroup() as group:
        task = group.create_task(forever())
        worker.held[known.chunk_id, known.epoch] = Held(known.job_id, task, asyncio.Event())
        worker.lease = timedelta(seconds=30)
        async with database.unit_of_work() as session:
            await session.execute(text("UPDATE chunk SET lease_until = now() - interval '1 s'"))
        await worker._renew()
        async with database.unit_of_work() as session:
            assert len(await reap(session, timedelta(0))) == 1
            await lease.fence(session, known)
            with pytest.raises(LeaseLost):
                await lease.fence(session, unknown)
        task.cancel()


async def test_a_chunk_claimed_while_signs_of_life_are_given_is_not_taken_for_lost(
    ready: httpx.AsyncClient, tools: Tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await submitted(ready, num_records=16)
    worker = Worker(tools, tmp_path, Room(tmp_path, 0), 2, lease=timedelta(seconds=30), grace=1)
    renew = lease.renew

    async def renew_then_claim(*told: Any) -> set[tuple[UUID, int]]:
        answered = await renew(*told)
        await claim_into(worker, group)
        return answered

    async with asyncio.TaskGroup() as group:
        await claim_into(worker, group)
        monkeypatch.setattr(lease, "renew", renew_then_claim)
        await worker._renew()
        assert not any(held.work.cancelling() for held in worker.held.values())
        assert len(worker.held) == 2
        for held in worker.held.values():
            held.work.cancel()


async def claim_into(worker: Worker, group: asyncio.TaskGroup) -> None:
    """What a delivery does, with a task that never ends."""
    claim = await claim_one(worker.tools, worker.holder)
    assert claim is not None
    task = group.create_task(forever())
    worker.held[claim.chunk_id, claim.epoch] = Held(claim.job_id, task, asyncio.Event())


async def forever() -> None:
    await asyncio.Event().wait()


async def test_a_chunk_whose_job_cannot_be_read_is_handed_back(
    ready: httpx.AsyncClient, tools: Tools, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await submitted(ready, num_records=8)

    async def unreadable(*told: Any) -> None:
        raise LookupError("no such filter here")

    with monkeypatch.context() as patch:
        patch.setattr(Tools, "load", unreadable)
        claim = await claim_one(tools)
        assert claim is not None
        with pytest.raises(LookupError):
            await work(claim, tools, Course())
    again = await claim_one(tools)
    assert again is not None
    assert (again.chunk_id, again.losses) == (claim.chunk_id, 1)


async def test_higher_priority_goes_first_then_the_job_with_the_fewest_chunks_running(
    ready: httpx.AsyncClient, tools: Tools
) -> None:
    first = await submitted(ready, num_records=64)
    second = await submitted(ready, num_records=64)
    urgent = await submitted(ready, num_records=8, priority=5)
    order = [await claim_one(tools) for _ in range(4)]
    assert [str(claim.job_id) for claim in order if claim] == [urgent, first, second, first]


async def test_a_chunk_that_kills_every_holder_is_failed_and_the_job_goes_on(
    ready: httpx.AsyncClient, tools: Tools, database: Database, drain: Drain
) -> None:
    job_id = await submitted(ready, num_records=16)
    for _ in range(MOST_LOSSES):
        claim = await claim_one(tools)
        assert claim is not None
        async with database.unit_of_work() as session:
            await session.execute(
                text("UPDATE chunk SET lease_until = now() - interval '1 s' WHERE id = :id"),
                {"id": claim.chunk_id},
            )
            await reap(session, timedelta(0))
    async with database.unit_of_work() as session:
        assert len(list(await abandon(session))) == 1
    await drain()
    job = (await ready.get(f"/v1/jobs/{job_id}")).json()
    assert job["funnel"]["reasons"]["worker.lost"] == 8
    assert job["ledger"]["failed"] == 8
    assert job["state"] == "finished"
    assert adds_up(job)


async def test_the_claim_reads_few_rows_of_a_large_job(
    ready: httpx.AsyncClient, tools: Tools, database: Database
) -> None:
    await submitted(ready, num_records=5_000_000)
    async with database.unit_of_work() as session:
        await session.execute(text("ANALYZE chunk"))
        plan = await session.scalars(
            text("EXPLAIN (FORMAT TEXT) " + lease._CLAIM.text),
            {
                "teacher": (await session.scalar(text("SELECT id FROM teacher"))),
                "holder": "me",
                "lease": timedelta(seconds=1),
            },
        )
        lines = "\n".join(plan)
    assert "ix_chunk_ready" in lines
    assert "Seq Scan on chunk" not in lines
