"""Jobs that ask nobody, by real workers: the shell's commands, and kill -9 in the middle."""

import json
import os
import signal
from pathlib import Path
from typing import Any

from tests.acceptance.service import Service, check_books, eventually
from tests.fake_teacher.replies import fresh_text

ROWS = 6_000


def shell(service: Service, *words: str) -> Any:
    process = service.run("--url", f"http://127.0.0.1:{service.port}", *words, "--json")
    assert process.wait(120) == 0, service.logs()
    log = service.folder / f"{len(service.processes) - 1}---url.log"
    return json.loads(log.read_text())


def test_kill_9_of_a_worker_that_rebuilds_a_corpus(
    service: Service, database_url: str, tmp_path: Path
) -> None:
    rows = [{"question": fresh_text(n % 5_000), "answer": f"So {n % 5_000}."} for n in range(ROWS)]
    (tmp_path / "faq.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    victim = service.worker()
    taken_in = shell(service, "corpus", "import", str(tmp_path / "faq.jsonl"), "--watch")
    assert taken_in["ledger"]["accepted"] <= 5_000
    check_books(database_url, taken_in)

    (tmp_path / "anew.yaml").write_text("from: {corpus: faq}\ndedup: {near: false}\n")
    job = shell(service, "job", "reprocess", str(tmp_path / "anew.yaml"))
    eventually(lambda: service.job(job["id"])["ledger"]["accepted"] >= 500)
    os.kill(victim.pid, signal.SIGKILL)
    victim.wait()
    before = service.client.get("/v1/corpora/default/faq").json()
    assert before["records"] == taken_in["ledger"]["accepted"]
    service.worker()
    job = service.ended(job["id"])
    assert job["state"] == "finished", (job, service.logs())
    assert job["ledger"]["accepted"] == 5_000
    assert job["funnel"]["reasons"] == {"dedup.exact": 1_000}
    assert job["before"] == taken_in["funnel"]
    check_books(database_url, job)
    after = service.client.get("/v1/corpora/default/faq").json()
    assert (after["records"], after["rejects"]) == (5_000, 1_000)
    assert after["dedup"]["near"] is False
