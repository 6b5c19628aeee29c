"""One text a row."""

from collections.abc import Iterable, Mapping
from typing import Any, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from app.datasets.exporter import Exporter, Row, Use, exporters, joined
from app.datasets.features import Features

LONGEST_TEMPLATE = 20_000


@exporters.register("text")
class Text(Exporter, frozen=True):
    """The column `text`: fields joined by blank lines, or what a template makes of them."""

    uses = (
        Use("TRL SFT", "`SFTTrainer`, `trl sft`: language modelling on the whole text"),
        Use("Axolotl", "`type: completion`"),
        Use("torchtune", "`text_completion_dataset` with `column: text`"),
        Use("LLaMA-Factory", "`stage: pt` by the version's `dataset_info.json`"),
    )
    example = {"template": "Q: {{ question }}\nA: {{ answer }}"}

    fields: tuple[str, ...] = Field(default=(), max_length=100, examples=[["question", "answer"]])
    """The fields, joined by blank lines."""
    template: str | None = Field(
        default=None,
        min_length=1,
        max_length=LONGEST_TEMPLATE,
        examples=["Q: {{ question }}\nA: {{ answer }}"],
    )
    """Instead of `fields`: a text in the language of templates, without turns. A field that a
    record lacks is null."""

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if bool(self.fields) == (self.template is not None):
            raise PydanticCustomError("text", "should have either fields or a template")
        return self

    @property
    def templates(self) -> Mapping[str, str]:
        return {} if self.template is None else {"template": self.template}

    def reads(self) -> Mapping[str, Iterable[str]]:
        return {"fields": self.fields}

    def features(self, columns: Features) -> Features:  # noqa: ARG002  (the same for any corpus)
        return {"text": "string"}

    def __call__(self, row: Row, features: Features) -> dict[str, Any]:  # noqa: ARG002  (likewise)
        return {"text": joined(row.fields, self.fields) if self.fields else row.texts["template"]}

    def registry(self) -> dict[str, Any]:
        return {"columns": {"prompt": "text"}}
