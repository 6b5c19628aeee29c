"""A few rows as a version would have them, with nothing stored."""

from contextlib import aclosing
from typing import Any

from pydantic import BaseModel, Field

from app.corpus.selection import Selection
from app.datasets import publish, store
from app.datasets.dress import Dresser
from app.datasets.exporter import Format, Row
from app.datasets.exporters import Records
from app.datasets.features import Kind, Misfit
from app.datasets.freeze import chosen, columns_of
from app.datasets.spec import Layout
from app.db import Database
from app.errors import Conflict
from app.names import Ref

MOST_ROWS = 20


class PreviewSpec(BaseModel, frozen=True, extra="forbid"):
    selection: Selection = Selection()
    layout: Layout = Field(default_factory=Records)
    rows: int = Field(default=3, ge=1, le=MOST_ROWS)
    """How many, from the oldest on."""


class PreviewView(BaseModel):
    format: Format
    """Of the files that a version would have."""
    features: dict[str, Kind]
    rows: list[dict[str, Any]]


async def preview(database: Database, ref: Ref, spec: PreviewSpec, dresser: Dresser) -> PreviewView:
    """Refuses what publishing would refuse, as far as these rows show it; no rows are no error."""
    async with database.unit_of_work() as session:
        await store.take_snapshot(session)
        dataset, _ = await publish.get(session, ref)
        columns = await columns_of(session, dataset.corpus_id)
        await dresser.check(spec.layout, columns)
        known = await store.origins(session, dataset.corpus_id)
        jobs = chosen(spec.selection, known)
        first: list[Row] = []
        pages = store.rows(session, dataset.corpus_id, jobs, spec.selection, known)
        async with aclosing(pages):
            async for page in pages:
                first = page[: spec.rows]
                break
        dressed = await dresser.dressed(session, spec.layout, columns, first)
    features = spec.layout.features(columns)
    return PreviewView(
        format=spec.layout.format,
        features=dict(features),
        rows=[_shown(spec.layout, row, features) for row in dressed],
    )


def _shown(layout: Layout, row: Row, features: Any) -> dict[str, Any]:
    try:
        return layout(row, features)
    except Misfit as error:
        raise Conflict("dataset.misfit", f"record {row.id} cannot be published: {error}") from error
