"""Everything that can be taken away from a running job, taken away at random, again and again.

One whole number decides which trouble comes when: after how many records more, and to whom.
"""

import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from app import migrate
from app.local import postgres
from tests.acceptance.service import LEASE, Service, check_books, eventually
from tests.acceptance.severed import Severed
from tests.fake_teacher import FakeTeacher
from tests.jobs.conftest import TEMPLATE

WORKERS = 3
IN_FLIGHT = 24
SAMPLES = 60
"""Of one job: short jobs have many ends and beginnings to be hit."""
LIVE = 4
"""Jobs at a time."""


@dataclass(slots=True)
class Outcome:
    jobs: list[dict[str, Any]]
    troubles: list[str]
    asked_again: int
    """Requests beyond the first for the same prompt."""

    @property
    def short(self) -> list[tuple[str, dict[str, int], dict[str, int]]]:
        """Jobs that did not get all of their records, with what the ledger says of the others."""
        return [
            (job["state"], job["ledger"], job["funnel"]["reasons"])
            for job in self.jobs
            if job["state"] != "finished" or job["ledger"]["accepted"] != SAMPLES
        ]

    @property
    def most_asked_again(self) -> int:
        """What was in flight, once for each trouble that can lose a reply."""
        return IN_FLIGHT * len(self.troubles)


@dataclass
class Chaos:
    folder: Path
    jobs: int
    chance: random.Random
    every: tuple[int, int] = (15, 60)
    """A trouble comes after so many records more, at least and at most."""
    troubles: list[str] = field(default_factory=list)
    bag: list[Callable[["Chaos"], None]] = field(default_factory=list)
    frozen: list[tuple["subprocess.Popen[bytes]", float]] = field(default_factory=list)
    """Who was stopped, and when it may go on: after its lease has run out."""

    def run(self) -> Outcome:
        self.database = postgres.start(self.folder / "pg")
        self.port = int(self.database.url.rpartition(":")[2].partition("/")[0])
        migrate.upgrade(self.database.url)
        with FakeTeacher(latency=0.05) as self.fake, Severed(self.port) as self.way:
            url = self.database.url.replace(f":{self.port}/", f":{self.way.port}/")
            self.service = Service(url, self.folder)
            try:
                return self._run()
            finally:
                for process, _ in self.frozen:
                    process.send_signal(signal.SIGCONT)
                self.service.close()
                self.database.stop()

    def _run(self) -> Outcome:
        self.service.serve()
        self.service.prepare(self.fake, TEMPLATE, max_in_flight=IN_FLIGHT, chunk_slots=WORKERS)
        self.workers = [self.service.worker() for _ in range(WORKERS)]
        live: list[str] = []
        ended: list[dict[str, Any]] = []
        next_trouble = self._soon(0)
        submitted = 0
        while len(ended) < self.jobs:
            while submitted < self.jobs and len(live) < LIVE:
                live.append(self._submit(submitted))
                submitted += 1
            now = eventually(partial(self._look, live), within=60)
            done = [job for job in now if job["state"] in {"finished", "failed", "cancelled"}]
            ended += done
            live = [one for one in live if one not in {job["id"] for job in done}]
            accepted = sum(job["ledger"]["accepted"] for job in [*ended, *now])
            if accepted >= next_trouble:
                next_trouble = self._soon(accepted)
                self._break_something()
        for job in ended:
            check_books(self.database.url, job)
        again = sum(n - 1 for n in Counter(one.question for one in self.fake.asked).values())
        return Outcome(ended, self.troubles, again)

    def _break_something(self) -> None:
        """Each kind once, in any order, before one comes again."""
        self.bag = self.bag or self.chance.sample(TROUBLES, len(TROUBLES))
        trouble = self.bag.pop()
        self.troubles.append(trouble.__name__)
        trouble(self)

    def _soon(self, accepted: int) -> int:
        return accepted + self.chance.randint(*self.every)

    def _submit(self, number: int) -> str:
        rows = [{"topic": f"topic {number}.{row}"} for row in range(SAMPLES)]
        body = {
            "corpus": "faq",
            "teacher": "fake",
            "template": "qa",
            "seeds": {"rows": rows},
            "num_records": SAMPLES,
            "limits": {"max_candidates": SAMPLES},
        }
        # A commit whose answer was cut off has happened: the same key must not make a second job.
        headers = {"Idempotency-Key": f"job-{number}"}

        def submitted() -> str | None:
            self._thaw()
            answer = self.service.client.post("/v1/jobs", json=body, headers=headers)
            if answer.status_code >= 500 or answer.status_code == 409:
                return None
            assert answer.is_success, answer.text
            return str(answer.json()["id"])

        return eventually(submitted, within=60)

    def _look(self, live: list[str]) -> list[dict[str, Any]] | None:
        self._thaw()
        answers = [self.service.client.get(f"/v1/jobs/{one}") for one in live]
        if any(answer.status_code == 503 for answer in answers):
            return None
        jobs = [answer.json() for answer in answers]
        for job in jobs:
            account = job["ledger"]
            parts = ("accepted", "rejected", "failed", "cancelled", "open")
            assert account["planned"] == sum(account[part] for part in parts), account
        return jobs

    def _thaw(self) -> None:
        for process, until in list(self.frozen):
            if time.monotonic() > until:
                process.send_signal(signal.SIGCONT)
                self.frozen.remove((process, until))

    def _awake(self) -> list["subprocess.Popen[bytes]"]:
        frozen = [process for process, _ in self.frozen]
        return [worker for worker in self.workers if worker not in frozen]


def worker_killed(chaos: Chaos) -> None:
    victim = chaos.chance.choice(chaos.workers)
    chaos.frozen = [each for each in chaos.frozen if each[0] is not victim]
    victim.kill()
    victim.wait()
    chaos.workers[chaos.workers.index(victim)] = chaos.service.worker()


def worker_frozen(chaos: Chaos) -> None:
    """One that still runs; it wakes up after its lease."""
    if awake := chaos._awake():
        victim = chaos.chance.choice(awake)
        os.kill(victim.pid, signal.SIGSTOP)
        chaos.frozen.append((victim, time.monotonic() + LEASE + chaos.chance.uniform(-1, 3)))


def database_restarted(chaos: Chaos) -> None:
    """At once, as by a power cut: SIGQUIT writes no checkpoint."""
    os.kill(chaos.database.pid, signal.SIGQUIT)
    chaos.database.process.wait(30)
    chaos.database.stop()
    chaos.database = postgres.start(chaos.folder / "pg", port=chaos.port)


def teacher_killed(chaos: Chaos) -> None:
    port = chaos.fake.port
    chaos.fake.stop()
    chaos.fake.start(port)


def commit_cut_off(chaos: Chaos) -> None:
    chaos.way.cut_next()


TROUBLES: list[Callable[[Chaos], None]] = [
    worker_killed,
    worker_frozen,
    database_restarted,
    teacher_killed,
    commit_cut_off,
]
