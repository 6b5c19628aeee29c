"""A process of ours: a session of its own, a log file, stopped with all that it started."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from app.local import account

LAST_BYTES = 3000


def tail(log: Path) -> str:
    """The end of a log, to show with what went wrong."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - LAST_BYTES))
        return file.read().decode(errors="replace").strip()


class ChildEnded(Exception):
    """A process ended that should not have; the message holds the last lines of its log."""


def keep_last(log: Path) -> None:
    """What the process before said stays readable beside the log of this one."""
    with suppress(FileNotFoundError):
        log.replace(log.with_name(f"{log.name}.last"))


@dataclass(slots=True)
class Child:
    name: str
    process: subprocess.Popen[bytes]
    log: Path
    grace: float
    """Seconds between asking it to stop and making it."""
    asked: bool = False

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    def check(self) -> None:
        """Raise `ChildEnded` when it is gone."""
        if self.ended:
            how = f"{self.name} ended with {self.process.returncode}"
            raise ChildEnded(f"{how}; the end of {self.log}:\n{tail(self.log)}")

    def ask_to_stop(self) -> None:
        """Once: servers take a second signal for impatience."""
        if not self.ended and not self.asked:
            self.asked = True
            self.process.send_signal(signal.SIGTERM)

    def stop(self) -> None:
        """Ask, wait, then kill; whatever it started ends with it."""
        self.ask_to_stop()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(self.grace)
        for survivor in session(self.pid):
            with suppress(psutil.NoSuchProcess):
                survivor.kill()
        self.process.wait()


def start(
    name: str,
    argv: Sequence[str | Path],
    *,
    log: Path,
    environment: Mapping[str, str],
    grace: float = 30,
) -> Child:
    """Start `argv` with exactly this environment; it inherits none of our open files."""
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    keep_last(log)
    with log.open("wb") as output:
        process = subprocess.Popen(
            account.command("self", argv),
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            close_fds=True,
            start_new_session=True,
        )
    return Child(name, process, log, grace)


def session(leader: int) -> list[psutil.Process]:
    """Every living process of the session that `leader` opened."""
    members = []
    for process in psutil.process_iter(["status"]):
        with suppress(OSError):
            if os.getsid(process.pid) == leader and process.info["status"] != psutil.STATUS_ZOMBIE:
                members.append(process)
    return members
