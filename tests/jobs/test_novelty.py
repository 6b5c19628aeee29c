"""How much of what comes is new, and cells of the matrix that are given up."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from app.db import Database
from app.jobs import novelty
from app.jobs.novelty import Strata
from app.seeds.plan import SeedPlan
from app.seeds.spec import SeedSpec
from tests.fake_teacher import FakeTeacher
from tests.fake_teacher.behaviour import Behaviour, says
from tests.jobs.conftest import Drain, adds_up, spec

TOPICS = {"matrix": {"topic": ["tea", "rain"]}}
SAME = '{"question": "Why?", "answer": "Because."}'


def repeats(*topics: str) -> Any:
    """A teacher that always says the same of these topics."""

    def rule(body: dict[str, Any]) -> Behaviour | None:
        question = str(body["messages"][-1])
        return says(SAME) if any(topic in question for topic in topics) else None

    return rule


async def run(ready: httpx.AsyncClient, drain: Drain, **changes: Any) -> dict[str, Any]:
    document = spec(seeds=TOPICS, dedup={"on": ["question"], "near": False}, **changes)
    answer = await ready.post("/v1/jobs", json=document)
    assert answer.status_code == 201, answer.text
    await drain()
    job: dict[str, Any] = (await ready.get(f"/v1/jobs/{answer.json()['id']}")).json()
    assert adds_up(job)
    assert job["ledger"]["open"] == 0
    return job


async def test_a_job_shows_its_curve_and_its_driest_cells_first(
    ready: httpx.AsyncClient, fake: FakeTeacher, drain: Drain
) -> None:
    fake.when(repeats("tea"))
    job = await run(ready, drain, num_records=60)
    seen = job["novelty"]
    tea, rain = seen["strata"]
    assert (tea["stratum"], rain["stratum"]) == ({"topic": "tea"}, {"topic": "rain"})
    assert tea["new"] == 1
    assert rain["new"] == rain["candidates"]
    assert tea["recent_share"] < 0.1 < rain["recent_share"] == 1
    assert tea["candidates"] + rain["candidates"] == job["funnel"]["filtered"]
    assert tea["new"] + rain["new"] == job["ledger"]["accepted"]
    assert seen["overall"][-1]["candidates"] == tea["candidates"] + rain["candidates"]
    assert all(0 <= point["share"] <= 1 for point in seen["overall"])
    assert not tea["dry"]
    assert job["ledger"]["cancelled"] == 0 == tea["cancelled"]


async def test_a_dry_cell_is_not_asked_for_any_more_and_the_others_make_up_for_it(
    ready: httpx.AsyncClient, fake: FakeTeacher, drain: Drain
) -> None:
    fake.when(repeats("tea"))
    limits = {"min_novelty": 0.3, "novelty_window": 10, "max_candidates": 400}
    job = await run(ready, drain, num_records=100, limits=limits)
    assert job["state"] == "finished"
    assert job["ledger"]["accepted"] >= 100
    tea = job["novelty"]["strata"][0]
    assert tea["dry"]
    assert job["novelty"]["dry"] == 1
    # Those in flight when it was found dry were asked for still.
    assert 10 <= fake.calls("tea") <= 60
    assert fake.calls("tea") == tea["candidates"]
    assert 0 < tea["cancelled"] <= job["ledger"]["cancelled"]
    asked = job["ledger"]["planned"] - job["ledger"]["cancelled"]
    assert asked == len(fake.asked) <= 400


@pytest.mark.parametrize(("on_exhausted", "state"), [("finish", "finished"), ("fail", "failed")])
async def test_a_job_whose_cells_are_all_dry_ends_and_says_so(
    ready: httpx.AsyncClient, fake: FakeTeacher, drain: Drain, on_exhausted: str, state: str
) -> None:
    fake.when(repeats("tea", "rain"))
    limits = {"min_novelty": 0.5, "novelty_window": 10}
    job = await run(ready, drain, num_records=500, limits=limits, on_exhausted=on_exhausted)
    assert job["state"] == state
    assert job["ledger"]["accepted"] == 1
    assert "saturated" in job["reason"]
    assert "50%" in job["reason"]
    assert len(fake.asked) < 250
    assert job["ledger"]["cancelled"] > 250
    assert job["novelty"]["dry"] == 2


async def test_a_seldom_cell_that_is_left_does_not_keep_a_job_for_ever(
    ready: httpx.AsyncClient, fake: FakeTeacher, drain: Drain
) -> None:
    fake.when(repeats("tea"))
    matrix = {"matrix": {"topic": {"tea": 1, "rain": 1e-9}}}
    limits = {"min_novelty": 0.5, "novelty_window": 10, "max_candidates": 40}
    answer = await ready.post(
        "/v1/jobs", json=spec(seeds=matrix, dedup={"on": ["question"]}, limits=limits)
    )
    await drain()
    job = (await ready.get(f"/v1/jobs/{answer.json()['id']}")).json()
    assert job["state"] == "finished"
    assert "1 of 2 strata" in job["reason"]
    assert adds_up(job)
    assert len(fake.asked) <= 40


async def test_all_cells_are_paged(
    ready: httpx.AsyncClient, fake: FakeTeacher, drain: Drain
) -> None:
    job = await run(ready, drain, num_records=10)
    first = (await ready.get(f"/v1/jobs/{job['id']}/novelty?limit=1")).json()
    rest = (await ready.get(f"/v1/jobs/{job['id']}/novelty?cursor={first['next']}")).json()
    cells = [row["stratum"]["topic"] for row in first["items"] + rest["items"]]
    assert sorted(cells) == ["rain", "tea"]


async def test_batches_that_count_at_once_lose_nothing(database: Database) -> None:
    seeds = SeedSpec.model_validate({"matrix": {"n": list(range(7))}})
    strata = Strata.of(SeedPlan.of(seeds), seeds, 20, None)
    job = uuid4()

    async def count(first: int) -> set[UUID]:
        async with database.unit_of_work() as session:
            batch = [(item, item % 2 == 0) for item in range(first, first + 50)]
            return await novelty.count(session, job, strata, batch)

    await asyncio.gather(*(count(first) for first in range(0, 1000, 50)))
    async with database.unit_of_work() as session:
        found = await novelty.page(session, job, after=None, limit=50)
    assert sum(each.candidates for each in found) == 1000
    assert sum(each.novel for each in found) == 500
    assert all(each.recent == 20 for each in found)


async def test_a_matrix_of_too_many_cells_is_one_stratum(database: Database) -> None:
    axes = {name: list(range(30)) for name in "abc"}
    seeds = SeedSpec.model_validate({"matrix": axes})
    assert Strata.of(SeedPlan.of(seeds), seeds, 20, None).cell(5) == {}
