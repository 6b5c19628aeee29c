"""What a run asks for: the job as it stands, or what its corpus lacks and no more."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from app.corpus import store as corpora
from app.corpus.models import Corpus
from app.errors import Invalid
from app.jobs.schemas import JobSpec
from app.schedules import store
from app.schedules.schemas import TopUp
from app.seeds.cells import shares

MOST_CELLS = 10_000
"""Of a matrix that is topped up by stratum."""
MOST_JOBS = 100
"""In one run: the cells that lack most come first, the others get their turn in later runs."""


async def wanted(session: AsyncSession, job: JobSpec, top_up: TopUp | None) -> list[JobSpec]:
    """The jobs that a run has to submit; none where nothing is missing."""
    if top_up is None:
        return [job]
    corpus = await corpora.find(session, job.corpus)
    if top_up.records is not None and not job.stratify:
        there = 0 if corpus is None else await store.records_in(session, corpus.id)
        lacking = top_up.records - there
        return [_asking(job, lacking)] if lacking > 0 else []
    cells = cells_of(job)
    found = await _there(session, corpus, cells)
    gaps = [
        (quota - there, cell)
        for cell, quota, there in zip(cells, _quotas(job, top_up), found, strict=True)
        if there < quota
    ]
    gaps.sort(key=lambda gap: -gap[0])
    return [_asking(_only(job, cell), lacking) for lacking, cell in gaps[:MOST_JOBS]]


def _quotas(job: JobSpec, top_up: TopUp) -> list[int]:
    """What each cell is kept at."""
    if top_up.per_stratum is not None:
        return [top_up.per_stratum] * len(cells_of(job))
    return shares(top_up.records or 0, job.seeds.matrix or {})


def cells_of(job: JobSpec) -> list[dict[str, Any]]:
    """Every combination of the matrix's values. Raises `Invalid` where there are too many."""
    axes = {name: tuple(values) for name, values in (job.seeds.matrix or {}).items()}
    count = 1
    for values in axes.values():
        count *= len(values)
    if count > MOST_CELLS:
        raise Invalid.at(
            "/job/seeds/matrix",
            f"should have at most {MOST_CELLS} cells to be topped up by stratum; it has {count}",
        )
    return [dict(zip(axes, cell, strict=True)) for cell in product(*axes.values())]


async def _there(
    session: AsyncSession, corpus: Corpus | None, cells: Sequence[dict[str, Any]]
) -> list[int]:
    if corpus is None:
        return [0] * len(cells)
    written = [orjson.dumps(cell).decode() for cell in cells]
    return await store.records_by_cell(session, corpus.id, list(cells[0]), written)


def _only(job: JobSpec, cell: dict[str, Any]) -> JobSpec:
    """The same job for one cell of its matrix."""
    matrix = {name: (value,) for name, value in cell.items()}
    return job.model_copy(update={"seeds": job.seeds.model_copy(update={"matrix": matrix})})


def _asking(job: JobSpec, records: int) -> JobSpec:
    return job.model_copy(update={"num_records": records})
