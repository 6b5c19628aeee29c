"""Asking the teacher for one item, with all the retries there are: nothing below this retries.

| the teacher                         | then                                          |
|-------------------------------------|-----------------------------------------------|
| is busy (503, 429)                  | asked again later; no attempt used            |
| broke this attempt                  | asked again, three times in all, then `Failed` |
| refuses this request for good (4xx) | `Failed` at once                               |
| is down, or does not know us        | raised: the chunk goes back                    |

Whoever waits to ask again has no place: another asks meanwhile.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from random import uniform
from typing import Any

from app.prompts.prompt import Prompt
from app.teachers.client import TeacherClient
from app.teachers.completion import Completion
from app.teachers.failures import (
    AttemptFailed,
    RequestRefused,
    TeacherBusy,
    TeacherDown,
    TeacherFailure,
)
from app.teachers.gate import Party, Place
from app.teachers.sampling import Sampling

MOST_ATTEMPTS = 3
JOBS_RANK = 100
"""On the wire a job of the highest priority, 100, has 0, and others more: the lower, the sooner."""
PREVIEW_RANK = -JOBS_RANK - 10
"""Somebody waits for a preview: it goes before all jobs, with -10."""

_FIRST_WAIT, _LONGEST_WAIT = 0.5, 30.0


@dataclass(frozen=True, slots=True)
class Answered:
    completions: Sequence[Completion]


@dataclass(frozen=True, slots=True)
class Unanswered:
    reason: str
    detail: str
    attempts: int


@dataclass(slots=True)
class Asker:
    """Asks one teacher for the items of one chunk."""

    client: TeacherClient
    sampling: Sampling
    schema: dict[str, Any] | None
    deadline: float
    party: Party = field(default_factory=Party)
    out: AbstractContextManager[None] = field(default_factory=nullcontext)
    """Entered for as long as a request is out."""
    any_success: bool = False

    def place(self, **more: Any) -> Place:
        return self.client.place(self.party, **more)

    async def ask(
        self, prompt: Prompt, request_id: str, place: Place | None = None
    ) -> Answered | Unanswered:
        """A place that is given has been entered; it is held until its owner leaves it. Raises
        `TeacherDown` or `TeacherMisconfigured` where the item is not to blame.
        """
        if place is not None:
            return await self._ask(prompt, request_id, place)
        own = self.place()
        try:
            return await self._ask(prompt, request_id, own)
        finally:
            own.leave()

    async def _ask(self, prompt: Prompt, request_id: str, place: Place) -> Answered | Unanswered:
        used = tries = 0
        while True:
            tries += 1
            try:
                if place.endpoint is None:
                    await place.enter()
                completions = await self._once(prompt, f"{request_id}.{tries}", place)
            except RequestRefused as failure:
                return Unanswered(failure.reason, failure.message, used + 1)
            except TeacherBusy as failure:
                await self._wait(place, failure, tries)
            except AttemptFailed as failure:
                used += 1
                if used == MOST_ATTEMPTS:
                    return await self._given_up(failure, used)
                await self._wait(place, failure, tries)
            else:
                self.any_success = True
                return Answered(completions)

    async def _once(self, prompt: Prompt, request_id: str, place: Place) -> Sequence[Completion]:
        with self.out:
            return await self.client.ask(
                prompt.messages,
                self.sampling,
                request_id=request_id,
                schema=self.schema,
                deadline=self.deadline,
                place=place,
                priority=self.party.rank + JOBS_RANK,
            )

    async def _wait(self, place: Place, failure: TeacherFailure, tries: int) -> None:
        place.leave()
        if failure.retry_after is not None:
            await asyncio.sleep(failure.retry_after)
            return
        longest = min(_FIRST_WAIT * 2.0 ** (tries - 1), _LONGEST_WAIT)
        await asyncio.sleep(uniform(0, longest))  # noqa: S311  (nothing here is secret)

    async def _given_up(self, failure: AttemptFailed, used: int) -> Unanswered:
        # Nobody in this chunk has had an answer: is it the items, or the teacher?
        if not self.any_success and not await self.client.healthy():
            raise TeacherDown(failure.reason, failure.message) from failure
        return Unanswered(failure.reason, failure.message, used)
