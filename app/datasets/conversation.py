"""Layouts of a prompt and what answers it: from fields, or from the exchange with the teacher.

To train on a short prompt what a long one produced is context distillation: the fields, or the
last user turn alone, are the prompt, and the completion is what the teacher said to all of it.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import Field

from app.datasets.exporter import Exporter, Row, joined
from app.datasets.features import Features, Kind
from app.errors import Invalid

Turn = dict[str, str | None]
Reasoning = Literal["drop", "column", "inline", "reasoning_content"]
PlainReasoning = Literal["drop", "column", "inline"]
REASONING = "reasoning"
"""The column that `reasoning: column` adds."""


class Asking(Exporter, frozen=True):
    """A layout that has a prompt."""

    prompt: tuple[str, ...] | None = Field(
        default=None, min_length=1, max_length=100, examples=[["question"]]
    )
    """The fields that the user says, joined by blank lines; by default the user's turn that the
    teacher was asked, rendered again and checked against what was sent."""
    system: bool = False
    """Begin with the system turn that the teacher was given, if it was given one."""
    system_text: str | None = Field(
        default=None, min_length=1, max_length=20_000, examples=["You answer in one sentence."]
    )
    """Begin with this system turn, whatever the teacher was given."""
    few_shot: bool = False
    """Put the examples that the teacher was shown before the user's turn."""

    @property
    def wants_prompt(self) -> bool:
        teachers = self.system and self.system_text is None
        return self.prompt is None or teachers or self.few_shot

    def reads(self) -> Mapping[str, Iterable[str]]:
        return {"prompt": self.prompt or ()}

    def asked(self, row: Row) -> str:
        """The user's turn."""
        return row.heard.asked if self.prompt is None else joined(row.fields, self.prompt)

    def system_turn(self, row: Row) -> str | None:
        if self.system_text is not None:
            return self.system_text
        return row.heard.system if self.system else None

    def turns(self, row: Row) -> list[Turn]:
        """The prompt as a chat."""
        system = self.system_turn(row)
        made = [] if system is None else [turn_of("system", system)]
        if self.few_shot:
            made += [turn_of(turn.role, turn.content) for turn in row.heard.shown]
        return [*made, turn_of("user", self.asked(row))]

    def text(self, row: Row) -> str:
        """The prompt as one text: its turns, with a blank line between."""
        return "\n\n".join(turn["content"] or "" for turn in self.turns(row))

    def written(self, row: Row, *, as_turns: bool) -> list[Turn] | str:
        return self.turns(row) if as_turns else self.text(row)


class Answered(Asking, frozen=True):
    """A layout that has a prompt and what answers it."""

    completion: tuple[str, ...] | None = Field(
        default=None, min_length=1, max_length=100, examples=[["answer"]]
    )
    """The fields that the assistant says, joined by blank lines; by default the teacher's reply as
    it came, in which nothing is changed that a filter changed in the fields."""
    reasoning: Reasoning = "drop"
    """Where the teacher's reasoning goes: nowhere, into a column `reasoning`, before the
    completion as `<think>…</think>`, or beside it as the assistant turn's `reasoning_content`."""

    @property
    def wants_reply(self) -> bool:
        return self.completion is None

    @property
    def wants_reasoning(self) -> bool:
        return self.reasoning != "drop"

    def reads(self) -> Mapping[str, Iterable[str]]:
        return {**super().reads(), "completion": self.completion or ()}

    def check(self, columns: Features, at: str = "/layout") -> None:
        super().check(columns, at)
        if self.reasoning == "reasoning_content" and not self.speaks_in_turns:
            raise Invalid.at(
                f"{at}/reasoning", "should be column or inline: a text has no room for more", None
            )

    @property
    def speaks_in_turns(self) -> bool:
        """Whether what answers is a turn, and not a text."""
        return True

    @property
    def turn_kind(self) -> Kind:
        """Of a column that holds the assistant's turn."""
        return "reasoned_chat" if self.reasoning == "reasoning_content" else "chat"

    def answer(self, row: Row) -> str:
        """What the assistant says."""
        said = row.heard.reply if self.completion is None else joined(row.fields, self.completion)
        if self.reasoning == "inline" and row.heard.reasoning:
            return f"<think>\n{row.heard.reasoning}\n</think>\n\n{said}"
        return said

    def answering_turn(self, row: Row) -> Turn:
        turn = turn_of("assistant", self.answer(row))
        if self.reasoning == "reasoning_content":
            turn["reasoning_content"] = row.heard.reasoning
        return turn

    def apart(self, row: Row) -> dict[str, Any]:
        """The reasoning, where it has a column of its own."""
        return {REASONING: row.heard.reasoning} if self.reasoning == "column" else {}

    @property
    def apart_features(self) -> Features:
        return {REASONING: "string"} if self.reasoning == "column" else {}


def turn_of(role: str, content: str) -> Turn:
    return {"role": role, "content": content}
