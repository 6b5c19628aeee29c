"""Large numbers: a job of a million samples, submitted; and what it does to the memory of the API.

    python -m benchmarks.scale --items 1000 1000000

Nobody works the jobs: submitting plans their chunks and gives out the first tickets. For the cost
of adding to large corpora see `python -m benchmarks.insert --sizes 10000 100000 1000000`. Prints a
table; `--json FILE` writes the figures.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import psutil

from benchmarks.cost_per_sample import TEMPLATE, job
from benchmarks.service import Service, service


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, nargs="+", default=[1_000, 100_000, 1_000_000])
    parser.add_argument("--json", type=Path, default=None, help="write the figures here")
    asked = parser.parse_args()
    with service() as running:
        figures = measure(running, asked.items)
    for name, value in figures.items():
        print(f"{name:<44} {value:>12,.3f}")
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=2))


def measure(running: Service, sizes: list[int]) -> dict[str, float]:
    running.post("/v1/teachers", {"name": "fast", **NOBODY})
    running.post("/v1/templates", {"name": "instruct", "source": TEMPLATE})
    running.post("/v1/jobs", job(100))  # pays for what is started once
    api = psutil.Process(running.processes[0].pid)
    figures: dict[str, float] = {}
    for size in sizes:
        before, began = memory(api), time.monotonic()
        submitted = running.post("/v1/jobs", job(size))
        figures[f"{size:,} samples: seconds to submit"] = time.monotonic() - began
        figures[f"{size:,} samples: MiB more in the API"] = memory(api) - before
        began = time.monotonic()
        running.api.get(f"/v1/jobs/{submitted['id']}").raise_for_status()
        figures[f"{size:,} samples: seconds to look at it"] = time.monotonic() - began
    return figures


NOBODY: dict[str, Any] = {"url": "http://127.0.0.1:9", "model": "nobody", "probe": False}
"""Work for a teacher that is not there waits; it is not asked what it can do."""


def memory(process: psutil.Process) -> float:
    """MiB, of the process and its children."""
    family = [process, *process.children(recursive=True)]
    return sum(float(each.memory_info().rss) for each in family) / 2**20


if __name__ == "__main__":
    main()
