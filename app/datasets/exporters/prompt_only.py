"""What is asked, and nothing more: for training on what the student itself answers."""

from typing import Any

from app.datasets.conversation import Asking
from app.datasets.exporter import Row, Use, exporters
from app.datasets.features import Features


@exporters.register("prompt_only")
class PromptOnly(Asking, frozen=True):
    """The column `prompt`: a text, or a list of turns."""

    uses = (Use("TRL GRPO, RLOO, online DPO", "`GRPOTrainer`, `RLOOTrainer`, `OnlineDPOTrainer`"),)
    example = {"as_turns": True}

    as_turns: bool = False
    """Write a list of turns, with `role` and `content`, instead of a text."""

    def features(self, columns: Features) -> Features:  # noqa: ARG002  (the same for any corpus)
        return {"prompt": "chat" if self.as_turns else "string"}

    def __call__(self, row: Row, features: Features) -> dict[str, Any]:  # noqa: ARG002  (likewise)
        return {"prompt": self.written(row, as_turns=self.as_turns)}
