"""A job that comes to nothing stops before the spend."""

from typing import Any

import httpx

from tests.fake_teacher import FakeTeacher
from tests.jobs.conftest import Drain, adds_up, spec


async def run(ready: httpx.AsyncClient, drain: Drain, **changes: Any) -> dict[str, Any]:
    answer = await ready.post("/v1/jobs", json=spec(**{"num_records": 200, **changes}))
    assert answer.status_code == 201, answer.text
    await drain()
    job: dict[str, Any] = (await ready.get(f"/v1/jobs/{answer.json()['id']}")).json()
    assert adds_up(job)
    return job


async def test_a_job_whose_first_replies_are_worthless_stops_and_shows_them(
    ready: httpx.AsyncClient, drain: Drain, fake: FakeTeacher
) -> None:
    fake.says("I'd rather not.")
    job = await run(ready, drain)
    assert job["state"] == "paused"
    assert job["reason"].startswith("smoke_gate: 0 of the first ")
    assert "parse.json.invalid" in job["reason"]
    assert len(fake.asked) < 200
    smoke = job["smoke"]
    assert (smoke["state"], smoke["accepted"]) == ("stopped", 0)
    assert {reply["reply"] for reply in smoke["replies"]} == {"I'd rather not."}
    assert {reply["reason"] for reply in smoke["replies"]} == {"parse.json.invalid"}
    fake.forgets()
    resumed = await ready.post(f"/v1/jobs/{job['id']}/resume")
    assert resumed.json()["state"] == "running"
    await drain()
    job = (await ready.get(f"/v1/jobs/{job['id']}")).json()
    assert (job["state"], job["smoke"]["state"]) == ("finished", "overruled")


async def test_the_floor_is_the_documents_to_choose(
    ready: httpx.AsyncClient, drain: Drain, fake: FakeTeacher
) -> None:
    good = await run(ready, drain, num_records=40)
    assert (good["state"], good["smoke"]["state"]) == ("finished", "passed")
    fake.says("I'd rather not.")
    limits = {"max_candidates": 80}
    off = await run(ready, drain, corpus="other", smoke=False, limits=limits)
    assert (off["state"], off["smoke"]["state"]) == ("failed", "off")
    assert off["ledger"]["rejected"] == 80
    strict = {"min_yield": 0.9, "after": 8}
    held = await run(ready, drain, corpus="third", smoke=strict, limits=limits)
    assert held["state"] == "paused"
    assert held["ledger"]["rejected"] < 80
