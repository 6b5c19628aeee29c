"""Changing what a job does."""

from typing import Any

import httpx
import pytest

from app.jobs.loaded import Tools
from tests.fake_teacher import FakeTeacher
from tests.fake_teacher.behaviour import fails
from tests.jobs.conftest import Drain, adds_up, claim_one, spec, work_one


async def submitted(ready: httpx.AsyncClient, **changes: Any) -> str:
    answer = await ready.post("/v1/jobs", json=spec(**changes))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def did(ready: httpx.AsyncClient, job_id: str, deed: str, body: Any = None) -> Any:
    answer = await ready.post(f"/v1/jobs/{job_id}/{deed}", json=body)
    assert answer.is_success, answer.text
    return answer.json()


async def seen(ready: httpx.AsyncClient, job_id: str) -> dict[str, Any]:
    job: dict[str, Any] = (await ready.get(f"/v1/jobs/{job_id}")).json()
    assert adds_up(job)
    return job


async def test_a_paused_job_is_left_alone_until_it_is_resumed(
    ready: httpx.AsyncClient, tools: Tools, drain: Drain
) -> None:
    job_id = await submitted(ready, num_records=24)
    await work_one(tools)
    assert (await did(ready, job_id, "pause"))["state"] == "paused"
    assert (await did(ready, job_id, "pause"))["state"] == "paused"
    assert await work_one(tools) is None
    assert (await seen(ready, job_id))["ledger"]["open"] == 16
    assert (await did(ready, job_id, "resume"))["state"] == "running"
    await drain()
    job = await seen(ready, job_id)
    assert (job["state"], job["ledger"]["accepted"]) == ("finished", 24)
    refused = await ready.post(f"/v1/jobs/{job_id}/pause")
    assert (refused.status_code, refused.json()["code"]) == (409, "job.ended")


async def test_a_job_paused_before_it_began_is_queued_again_and_may_be_cancelled(
    ready: httpx.AsyncClient,
) -> None:
    job_id = await submitted(ready)
    await did(ready, job_id, "pause")
    assert (await did(ready, job_id, "resume"))["state"] == "queued"
    await did(ready, job_id, "pause")
    assert (await did(ready, job_id, "cancel"))["state"] == "cancelled"


async def test_a_running_job_gets_another_target(
    ready: httpx.AsyncClient, tools: Tools, drain: Drain
) -> None:
    more, fewer = await submitted(ready), await submitted(ready, corpus="other")
    await work_one(tools)
    await work_one(tools)
    changed = await ready.patch(f"/v1/jobs/{more}", json={"num_records": 30})
    assert changed.json()["num_records"] == 30
    assert changed.json()["document"]["num_records"] == 20
    await ready.patch(f"/v1/jobs/{fewer}", json={"num_records": 8})
    await drain()
    assert (await seen(ready, more))["ledger"]["accepted"] >= 30
    job = await seen(ready, fewer)
    assert (job["state"], job["ledger"]["accepted"]) == ("finished", 8)


async def test_the_next_chunk_is_of_the_job_that_was_given_a_higher_priority(
    ready: httpx.AsyncClient, tools: Tools
) -> None:
    first, second = await submitted(ready), await submitted(ready)
    await ready.patch(f"/v1/jobs/{second}", json={"priority": 5})
    claims = [await claim_one(tools) for _ in range(3)]
    assert {str(claim.job_id) for claim in claims if claim} == {second}
    await ready.patch(f"/v1/jobs/{first}", json={"priority": 6})
    assert str((await claim_one(tools)).job_id) == first  # type: ignore[union-attr]


async def test_a_clone_asks_for_the_same_unless_something_else_is_said(
    ready: httpx.AsyncClient, drain: Drain
) -> None:
    job_id = await submitted(ready, num_records=6)
    await drain()
    job = await seen(ready, job_id)
    same = await did(ready, job_id, "clone")
    assert same["id"] != job_id
    assert same["digest"] == job["digest"]
    changes = {"num_records": 3, "seeds": {"random_seed": 8}}
    other = await did(ready, job_id, "clone", {"changes": changes})
    assert other["num_records"] == 3
    assert other["document"]["seeds"]["random_seed"] == 8
    assert other["document"]["seeds"]["matrix"] == job["document"]["seeds"]["matrix"]
    wrong = await ready.post(f"/v1/jobs/{job_id}/clone", json={"changes": {"sampling": {"n": 0}}})
    assert wrong.status_code == 422
    assert wrong.json()["errors"][0]["field"] == "/changes/sampling/n"


async def test_what_failed_is_asked_again_and_nothing_else(
    ready: httpx.AsyncClient, drain: Drain, fake: FakeTeacher
) -> None:
    fake.when(lambda body: fails(400) if "rain" in str(body["messages"][-1]) else None)
    job_id = await submitted(ready, num_records=12, limits={"max_candidates": 12})
    await drain()
    job = await seen(ready, job_id)
    assert (job["state"], job["ledger"]["failed"], len(fake.asked)) == ("finished", 4, 12)
    fake.forgets()
    again = await did(ready, job_id, "retry")
    assert again["samples"] == 4
    assert again["job"]["ledger"]["open"] == 4
    assert again["job"]["funnel"]["reasons"] == {}
    await drain()
    job = await seen(ready, job_id)
    assert (job["state"], job["ledger"]["accepted"], len(fake.asked)) == ("finished", 12, 16)
    complete = await ready.post(f"/v1/jobs/{job_id}/retry")
    assert (complete.status_code, complete.json()["code"]) == (409, "job.complete")


@pytest.mark.parametrize("deed", ["pause", "resume", "cancel", "retry", "clone"])
async def test_nothing_is_done_to_a_job_that_there_is_not(
    api: httpx.AsyncClient, deed: str
) -> None:
    answer = await api.post(f"/v1/jobs/019aa000-0000-7000-8000-000000000000/{deed}")
    assert answer.status_code == 404
