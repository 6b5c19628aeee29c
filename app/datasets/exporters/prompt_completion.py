"""What is asked, and what should be answered."""

from typing import Any

from app.datasets.conversation import Answered
from app.datasets.exporter import Row, Use, exporters
from app.datasets.features import Features


@exporters.register("prompt_completion")
class PromptCompletion(Answered, frozen=True):
    """The columns `prompt` and `completion`: two texts, or two lists of turns. Trainers count the
    loss on the completion alone.

    TRL puts nothing between two texts: for a student that chats, write turns.
    """

    uses = (
        Use("TRL SFT", "`SFTTrainer`, `trl sft`; TRL calls the form with turns conversational"),
        Use("torchtune", "`instruct_dataset`, `column_map: {input: prompt, output: completion}`"),
        Use("LLaMA-Factory", "`formatting: alpaca` by the version's `dataset_info.json`"),
    )
    example = {"completion": ("answer",)}

    as_turns: bool = False
    """Write lists of turns, with `role` and `content`, instead of texts; a text joins its turns by
    blank lines."""

    @property
    def speaks_in_turns(self) -> bool:
        return self.as_turns

    def features(self, columns: Features) -> Features:  # noqa: ARG002  (the same for any corpus)
        return {
            "prompt": "chat" if self.as_turns else "string",
            "completion": self.turn_kind if self.as_turns else "string",
            **self.apart_features,
        }

    def __call__(self, row: Row, features: Features) -> dict[str, Any]:  # noqa: ARG002  (likewise)
        return {
            "prompt": self.written(row, as_turns=self.as_turns),
            "completion": [self.answering_turn(row)] if self.as_turns else self.answer(row),
            **self.apart(row),
        }

    def registry(self) -> dict[str, Any] | None:
        if self.as_turns:
            return None
        return {"columns": {"prompt": "prompt", "response": "completion"}}
