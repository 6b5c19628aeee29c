"""Limbeck on a Postgres of its own, each part a process whose CPU can be told apart."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from app import migrate
from app.local import ports, postgres


@dataclass
class Service:
    database: postgres.Postgres
    data_dir: Path
    api: httpx.Client
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    settings: dict[str, str] = field(default_factory=dict)

    def start(self, *arguments: str) -> psutil.Process:
        """`limbeck …`, until the end."""
        environment = os.environ | {
            "LIMBECK_DATABASE_URL": self.database.url,
            "LIMBECK_DATA_DIR": str(self.data_dir),
            "LIMBECK_LOG_LEVEL": "warning",
            **self.settings,
        }
        command = [sys.executable, "-m", "app.cli", *arguments]
        self.processes.append(subprocess.Popen(command, env=environment))
        return psutil.Process(self.processes[-1].pid)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self.api.post(path, json=body)
        if not answer.is_success:
            raise SystemExit(answer.text)
        found: dict[str, Any] = answer.json()
        return found

    def run(
        self,
        spec: dict[str, Any],
        seen: Callable[[dict[str, Any]], object] | None = None,
        look_every: float = 0.1,
    ) -> dict[str, Any]:
        """Submit a job and wait for its end; `seen` is shown it from time to time."""
        job = self.post("/v1/jobs", spec)

        def ended() -> dict[str, Any] | None:
            now: dict[str, Any] = self.api.get(f"/v1/jobs/{job['id']}").json()
            if seen is not None:
                seen(now)
            return now if now["state"] in {"finished", "failed"} else None

        found: dict[str, Any] = wait(ended, every=look_every)
        return found

    def answers(self) -> bool:
        try:
            return self.api.get("/readyz").is_success
        except httpx.TransportError:
            return False


@contextmanager
def service(settings: dict[str, str] | None = None) -> Iterator[Service]:
    """One that answers; workers are the caller's to start."""
    with tempfile.TemporaryDirectory(prefix="limbeck-bench-") as name:
        folder, port = Path(name), ports.free()
        database = postgres.start(folder / "pg")
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as api:
            made = Service(database, folder / "data", api, settings=settings or {})
            try:
                migrate.upgrade(database.url)
                made.start("serve", "--port", str(port))
                wait(made.answers)
                yield made
            finally:
                for process in made.processes:
                    process.terminate()
                for process in made.processes:
                    process.wait()
                database.stop()


def wait(look: Callable[[], Any], within: float = 1800, every: float = 0.1) -> Any:
    end = time.monotonic() + within
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(every)
    raise SystemExit("it took too long")


def cpu(process: psutil.Process) -> float:
    """Seconds of a process and of all its children, ended ones included."""
    family = [process, *process.children(recursive=True)]
    total = 0.0
    for each in family:
        with suppress(psutil.NoSuchProcess):  # it has ended, and is counted below
            times = each.cpu_times()
            total += times.user + times.system
    own = process.cpu_times()
    return total + own.children_user + own.children_system
