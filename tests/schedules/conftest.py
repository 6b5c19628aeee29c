"""Schedules on a registered fake teacher, and workers that look at a clock of the test's own."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from app.db import Database
from app.jobs.loaded import Tools
from app.schedules.tick import tick
from tests.jobs.conftest import drain, ready, spec, tools

__all__ = ["drain", "ready", "tools"]


def schedule(**changes: Any) -> dict[str, Any]:
    body = {"name": "nightly", "cron": "30 2 * * *", "timezone": "Europe/Berlin"}
    return body | {"job": spec(num_records=3)} | changes


def topped_up(**top_up: int) -> dict[str, Any]:
    job = spec()
    del job["num_records"]
    return schedule(job=job, top_up=top_up)


async def made(api: httpx.AsyncClient, body: dict[str, Any]) -> str:
    """Its address."""
    answer = await api.post("/v1/schedules", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.headers["location"])


async def history(api: httpx.AsyncClient, at: str) -> list[dict[str, Any]]:
    """Its runs, oldest first."""
    found: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await api.get(
            f"{at}/runs", params={"limit": 200} | ({"cursor": cursor} if cursor else {})
        )
        assert page.status_code == 200, page.text
        found += page.json()["items"]
        cursor = page.json()["next"]
    return found[::-1]


async def rewound(database: Database, to: datetime) -> None:
    """As if the schedules had been made then."""
    async with database.unit_of_work() as session:
        await session.execute(
            text("UPDATE schedule SET next_nominal = :to, next_at = :to"), {"to": to}
        )


class Worker:
    """A worker's look at the clock, over connections of its own."""

    def __init__(self, database: Database, tools: Tools) -> None:
        self.database = database
        self.tools = tools

    async def looks(self, now: datetime | None = None) -> None:
        await tick(self.database, self.tools.pool, now)


@pytest.fixture
async def workers(database_url: str, tools: Tools) -> AsyncIterator[list[Worker]]:
    """Three of them."""
    opened = [Worker(Database(database_url), tools) for _ in range(3)]
    yield opened
    for each in opened:
        await each.database.close()


def job_ids(runs: list[dict[str, Any]]) -> list[UUID]:
    return [UUID(job) for run in runs for job in run["jobs"]]
