"""Columns of one's own, each by a template."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from app.datasets.exporter import Exporter, Row, exporters
from app.datasets.exporters.text import LONGEST_TEMPLATE
from app.datasets.features import Features

Column = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$")]
Source = Annotated[str, StringConstraints(max_length=LONGEST_TEMPLATE)]


@exporters.register("custom")
class Custom(Exporter, frozen=True):
    """Columns of text, each written by a template over the record's fields."""

    example = {
        "columns": {"input": "### {{ question | upper }}", "length": "{{ answer | length }}"}
    }

    columns: dict[Column, Source] = Field(
        min_length=1, max_length=50, examples=[{"input": "### {{ question }}"}]
    )
    """Templates by column, in the language of prompt templates, without turns. A field that a
    record lacks is null. What a column says is text, whatever it looks like."""

    @property
    def templates(self) -> Mapping[str, str]:
        return {f"columns/{name}": source for name, source in self.columns.items()}

    def features(self, columns: Features) -> Features:  # noqa: ARG002  (the same for any corpus)
        return dict.fromkeys(self.columns, "string")

    def __call__(self, row: Row, features: Features) -> dict[str, Any]:  # noqa: ARG002  (likewise)
        return {name: row.texts[f"columns/{name}"] for name in self.columns}
