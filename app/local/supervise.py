"""Several processes as one: started in order, watched, started again when one dies, all stopped."""

import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Protocol, TypeVar

from app.local.child import ChildEnded
from app.local.interrupt import Interrupts
from app.local.roster import Roster
from app.local.steps import Steps

T = TypeVar("T")
LOOK_SECONDS = 0.25
MOST_RESTARTS = 5
WITHIN_SECONDS = 120.0


class Service(Protocol):
    """A process of ours: `Child` and `Postgres` are."""

    @property
    def pid(self) -> int: ...
    @property
    def ended(self) -> bool: ...
    def check(self) -> None: ...
    def ask_to_stop(self) -> None: ...
    def stop(self) -> None: ...


@dataclass
class _Kept:
    name: str
    begin: Callable[[], Service]
    service: Service
    dismissed: bool = False
    restarts: list[float] = field(default_factory=list)


class Supervisor:
    """For the main thread: children end with the thread that starts them."""

    def __init__(self, roster: Roster, interrupts: Interrupts, steps: Steps) -> None:
        self._roster = roster
        self._interrupts = interrupts
        self._steps = steps
        self._kept: list[_Kept] = []
        self._settled = False

    def start(self, name: str, begin: Callable[[], Service]) -> None:
        """Start a service; `begin` is called again when it dies later on."""
        with self._interrupts.held():
            service = begin()
            self._roster.add(service.pid)
            self._kept.append(_Kept(name, begin, service))

    def dismiss(self, name: str) -> None:
        """Ask a service to stop that is not needed any more, and let it go; any thread may."""
        for kept in self._kept:
            if kept.name == name:
                kept.dismissed = True
                kept.service.ask_to_stop()

    def until(self, ready: Callable[[], bool], what: str, seconds: float) -> None:
        """Wait for `ready`; a service that dies meanwhile ends the wait with `ChildEnded`."""
        deadline = time.monotonic() + seconds
        while not ready():
            self._look()
            if time.monotonic() > deadline:
                raise ChildEnded(f"{what} is not ready after {seconds:.0f} s")
            Event().wait(LOOK_SECONDS)

    def settle(self) -> None:
        """From here on a service that dies is started again, a few times."""
        self._settled = True

    def run(self, task: Callable[[], T]) -> T:
        """Keep everything running while `task` works in a thread; answers what it answers."""
        outcome: Future[T] = Future()

        def work() -> None:
            try:
                outcome.set_result(task())
            except BaseException as error:  # noqa: BLE001  (it is raised in the main thread)
                outcome.set_exception(error)

        Thread(target=work, name="task", daemon=True).start()
        while not outcome.done():
            self._look()
            Event().wait(LOOK_SECONDS)
        return outcome.result()

    def stay(self) -> None:
        """Keep everything running until somebody says stop."""
        with suppress(KeyboardInterrupt):
            while True:
                self._look()
                Event().wait(LOOK_SECONDS)

    def stop(self) -> None:
        """Stop everything, last started first; being told again changes nothing.

        The last one (a worker) ends before the others hear of it; they then end side by side.
        """
        with suppress(KeyboardInterrupt), self._interrupts.held():
            while self._kept:
                kept = self._kept.pop()
                kept.service.stop()
                self._roster.remove(kept.service.pid)
                for other in self._kept:
                    other.service.ask_to_stop()

    def _look(self) -> None:
        for kept in self._kept:
            if kept.dismissed or not kept.service.ended:
                continue
            if not self._settled:
                kept.service.check()
            self._again(kept)

    def _again(self, kept: _Kept) -> None:
        now = time.monotonic()
        kept.restarts = [at for at in kept.restarts if now - at < WITHIN_SECONDS]
        if len(kept.restarts) == MOST_RESTARTS:
            kept.service.check()
        kept.restarts.append(now)
        self._steps.say(f"[yellow]{kept.name} ended; starting it again[/yellow]")
        with self._interrupts.held():
            kept.service.stop()
            self._roster.remove(kept.service.pid)
            kept.service = kept.begin()
            self._roster.add(kept.service.pid)
