"""What stands behind a record: what a teacher was asked, and what it said."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.prompts.prompt import Message


@dataclass(frozen=True, slots=True)
class Exchange:
    prompt: tuple[Message, ...] = ()
    """As it was sent: system, few-shot turns, the row's own turn. Empty where it was not asked
    for."""
    reply: str = ""
    """As it came."""
    reasoning: str | None = None
    """What the teacher thought before it, where it said so apart from the reply."""

    @property
    def system(self) -> str | None:
        return next((turn.content for turn in self.prompt if turn.role == "system"), None)

    @property
    def shown(self) -> tuple[Message, ...]:
        """The few-shot turns."""
        return tuple(turn for turn in self.prompt[:-1] if turn.role != "system")

    @property
    def size(self) -> int:
        """Its characters."""
        said = len(self.reply) + len(self.reasoning or "")
        return said + sum(len(turn.content) for turn in self.prompt)

    @property
    def asked(self) -> str:
        """The row's own turn."""
        return self.prompt[-1].content


class Exchanges(Protocol):
    """Finds exchanges. Jobs know how; they lie further downstream."""

    async def behind(
        self, session: AsyncSession, records: Sequence[UUID], *, prompts: bool, replies: bool
    ) -> Sequence[Exchange]:
        """One for each record, in their order; reads no more than is wanted. The reasoning is
        known wherever there was any.

        Raises `Conflict`, naming the record, where nobody was asked or a text is gone.
        """
        ...
