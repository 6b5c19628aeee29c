"""What an orchestrator asks."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
from sqlalchemy import text
from tenacity import AsyncRetrying, retry_if_result, stop_after_delay, wait_fixed

from app.db import Database
from app.jobs.loaded import Tools
from app.jobs.room import Room
from app.jobs.worker import Worker
from app.main import create_app
from app.settings import Settings
from tests.conftest import running
from tests.jobs.conftest import ready, spec, tools

__all__ = ["ready", "tools"]
MORE_THAN_THERE_IS = 1 << 60


@asynccontextmanager
async def at_work(worker: Worker) -> AsyncIterator[Worker]:
    working = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        worker.drain()
        await working


def worker(tools: Tools, settings: Settings, floor: int) -> Worker:
    return Worker(
        tools=tools,
        data_dir=settings.data_dir,
        room=Room(settings.data_dir, floor),
        concurrency=2,
        lease=timedelta(seconds=30),
        grace=5,
    )


async def until(look: Callable[[], Awaitable[Any]]) -> Any:
    """What `look` answers once it answers something true."""
    return await AsyncRetrying(
        retry=retry_if_result(lambda answer: not answer),
        wait=wait_fixed(0.1),
        stop=stop_after_delay(20),
    )(look)


async def test_each_part_is_looked_at_and_a_missing_worker_is_said(
    ready: httpx.AsyncClient, tools: Tools, settings: Settings
) -> None:
    answer = await ready.get("/readyz")
    assert answer.status_code == 200
    checks = answer.json()["checks"]
    assert {name for name, check in checks.items() if check["ok"]} == {
        *("database", "disk", "teachers")
    }
    assert "no worker" in (await _submitted(ready))["reason"]
    async with at_work(worker(tools, settings, 0)):

        async def alive() -> bool:
            workers = (await ready.get("/readyz")).json()["checks"]["workers"]
            return bool(workers == {"ok": True, "detail": "1 alive"})

        await until(alive)
    assert (await ready.get("/readyz")).json()["checks"]["workers"]["detail"] == "0 alive"


async def test_a_database_that_is_away_is_a_503_with_its_checks(
    settings: Settings, database_url: str
) -> None:
    nowhere = settings.model_copy(
        update={"database_url": "postgresql://nobody@127.0.0.1:1/nothing"}
    )
    async with running(create_app(nowhere)) as api:
        answer = await api.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["status"] == "not_ready"
        assert "away" in answer.json()["checks"]["database"]["detail"]
        assert "limbeck_database_up 0.0" in (await api.get("/metrics")).text


async def test_nothing_of_an_older_version_touches_a_database_that_has_moved_on(
    ready: httpx.AsyncClient, tools: Tools, settings: Settings, database: Database
) -> None:
    old = worker(tools, settings, 0)
    working = asyncio.create_task(old.run())

    async def alive() -> bool:
        workers = (await ready.get("/readyz")).json()["checks"]["workers"]
        return bool(workers["ok"])

    await until(alive)
    async with database.unit_of_work() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = 'of_tomorrow'"))
        await session.execute(text("ALTER TABLE worker RENAME TO workers_of_tomorrow"))
    async with asyncio.timeout(20):
        await working
    assert old.moved is not None
    assert "of_tomorrow" in old.moved
    answer = await ready.get("/readyz")
    assert answer.status_code == 503
    assert "of_tomorrow" in answer.json()["checks"]["database"]["detail"]


async def test_jobs_wait_for_room_on_the_disk_and_go_on_by_themselves(
    ready: httpx.AsyncClient, tools: Tools, settings: Settings, database: Database
) -> None:
    job_id = (await _submitted(ready))["id"]
    full = worker(tools, settings, MORE_THAN_THERE_IS)
    async with at_work(full):

        async def waits() -> Any:
            job = (await ready.get(f"/v1/jobs/{job_id}")).json()
            return job if (job["reason"] or "").startswith("storage:") else None

        job = await until(waits)
        assert (job["state"], job["ledger"]["open"]) == ("queued", 20)
        full.room = Room(settings.data_dir, 0)

        async def ended() -> bool:
            return bool((await ready.get(f"/v1/jobs/{job_id}")).json()["state"] == "finished")

        await until(ended)


async def test_the_api_is_not_ready_without_room(settings: Settings) -> None:
    small = settings.model_copy(update={"min_free_bytes": MORE_THAN_THERE_IS})
    async with running(create_app(small)) as api:
        answer = await api.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["disk"]["detail"].startswith("storage: ")


async def test_the_floor_follows_from_the_size_of_the_databases_log(
    database: Database, settings: Settings
) -> None:
    room = Room(settings.data_dir / "not" / "there", None)
    async with database.unit_of_work() as session:
        size = await session.scalar(text("SHOW max_wal_size"))
        floor = await room.floor(session)
    assert size == "4GB"
    assert 0 < floor <= 8 << 30


async def _submitted(ready: httpx.AsyncClient) -> dict[str, Any]:
    answer = await ready.post("/v1/jobs", json=spec())
    assert answer.status_code == 201, answer.text
    job: dict[str, Any] = answer.json()
    return job
