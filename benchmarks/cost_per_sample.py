"""What a sample costs: CPU of the worker and of Postgres, with a teacher that answers at once.

    python -m benchmarks.cost_per_sample --teacher http://127.0.0.1:8200 --samples 20000

The teacher is a server of its own, fast enough not to be the limit, whose replies fit the schema
below. Everything is on: rendering, parsing, filters, the exact digest, every reply and outcome
committed to Postgres. Prints a table; `--json FILE` writes the figures.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil

from app import migrate
from app.local import postgres

TEMPLATE = """---
description: An instruction and its response.
inputs:
  topic: {type: string}
response:
  format: json
  schema:
    type: object
    properties:
      instruction: {type: string}
      response: {type: string}
    required: [instruction, response]
---
{% system %}You write an instruction about a topic, and a good response to it.{% endsystem %}
{% user %}Topic: {{ topic }}{% enduser %}
"""
PORT = 8471


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--teacher", required=True, help="address of the teacher")
    parser.add_argument("--model", default=None)
    parser.add_argument("--samples", type=int, default=20_000)
    parser.add_argument("--in-flight", type=int, default=256)
    parser.add_argument("--json", type=Path, default=None, help="write the figures here")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="limbeck-bench-") as folder:
        figures = measure(asked, Path(folder))
    for name, value in figures.items():
        print(
            f"{name:<36} {value:>12,.3f}"
            if isinstance(value, float)
            else f"{name:<36} {value:>12,}"
        )
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=2))


def measure(asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    running = postgres.start(folder / "pg")
    processes: list[subprocess.Popen[bytes]] = []
    try:
        migrate.upgrade(running.url)
        environment = os.environ | {
            "LIMBECK_DATABASE_URL": running.url,
            "LIMBECK_DATA_DIR": str(folder / "data"),
            "LIMBECK_LOG_LEVEL": "warning",
        }

        def start(*arguments: str) -> psutil.Process:
            command = [sys.executable, "-m", "app.cli", *arguments]
            processes.append(subprocess.Popen(command, env=environment))
            return psutil.Process(processes[-1].pid)

        start("serve", "--port", str(PORT))
        with httpx.Client(base_url=f"http://127.0.0.1:{PORT}", timeout=60) as api:
            wait(lambda: answers(api))
            prepare(api, asked)
            worker = start("worker")
            # A first small job pays for what is started once.
            run(api, 2_000)
            before = cpu(worker), cpu(psutil.Process(running.pid))
            began = time.monotonic()
            job = run(api, asked.samples)
            wall = time.monotonic() - began
            after = cpu(worker), cpu(psutil.Process(running.pid))
            resident = worker.memory_info().rss / 2**20
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()
        running.stop()
    samples = job["ledger"]["planned"]
    ours, theirs = (b - a for a, b in zip(before, after, strict=True))
    return {
        "samples": samples,
        "accepted": job["ledger"]["accepted"],
        "seconds": wall,
        "samples/s": samples / wall,
        "CPU ms/sample, worker": 1000 * ours / samples,
        "CPU ms/sample, Postgres": 1000 * theirs / samples,
        "CPU ms/sample": 1000 * (ours + theirs) / samples,
        "samples/s per core": samples / (ours + theirs),
        "worker MiB": resident,
    }


def prepare(api: httpx.Client, asked: argparse.Namespace) -> None:
    teacher: dict[str, Any] = {
        "name": "fast",
        "url": asked.teacher,
        "max_in_flight": asked.in_flight,
    }
    if asked.model:
        teacher["model"] = asked.model
    post(api, "/v1/teachers", teacher)
    post(api, "/v1/templates", {"name": "instruct", "source": TEMPLATE})


def run(api: httpx.Client, samples: int) -> dict[str, Any]:
    topics = [f"topic {number}" for number in range(1000)]
    job = post(
        api,
        "/v1/jobs",
        {
            "corpus": "bench",
            "teacher": "fast",
            "template": "instruct",
            "seeds": {"matrix": {"topic": topics}, "random_seed": samples},
            "num_records": samples,
            "limits": {"max_candidates": samples},
        },
    )

    def ended() -> dict[str, Any] | None:
        now: dict[str, Any] = api.get(f"/v1/jobs/{job['id']}").json()
        return now if now["state"] in {"finished", "failed"} else None

    return wait(ended)


def post(api: httpx.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = api.post(path, json=body)
    if not answer.is_success:
        raise SystemExit(answer.text)
    found: dict[str, Any] = answer.json()
    return found


def answers(api: httpx.Client) -> bool:
    try:
        return api.get("/readyz").is_success
    except httpx.TransportError:
        return False


def wait(look: Callable[[], Any], within: float = 600) -> Any:
    end = time.monotonic() + within
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.1)
    raise SystemExit("it took too long")


def cpu(process: psutil.Process) -> float:
    """Seconds of a process and of all its children, ended ones included."""
    family = [process, *process.children(recursive=True)]
    total = 0.0
    for each in family:
        times = each.cpu_times()
        total += times.user + times.system
    own = process.cpu_times()
    return total + own.children_user + own.children_system


if __name__ == "__main__":
    main()
