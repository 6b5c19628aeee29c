"""What a teacher is asked: the rendered turns of one chat."""

from dataclasses import dataclass
from typing import Literal

Role = Literal["system", "user", "assistant"]


# Without slots: these come from another process by the hundred, and slots are slow to unpickle.
@dataclass(frozen=True)
class Message:
    role: Role
    content: str


@dataclass(frozen=True)
class Prompt:
    """Turns in the order they are sent: system, few-shot turns, then the seed row's own turn.

    All but the last are the same for every row of a chunk, so the teacher's prefix cache serves
    them; `digest` (16 bytes) covers them all.
    """

    messages: tuple[Message, ...]
    digest: bytes
