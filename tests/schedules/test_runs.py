"""What becomes of a run: overlap, runs asked for, pauses, ends."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.db import Database
from app.jobs.publication import publish_result
from tests.jobs.conftest import Drain, spec
from tests.schedules.conftest import Worker, history, job_ids, made, rewound, schedule
from tests.schedules.test_fire import moment

HOUR = timedelta(hours=1)


def states(runs: list[dict[str, Any]]) -> list[str]:
    return [run["state"] for run in runs]


async def pass_by(workers: list[Worker], database: Database, hours: int) -> None:
    """So many whole hours come, and nobody works on what they start."""
    start = moment("2026-05-04T10:00")
    await rewound(database, start)
    for number in range(hours):
        await workers[0].looks(start + number * HOUR)


@pytest.mark.parametrize(
    ("overlap", "now", "then"),
    [
        ("skip", ["running", "skipped", "skipped"], ["finished", "skipped", "skipped"]),
        ("queue", ["running", "queued", "queued"], ["finished", "running", "queued"]),
        ("allow", ["running"] * 3, ["finished"] * 3),
    ],
)
async def test_a_time_that_comes_while_a_run_is_going_is_left_out_waits_or_starts(
    ready: httpx.AsyncClient,
    database: Database,
    workers: list[Worker],
    drain: Drain,
    overlap: str,
    now: list[str],
    then: list[str],
) -> None:
    at = await made(ready, schedule(cron="0 * * * *", overlap=overlap))
    await pass_by(workers, database, 3)
    assert states(await history(ready, at)) == now
    await drain()
    await workers[0].looks(moment("2026-05-04T12:01"))
    runs = await history(ready, at)
    assert states(runs) == then
    if overlap == "skip":
        assert "2026-05-04 10:00" in runs[1]["error"]
    if overlap == "queue":
        for _ in range(2):
            await drain()
            await workers[1].looks(moment("2026-05-04T12:02"))
        runs = await history(ready, at)
        assert states(runs) == ["finished"] * 3
        assert [run["started_at"] for run in runs] == sorted(run["started_at"] for run in runs)
        assert len(set(job_ids(runs))) == 3


async def test_no_more_than_ten_runs_wait(
    ready: httpx.AsyncClient, database: Database, workers: list[Worker]
) -> None:
    at = await made(ready, schedule(cron="0 * * * *", overlap="queue"))
    await pass_by(workers, database, 13)
    runs = await history(ready, at)
    assert states(runs) == ["running", *["queued"] * 10, "skipped", "skipped"]


async def test_a_run_that_is_asked_for_does_not_move_the_next(
    ready: httpx.AsyncClient, workers: list[Worker], drain: Drain
) -> None:
    at = await made(ready, schedule(paused=True))
    assert (await ready.get(at)).json()["next"] == []
    run = (await ready.post(f"{at}/runs")).json()
    assert (run["state"], run["manual"]) == ("running", True)
    again = (await ready.post(f"{at}/runs")).json()
    assert (again["state"], again["jobs"]) == ("skipped", [])
    before = (await ready.post(f"{at}/resume")).json()["next"]
    await drain()
    await workers[0].looks()
    assert states(await history(ready, at)) == ["finished", "skipped"]
    third = (await ready.post(f"{at}/runs")).json()
    assert third["state"] == "running"
    assert (await ready.get(at)).json()["next"] == before
    job = (await ready.get(f"/v1/jobs/{run['jobs'][0]}")).json()
    assert job["document"]["template"] == "default/qa@1"
    assert job["ledger"]["accepted"] >= 3


async def test_times_pass_while_a_schedule_is_paused(
    ready: httpx.AsyncClient, database: Database, workers: list[Worker]
) -> None:
    at = await made(ready, schedule(cron="0 * * * *"))
    await ready.post(f"{at}/pause")
    await pass_by(workers, database, 3)
    assert await history(ready, at) == []
    coming = (await ready.post(f"{at}/resume")).json()["next"]
    assert len(coming) == 5
    first = datetime.fromisoformat(coming[0]["nominal"])
    assert first > moment("2026-05-05T00:00")
    await workers[0].looks(first - timedelta(seconds=1))
    assert await history(ready, at) == []


async def test_a_run_ends_when_its_version_is_published(
    ready: httpx.AsyncClient,
    workers: list[Worker],
    drain: Drain,
    tmp_path: Path,
    database: Database,
) -> None:
    job = spec(num_records=3, publish={"dataset": "faq"})
    at = await made(ready, schedule(job=job))
    run = (await ready.post(f"{at}/runs")).json()
    await drain()
    await workers[0].looks()
    assert states(await history(ready, at)) == ["running"]
    pool = workers[0].tools.pool
    await publish_result(database, tmp_path / "data", UUID(run["jobs"][0]), pool)
    await workers[0].looks()
    [run] = await history(ready, at)
    assert (run["state"], run["published"]) == ("finished", "default/faq@1")


async def test_a_job_that_is_cancelled_or_fails_ends_its_run_so(
    ready: httpx.AsyncClient, workers: list[Worker], drain: Drain, fake: Any
) -> None:
    at = await made(ready, schedule())
    run = (await ready.post(f"{at}/runs")).json()
    await ready.post(f"/v1/jobs/{run['jobs'][0]}/cancel")
    await workers[0].looks()
    fake.says("no JSON at all")
    await ready.post(f"{at}/runs")
    await drain()
    await workers[0].looks()
    runs = await history(ready, at)
    assert states(runs) == ["cancelled", "failed"]
    assert "parse.json" in runs[1]["error"]
