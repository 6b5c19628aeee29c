"""A teacher that answers wrongly in every way there is."""

from pathlib import Path
from typing import Any

import psutil

from tests.acceptance.service import Service, check_books
from tests.fake_teacher import FakeTeacher
from tests.fake_teacher.behaviour import says
from tests.fake_teacher.mixed import FAULTS
from tests.jobs.conftest import TEMPLATE

SAMPLES = 2_000
MIB = 1024 * 1024
INSIDE = {
    "nul_inside": says('{"question": "a\\u0000b?", "answer": "b"}'),
    "surrogate_inside": says('{"question": "a\\ud800b?", "answer": "b"}'),
}
"""Poison in a reply that parses."""


def test_two_thousand_samples_are_each_accounted_for_in_bounded_memory(
    database_url: str, tmp_path: Path
) -> None:
    service = Service(database_url, tmp_path, teacher_deadline_seconds=5)
    with FakeTeacher() as fake:
        fake.mixes(random_seed=7, faults={**FAULTS, **INSIDE})
        try:
            service.serve()
            service.prepare(fake, TEMPLATE, max_in_flight=128)
            worker = service.worker()
            rows = [{"topic": f"topic {number}"} for number in range(1000)]
            body: dict[str, Any] = {
                "corpus": "faq",
                "teacher": "fake",
                "template": "qa",
                "seeds": {"rows": rows},
                "num_records": SAMPLES,
                "limits": {"max_candidates": SAMPLES},
            }
            idle = psutil.Process(worker.pid).memory_info().rss
            job_id = service.post("/v1/jobs", body)["id"]
            job = service.ended(job_id, within=240)
            peak = _peak(worker.pid)
        finally:
            service.close()
    account = job["ledger"]
    assert job["state"] == "finished", job
    assert account["planned"] == SAMPLES
    assert account["accepted"] > SAMPLES // 2
    assert account["rejected"] > 0
    assert account["open"] == account["cancelled"] == 0
    check_books(database_url, job)
    stages = {reason.partition(".")[0] for reason in job["funnel"]["reasons"]}
    assert {"finish", "parse", "text"} <= stages
    assert peak - idle < 256 * MIB


def _peak(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmHWM")
