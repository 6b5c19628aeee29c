"""How tests ask a teacher: one chat, one client, ids that are never used twice."""

from typing import Any

from app.prompts.prompt import Message
from app.teachers.capabilities import Capabilities
from app.teachers.client import TeacherClient
from app.teachers.completion import Completion
from app.teachers.sampling import Sampling

MESSAGES = (
    Message("system", "You answer."),
    Message("user", "An example."),
    Message("assistant", "Its answer."),
    Message("user", "The question."),
)
ABLE = Capabilities(request_id_echo=True, extras=True, json_schema=True)
CAP = 100_000

numbers = iter(range(1_000_000))


async def ask(
    client: TeacherClient, sampling: Sampling | None = None, **more: Any
) -> tuple[Completion, ...]:
    return await client.ask(
        MESSAGES, sampling or Sampling(), request_id=f"job/item.{next(numbers)}", **more
    )
