"""Alpaca's columns."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import Field

from app.datasets.conversation import Answered, PlainReasoning
from app.datasets.exporter import Row, Use, exporters, joined
from app.datasets.features import Features


@exporters.register("alpaca")
class Alpaca(Answered, frozen=True):
    """The columns `instruction`, `input` and `output`, and `system` where there is a system turn.

    Few-shot turns stand before the instruction, with blank lines between.
    """

    uses = (
        Use("LLaMA-Factory", "`formatting: alpaca` by the version's `dataset_info.json`"),
        Use("Axolotl", "`type: alpaca`; with a system turn `type: alpaca_w_system.load`"),
        Use("torchtune", "`alpaca_dataset`"),
    )
    example = {"prompt": ("question",), "completion": ("answer",), "system_text": "Be brief."}

    input: tuple[str, ...] = Field(default=(), max_length=100, examples=[["context"]])
    """The fields that are written as `input`, joined by blank lines; by default it is empty."""
    reasoning: PlainReasoning = "drop"
    """Where the teacher's reasoning goes: nowhere, into a column `reasoning`, or before the output
    as `<think>…</think>`."""

    def reads(self) -> Mapping[str, Iterable[str]]:
        return {**super().reads(), "input": self.input}

    def features(self, columns: Features) -> Features:  # noqa: ARG002  (the same for any corpus)
        names = ("instruction", "input", "output", *(("system",) if self._has_system else ()))
        return {**dict.fromkeys(names, "string"), **self.apart_features}

    def __call__(self, row: Row, features: Features) -> dict[str, Any]:  # noqa: ARG002  (likewise)
        turns = [turn for turn in self.turns(row) if turn["role"] != "system"]
        made: dict[str, Any] = {
            "instruction": "\n\n".join(turn["content"] or "" for turn in turns),
            "input": joined(row.fields, self.input),
            "output": self.answer(row),
        }
        if self._has_system:
            made["system"] = self.system_turn(row) or ""
        return made | self.apart(row)

    def registry(self) -> dict[str, Any]:
        columns = {"prompt": "instruction", "query": "input", "response": "output"}
        return {"columns": columns | ({"system": "system"} if self._has_system else {})}

    @property
    def _has_system(self) -> bool:
        return self.system or self.system_text is not None
