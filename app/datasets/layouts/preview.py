"""A few rows as a version would have them, with nothing stored."""

from typing import Any

from pydantic import BaseModel, Field

from app.corpus.selection import Selection
from app.datasets import publish, store
from app.datasets.dress import Dressed, Dresser
from app.datasets.exporter import Format
from app.datasets.exporters import Records
from app.datasets.features import Kind
from app.datasets.ground import picked, survey
from app.datasets.shards import Sizes
from app.datasets.spec import Layout, VersionSpec
from app.db import Database
from app.names import Ref

MOST_ROWS = 20


_EXAMPLE = {"layout": {"name": "messages", "system": True, "completion": ["answer"]}, "rows": 3}


class PreviewSpec(
    BaseModel, frozen=True, extra="forbid", json_schema_extra={"examples": [{}, _EXAMPLE]}
):
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
    whole = VersionSpec(selection=spec.selection, layout=spec.layout)
    async with database.unit_of_work() as session:
        await store.take_snapshot(session)
        dataset, _ = await publish.get(session, ref)
        ground = await survey(session, dataset, whole, Sizes())
        dressed = Dressed(session, dresser, spec.layout, ground.columns)
        await dressed.check()
        picks = (await picked(session, ground, whole))[: spec.rows]
        rows = [row async for page in store.rows(session, picks, ground.origins) for row in page]
        written = [dressed.written(row) for row in await dressed.rows(rows)]
    return PreviewView(
        format=spec.layout.format,
        features=dict(spec.layout.features(ground.columns)),
        rows=written,
    )
