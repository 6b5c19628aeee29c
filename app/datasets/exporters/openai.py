"""OpenAI's fine-tuning files."""

from typing import Any, Literal

from app.datasets.conversation import Answered
from app.datasets.exporter import Row, Use, exporters
from app.datasets.features import Features


@exporters.register("openai")
class OpenAi(Answered, frozen=True):
    """JSON Lines instead of Parquet, each line `{"messages": […]}` and nothing beside it."""

    uses = (
        Use("OpenAI fine-tuning", "upload `data/train-00000-of-00001.jsonl`, method `supervised`"),
    )
    example = {"system_text": "Be brief.", "prompt": ("question",), "completion": ("answer",)}
    format = "jsonl"

    reasoning: Literal["drop", "inline"] = "drop"
    """Where the teacher's reasoning goes: nowhere, or before the completion as `<think>…</think>`.
    """

    def features(self, columns: Features) -> Features:  # noqa: ARG002  (the same for any corpus)
        return {"messages": "chat"}

    def __call__(self, row: Row, features: Features) -> dict[str, Any]:  # noqa: ARG002  (likewise)
        return {"messages": [*self.turns(row), self.answering_turn(row)]}
