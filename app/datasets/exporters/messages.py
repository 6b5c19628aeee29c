"""Chat turns, as chat trainers read them."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import Field

from app.datasets.exporter import Exporter, Row, exporters, joined
from app.datasets.features import Features


@exporters.register("messages")
class Messages(Exporter, frozen=True):
    """The column `messages`: a user's turn and an assistant's, each with `role` and `content`."""

    prompt: tuple[str, ...] = Field(min_length=1, max_length=100, examples=[["question"]])
    """The fields that the user says, joined by blank lines."""
    completion: tuple[str, ...] = Field(min_length=1, max_length=100, examples=[["answer"]])
    """The fields that the assistant says, joined by blank lines."""

    def reads(self) -> Mapping[str, Iterable[str]]:
        return {"prompt": self.prompt, "completion": self.completion}

    def features(self, columns: Features) -> Features:  # noqa: ARG002  (the same for any corpus)
        return {"messages": "chat"}

    def __call__(self, row: Row, features: Features) -> dict[str, Any]:  # noqa: ARG002  (likewise)
        said = {
            "user": joined(row.fields, self.prompt),
            "assistant": joined(row.fields, self.completion),
        }
        return {"messages": [{"role": role, "content": text} for role, text in said.items()]}
