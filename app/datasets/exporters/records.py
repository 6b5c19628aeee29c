"""The records as they are: one column a field."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import Field

from app.datasets.exporter import Exporter, Row, exporters
from app.datasets.features import Features, Kind, Misfit, fitted
from app.errors import Invalid

_LINEAGE: dict[str, Kind] = {
    "_id": "string",
    "_job_id": "string",
    "_item": "int64",
    "_sample": "int64",
    "_template": "string",
    "_few_shot": "string",
    "_teacher": "string",
}


@exporters.register("records")
class Records(Exporter, frozen=True):
    """One column for each field of the corpus, of its JSON type; lists and objects as JSON text."""

    fields: tuple[str, ...] | None = Field(
        default=None, min_length=1, max_length=1000, examples=[["question", "answer"]]
    )
    """Only these fields, in this order; by default all of them."""
    lineage: bool = False
    """Add where each row comes from: `_id`, `_job_id`, `_item`, `_sample`, `_template`,
    `_few_shot`, `_teacher`."""

    def reads(self) -> Mapping[str, Iterable[str]]:
        return {"fields": self.fields or ()}

    def check(self, columns: Features, at: str = "/layout") -> None:
        super().check(columns, at)
        taken = [name for name in self._chosen(columns) if name in _LINEAGE]
        if self.lineage and taken:
            raise Invalid.at(
                f"{at}/lineage", f"should be false: the corpus has a field {taken[0]!r} itself"
            )

    def features(self, columns: Features) -> Features:
        chosen = {name: columns[name] for name in self._chosen(columns)}
        return chosen | _LINEAGE if self.lineage else chosen

    def __call__(self, row: Row, features: Features) -> dict[str, Any]:
        made = {}
        for name, kind in features.items():
            try:
                made[name] = fitted(row.fields.get(name), kind)
            except Misfit as error:
                raise Misfit(f"{name}: {error}") from None
        if self.lineage:
            made |= _lineage(row)
        return made

    def _chosen(self, columns: Features) -> Iterable[str]:
        return columns if self.fields is None else self.fields


def _lineage(row: Row) -> dict[str, Any]:
    return {
        "_id": str(row.id),
        "_job_id": str(row.origin.job_id),
        "_item": row.item,
        "_sample": row.sample,
        "_template": row.origin.template,
        "_few_shot": row.origin.few_shot,
        "_teacher": row.origin.teacher,
    }
