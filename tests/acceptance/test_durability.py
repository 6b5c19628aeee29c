"""kill -9 of anything, at any moment, loses and doubles nothing."""

import os
import signal
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app import migrate
from app.local import postgres
from tests.acceptance.service import LEASE, Service, check_books, eventually
from tests.fake_teacher import FakeTeacher
from tests.jobs.conftest import TEMPLATE

SAMPLES = 240
IN_FLIGHT = 16


def spec(**changes: Any) -> dict[str, Any]:
    rows = [{"topic": f"topic number {number}"} for number in range(SAMPLES)]
    return {
        "corpus": "faq",
        "teacher": "fake",
        "template": "qa",
        "seeds": {"rows": rows},
        "num_records": SAMPLES,
        "limits": {"max_candidates": SAMPLES},
    } | changes


def asked_again(fake: FakeTeacher) -> int:
    """Requests beyond the first for the same prompt."""
    return sum(n - 1 for n in Counter(one.question for one in fake.asked).values())


@pytest.fixture
def slow_fake() -> Any:
    with FakeTeacher(latency=0.1) as teacher:
        yield teacher


def some_done(service: Service, job_id: str, least: int) -> bool:
    return bool(service.job(job_id)["ledger"]["accepted"] >= least)


def workers_ready(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM procrastinate_workers").fetchone()
    return row[0] if row else 0


def test_kill_9_of_a_worker_in_the_middle_of_a_job(
    service: Service, slow_fake: FakeTeacher, database_url: str
) -> None:
    service.prepare(slow_fake, TEMPLATE, max_in_flight=IN_FLIGHT)
    victim = service.worker()
    job_id = service.post("/v1/jobs", spec())["id"]
    eventually(lambda: some_done(service, job_id, 30))
    os.kill(victim.pid, signal.SIGKILL)
    victim.wait()
    service.worker()
    job = service.ended(job_id)
    assert job["state"] == "finished", (job, service.logs())
    assert job["ledger"]["accepted"] == SAMPLES
    check_books(database_url, job)
    assert asked_again(slow_fake) <= IN_FLIGHT


def test_a_worker_that_wakes_after_its_lease_changes_nothing(
    service: Service, slow_fake: FakeTeacher, database_url: str
) -> None:
    service.prepare(slow_fake, TEMPLATE, max_in_flight=IN_FLIGHT)
    sleeper = service.worker()
    job_id = service.post("/v1/jobs", spec())["id"]
    eventually(lambda: some_done(service, job_id, 30))
    os.kill(sleeper.pid, signal.SIGSTOP)
    try:
        service.worker()
        job = service.ended(job_id)
    finally:
        os.kill(sleeper.pid, signal.SIGCONT)
    before = job["ledger"]
    # It wakes, finds that its chunks are not its own any more, and stops cleanly when told to.
    sleeper.send_signal(signal.SIGTERM)
    assert sleeper.wait(LEASE + 30) == 0
    job = service.job(job_id)
    assert job["ledger"] == before
    assert job["state"] == "finished"
    check_books(database_url, job)


def test_kill_9_of_postgres_in_the_middle_of_a_job(tmp_path: Path, slow_fake: FakeTeacher) -> None:
    running = postgres.start(tmp_path / "pg")
    port = int(running.url.rpartition(":")[2].partition("/")[0])
    url = running.url
    migrate.upgrade(url)
    service = Service(url, tmp_path)
    try:
        service.serve()
        service.prepare(slow_fake, TEMPLATE, max_in_flight=IN_FLIGHT)
        workers = [service.worker(), service.worker()]
        eventually(lambda: workers_ready(url) == len(workers))
        job_id = service.post("/v1/jobs", spec())["id"]
        eventually(lambda: some_done(service, job_id, 30))
        os.kill(running.pid, signal.SIGKILL)
        running.stop()
        running = postgres.start(tmp_path / "pg", port=port)
        assert running.url == url
        job = service.ended(job_id)
        assert job["state"] == "finished", (job, service.logs())
        assert job["ledger"]["accepted"] == SAMPLES
        check_books(url, job)
        assert asked_again(slow_fake) <= IN_FLIGHT
        assert [worker.poll() for worker in workers] == [None, None]
    finally:
        service.close()
        running.stop()


def test_sigterm_drains_and_hands_back(
    service: Service, slow_fake: FakeTeacher, database_url: str
) -> None:
    service.prepare(slow_fake, TEMPLATE, max_in_flight=IN_FLIGHT)
    first = service.worker()
    job_id = service.post("/v1/jobs", spec())["id"]
    eventually(lambda: some_done(service, job_id, 30))
    first.send_signal(signal.SIGTERM)
    try:
        assert first.wait(30) == 0, service.logs()
    except subprocess.TimeoutExpired:
        pytest.fail(service.logs())
    asked = len(slow_fake.asked)
    stored = service.job(job_id)["ledger"]
    assert stored["open"] == SAMPLES - asked
    service.worker()
    job = service.ended(job_id)
    assert job["ledger"]["accepted"] == SAMPLES
    check_books(database_url, job)
    assert asked_again(slow_fake) == 0
