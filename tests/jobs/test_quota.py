"""A job whose cells have quotas."""

import asyncio
import itertools
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.db import Database
from app.jobs.chunk import work
from app.jobs.lane import Course
from app.jobs.loaded import Tools
from app.jobs.plan import Lack, items_per_cell
from tests.fake_teacher import FakeTeacher
from tests.fake_teacher.behaviour import Behaviour, Gate, says
from tests.jobs.conftest import Drain, adds_up, claim_one, spec, work_one

WEIGHTED = {"matrix": {"topic": {"tea": 1, "rain": 1, "ships": 2}}}


def stratified(**changes: Any) -> dict[str, Any]:
    return spec(seeds=WEIGHTED, stratify=True, num_records=40) | changes


async def submitted(ready: httpx.AsyncClient, document: dict[str, Any]) -> str:
    answer = await ready.post("/v1/jobs", json=document)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def seen(ready: httpx.AsyncClient, job_id: str) -> dict[str, Any]:
    job: dict[str, Any] = (await ready.get(f"/v1/jobs/{job_id}")).json()
    assert adds_up(job)
    return job


async def cells(ready: httpx.AsyncClient, job_id: str) -> dict[str, dict[str, Any]]:
    page = (await ready.get(f"/v1/jobs/{job_id}/novelty")).json()
    return {one["stratum"]["topic"]: one for one in page["items"]}


def every(number: int, topic: str) -> Any:
    """A teacher that gives a good reply for this topic only once in so many times."""
    asked = 0

    def rule(body: dict[str, Any]) -> Behaviour | None:
        nonlocal asked
        if topic not in str(body["messages"][-1]):
            return None
        asked += 1
        return None if asked % number == 0 else says("not JSON")

    return rule


async def test_each_cell_gets_its_share_and_never_more_whatever_its_yield(
    ready: httpx.AsyncClient, drain: Drain, fake: FakeTeacher
) -> None:
    fake.when(every(3, "tea"))
    job_id = await submitted(ready, stratified())
    before = await cells(ready, job_id)
    assert {name: one["quota"] for name, one in before.items()} == {
        "tea": 10,
        "rain": 10,
        "ships": 20,
    }
    assert before["tea"]["recent_share"] is None
    await drain()
    job = await seen(ready, job_id)
    assert (job["state"], job["reason"]) == ("finished", None)
    assert job["ledger"]["accepted"] == 40
    found = await cells(ready, job_id)
    assert {name: one["new"] for name, one in found.items()} == {
        "tea": 10,
        "rain": 10,
        "ships": 20,
    }
    assert job["novelty"]["full"] == 3
    # Nothing is asked for cells that were full when it was planned.
    assert (fake.calls("rain"), fake.calls("ships")) == (10, 20)
    assert 28 <= fake.calls("tea") <= 28 + 8


async def test_a_record_knows_its_cell_and_its_prompt_long_after(
    ready: httpx.AsyncClient, drain: Drain
) -> None:
    await submitted(ready, stratified(num_records=8))
    await drain()
    for record in (await ready.get("/v1/corpora/default/faq/records")).json()["items"]:
        detail = (await ready.get(f"/v1/corpora/default/faq/records/{record['id']}")).json()
        assert detail["lineage"]["seed"]["stratum"] == {"topic": record["fields"]["topic"]}
        assert detail["trace"]["verified"]


async def test_what_is_in_flight_when_a_cell_becomes_full_is_refused_and_the_rest_not_asked(
    ready: httpx.AsyncClient, tools: Tools, drain: Drain, fake: FakeTeacher, database: Database
) -> None:
    job_id = await submitted(ready, stratified(num_records=32))
    gate = Gate()
    fake.when(lambda body: Behaviour(gate=gate) if "tea" in str(body["messages"][-1]) else None)
    first, second = await claim_one(tools), await claim_one(tools)
    assert first is not None
    assert second is not None
    working = [asyncio.create_task(work(one, tools, Course())) for one in (first, second)]
    await fake.until(lambda record: sum("tea" in one.question for one in record.asked) >= 2)
    async with database.unit_of_work() as session:
        # As if others had settled all but one of the cell's records meanwhile.
        await session.execute(
            text("UPDATE stratum SET novel = quota - 1 WHERE cell ->> 'topic' = 'tea'")
        )
    gate.open()
    await asyncio.gather(*working)
    await drain()
    job = await seen(ready, job_id)
    refused = job["funnel"]["reasons"]["quota.full"]
    assert refused >= 1
    tea = (await cells(ready, job_id))["tea"]
    assert (tea["new"], tea["quota"]) == (8, 8)
    assert fake.calls("tea") == 1 + refused
    assert tea["cancelled"] == 8 - fake.calls("tea") > 0
    rejects = (await ready.get(f"/v1/jobs/{job_id}/rejects?reason=quota.full")).json()["items"]
    assert len(rejects) == refused
    assert rejects[0]["threshold"] == 8


async def test_a_duplicate_leaves_its_room_to_the_next_of_its_cell(
    ready: httpx.AsyncClient, drain: Drain, fake: FakeTeacher
) -> None:
    same = '{"question": "Why?", "answer": "Because."}'
    asked = itertools.count()
    fake.when(lambda _: says(same) if next(asked) < 6 else None)
    job_id = await submitted(
        ready, stratified(num_records=12, dedup={"on": ["question"], "near": False})
    )
    await drain()
    job = await seen(ready, job_id)
    assert job["ledger"]["accepted"] == 12
    assert job["funnel"]["reasons"]["dedup.exact"] == 5
    assert {name: one["new"] for name, one in (await cells(ready, job_id)).items()} == {
        "tea": 3,
        "rain": 3,
        "ships": 6,
    }


