"""A job's progress, live on a terminal."""

import time
from collections import deque
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import httpx
from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.text import Text

from app import shell
from app.jobs.progress.stream import Told, follow
from app.jobs.used import used

_STAGES = ("parsed", "filtered", "judged", "novel")
_TEACHER_EVERY = 5.0
_SPEED_OVER = 30.0
"""Seconds over which the speed is measured."""
_SAID = 3
"""How many of the last events are shown."""


def watch_until_ended(client: httpx.Client, job_id: str, *, quiet: bool = False) -> dict[str, Any]:
    """Show bars for the funnel until the job has ended, or its smoke gate has stopped it; answers
    the job.
    """
    path = f"/v1/jobs/{job_id}"
    if quiet:
        for told in follow(client, job_id):
            if _stopped(told):
                break
        job: dict[str, Any] = shell.check(client.get(path))
        return job
    view = _View(shell.check(client.get(path)))
    with Live(view, console=shell.out, refresh_per_second=4) as live:
        for told in follow(client, job_id):
            view.take(told)
            view.ask(client)
            live.refresh()
            if _stopped(told):
                break
        job = shell.check(client.get(path))
        view.take(Told("progress", _progress(job)))
    if not shell.out.is_terminal:
        shell.out.line()  # there, what was live ends without one
    return job


def _stopped(told: Told) -> bool:
    """Nothing more happens until somebody decides: only the smoke gate says why it pauses a job."""
    return told.kind == "state" and told.data["state"] == "paused" and bool(told.data["reason"])


def _progress(job: dict[str, Any]) -> dict[str, Any]:
    """A job's answer has all that its progress has, but for its chunks."""
    return job | {"chunks": {"ready": 0, "running": 0}}


class _View:
    """The job's bars, and beneath them what it is doing."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.now = _progress(job)
        self.teachers = list(_teachers(job["document"]))
        self.load: dict[str, Any] | None = None
        self.asked_at = float("-inf")
        self.tokens: deque[tuple[float, int]] = deque()
        self.said: deque[str] = deque(maxlen=_SAID)
        self.bars = Progress(
            TextColumn("{task.description:>10}"),
            BarColumn(40),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            console=shell.out,
        )
        judged = (job["document"].get("accept") or {}).get("judge") is not None
        stages = [name for name in _STAGES if judged or name != "judged"]
        names = ("records" if self._asks else "replies", *stages)
        self.tasks: dict[str, TaskID] = {
            name: self.bars.add_task(name, total=None, note="") for name in names
        }
        self._draw()

    @property
    def _asks(self) -> bool:
        return bool(self.now["kind"] == "generate")

    def take(self, told: Told) -> None:
        if told.kind == "progress":
            self.now = told.data
            self.tokens.append((time.monotonic(), told.data["tokens"]["completion"]))
            while self.tokens[-1][0] - self.tokens[0][0] > _SPEED_OVER:
                self.tokens.popleft()
        else:
            self.said.append(_said(told))
            if told.kind in {"state", "end"}:
                self.now = self.now | told.data
        self._draw()

    def ask(self, client: httpx.Client) -> None:
        """How long the teachers' own queues are; nothing where they do not say, or we may not
        ask.
        """
        now = time.monotonic()
        if now - self.asked_at < _TEACHER_EVERY:
            return
        self.asked_at = now
        found = []
        for teacher in self.teachers:
            answer = client.get(f"/v1/teachers/{teacher}/health")
            loads = [e["load"] for e in answer.json()["endpoints"]] if answer.is_success else []
            found += [load for load in loads if load is not None]
        keys = ("running", "waiting")
        self.load = {key: sum(load[key] for load in found) for key in keys} if found else None

    def _draw(self) -> None:
        ledger, funnel = self.now["ledger"], self.now["funnel"]
        wanted = self.now["num_records"]
        # A job that asks nobody wants every stored reply decided, not so many accepted.
        done = ledger["accepted"] if self._asks else ledger["planned"] - ledger["open"]
        for name, task in self.tasks.items():
            if name in {"records", "replies"}:
                note = _left(self.now["forecast"])
                self.bars.update(task, total=wanted, completed=min(done, wanted), note=note)
            else:
                total = funnel["generated"]
                share = f"{funnel[name] / total:.0%}" if total else ""
                self.bars.update(task, total=total or None, completed=funnel[name], note=share)

    @property
    def speed(self) -> float:
        """Tokens a second."""
        if len(self.tokens) < 2:  # noqa: PLR2004  (a speed needs two points)
            return 0.0
        (since, before), (until, after) = self.tokens[0], self.tokens[-1]
        return (after - before) / (until - since) if until > since else 0.0

    def __rich__(self) -> RenderableType:
        now, funnel = self.now, self.now["funnel"]
        doing = [now["state"].replace("_", " ")]
        if self._asks:
            doing += [f"{self.speed:,.0f} tokens/s", f"{now.get('in_flight') or 0} in flight"]
            if self.load is not None:
                doing.append(
                    f"teacher: {self.load['running']} running, {self.load['waiting']} waiting"
                )
        if funnel["judged"]:
            doing.append(f"{funnel['novel'] / funnel['judged']:.0%} new")
        doing.append(f"{now['ledger']['open']} open")
        lines = ["   ".join(doing)]
        if self._asks:
            lines.append(used(now))
        reasons = sorted(funnel["reasons"].items(), key=lambda pair: -pair[1])[:5]
        if reasons:
            lines.append("not kept: " + ", ".join(f"{code} {n}" for code, n in reasons))
        if now["reason"]:
            lines.append(now["reason"])
        return Group(self.bars, Text("\n".join([*lines, *self.said])))


def _teachers(document: dict[str, Any]) -> Iterable[str]:
    """Everybody who is asked, each once."""
    said = document.get("teacher") or []
    arms = (document.get("compare") or {}).get("arms") or []
    shares = [said] if isinstance(said, str) else [share["name"] for share in said]
    return dict.fromkeys([*shares, *(arm["teacher"] for arm in arms)])


def _left(forecast: dict[str, Any] | None) -> str:
    """How long it still takes, with its spread."""
    if forecast is None or forecast["seconds"] is None:
        return ""
    span = forecast["seconds"]
    if forecast["stopped_by"]:
        return f"stopped by {forecast['stopped_by']} before"
    said = f"about {_time(span['expected'])} left"
    if span["low"] is not None:
        said += f" ({_time(span['low'])} to {_time(span['high'])})"
    return said


def _time(seconds: float) -> str:
    return str(timedelta(seconds=round(min(seconds, 1e8))))


def _said(told: Told) -> str:
    at = str(told.data.get("at", ""))[11:19]
    rest = {name: value for name, value in told.data.items() if name != "at" and value is not None}
    what = rest.pop("state", told.kind.replace("_", " "))
    more = ", ".join(f"{name} {value}" for name, value in rest.items())
    return f"{at} {what}: {more}" if more else f"{at} {what}"
