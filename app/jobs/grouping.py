"""Commits in groups: all that arrived while the group before was being committed."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


@dataclass(slots=True)
class Groups(Generic[T]):
    commit: Callable[[list[T]], Awaitable[None]]
    """Called with one group at a time."""
    _arrived: list[tuple[T, asyncio.Future[None]]] = field(default_factory=list)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _closed: bool = False

    async def add(self, one: T) -> None:
        """Returns once it is safe."""
        safe: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._arrived.append((one, safe))
        self._wake.set()
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
            group, self._arrived = self._arrived, []
            if group:
                await self.commit([one for one, _ in group])
                for _, safe in group:
                    if not safe.done():
                        safe.set_result(None)
            elif self._closed:
                return
