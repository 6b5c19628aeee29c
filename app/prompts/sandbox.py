"""Templates at arm's length: parsed, rendered and compared in processes that may die of it."""

import asyncio
import multiprocessing
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.context import ForkServerContext, ForkServerProcess
from threading import Lock
from types import ModuleType
from typing import Any, TypeVar

import orjson
from pebble import ProcessExpired, ProcessPool

from app.prompts import cell
from app.prompts.cell import Refusal
from app.prompts.diff import Difference
from app.prompts.few_shot import Example
from app.prompts.known import Known
from app.prompts.prompt import Prompt
from app.prompts.template import Template

MEMORY = 256 * 1024 * 1024
CPU_SECONDS = 1.0
WALL_SECONDS = 10.0
IDLE_SECONDS = 10.0
"""Without work, after which the workers are let go. Looking after them takes this process 4 ms of
CPU a second, and new ones are there within 60 ms.
"""
HOP = 256
"""Rows a worker is given at once: a hop costs as much as a dozen rows."""
_MOST_DEATHS = 2
_RECYCLED_AFTER = 2_000

T = TypeVar("T")


class RenderPool:
    """Render workers of one process, started with the first use and again after a rest. Close it
    when done.

    A worker has `memory` bytes above what it starts with and `cpu_seconds` for one batch; one that
    takes more dies alone and is replaced.
    """

    def __init__(
        self,
        workers: int = 2,
        *,
        memory: int = MEMORY,
        cpu_seconds: float = CPU_SECONDS,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._workers = workers
        self._memory = memory
        self._seconds = cpu_seconds
        self._idle = idle_seconds
        self._pool: ProcessPool | None = None
        self._busy = 0
        self._rest: asyncio.TimerHandle | None = None
        self._known = Known()

    async def check(self, source: str) -> Template:
        """The template of an untrusted source; raises `Invalid`."""
        return _answer(await self._run(cell.check, source, self._seconds))

    async def diff(self, before: str, after: str, names: tuple[str, str]) -> Difference:
        return _answer(await self._run(cell.diff, before, after, names, self._seconds))

    async def render(
        self, source: str, examples: Sequence[Example], rows: Sequence[dict[str, Any]]
    ) -> list[Prompt | Refusal]:
        """One prompt, or why there is none, for each row in order.

        Raises `Invalid` where the template or the examples are wrong for every row.
        """
        shown = orjson.dumps([{"inputs": e.inputs, "response": e.response} for e in examples])
        found: list[Prompt | Refusal | None] = [*self._known.find(source, shown, rows)]
        new = [row for row, prompt in zip(rows, found, strict=True) if prompt is None]
        rendered: list[Prompt | Refusal] = await self._each(new, cell.render, source, shown)
        self._known.remember(source, shown, new, rendered)
        rest = iter(rendered)
        return [next(rest) if prompt is None else prompt for prompt in found]

    async def check_texts(self, sources: Mapping[str, str]) -> list[str]:
        """The names that untrusted templates of texts want to be given; raises `Invalid`, naming
        the template by its key.
        """
        return _answer(await self._run(cell.check_texts, list(sources.items()), self._seconds))

    async def write(
        self, sources: Mapping[str, str], rows: Sequence[dict[str, Any]]
    ) -> list[dict[str, str] | Refusal]:
        """The texts by key, or why there are none, for each row in order.

        Raises `Invalid` where a template is wrong for every row.
        """
        return await self._each(rows, cell.write, list(sources.items()))

    async def _each(
        self, rows: Sequence[Any], function: Callable[..., list[T | Refusal] | Refusal], *given: Any
    ) -> list[T | Refusal]:
        done: list[T | Refusal] = []
        size, deaths = HOP, 0
        while len(done) < len(rows):
            batch = rows[len(done) : len(done) + size]
            answer = await self._run(function, *given, batch, self._seconds)
            if isinstance(answer, list):
                done += answer
            elif answer != cell.TOO_MUCH:
                raise answer.raised()
            elif len(batch) > 1:
                size = 1  # find the row that is too much, and let the others through
            else:
                deaths += 1
                done.append(answer)
                if deaths == _MOST_DEATHS:
                    done += [answer] * (len(rows) - len(done))
        return done

    async def close(self) -> None:
        if self._rest is not None:
            self._rest.cancel()
        pool, self._pool = self._pool, None
        if pool is not None:
            await asyncio.to_thread(_stop, pool)

    async def _run(self, function: Callable[..., T | Refusal], *args: Any) -> T | Refusal:
        self._busy += 1
        try:
            return await self._answer_of(function, args)
        finally:
            self._busy -= 1
            if self._rest is not None:
                self._rest.cancel()
            self._rest = asyncio.get_running_loop().call_later(self._idle, self._let_go)

    def _let_go(self) -> None:
        if self._busy or self._pool is None:
            return
        pool, self._pool = self._pool, None
        asyncio.get_running_loop().run_in_executor(None, _stop, pool)

    async def _answer_of(
        self, function: Callable[..., T | Refusal], args: Sequence[Any]
    ) -> T | Refusal:
        for last in (False, True):
            pool = self._started()
            try:
                future = pool.schedule(function, args=args, timeout=WALL_SECONDS)
                return await asyncio.wrap_future(future)
            except (TimeoutError, ProcessExpired, MemoryError):
                return cell.TOO_MUCH
            except (BrokenProcessPool, RuntimeError):
                # A worker was killed from outside while idle: pebble gives up the whole pool.
                if self._pool is pool:
                    self._pool = None
                    await asyncio.to_thread(_stop, pool)
                if last:
                    raise
        raise AssertionError("unreachable")

    def _started(self) -> ProcessPool:
        if self._pool is None:
            self._pool = ProcessPool(
                max_workers=self._workers,
                max_tasks=_RECYCLED_AFTER,
                initializer=cell.prepare,
                initargs=[self._memory],
                context=_context(),
            )
        return self._pool


def _context() -> Any:
    """Workers are forked from a clean server: quick to start, and heirs to no descriptor."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = _Context()
    context.set_forkserver_preload([cell.__name__])
    return context


class _Worker(ForkServerProcess):
    """Does not import the program it serves: 0.4 s instead of 1.3 s to start, and 40 MB less.

    A child imports the parent's `__main__` in case what it runs is defined there. Here that would
    be the whole command line, in every worker; and nothing of ours is defined there.
    """

    def start(self) -> None:
        with _starting:
            program = sys.modules["__main__"]
            sys.modules["__main__"] = ModuleType("__main__")
            try:
                super().start()
            finally:
                sys.modules["__main__"] = program


class _Context(ForkServerContext):
    Process = _Worker


_starting = Lock()


def _stop(pool: ProcessPool) -> None:
    pool.stop()  # type: ignore[no-untyped-call]  # pebble types its arguments only
    pool.join()


def _answer(value: T | Refusal) -> T:
    if isinstance(value, Refusal):
        raise value.raised()
    return value
