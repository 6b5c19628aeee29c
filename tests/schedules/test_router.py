"""Schedules over HTTP: what is refused, what is shown."""

from typing import Any

import httpx
import pytest

from app.db import Database
from tests.jobs.conftest import spec
from tests.schedules.conftest import made, schedule, topped_up


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        (schedule(cron="30 2 * *"), "/cron", "five fields"),
        (schedule(cron="61 2 * * *"), "/cron", "Bad minute"),
        (schedule(cron="0 0 */30 2 MON#5"), "/cron", "some day"),
        (schedule(cron="0 0 29 2 MON#6"), "/cron", "Bad day-of-week"),
        (schedule(timezone="Europe/Nowhere"), "/timezone", "IANA"),
        (schedule(cron="* * * * *", jitter=60), "/jitter", "below 60"),
        (schedule(name="nightly@2"), "/name", "no"),
        (schedule(name="other/nightly"), "/", "default/…"),
        (schedule(job=spec(template="missing")), "/job/template", "no template"),
        (schedule(job=spec(sampling={"n": 0})), "/job/sampling/n", "greater"),
        (schedule(top_up={"records": 5}), "/", "num_records"),
        (topped_up(records=5, per_stratum=5), "/top_up", "one of them"),
        (topped_up(records=5) | {"overlap": "allow"}, "/", "overlap"),
        (schedule(webhook={"url": "ftp://example.com"}), "/webhook/url", "address"),
        (schedule(webhook={"url": "http://example.com:99999"}), "/webhook/url", "address"),
        (schedule(webhook={"url": "http://a:b@example.com"}), "/webhook/url", "password"),
        (schedule(webhook={"url": "http://e.com", "secret": "abc"}), "/webhook/secret", "env:"),
    ],
)
async def test_what_cannot_work_is_refused_with_its_field(
    ready: httpx.AsyncClient, body: dict[str, Any], field: str, said: str
) -> None:
    answer = await ready.post("/v1/schedules", json=body)
    problem = answer.json()
    assert answer.status_code == 422, problem
    [error] = problem["errors"]
    assert (error["field"], said in error["problem"]) == (field, True), error
    assert "abc" not in str(error["value"])


async def test_a_schedule_is_made_once_replaced_and_removed(ready: httpx.AsyncClient) -> None:
    at = await made(ready, schedule())
    again = await ready.post("/v1/schedules", json=schedule())
    assert again.status_code == 200
    other = schedule(cron="0 4 * * *", timezone="America/New_York")
    assert (await ready.post("/v1/schedules", json=other)).json()["code"] == "schedule.exists"
    replaced = await ready.put(at, json=other)
    assert replaced.status_code == 200, replaced.text
    shown = (await ready.get(at)).json()
    assert [time["nominal"][10:16] for time in shown["next"]] == ["T04:00"] * 5
    assert {time["nominal"][19:] for time in shown["next"]} <= {"-05:00", "-04:00"}
    assert shown["job"]["template"] == "default/qa", "what is latest is pinned by each run"
    wrong = await ready.put(at, json=schedule(name="weekly"))
    assert wrong.json()["errors"][0]["field"] == "/name"
    listed = (await ready.get("/v1/schedules?namespace=default")).json()["items"]
    assert [each["name"] for each in listed] == ["nightly"]
    await ready.post(f"{at}/runs")
    assert (await ready.delete(at)).status_code == 204
    for path in ("", "/runs", "/deliveries"):
        assert (await ready.get(at + path)).json()["code"] == "schedule.not_found"
    assert len((await ready.get("/v1/jobs")).json()["items"]) == 1


async def test_a_document_comes_back_as_it_was_given(ready: httpx.AsyncClient) -> None:
    job = spec(
        recipe="single",
        accept={"filters": [{"name": "length", "field": "answer", "min_words": 1}]},
        dedup={"on": ["question"]},
        publish={"dataset": "faq", "layout": {"name": "records"}},
        webhook={"url": "https://example.com/hooks"},
    )
    at = await made(ready, schedule(job=job))
    kept = (await ready.get(at)).json()["job"]
    again = await ready.post("/v1/schedules", json=schedule(job=kept))
    assert again.status_code == 200, again.text
    assert kept["accept"]["filters"][0]["min_words"] == 1
    run = (await ready.post(f"{at}/runs")).json()
    assert run["state"] == "running", run


async def test_the_due_are_found_by_their_index(
    ready: httpx.AsyncClient, database: Database
) -> None:
    from sqlalchemy import text

    async with database.unit_of_work() as session:
        await session.execute(text("SET LOCAL enable_seqscan = off"))
        plan = await session.scalars(
            text(
                "EXPLAIN SELECT id FROM schedule WHERE NOT paused AND next_at <= now()"
                " ORDER BY next_at LIMIT 1 FOR UPDATE SKIP LOCKED"
            )
        )
        assert "ix_schedule_due" in "\n".join(plan)
