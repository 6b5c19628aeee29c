"""What a sample costs: CPU of the worker and of Postgres, with a teacher that answers at once.

    python -m benchmarks.cost_per_sample --teacher http://127.0.0.1:8200 --samples 20000

The teacher is a server of its own, fast enough not to be the limit, whose replies fit the schema
below. Everything is on: rendering, parsing, filters, exact and near-duplicates, every reply and
outcome committed to Postgres. The index for searches, which workers make when they have time, is
told by itself. Prints a table; `--json FILE` writes the figures. `--preload 1000000` fills the
corpus with so many records first.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import psycopg

from app.curation.near import Near
from app.curation.novelty import DedupSpec
from benchmarks.service import Service, cpu, service
from benchmarks.texts import texts

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
    parser.add_argument("--preload", type=int, default=0, help="records in the corpus before")
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
    if asked.preload:
        preload(running.database.url, asked.preload)
        # And a second one for what a worker reads of a corpus once.
        running.run(job(1_000))
    wait_for_index(running.database.url)
    before = cpu(worker), cpu(database)
    began = time.monotonic()
    account = run_unseen(running, job(asked.samples))["ledger"]
    wall = time.monotonic() - began
    after = cpu(worker), cpu(database)
    wait_for_index(running.database.url)
    later = cpu(worker) + cpu(database) - sum(after)
    samples = account["planned"]
    ours, theirs = (b - a for a, b in zip(before, after, strict=True))
    return {
        "samples": samples,
        "records before": asked.preload,
        "accepted": account["accepted"],
        "seconds": wall,
        "samples/s": samples / wall,
        "CPU ms/sample, worker": 1000 * ours / samples,
        "CPU ms/sample, Postgres": 1000 * theirs / samples,
        "CPU ms/sample": 1000 * (ours + theirs) / samples,
        "samples/s per core": samples / (ours + theirs),
        "CPU ms/sample, index, later": 1000 * later / samples,
        "worker MiB": worker.memory_info().rss / 2**20,
    }


def run_unseen(running: Service, spec: dict[str, Any]) -> dict[str, Any]:
    """A job's answer at its end. To look at it meanwhile costs as much as some ten samples do."""
    job_id = running.post("/v1/jobs", spec)["id"]
    with psycopg.connect(running.database.url, autocommit=True) as connection:
        state = "SELECT 1 FROM job WHERE id = %s AND ended_at IS NOT NULL"
        while not connection.execute(state, (job_id,)).fetchone():
            time.sleep(0.1)
    account: dict[str, Any] = running.api.get(f"/v1/jobs/{job_id}").json()
    return account


def wait_for_index(url: str) -> None:
    """Until every text can be found by the index for searches."""
    with psycopg.connect(url, autocommit=True) as connection:
        while connection.execute("SELECT 1 FROM unindexed LIMIT 1").fetchone():
            time.sleep(0.1)


def preload(url: str, count: int) -> None:
    """Records that nobody asked a teacher for, the quick way."""
    columns = "corpus_id, job_id, item, sample, digest, fields, bands"
    with psycopg.connect(url) as connection:
        corpus, salt, dedup = connection.execute("SELECT id, salt, dedup FROM corpus").fetchone()
        near, job_id = DedupSpec.model_validate(dedup).rule or Near(("response",), (), 0.7), uuid4()
        for first in range(0, count, 10_000):
            bodies = texts(min(10_000, count - first), first + 1)
            rows = [
                {"topic": f"topic {n % 1000}", "instruction": body[:60], "response": body}
                for n, body in enumerate(bodies)
            ]
            signed = near.sign(rows, salt)
            with (
                connection.cursor() as cursor,
                cursor.copy(f"COPY record ({columns}) FROM STDIN") as copy,
            ):
                for item, (row, one) in enumerate(zip(rows, signed, strict=True), first):
                    digest = (1 << 127 | item).to_bytes(16)
                    fields = json.dumps(row)
                    copy.write_row((corpus, job_id, item, 0, digest, fields, one.bands.tolist()))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE record")


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
