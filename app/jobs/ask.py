"""Asking the teacher for one item, with all the retries there are: nothing below this retries.

| the teacher                         | then                                          |
|-------------------------------------|-----------------------------------------------|
| is busy (503, 429)                  | the slot waits and asks again; no attempt used |
| broke this attempt                  | asked again, three times in all, then `Failed` |
| refuses this request for good (4xx) | `Failed` at once                               |
| is down, or does not know us        | raised: the chunk goes back                    |
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    wait_random_exponential,
)

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
from app.teachers.sampling import Sampling

MOST_ATTEMPTS = 3

_backoff = wait_random_exponential(multiplier=0.5, max=30)


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
    out: AbstractContextManager[None] = field(default_factory=nullcontext)
    """Entered for as long as a request is out."""
    any_success: bool = False

    async def ask(self, prompt: Prompt, request_id: str) -> Answered | Unanswered:
        """Raises `TeacherDown` or `TeacherMisconfigured` where the item is not to blame."""
        attempts = count(1)
        used = 0
        earlier: list[TeacherFailure] = []

        async def once() -> Sequence[Completion]:
            nonlocal used
            if earlier:
                raise earlier.pop()
            try:
                with self.out:
                    return await self.client.ask(
                        prompt.messages,
                        self.sampling,
                        request_id=f"{request_id}.{next(attempts)}",
                        schema=self.schema,
                        deadline=self.deadline,
                    )
            except AttemptFailed:
                used += 1
                raise

        def spent(_state: RetryCallState) -> bool:
            return used >= MOST_ATTEMPTS

        try:
            try:
                completions = await once()
            except (TeacherBusy, AttemptFailed) as failure:
                # Retrying begins with what went wrong: made for every item, it would cost more
                # than asking does.
                earlier.append(failure)
                completions = await AsyncRetrying(
                    retry=retry_if_exception_type((TeacherBusy, AttemptFailed)),
                    wait=_wait,
                    stop=spent,
                    reraise=True,
                )(once)
        except RequestRefused as failure:
            return Unanswered(failure.reason, failure.message, used + 1)
        except AttemptFailed as failure:
            # Nobody in this chunk has had an answer: is it the items, or the teacher?
            if not self.any_success and not await self.client.healthy():
                raise TeacherDown(failure.reason, failure.message) from failure
            return Unanswered(failure.reason, failure.message, used)
        self.any_success = True
        return Answered(completions)


def _wait(state: RetryCallState) -> float:
    failure = state.outcome.exception() if state.outcome else None
    if isinstance(failure, TeacherFailure) and failure.retry_after is not None:
        return failure.retry_after
    return _backoff(state)
