"""A job's progress, live on a terminal."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from app import shell

ENDED = frozenset({"finished", "failed", "cancelled"})
EVERY = 0.5
_STAGES = ("generated", "parsed", "filtered", "novel", "accepted")


def states(client: httpx.Client, job_id: str) -> Iterator[dict[str, Any]]:
    """The job, again and again until it has ended."""
    while True:
        job: dict[str, Any] = shell.check(client.get(f"/v1/jobs/{job_id}"))
        yield job
        if job["state"] in ENDED:
            return
        time.sleep(EVERY)


def watch_until_ended(client: httpx.Client, job_id: str, *, quiet: bool = False) -> dict[str, Any]:
    """Show a progress bar with the funnel until the job has ended; answers the job."""
    if quiet:
        *_, last = states(client, job_id)
        return last
    view = _View()
    with Live(view, console=shell.out, refresh_per_second=4) as live:
        for job in states(client, job_id):
            view.take(job)
            live.refresh()
    if not shell.out.is_terminal:
        shell.out.line()  # there, what was live ends without one
    return job


class _View:
    def __init__(self) -> None:
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}"),
            TimeElapsedColumn(),
            console=shell.out,
        )
        self.task = self.bar.add_task("queued", total=None, unit="records")
        self.job: dict[str, Any] | None = None
        self.started: tuple[float, int] | None = None

    def take(self, job: dict[str, Any]) -> None:
        self.job = job
        tokens = job["tokens"]["completion"]
        if self.started is None:
            self.started = (time.monotonic(), tokens)
        asks, ledger = job["kind"] == "generate", job["ledger"]
        # A job that asks nobody wants every stored reply decided, not so many accepted.
        done = ledger["accepted"] if asks else ledger["planned"] - ledger["open"]
        self.bar.update(
            self.task,
            description=job["state"].replace("_", " "),
            total=job["num_records"],
            completed=min(done, job["num_records"]),
            unit="records" if asks else "replies",
        )

    def __rich__(self) -> RenderableType:
        if self.job is None or self.started is None:
            return self.bar
        funnel, ledger = self.job["funnel"], self.job["ledger"]
        since, before = self.started
        passed = time.monotonic() - since
        speed = (self.job["tokens"]["completion"] - before) / passed if passed > 1 else 0
        stages = " → ".join(f"{stage} {funnel[stage]}" for stage in _STAGES)
        lines = [f"{stages}   {speed:,.0f} tokens/s   open {ledger['open']}"]
        reasons = sorted(funnel["reasons"].items(), key=lambda pair: -pair[1])[:5]
        if reasons:
            lines.append("not kept: " + ", ".join(f"{code} {n}" for code, n in reasons))
        if self.job["reason"]:
            lines.append(self.job["reason"])
        return Group(self.bar, Text("\n".join(lines)))