async def test_cells_that_run_dry_leave_the_others_their_quota_and_the_job_says_so(
    ready: httpx.AsyncClient, drain: Drain, fake: FakeTeacher
) -> None:
    same = '{"question": "Why?", "answer": "Because."}'
    fake.when(lambda body: says(same) if "tea" in str(body["messages"][-1]) else None)
    limits = {"min_novelty": 0.3, "novelty_window": 10}
    document = stratified(limits=limits, dedup={"on": ["question"], "near": False})
    job_id = await submitted(ready, document)
    await drain()
    job = await seen(ready, job_id)
    found = await cells(ready, job_id)
    assert (found["tea"]["dry"], found["tea"]["new"]) == (True, 1)
    assert (found["rain"]["new"], found["ships"]["new"]) == (10, 20)
    assert job["state"] == "finished"
    assert "saturated: in 1 of 3 strata" in job["reason"]
    assert "2 of 3 strata have their quota" in job["reason"]


async def test_a_limit_ends_it_and_room_that_is_short_is_shared(
    ready: httpx.AsyncClient, drain: Drain, fake: FakeTeacher
) -> None:
    fake.when(every(3, "tea"))
    job_id = await submitted(ready, stratified(limits={"max_candidates": 44}))
    await drain()
    job = await seen(ready, job_id)
    assert len(fake.asked) == 44
    assert job["ledger"]["accepted"] == 34
    assert "34 of 40 records after 44 candidates (the most allowed are 44)" in job["reason"]


async def test_a_raised_target_is_divided_anew(
    ready: httpx.AsyncClient, tools: Tools, drain: Drain
) -> None:
    job_id = await submitted(ready, stratified())
    await work_one(tools)
    changed = await ready.patch(f"/v1/jobs/{job_id}", json={"num_records": 80})
    assert changed.is_success, changed.text
    await drain()
    assert (await seen(ready, job_id))["ledger"]["accepted"] == 80
    found = await cells(ready, job_id)
    assert [(one["quota"], one["new"]) for one in found.values()].count((20, 20)) == 2
    assert (found["ships"]["quota"], found["ships"]["new"]) == (40, 40)


async def test_fewer_records_than_cells_leave_some_cells_unasked(
    ready: httpx.AsyncClient, drain: Drain, fake: FakeTeacher
) -> None:
    rows = [{"topic": "tea"}]
    await ready.post(
        "/v1/templates",
        json={"name": "two", "source": TWO},
    )
    matrix = {"level": [str(number) for number in range(20)]}
    document = stratified(
        template="two", seeds={"rows": rows, "matrix": matrix}, num_records=7, corpus="other"
    )
    job_id = await submitted(ready, document)
    await drain()
    job = await seen(ready, job_id)
    assert (job["ledger"]["accepted"], job["novelty"]["full"], len(fake.asked)) == (7, 20, 7)


TWO = """---
description: A question of a level.
inputs:
  topic: {type: string}
  level: {type: string}
response:
  format: json
  schema:
    type: object
    properties:
      question: {type: string, maxLength: 200}
    required: [question]
    additionalProperties: false
---
{% user %}Topic: {{ topic }}, level {{ level }}{% enduser %}
"""


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"seeds": {"rows": [{"topic": "tea"}]}}, "/stratify"),
        ({"num_records": None}, "/num_records"),
        ({"seeds": {"matrix": {"topic": [f"t{n}" for n in range(101)]}}}, None),
    ],
)
async def test_what_cannot_be_divided_is_refused(
    ready: httpx.AsyncClient, changes: dict[str, Any], field: str | None
) -> None:
    answer = await ready.post("/v1/jobs", json=stratified(**changes))
    if field is None:
        assert answer.status_code == 201
        return
    assert answer.status_code == 422
    assert [one["field"] for one in answer.json()["errors"]] == [field]


async def test_a_matrix_of_too_many_cells_is_refused(ready: httpx.AsyncClient) -> None:
    await ready.post("/v1/templates", json={"name": "two", "source": TWO})
    matrix = {axis: [str(number) for number in range(101)] for axis in ("topic", "level")}
    answer = await ready.post(
        "/v1/jobs", json=stratified(template="two", seeds={"matrix": matrix}, corpus="other")
    )
    assert answer.status_code == 422
    assert "10201 cells" in answer.json()["detail"]


def test_a_cell_is_planned_by_its_own_yield_once_it_has_shown_one() -> None:
    good, poor, new = Lack(0, 10, 90, 100), Lack(1, 10, 10, 100), Lack(2, 10, 0, 0)
    items = items_per_cell(
        [good, poor, new], accepted=100, settled=200, room=10_000, samples_per_item=1
    )
    assert items[0] < items[2] < items[1]
    assert items == {0: 11, 1: 77, 2: 20}
    short = items_per_cell([good, poor], accepted=100, settled=200, room=45, samples_per_item=2)
    assert sum(short.values()) == 22
    assert items_per_cell([poor], accepted=0, settled=0, room=0, samples_per_item=1) == {}
