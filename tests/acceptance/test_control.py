"""What is said to one API is heeded by every worker within seconds, and told to who follows."""

from collections.abc import Iterator
from signal import SIGTERM
from threading import Thread
from typing import Any

import httpx
import pytest

from app.jobs.progress.stream import Told, follow
from tests.acceptance.service import Service, check_books, eventually
from tests.fake_teacher import FakeTeacher
from tests.jobs.conftest import TEMPLATE

SOON = 5.0
"""Seconds in which everybody has heard."""
SAMPLES = 4_000


@pytest.fixture
def slow_fake() -> Iterator[FakeTeacher]:
    with FakeTeacher(latency=0.3) as teacher:
        yield teacher


def spec(corpus: str, **changes: Any) -> dict[str, Any]:
    rows = [{"topic": f"{corpus} number {number}"} for number in range(1_000)]
    return {
        "corpus": corpus,
        "teacher": "fake",
        "template": "qa",
        "seeds": {"rows": rows},
        "num_records": SAMPLES,
    } | changes


def workers_of(service: Service) -> int:
    page = service.client.get("/readyz").json()
    return int(page["checks"]["workers"]["detail"].split()[0])


def test_two_workers_heed_a_pause_a_priority_a_target_and_a_cancellation(
    service: Service, slow_fake: FakeTeacher, database_url: str
) -> None:
    service.prepare(slow_fake, TEMPLATE, max_in_flight=16, chunk_slots=4)
    service.worker()
    service.worker()
    eventually(lambda: workers_of(service) == 2)
    first = service.post("/v1/jobs", spec("first"))["id"]
    told: list[Told] = []
    following = Thread(target=_listen, args=(service.port, first, told))
    following.start()
    eventually(lambda: service.job(first)["ledger"]["accepted"] >= 20)

    service.post(f"/v1/jobs/{first}/pause", None)
    eventually(lambda: _still(service), within=SOON)
    asked = len(slow_fake.asked)
    second = service.post("/v1/jobs", spec("second"))["id"]
    eventually(lambda: slow_fake.calls("second") > 0, within=SOON)
    assert slow_fake.calls("first") == asked
    assert service.job(first)["state"] == "paused"

    # The job with the higher priority has every chunk that is taken from now on.
    service.post(f"/v1/jobs/{second}/pause", None)
    eventually(lambda: _still(service), within=SOON)
    _patch(service, first, {"priority": 7})
    for job_id in (second, first):
        service.post(f"/v1/jobs/{job_id}/resume", None)
    before = slow_fake.calls("first")
    eventually(lambda: slow_fake.calls("first") > before, within=SOON)

    reached = service.job(first)["ledger"]["accepted"]
    _patch(service, first, {"num_records": reached + 40})
    assert service.ended(first)["state"] == "finished"
    service.post(f"/v1/jobs/{second}/cancel", None)
    cancelled = eventually(lambda: _ended(service, second), within=SOON)
    assert cancelled["state"] == "cancelled"
    for job_id in (first, second):
        check_books(database_url, service.job(job_id))
    following.join(SOON)
    assert not following.is_alive()
    states = [one.data["state"] for one in told if one.kind in {"state", "end"}]
    assert states == ["running", "paused", "running", "finished"]
    assert any(one.kind == "progress" and one.data["in_flight"] > 0 for one in told)


def test_a_follower_stays_with_a_job_through_a_restart_of_the_api(
    service: Service, slow_fake: FakeTeacher
) -> None:
    service.prepare(slow_fake, TEMPLATE, max_in_flight=16)
    service.worker()
    job_id = service.post("/v1/jobs", spec("faq", num_records=150))["id"]
    told: list[Told] = []
    following = Thread(target=_listen, args=(service.port, job_id, told))
    following.start()
    eventually(lambda: any(one.kind == "state" for one in told))
    api = service.processes[0]
    api.terminate()
    assert api.wait(20) == -SIGTERM  # uvicorn passes it on once it has stopped
    service.serve()
    following.join(60)
    assert not following.is_alive()
    kinds = [one.kind for one in told if one.kind != "progress"]
    assert kinds == ["state", "end"]


def _listen(port: int, job_id: str, told: list[Told]) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        for one in follow(client, job_id):
            told.append(one)  # noqa: PERF402  (one by one: it is read meanwhile)


def _still(service: Service) -> bool:
    """Whether nobody holds a chunk."""
    page = service.client.get("/metrics").text
    return 'limbeck_chunks{state="running"} 0.0' in page


def _ended(service: Service, job_id: str) -> dict[str, Any] | None:
    job = service.job(job_id)
    return job if job["ended_at"] else None


def _patch(service: Service, job_id: str, body: dict[str, Any]) -> None:
    answer = service.client.patch(f"/v1/jobs/{job_id}", json=body)
    assert answer.is_success, answer.text
