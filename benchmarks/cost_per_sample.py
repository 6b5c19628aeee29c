"""What a sample costs: CPU of the worker and of Postgres, with a teacher that answers at once.

    python -m benchmarks.cost_per_sample --teacher http://127.0.0.1:8200 --samples 20000

The teacher is a server of its own, fast enough not to be the limit, whose replies fit the schema
below. Everything is on: rendering, parsing, filters, exact and near-duplicates, the index for
full-text search, every reply and outcome committed to Postgres. Prints a table; `--json FILE`
writes the figures.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import psutil

from benchmarks.service import Service, cpu, service

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--teacher", required=True, help="address of the teacher")
    parser.add_argument("--model", default=None)
    parser.add_argument("--samples", type=int, default=20_000)
    parser.add_argument("--in-flight", type=int, default=256)
    parser.add_argument("--json", type=Path, default=None, help="write the figures here")
    asked = parser.parse_args()
    with service() as running:
        figures = measure(running, asked)
    for name, value in figures.items():
        print(
            f"{name:<36} {value:>12,.3f}"
            if isinstance(value, float)
            else f"{name:<36} {value:>12,}"
        )
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=2))


def measure(running: Service, asked: argparse.Namespace) -> dict[str, Any]:
    teacher: dict[str, Any] = {
        "name": "fast",
        "url": asked.teacher,
        "max_in_flight": asked.in_flight,
    }
    if asked.model:
        teacher["model"] = asked.model
    running.post("/v1/teachers", teacher)
    running.post("/v1/templates", {"name": "instruct", "source": TEMPLATE})
    worker, database = running.start("worker"), psutil.Process(running.database.pid)
    # A first small job pays for what is started once.
    running.run(job(2_000))
    before = cpu(worker), cpu(database)
    began = time.monotonic()
    account = running.run(job(asked.samples))["ledger"]
    wall = time.monotonic() - began
    after = cpu(worker), cpu(database)
    samples = account["planned"]
    ours, theirs = (b - a for a, b in zip(before, after, strict=True))
    return {
        "samples": samples,
        "accepted": account["accepted"],
        "seconds": wall,
        "samples/s": samples / wall,
        "CPU ms/sample, worker": 1000 * ours / samples,
        "CPU ms/sample, Postgres": 1000 * theirs / samples,
        "CPU ms/sample": 1000 * (ours + theirs) / samples,
        "samples/s per core": samples / (ours + theirs),
        "worker MiB": worker.memory_info().rss / 2**20,
    }


def job(samples: int) -> dict[str, Any]:
    topics = [f"topic {number}" for number in range(1000)]
    return {
        "corpus": "bench",
        "teacher": "fast",
        "template": "instruct",
        "seeds": {"matrix": {"topic": topics}, "random_seed": samples},
        "num_records": samples,
        "limits": {"max_candidates": samples},
    }


if __name__ == "__main__":
    main()
