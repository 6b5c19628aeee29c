"""Commits in groups: all that arrived while the group before was being committed, or right after
one another where nobody waits for it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

LINGER = 0.25
"""Seconds. Where few come a second, a commit for each costs more than asking does."""
ENOUGH = 16
"""Of a group: that many share a commit well, and the next ones come while it is under way."""

T = TypeVar("T")
R = TypeVar("R")


@dataclass(slots=True)
class Groups(Generic[T]):
    commit: Callable[[list[T]], Awaitable[None]]
    """Called with one group at a time."""
    presses: Callable[[], bool]
    """Whether somebody waits for what those that are not safe hold."""
    linger: float = LINGER
    """Seconds a group waits for more at most."""
    to_come: int = 0
    """Those that may yet be added, with those that were and are not safe: for who adds to count."""
    _arrived: list[tuple[T, asyncio.Future[None]]] = field(default_factory=list)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _timer: asyncio.TimerHandle | None = None
    """Runs from the first of a group on."""
    _closed: bool = False

    async def add(self, one: T) -> None:
        """Returns once it is safe."""
        loop = asyncio.get_running_loop()
        safe: asyncio.Future[None] = loop.create_future()
        self._arrived.append((one, safe))
        waiting = len(self._arrived)
        if waiting >= min(ENOUGH, self.to_come) or self.presses():
            self._wake.set()
        elif self._timer is None:
            self._timer = loop.call_later(self.linger, self._wake.set)
        await safe

    async def while_running(self, adding: Coroutine[Any, Any, R]) -> R:
        """Commits what `adding` adds, until it returns; answers what that does. Either may fail
        first: the other is pointless then.
        """
        committing, asking = asyncio.create_task(self._run()), asyncio.create_task(adding)
        try:
            await asyncio.wait({committing, asking}, return_when=asyncio.FIRST_COMPLETED)
            if asking.done():
                self._closed = True
                self._wake.set()
            await committing
            return await asking
        finally:
            for task in (asking, committing):
                task.cancel()
            await asyncio.gather(asking, committing, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            group, self._arrived = self._arrived, []
            if group:
                await self.commit([one for one, _ in group])
                for _, safe in group:
                    if not safe.done():
                        safe.set_result(None)
            elif self._closed:
                return
