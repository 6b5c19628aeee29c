"""Watching a server while it has requests of ours: how loaded it is, and whether it gets on.

A frozen engine still says that it is well, and a slow one is not frozen: what tells them apart is
whether its count of tokens moves.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from app.teachers import gauges
from app.teachers.endpoints import Endpoint
from app.teachers.failures import TeacherDown, TeacherFailure
from app.teachers.gate import Gate
from app.teachers.gauges import Gauges
from app.teachers.line import Line, succeeded
from app.teachers.pace import Load

_MOST_FAILURES = 3
_BROKEN = 500
_SOONEST = 0.2
"""Of the time between two looks: a window that ends may ask for one before its time."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    every: float = 2.0
    """Seconds between two looks at a server's load. To write its page takes an engine 7 ms."""
    frozen_after: float = 60.0
    """Seconds without a token, while requests run, after which an engine is taken for frozen."""


async def watch(gate: Gate, endpoint: Endpoint, line: Line, beat: Heartbeat) -> None:
    """Until the server has nothing of ours any more, is found dead, or shows no load."""
    clock = asyncio.get_running_loop().time
    failed, moved_at = 0, clock()
    tokens: tuple[int, int] | None = None
    while endpoint.in_flight:
        try:
            seen = await _look(line)
        except TeacherFailure as failure:
            failed += 1
            if failed >= _MOST_FAILURES and not await line.healthy():
                why = f"it shows no load, and does not say that it is well: {failure.message}"
                gate.break_off(endpoint, TeacherDown("teacher.unreachable", why))
                return
        else:
            failed = 0
            endpoint.shows(None if seen is None else _load(seen), clock(), gate.cap)
            gate.serve()
            if seen is None:
                return
            now_at = (seen.prompt_tokens, seen.completion_tokens)
            if now_at != tokens or seen.running == 0:
                tokens, moved_at = now_at, clock()
            elif clock() - moved_at >= beat.frozen_after:
                why = (
                    f"it is frozen: {seen.running} requests run, "
                    f"and no token came for {beat.frozen_after:g} seconds"
                )
                gate.break_off(endpoint, TeacherDown("teacher.frozen", why))
                return
        await _until_wanted(endpoint, beat.every)


async def _look(line: Line) -> Gauges | None:
    seen = await line.get("/metrics")
    if seen.status >= _BROKEN:
        raise line.refusal(seen)
    return gauges.read(seen.body.decode("utf-8", "replace")) if succeeded(seen) else None


def _load(seen: Gauges) -> Load:
    return Load(seen.running, seen.waiting, seen.preemptions)


async def _until_wanted(endpoint: Endpoint, every: float) -> None:
    soonest = every * _SOONEST
    await asyncio.sleep(soonest)
    with suppress(TimeoutError):
        async with asyncio.timeout(every - soonest):
            await endpoint.look.wait()
    endpoint.look.clear()
