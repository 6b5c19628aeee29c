"""A prompt, an answer, and whether it is a good one."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import Field

from app.datasets.conversation import Answered
from app.datasets.exporter import Row, Use, exporters
from app.datasets.features import Features, Misfit
from app.errors import Invalid

_NUMBERS = ("int64", "float64")


@exporters.register("kto")
class Kto(Answered, frozen=True):
    """The columns `prompt`, `completion` and `label`: true for an answer worth learning from."""

    uses = (
        Use("TRL KTO", "`KTOTrainer`, `trl kto`"),
        Use("LLaMA-Factory", "`stage: kto` by the version's `dataset_info.json`, for texts"),
        Use("Axolotl", "`rl: kto`; texts with `type: chatml.prompt_pairs`"),
    )
    example = {"prompt": ("question",), "completion": ("answer",), "label": "good"}

    label: str = Field(min_length=1, examples=["good"])
    """The field that says so: true or false, or a number, for which see `at_least`."""
    at_least: float | None = Field(default=None, allow_inf_nan=False, examples=[4])
    """Where the field is a number, such as a score: the least that makes an answer a good one."""
    as_turns: bool = False
    """Write lists of turns, with `role` and `content`, instead of texts."""

    @property
    def speaks_in_turns(self) -> bool:
        return self.as_turns

    def reads(self) -> Mapping[str, Iterable[str]]:
        return {**super().reads(), "label": (self.label,)}

    def check(self, columns: Features, at: str = "/layout") -> None:
        super().check(columns, at)
        kind = columns[self.label]
        if self.at_least is None and kind != "bool":
            raise Invalid.at(
                f"{at}/label", "should be a field of true and false, or come with at_least", kind
            )
        if self.at_least is not None and kind not in _NUMBERS:
            raise Invalid.at(f"{at}/label", "should be a field of numbers, for at_least", kind)

    def features(self, columns: Features) -> Features:  # noqa: ARG002  (the same for any corpus)
        return {
            "prompt": "chat" if self.as_turns else "string",
            "completion": self.turn_kind if self.as_turns else "string",
            "label": "bool",
            **self.apart_features,
        }

    def __call__(self, row: Row, features: Features) -> dict[str, Any]:  # noqa: ARG002  (likewise)
        return {
            "prompt": self.written(row, as_turns=self.as_turns),
            "completion": [self.answering_turn(row)] if self.as_turns else self.answer(row),
            "label": self._is_good(row.fields.get(self.label)),
            **self.apart(row),
        }

    def registry(self) -> dict[str, Any] | None:
        if self.as_turns:
            return None
        return {"columns": {"prompt": "prompt", "response": "completion", "kto_tag": "label"}}

    def _is_good(self, value: Any) -> bool:
        if self.at_least is None and isinstance(value, bool):
            return value
        if self.at_least is not None and type(value) in {int, float}:
            return bool(value >= self.at_least)
        raise Misfit(f"{self.label} is neither good nor bad")
