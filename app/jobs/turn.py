"""A slot's turn: its chunks one after another, each begun before the one before has quite ended."""

import asyncio
from collections.abc import Awaitable, Callable

_MOST = 4
"""Chunks of one slot at a time: one that is asked for, and the last replies of others. A reply that
takes for ever holds up a slot only when this many chunks have one."""


async def overlapping(
    begin: Callable[[asyncio.Event], Awaitable[asyncio.Task[bool] | None]],
    may_go_on: Callable[[], Awaitable[bool]],
) -> None:
    """Begin chunks until there are none, or one answers that there should be no more; then wait for
    all of them. `begin` is given what the chunk sets when the next one may begin, and answers
    nothing where none is ready. What one raises is raised, after the others were cancelled.
    """
    out: set[asyncio.Task[bool]] = set()
    fit = True
    try:
        while fit and await may_go_on():
            near_end = asyncio.Event()
            chunk = await begin(near_end)
            if chunk is None:
                # The end of one may be what makes more of them ready.
                if not out:
                    return
                fit = await _next_end(out)
                continue
            out.add(chunk)
            fit = await _near_end(chunk, near_end)
            while fit and len(out) == _MOST:
                fit = await _next_end(out)
            done = {task for task in out if task.done()}
            out -= done
            answers = [task.result() for task in done]
            fit = fit and all(answers)
        while out:
            await _next_end(out)
    finally:
        for task in out:
            task.cancel()
        await asyncio.gather(*out, return_exceptions=True)


async def _near_end(chunk: asyncio.Task[bool], near_end: asyncio.Event) -> bool:
    """Until the next one may begin; answers whether it should."""
    waiting = asyncio.create_task(near_end.wait())
    try:
        await asyncio.wait({chunk, waiting}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
    return chunk.result() if chunk.done() else True


async def _next_end(out: set[asyncio.Task[bool]]) -> bool:
    """Until one of them has ended, which is taken out; answers whether more should begin."""
    done, _ = await asyncio.wait(out, return_when=asyncio.FIRST_COMPLETED)
    out -= done
    answers = [task.result() for task in done]
    return all(answers)
