"""Each time once, whoever looks at the clock and whatever it shows."""

import asyncio
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import httpx
import pytest

from app.db import Database
from tests.jobs.conftest import TEMPLATE, Drain
from tests.schedules.conftest import Worker, history, job_ids, made, rewound, schedule, topped_up

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"
JUMP = timedelta(hours=3)
MINUTE = timedelta(minutes=1)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def nominal(runs: list[dict[str, Any]]) -> list[datetime]:
    return [datetime.fromisoformat(run["nominal_time"]) for run in runs]


async def race(workers: list[Worker], times: list[datetime], random: Random) -> None:
    """All look at every moment, each with a clock that is a little off."""

    async def one(worker: Worker, now: datetime) -> None:
        await worker.looks(now + timedelta(milliseconds=random.randrange(900)))

    for now in times:
        await asyncio.gather(*(one(worker, now) for worker in workers for _ in range(2)))


@pytest.mark.parametrize(
    ("timezone", "first", "wanted"),
    [
        # From 02:00 the clocks go to 03:00 at once: 02:15 and 02:45 come then, together.
        (BERLIN, "2026-03-28T23:30", "00:15 00:45 01:00 01:15 01:45"),
        # From 03:00 they go back to 02:00: what has come at 02:15 does not come again.
        (BERLIN, "2026-10-24T22:30", "23:15 23:45 00:15 00:45 02:15 02:45"),
        (NEW_YORK, "2026-03-08T05:30", "06:15 06:45 07:00 07:15 07:45"),
        (NEW_YORK, "2026-11-01T04:30", "05:15 05:45 07:15 07:45 08:15 08:45"),
    ],
)
async def test_three_workers_race_over_a_change_of_the_clocks_and_each_time_comes_once(
    ready: httpx.AsyncClient,
    database: Database,
    workers: list[Worker],
    drain: Drain,
    timezone: str,
    first: str,
    wanted: str,
) -> None:
    # The corpus has what it should have, so that a run costs little and says `nothing_to_do`.
    await ready.post("/v1/jobs", json=schedule()["job"])
    await drain()
    start = moment(first)
    ats = []
    for name, cron in (("some", "15,45 1,2,3 * * *"), ("even", "*/30 * * * *")):
        body = topped_up(records=1) | {"name": name, "cron": cron, "timezone": timezone}
        ats.append(await made(ready, body))
    await rewound(database, start)
    await race(workers, [start + n * 15 * MINUTE for n in range(22)], Random(first))
    some, even = [await history(ready, at) for at in ats]
    assert {run["state"] for run in some + even} == {"nothing_to_do"}
    # The first is where both were put.
    assert f"{' '.join(f'{each:%H:%M}' for each in nominal(some)[1:])}" == wanted
    assert nominal(even) == [start + n * 30 * MINUTE for n in range(11)]


@pytest.mark.parametrize("misfire", ["skip", "catch_up"])
async def test_a_clock_that_jumps_and_comes_back_brings_nothing_twice(
    ready: httpx.AsyncClient, database: Database, workers: list[Worker], misfire: str
) -> None:
    body = schedule(cron="0 * * * *", timezone=NEW_YORK, misfire=misfire, overlap="allow")
    at = await made(ready, body)
    start = moment("2026-05-04T09:30")
    await rewound(database, moment("2026-05-04T10:00"))
    hours = [start + n * 30 * MINUTE for n in range(4)]
    ahead = [each + JUMP for each in hours]
    later = [hours[-1] + n * 30 * MINUTE for n in range(12)]
    await race(workers, [*hours, *ahead, *hours, *later], Random(3))
    runs = await history(ready, at)
    # 10:00 and 11:00; then it is 12:30, and 12:00 was missed; 13:00 and 14:00 come, and are not
    # come again when the clock is back; 15:00 and 16:00.
    assert [each.hour for each in nominal(runs)] == [10, 11, 12, 13, 14, 15, 16]
    missed = runs[2]
    assert missed["state"] == ("missed" if misfire == "skip" else "running")
    assert len(set(job_ids(runs))) == len(job_ids(runs)) == (6 if misfire == "skip" else 7)


async def test_missed_times_are_made_up_for_by_one_run(
    ready: httpx.AsyncClient, database: Database, workers: list[Worker]
) -> None:
    at = await made(ready, schedule(cron="0 * * * *", overlap="allow"))
    await rewound(database, moment("2026-05-04T00:00"))
    await race(workers, [moment("2026-05-04T07:30"), moment("2026-05-04T08:04")], Random(1))
    runs = await history(ready, at)
    assert [
        (each.hour, run["missed_before"]) for each, run in zip(nominal(runs), runs, strict=True)
    ] == [
        (7, 7),
        (8, 0),
    ]
    assert len(job_ids(runs)) == 2


async def test_missed_times_are_left_out_where_the_schedule_says_so(
    ready: httpx.AsyncClient, database: Database, workers: list[Worker]
) -> None:
    at = await made(ready, schedule(cron="0 * * * *", misfire="skip", grace=600))
    await rewound(database, moment("2026-05-04T00:00"))
    await race(workers, [moment("2026-05-04T07:30"), moment("2026-05-04T08:09")], Random(1))
    runs = await history(ready, at)
    assert [(run["state"], run["missed_before"], len(run["jobs"])) for run in runs] == [
        ("missed", 7, 0),
        ("running", 0, 1),
    ]


async def test_what_cannot_be_submitted_is_in_the_history_and_does_not_stop_later_runs(
    ready: httpx.AsyncClient, database: Database, workers: list[Worker]
) -> None:
    broken = await made(ready, schedule(name="broken", job=schedule()["job"] | {"corpus": "other"}))
    whole = await made(ready, schedule())
    # The template's next version asks for what the seeds do not give.
    source = TEMPLATE.replace("topic", "place")
    pushed = await ready.post("/v1/templates/default/qa/versions", json={"source": source})
    assert pushed.status_code == 201, pushed.text
    pinned = schedule()["job"] | {"template": "qa@1"}
    answer = await ready.put(whole, json=schedule(job=pinned))
    assert answer.status_code == 200, answer.text
    await rewound(database, moment("2026-05-04T00:30"))
    await race(workers, [moment("2026-05-04T00:30"), moment("2026-05-05T00:31")], Random(1))
    failed = await history(ready, broken)
    assert [run["state"] for run in failed] == ["failed", "failed"]
    assert failed[0]["error"].startswith("request.invalid: /seeds")
    assert [run["state"] for run in await history(ready, whole)] == ["running", "skipped"]


async def test_a_jitter_moves_the_start_and_not_the_time(
    ready: httpx.AsyncClient, database: Database, workers: list[Worker]
) -> None:
    at = await made(ready, schedule(jitter=3600))
    coming = (await ready.get(at)).json()["next"]
    delays = [
        datetime.fromisoformat(each["at"]) - datetime.fromisoformat(each["nominal"])
        for each in coming
    ]
    assert len(set(delays)) > 1
    assert all(timedelta() <= each <= timedelta(hours=1) for each in delays)
    start = datetime.fromisoformat(coming[0]["at"])
    await workers[0].looks(start - timedelta(seconds=1))
    assert await history(ready, at) == []
    await workers[0].looks(start)
    [run] = await history(ready, at)
    assert nominal([run])[0] == datetime.fromisoformat(coming[0]["nominal"])
    assert datetime.fromisoformat((await ready.get(at)).json()["next"][0]["at"]) == (
        datetime.fromisoformat(coming[1]["at"])
    )
