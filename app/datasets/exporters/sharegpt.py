"""ShareGPT's turns: who speaks, and what."""

from typing import Any

from app.datasets.conversation import Answered, PlainReasoning
from app.datasets.exporter import Row, Use, exporters
from app.datasets.features import Features

_CALLED = {"user": "human", "assistant": "gpt", "system": "system"}


@exporters.register("sharegpt")
class ShareGpt(Answered, frozen=True):
    """The column `conversations`: turns with `from` (`system`, `human`, `gpt`) and `value`."""

    uses = (
        Use("LLaMA-Factory", "`formatting: sharegpt` by the version's `dataset_info.json`"),
        Use("torchtune", "`chat_dataset` with `conversation_style: sharegpt`"),
        Use("Axolotl", "`type: chat_template` with `field_messages: conversations`"),
    )
    example = {"prompt": ("question",), "completion": ("answer",), "system_text": "Be brief."}

    reasoning: PlainReasoning = "drop"
    """Where the teacher's reasoning goes: nowhere, into a column `reasoning`, or before the
    completion as `<think>…</think>`."""

    def features(self, columns: Features) -> Features:  # noqa: ARG002  (the same for any corpus)
        return {"conversations": "sharegpt", **self.apart_features}

    def __call__(self, row: Row, features: Features) -> dict[str, Any]:  # noqa: ARG002  (likewise)
        turns = [*self.turns(row), self.answering_turn(row)]
        made = [{"from": _CALLED[turn["role"] or ""], "value": turn["content"]} for turn in turns]
        return {"conversations": made, **self.apart(row)}

    def registry(self) -> dict[str, Any]:
        return {"formatting": "sharegpt", "columns": {"messages": "conversations"}}
