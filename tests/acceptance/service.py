"""Limbeck as its users run it: an API and workers, each a process of its own."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psycopg
from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed

from tests.fake_teacher import FakeTeacher

T = TypeVar("T")
LEASE = 4
"""Seconds: short, so that a takeover is quick to see."""


class Away(Exception):
    """The API is there and its database is not."""


def eventually(look: Callable[[], T | None], *, within: float = 90) -> T:
    """What `look` answers once it answers something true; the test fails where it never does."""
    found: T | None = Retrying(
        retry=retry_if_result(lambda answer: not answer),
        wait=wait_fixed(0.1),
        stop=stop_after_delay(within),
    )(look)
    assert found is not None
    return found


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


class Service:
    def __init__(self, database_url: str, folder: Path, **settings: Any) -> None:
        self.database_url = database_url
        self.folder = folder
        self.port = free_port()
        self.settings = settings
        self.processes: list[subprocess.Popen[bytes]] = []
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30)

    def run(self, *arguments: str) -> "subprocess.Popen[bytes]":
        number = len(self.processes)
        log = (self.folder / f"{number}-{arguments[0]}.log").open("wb")
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("LIMBECK_")},
            "LIMBECK_DATABASE_URL": self.database_url,
            "LIMBECK_DATA_DIR": str(self.folder / "data"),
            "LIMBECK_LEASE_SECONDS": str(LEASE),
            "LIMBECK_MAX_REPLY_BYTES": "200000",
            **{f"LIMBECK_{key.upper()}": str(value) for key, value in self.settings.items()},
        }
        with log:
            process = subprocess.Popen(
                [sys.executable, "-m", "app.cli", *arguments],
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=Path(__file__).parents[2],
            )
        self.processes.append(process)
        return process

    def serve(self) -> None:
        api = self.run("serve", "--port", str(self.port))
        eventually(lambda: self._ready(api))

    def _ready(self, api: "subprocess.Popen[bytes]") -> bool:
        assert api.poll() is None, self.logs()
        with suppress(httpx.TransportError):
            return self.client.get("/readyz").is_success
        return False

    def worker(self) -> "subprocess.Popen[bytes]":
        return self.run("worker")

    def post(self, path: str, body: Any) -> Any:
        answer = self.client.post(path, json=body)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def job(self, job_id: str) -> dict[str, Any]:
        """The job as it is now; whatever moment it is, its ledger adds up."""
        answer = self.client.get(f"/v1/jobs/{job_id}")
        if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            raise Away
        assert answer.status_code == 200, answer.text
        job: dict[str, Any] = answer.json()
        account = job["ledger"]
        parts = ("accepted", "rejected", "failed", "cancelled", "open")
        assert account["planned"] == sum(account[part] for part in parts), account
        return job

    def ended(self, job_id: str, *, within: float = 120) -> dict[str, Any]:
        """Waits out an API or a database that is away; an account that is wrong is no reason to."""
        seen: dict[str, Any] = {}

        def look() -> dict[str, Any] | None:
            with suppress(httpx.TransportError, Away):
                seen.update(self.job(job_id))
                return seen if seen["state"] in {"finished", "failed", "cancelled"} else None
            return None

        try:
            return eventually(look, within=within)
        except RetryError:
            raise AssertionError(f"not ended after {within} s: {seen}\n{self.logs()}") from None

    def prepare(self, fake: FakeTeacher, template: str, **teacher: Any) -> None:
        """Register the fake as `fake`, and push the template `qa`."""
        body = {"name": "fake", "url": f"{fake.url}/v1", "model": fake.model, **teacher}
        self.post("/v1/teachers", body)
        self.post("/v1/templates", {"name": "qa", "source": template})

    def logs(self) -> str:
        return "\n".join(path.read_text()[-3000:] for path in sorted(self.folder.glob("*.log")))

    def close(self) -> None:
        self.client.close()
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def check_books(database_url: str, job: dict[str, Any]) -> None:
    """The account of a job against the rows themselves: nothing lost, nothing twice."""
    account = job["ledger"]
    query = """
        SELECT
            (SELECT count(*) FROM sample WHERE job_id = %(job)s AND outcome = 'accepted'),
            (SELECT count(*) FROM sample WHERE job_id = %(job)s AND outcome = 'rejected'),
            (SELECT count(*) FROM sample WHERE job_id = %(job)s AND outcome = 'failed'),
            (SELECT count(*) FROM record WHERE job_id = %(job)s),
            (SELECT count(*) FROM reject WHERE job_id = %(job)s),
            (SELECT count(*) FROM chunk WHERE job_id = %(job)s AND state <> 'done')
    """
    with psycopg.connect(database_url) as connection:
        found = connection.execute(query, {"job": job["id"]}).fetchone()
    assert found == (
        account["accepted"],
        account["rejected"],
        account["failed"],
        account["accepted"],
        account["rejected"],
        0,
    )
    assert account["open"] == 0
    assert sum(job["funnel"]["reasons"].values()) == account["rejected"] + account["failed"]
