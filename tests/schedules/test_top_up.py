"""The corpus is kept at so many records, and nothing is asked for that it has."""

from collections import Counter
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from app.db import Database
from app.jobs.publication import publish_result
from tests.fake_teacher import FakeTeacher
from tests.jobs.conftest import TEMPLATE, Drain, spec
from tests.schedules.conftest import Worker, history, made, schedule, topped_up


async def by_topic(api: httpx.AsyncClient) -> Counter[str]:
    page = await api.get("/v1/corpora/default/faq/records", params={"limit": 200})
    return Counter(record["fields"]["topic"] for record in page.json()["items"])


async def run(api: httpx.AsyncClient, at: str, worker: Worker, drain: Drain) -> dict[str, Any]:
    """A run from beginning to end."""
    await api.post(f"{at}/runs")
    await drain()
    await worker.looks()
    return (await history(api, at))[-1]


async def test_each_stratum_gets_what_it_lacks_and_a_full_one_nothing(
    ready: httpx.AsyncClient,
    workers: list[Worker],
    drain: Drain,
    fake: FakeTeacher,
    database: Database,
    tmp_path: Path,
) -> None:
    some = spec(seeds={"matrix": {"topic": ["tea", "rain"]}}, num_records=6)
    await ready.post("/v1/jobs", json=some)
    await drain()
    before = await by_topic(ready)
    body = topped_up(per_stratum=5)
    body["job"]["publish"] = {"dataset": "faq"}
    at = await made(ready, body)
    asked = len(fake.asked)
    first = await run(ready, at, workers[0], drain)
    assert first["state"] == "running", "its version is still to be published"
    after = await by_topic(ready)
    assert set(after) == {"tea", "rain", "ships"}
    assert min(after.values()) == 5
    lacking = [topic for topic in after if before[topic] < 5]
    jobs = [(await ready.get(f"/v1/jobs/{job}")).json() for job in first["jobs"]]
    assert {job["document"]["seeds"]["matrix"]["topic"][0]: job["num_records"] for job in jobs} == {
        topic: 5 - before[topic] for topic in lacking
    }
    assert fake.calls("Topic: ships") >= 5
    assert asked < len(fake.asked)

    for job in first["jobs"]:
        await publish_result(database, tmp_path / "data", UUID(job), workers[0].tools.pool)
    await workers[0].looks()
    ended = (await history(ready, at))[-1]
    assert (ended["state"], ended["published"]) == ("finished", "default/faq@1")
    published = (await ready.get("/v1/datasets/default/faq/versions")).json()["items"]
    assert [version["rows"] for version in published] == [sum(after.values())]

    asked = len(fake.asked)
    second = await run(ready, at, workers[0], drain)
    assert (second["state"], second["jobs"]) == ("nothing_to_do", [])
    assert len(fake.asked) == asked


async def test_records_in_all_are_topped_up_after_a_deletion(
    ready: httpx.AsyncClient, workers: list[Worker], drain: Drain
) -> None:
    at = await made(ready, topped_up(records=8))
    assert (await run(ready, at, workers[0], drain))["state"] == "finished"
    there = (await by_topic(ready)).total()
    assert there >= 8
    gone = await ready.get("/v1/corpora/default/faq/records", params={"limit": there - 5})
    wanted = {"ids": [record["id"] for record in gone.json()["items"]]}
    deleted = await ready.post(
        "/v1/corpora/default/faq/deletions", json={"selection": wanted, "reason": "wrong"}
    )
    assert deleted.status_code == 201, deleted.text
    second = await run(ready, at, workers[0], drain)
    [job] = second["jobs"]
    assert (await ready.get(f"/v1/jobs/{job}")).json()["num_records"] == 3
    assert (await run(ready, at, workers[0], drain))["state"] == "nothing_to_do"


async def test_strata_are_known_whatever_kind_of_value_names_them(
    ready: httpx.AsyncClient, workers: list[Worker], drain: Drain
) -> None:
    source = """---
description: Numbers.
inputs:
  level: {}
  sure: {type: boolean}
response:
  format: json
  schema:
    type: object
    properties: {question: {type: string, maxLength: 200}}
    required: [question]
    additionalProperties: false
---
{% user %}{{ level }} {{ sure }}{% enduser %}
"""
    pushed = await ready.post("/v1/templates", json={"name": "numbers", "source": source})
    assert pushed.status_code == 201, pushed.text
    matrix = {"level": [1, 2.5, 1e16, "1"], "sure": [True, False]}
    job = {"corpus": "faq", "teacher": "fake", "template": "numbers", "seeds": {"matrix": matrix}}
    at = await made(ready, schedule(job=job, top_up={"per_stratum": 1}))
    first = await run(ready, at, workers[0], drain)
    assert (first["state"], len(first["jobs"])) == ("finished", 8)
    assert (await run(ready, at, workers[0], drain))["state"] == "nothing_to_do"


async def test_a_run_that_is_refused_in_part_submits_nothing(
    ready: httpx.AsyncClient, workers: list[Worker], drain: Drain
) -> None:
    at = await made(ready, topped_up(per_stratum=2))
    says = "Topic: {{ topic }}"
    fails = says + "{% if topic == 'rain' %}{{ topic.nothing }}{% endif %}"
    pushed = await ready.post(
        "/v1/templates/default/qa/versions", json={"source": TEMPLATE.replace(says, fails)}
    )
    assert pushed.status_code == 201, pushed.text
    refused = await run(ready, at, workers[0], drain)
    assert (refused["state"], refused["jobs"]) == ("failed", [])
    assert "rain" in refused["error"] or "nothing" in refused["error"]
    assert (await ready.get("/v1/jobs")).json()["items"] == []
    fixed = TEMPLATE.replace("You write questions.", "You write good questions.")
    await ready.post("/v1/templates/default/qa/versions", json={"source": fixed})
    assert (await run(ready, at, workers[0], drain))["state"] == "finished"


async def test_records_are_kept_at_the_share_of_each_cell_where_the_job_stratifies(
    ready: httpx.AsyncClient, workers: list[Worker], drain: Drain
) -> None:
    seeds = {"matrix": {"topic": {"tea": 1, "rain": 1, "ships": 2}}}
    await ready.post("/v1/jobs", json=spec(seeds=seeds, stratify=True, num_records=4))
    await drain()
    body = topped_up(records=12)
    body["job"] |= {"seeds": seeds, "stratify": True}
    at = await made(ready, body)
    first = await run(ready, at, workers[0], drain)
    jobs = [(await ready.get(f"/v1/jobs/{job}")).json() for job in first["jobs"]]
    assert sorted(job["num_records"] for job in jobs) == [2, 2, 4]
    assert await by_topic(ready) == {"tea": 3, "rain": 3, "ships": 6}
    assert (await run(ready, at, workers[0], drain))["state"] == "nothing_to_do"
