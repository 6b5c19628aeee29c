"""A prompt with a better and a worse answer."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import Field

from app.datasets.conversation import Asking, turn_of
from app.datasets.exporter import Row, Use, exporters, joined
from app.datasets.features import Features, Kind


@exporters.register("preference")
class Preference(Asking, frozen=True):
    """The columns `prompt`, `chosen` and `rejected`: texts, or lists of turns."""

    uses = (
        Use("TRL DPO, ORPO, CPO, reward", "`DPOTrainer`, `trl dpo`, `RewardTrainer` and the like"),
        Use("Axolotl", "`rl: dpo`; texts with `type: chatml.prompt_pairs`"),
        Use("LLaMA-Factory", "`ranking: true` by the version's `dataset_info.json`, for texts"),
    )
    example = {"prompt": ("question",), "chosen": ("answer",), "rejected": ("worse",)}

    chosen: tuple[str, ...] = Field(min_length=1, max_length=100, examples=[["answer"]])
    """The fields of the better answer, joined by blank lines."""
    rejected: tuple[str, ...] = Field(min_length=1, max_length=100, examples=[["worse"]])
    """The fields of the worse answer, joined by blank lines."""
    as_turns: bool = False
    """Write lists of turns, with `role` and `content`, instead of texts."""

    def reads(self) -> Mapping[str, Iterable[str]]:
        return {**super().reads(), "chosen": self.chosen, "rejected": self.rejected}

    def features(self, columns: Features) -> Features:  # noqa: ARG002  (the same for any corpus)
        kind: Kind = "chat" if self.as_turns else "string"
        return {"prompt": kind, "chosen": kind, "rejected": kind}

    def __call__(self, row: Row, features: Features) -> dict[str, Any]:  # noqa: ARG002  (likewise)
        chosen, rejected = joined(row.fields, self.chosen), joined(row.fields, self.rejected)
        return {
            "prompt": self.written(row, as_turns=self.as_turns),
            "chosen": [turn_of("assistant", chosen)] if self.as_turns else chosen,
            "rejected": [turn_of("assistant", rejected)] if self.as_turns else rejected,
        }

    def registry(self) -> dict[str, Any] | None:
        if self.as_turns:
            return None
        columns = {"prompt": "prompt", "chosen": "chosen", "rejected": "rejected"}
        return {"ranking": True, "columns": columns}
