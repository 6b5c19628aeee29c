"""Chat turns, as chat trainers read them."""

from typing import Any

from app.datasets.conversation import Answered
from app.datasets.exporter import Row, Use, exporters
from app.datasets.features import Features


@exporters.register("messages")
class Messages(Answered, frozen=True):
    """The column `messages`: turns with `role` and `content`, the last of them the assistant's.

    What most trainers read, and nothing beside it that could confuse one: GKD, say, wants no
    column `prompt`.
    """

    uses = (
        Use("TRL SFT", "`SFTTrainer`, `trl sft`"),
        Use("TRL GKD", "`GKDTrainer`, which wants `messages` and no `prompt`"),
        Use("Axolotl", "`type: chat_template`"),
        Use("torchtune", "`chat_dataset` with `conversation_style: openai`"),
        Use("LLaMA-Factory", "`formatting: sharegpt` by the version's `dataset_info.json`"),
    )
    example = {"system": True, "completion": ("answer",), "reasoning": "reasoning_content"}

    def features(self, columns: Features) -> Features:  # noqa: ARG002  (the same for any corpus)
        return {"messages": self.turn_kind, **self.apart_features}

    def __call__(self, row: Row, features: Features) -> dict[str, Any]:  # noqa: ARG002  (likewise)
        return {"messages": [*self.turns(row), self.answering_turn(row)], **self.apart(row)}

    def registry(self) -> dict[str, Any]:
        return {
            "formatting": "sharegpt",
            "columns": {"messages": "messages"},
            "tags": {
                "role_tag": "role",
                "content_tag": "content",
                "user_tag": "user",
                "assistant_tag": "assistant",
                "system_tag": "system",
            },
        }
