"""A chunk's questions, each asked as soon as the teacher has a place for it.

One question of a chunk waits for a place at a time, so that jobs take turns by the question, and
what is not wanted any more was never asked.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Container
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from app.jobs.ask import Asker
from app.jobs.lane import Course
from app.prompts.prompt import Prompt
from app.teachers.failures import TeacherFailure
from app.teachers.gate import Place


class Askable(Protocol):
    @property
    def item(self) -> int: ...

    @property
    def prompt(self) -> Prompt | None:
        """Without one, it is not asked."""


Q = TypeVar("Q", bound=Askable)


@dataclass(slots=True)
class Feed(Generic[Q]):
    asker: Asker
    pending: deque[Q]
    course: Course
    at_most: int | None
    """Of this chunk's questions at a time, where the teacher's places are not all that counts."""
    suspects: Container[int]
    """Items that are asked with nothing else out."""
    wanted: Callable[[Q], bool]
    """Asked once there is a place."""
    ask: Callable[[Q, Prompt, Place], Awaitable[None]]
    """Holds the place until it returns."""
    trouble: TeacherFailure | None = None
    """Why nothing more is asked."""
    _out: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self) -> TeacherFailure | None:
        """Until nothing is left to be asked, or should be; then until all replies are there."""
        feeding = asyncio.create_task(self._feed())
        stopped = asyncio.create_task(self.course.stop.wait())
        try:
            await asyncio.wait({feeding, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not feeding.done():
                feeding.cancel()
            with suppress(asyncio.CancelledError):
                await feeding
            while self._out:
                await self._some_end()
        finally:
            tasks = [feeding, stopped, *self._out]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return self.trouble

    async def _feed(self) -> None:
        gate = self.asker.client.gate
        gate.ahead += len(self.pending)
        beginning = _beginning(self.pending)
        try:
            while self.pending and self.trouble is None:
                while self.at_most is not None and len(self._out) >= self.at_most:
                    await self._some_end()
                alone = self.pending[0].item in self.suspects
                place = self.asker.place(beginning=beginning, alone=alone)
                try:
                    await place.enter()
                except TeacherFailure as failure:
                    self.trouble = self.trouble or failure
                    return
                question = self.pending.popleft()
                gate.ahead -= 1
                if not self.pending or gate.ahead < gate.limit:
                    self.course.near_end.set()
                self._ask(question, place)
        finally:
            gate.ahead -= len(self.pending)

    def _ask(self, question: Q, place: Place) -> None:
        if self.trouble is not None or question.prompt is None or not self.wanted(question):
            place.leave()
            return
        task = asyncio.create_task(self._one(question, question.prompt, place))
        # Also of one that is cancelled before its first step.
        task.add_done_callback(lambda _: place.leave())
        self._out.add(task)

    async def _one(self, question: Q, prompt: Prompt, place: Place) -> None:
        try:
            await self.ask(question, prompt, place)
        except TeacherFailure as failure:
            self.trouble = self.trouble or failure

    async def _some_end(self) -> None:
        """Raises what one of them raised."""
        done, self._out = await asyncio.wait(self._out, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()


def _beginning(pending: deque[Q]) -> int | None:
    """What the prompts of a chunk have in common, but for their rows."""
    first = next((one.prompt for one in pending if one.prompt is not None), None)
    return None if first is None else hash(tuple(turn.content for turn in first.messages[:-1]))
