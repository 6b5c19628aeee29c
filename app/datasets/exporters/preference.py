"""A prompt with a better and a worse answer."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import Field

from app.datasets.conversation import Asking, turn_of
from app.datasets.exporter import Row, Use, exporters, joined
from app.datasets.features import Features, Kind
from app.errors import Invalid


@exporters.register("preference")
class Preference(Asking, frozen=True):
    """The columns `prompt`, `chosen` and `rejected`: texts, or lists of turns; or `chosen` and
    `rejected` alone, each with the prompt in it.
    """

    uses = (
        Use("TRL DPO, ORPO, CPO, reward", "`DPOTrainer`, `trl dpo`, `RewardTrainer` and the like"),
        Use(
            "Axolotl",
            "`rl: dpo`: texts with `type: chatml.prompt_pairs`, turns with "
            "`type: chat_template.default` and `field_messages: prompt`",
        ),
        Use("torchtune", "`preference_dataset`, with `implicit_prompt`"),
        Use("LLaMA-Factory", "`ranking: true` by the version's `dataset_info.json`, for texts"),
    )
    example = {"prompt": ("question",), "chosen": ("answer",), "rejected": ("worse",)}

    chosen: tuple[str, ...] = Field(min_length=1, max_length=100, examples=[["answer"]])
    """The fields of the better answer, joined by blank lines."""
    rejected: tuple[str, ...] = Field(min_length=1, max_length=100, examples=[["worse"]])
    """The fields of the worse answer, joined by blank lines."""
    as_turns: bool = False
    """Write lists of turns, with `role` and `content`, instead of texts."""
    implicit_prompt: bool = False
    """Write no column `prompt`, and both answers as whole conversations, with `as_turns`."""

    def reads(self) -> Mapping[str, Iterable[str]]:
        return {**super().reads(), "chosen": self.chosen, "rejected": self.rejected}

    def check(self, columns: Features, at: str = "/layout") -> None:
        super().check(columns, at)
        if self.implicit_prompt and not self.as_turns:
            raise Invalid.at(f"{at}/as_turns", "should be true, for implicit_prompt", False)

    def features(self, columns: Features) -> Features:  # noqa: ARG002  (the same for any corpus)
        kind: Kind = "chat" if self.as_turns else "string"
        names = ("chosen", "rejected") if self.implicit_prompt else ("prompt", "chosen", "rejected")
        return dict.fromkeys(names, kind)

    def __call__(self, row: Row, features: Features) -> dict[str, Any]:  # noqa: ARG002  (likewise)
        answers = {
            "chosen": joined(row.fields, self.chosen),
            "rejected": joined(row.fields, self.rejected),
        }
        if not self.as_turns:
            return {"prompt": self.text(row), **answers}
        prompt = self.turns(row)
        before = prompt if self.implicit_prompt else []
        said = {name: [*before, turn_of("assistant", text)] for name, text in answers.items()}
        return said if self.implicit_prompt else {"prompt": prompt, **said}

    def registry(self) -> dict[str, Any] | None:
        if self.as_turns:
            return None
        columns = {"prompt": "prompt", "chosen": "chosen", "rejected": "rejected"}
        return {"ranking": True, "columns": columns}
