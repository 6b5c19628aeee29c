"""What it costs a job that its teacher goes away in the middle of it.

    python -m benchmarks.outage --seconds 120
    python -m benchmarks.outage --seconds 120 --frozen

A scripted teacher answers each request after half a second. When a third of the job is done it is
gone as by a power cut (or answers nothing any more and still says that it is well), and after so
many seconds it is there again. Prints how long the job said that it waits, how soon it went on, and
what was asked twice; `--json FILE` writes the figures.
"""

import argparse
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.service import Service, service
from tests.fake_teacher import FakeTeacher, Gate
from tests.fake_teacher.behaviour import Behaviour

TEMPLATE = """---
description: A topic's text.
inputs:
  topic: {type: integer}
response:
  format: text
  schema:
    type: object
    properties:
      text: {type: string}
    required: [text]
---
{% user %}Topic: {{ topic }}{% enduser %}
"""
FROZEN_AFTER = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=120, help="how long it is away")
    parser.add_argument("--frozen", action="store_true", help="there, but answering nothing")
    parser.add_argument("--samples", type=int, default=600)
    parser.add_argument("--in-flight", type=int, default=32)
    parser.add_argument("--json", type=Path, default=None, help="write the figures here")
    asked = parser.parse_args()
    settings = {"LIMBECK_TEACHER_FROZEN_SECONDS": str(FROZEN_AFTER)}
    with FakeTeacher(latency=0.5) as fake, service(settings) as running:
        figures = Outage(running, fake, asked).measure()
    for name, value in figures.items():
        print(f"{name:<48} {value:>10,.1f}")
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=2))


@dataclass
class Outage:
    running: Service
    fake: FakeTeacher
    asked: argparse.Namespace
    waits: list[float] = field(default_factory=list)
    """When the job said that it waits for its teacher."""
    went: float | None = None
    back: float | None = None
    answered: int = 0
    gate: Gate = field(default_factory=Gate)

    def measure(self) -> dict[str, float]:
        teacher = {"name": "t", "url": self.fake.url, "max_in_flight": self.asked.in_flight}
        self.running.post("/v1/teachers", teacher)
        self.running.post("/v1/templates", {"name": "texts", "source": TEMPLATE})
        self.running.start("worker")
        began = time.monotonic()
        job = self.running.run(self._job(), seen=self._look)
        ended = time.monotonic()
        again = sum(n - 1 for n in Counter(one.question for one in self.fake.asked).values())
        went, back = self.went or ended, self.back or ended
        after = [one.at for one in self.fake.asked if one.at > back]
        return {
            "accepted": float(job["ledger"]["accepted"]),
            "failed": float(job["ledger"]["failed"]),
            "seconds in all": ended - began,
            "seconds away": back - went,
            "seconds until the job said so": self.waits[0] - went if self.waits else -1.0,
            "seconds until it was asked again": min(after) - back if after else -1.0,
            "in flight when it went": float(self.answered),
            "asked twice": float(again),
        }

    def _look(self, job: dict[str, Any]) -> None:
        now = time.monotonic()
        if job["state"] == "waiting_for_teacher":
            self.waits.append(now)
        if self.went is None and 3 * job["ledger"]["accepted"] >= self.asked.samples:
            self.went, self.answered = now, self.fake.record.in_flight
            if self.asked.frozen:
                self.fake.when(lambda _: None if self.back else Behaviour(gate=self.gate))
            else:
                self.fake.stop()
        elif self.went is not None and self.back is None and now > self.went + self.asked.seconds:
            self.back = now
            if self.asked.frozen:
                self.gate.open()
            else:
                self.fake.start(self.fake.port)

    def _job(self) -> dict[str, Any]:
        count = self.asked.samples
        return {
            "corpus": "bench",
            "teacher": "t",
            "template": "texts",
            "seeds": {"rows": [{"topic": number} for number in range(count)]},
            "num_records": count,
            "limits": {"max_candidates": count},
            "accept": {"filters": []},
            "dedup": {"near": False},
        }


if __name__ == "__main__":
    main()
