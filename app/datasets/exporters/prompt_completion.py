"""Two texts a row: what is asked, and what should be answered."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import Field

from app.datasets.exporter import Exporter, Row, exporters, joined
from app.datasets.features import Features


@exporters.register("prompt_completion")
class PromptCompletion(Exporter, frozen=True):
    """The columns `prompt` and `completion`, as text."""

    prompt: tuple[str, ...] = Field(min_length=1, max_length=100, examples=[["question"]])
    """The fields that are asked, joined by blank lines."""
    completion: tuple[str, ...] = Field(min_length=1, max_length=100, examples=[["answer"]])
    """The fields that should be answered, joined by blank lines."""

    def reads(self) -> Mapping[str, Iterable[str]]:
        return {"prompt": self.prompt, "completion": self.completion}

    def features(self, columns: Features) -> Features:  # noqa: ARG002  (the same for any corpus)
        return {"prompt": "string", "completion": "string"}

    def __call__(self, row: Row, features: Features) -> dict[str, Any]:  # noqa: ARG002  (likewise)
        return {
            "prompt": joined(row.fields, self.prompt),
            "completion": joined(row.fields, self.completion),
        }
