"""Quotas: in a job that stratifies, each cell of the matrix is wanted so many times.

`num_records` is divided over the cells by their weights. A cell that has its quota is closed, as a
dry one is: its open items are not asked for, and none are planned. What is in flight then and
passes every filter is refused as `quota.full`, so that no cell ever has more than its quota.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.corpus import dedup
from app.corpus.bands import Bands
from app.corpus.candidate import Candidate, Duplicate, Rejected, Target
from app.curation.verdict import Verdict
from app.jobs.novelty import Strata, key_of
from app.jobs.plan import Lack
from app.seeds.cells import Cells, shares
from app.seeds.spec import SeedSpec
from app.seeds.wave import Wave

MOST_CELLS = 10_000
"""Of a matrix whose cells have quotas: each has a row."""


async def divide(session: AsyncSession, job_id: UUID, seeds: SeedSpec, num_records: int) -> None:
    """Give each cell its quota, for the first time or anew."""
    matrix = seeds.matrix or {}
    cells = list(Cells.of(matrix))
    await session.execute(
        _DIVIDE,
        {
            "job": job_id,
            "keys": [key_of(cell) for cell in cells],
            "cells": [orjson.dumps(cell).decode() for cell in cells],
            "numbers": list(range(len(cells))),
            "quotas": shares(num_records, matrix),
        },
    )


_DIVIDE = text("""
    INSERT INTO stratum AS s (job_id, key, cell, number, quota)
    SELECT :job, key, CAST(cell AS jsonb), number, quota
    FROM unnest(CAST(:keys AS uuid[]), CAST(:cells AS text[]), CAST(:numbers AS int8[]),
        CAST(:quotas AS int8[])) AS t (key, cell, number, quota)
    ORDER BY key
    ON CONFLICT (job_id, key) DO UPDATE SET quota = excluded.quota
""")


async def hold(session: AsyncSession, job_id: UUID) -> None:
    """Lock the strata of a job. Batches that are settled lock them before they lock the job, so
    whoever is to change quotas says this before it does.
    """
    await session.execute(_HOLD, {"job": job_id})


_HOLD = text("SELECT FROM stratum WHERE job_id = :job ORDER BY key FOR UPDATE")


async def add(
    session: AsyncSession,
    job_id: UUID,
    target: Target,
    candidates: Sequence[Candidate],
    strata: Strata | None,
    bands: Bands | None = None,
) -> tuple[Sequence[Duplicate], Sequence[Rejected]]:
    """Put candidates into the corpus: those that are new, and that their cells have room for.
    Answers the others. The strata stay locked until the transaction ends.
    """
    if strata is None or not strata.stratified or not candidates:
        return await dedup.add(session, target, candidates, bands), ()
    keys = {c.place: strata.key(c.place.item) for c in candidates}
    quotas, room = await _room(session, job_id, set(keys.values()))
    duplicates: list[Duplicate] = []
    while True:
        # A duplicate takes no room: then those that found none are looked at again.
        fitting, candidates = _split(candidates, [keys[c.place] for c in candidates], room)
        if not fitting:
            break
        lost = await dedup.add(session, target, fitting, bands)
        duplicates += lost
        room.subtract([keys[c.place] for c in fitting])
        room.update([keys[d.candidate.place] for d in lost])
    return duplicates, [
        Rejected(c.place, Verdict("quota.full", threshold=quotas[keys[c.place]]), c.fields)
        for c in candidates
    ]


def _split(
    candidates: Sequence[Candidate], keys: Sequence[UUID], room: Mapping[UUID, int]
) -> tuple[list[Candidate], list[Candidate]]:
    """Those that there is room for, first come first served, and the rest."""
    taken: Counter[UUID] = Counter()
    parts: tuple[list[Candidate], list[Candidate]] = ([], [])
    for candidate, key in zip(candidates, keys, strict=True):
        fits = taken[key] < room[key]
        taken[key] += fits
        parts[0 if fits else 1].append(candidate)
    return parts


async def _room(
    session: AsyncSession, job_id: UUID, keys: Collection[UUID]
) -> tuple[dict[UUID, int], Counter[UUID]]:
    rows = (await session.execute(_ROOM, {"job": job_id, "keys": list(keys)})).all()
    return {row.key: row.quota for row in rows}, Counter(
        {row.key: max(0, row.quota - row.novel) for row in rows}
    )


# In the order of keys, as every other lock on strata.
_ROOM = text("""
    SELECT key, quota, novel FROM stratum WHERE job_id = :job AND key = ANY(:keys)
    ORDER BY key FOR UPDATE
""")


async def lacking(session: AsyncSession, job_id: UUID) -> list[Lack]:
    """The cells that are to be asked for, by number."""
    rows = await session.execute(_LACKING, {"job": job_id})
    return [Lack(row.number, row.missing, row.novel, row.settled) for row in rows]


_LACKING = text("""
    SELECT number, quota - novel AS missing, novel, settled FROM stratum
    WHERE job_id = :job AND novel < quota AND dry_at IS NULL ORDER BY number
""")


@dataclass(frozen=True, slots=True)
class Tally:
    """The cells of a job: how many have their quota, are dry without it, and how many there are."""

    full: int
    dry: int
    all: int


async def tally(session: AsyncSession, job_id: UUID) -> Tally:
    row = (await session.execute(_TALLY, {"job": job_id})).one()
    return Tally(row.full, row.dry, row.all)


_TALLY = text("""
    SELECT count(*) FILTER (WHERE novel >= quota) AS full,
        count(dry_at) FILTER (WHERE novel < quota) AS dry, count(*) AS all
    FROM stratum WHERE job_id = :job
""")


async def add_wave(
    session: AsyncSession, job_id: UUID, first_item: int, items: Mapping[int, int]
) -> None:
    """Note so many more items for each cell, from `first_item` on."""
    await session.execute(
        _ADD_WAVE,
        {
            "job": job_id,
            "first": first_item,
            "numbers": list(items),
            "counts": list(items.values()),
        },
    )


_ADD_WAVE = text("""
    WITH planned AS (
        UPDATE stratum AS s SET planned = planned + t.n
        FROM unnest(CAST(:numbers AS int8[]), CAST(:counts AS int8[])) AS t (number, n)
        WHERE s.job_id = :job AND s.number = t.number
        RETURNING s.number, s.planned - t.n AS before, t.n
    )
    INSERT INTO wave (job_id, first_item, runs)
    SELECT :job, :first, jsonb_agg(jsonb_build_array(number, before, n) ORDER BY number)
    FROM planned
""")


async def waves(session: AsyncSession, job_id: UUID, first_item: int) -> list[Wave]:
    """Those that begin with this item or later."""
    rows = await session.execute(_WAVES, {"job": job_id, "first": first_item})
    return [Wave.of(row.first_item, row.runs) for row in rows]


_WAVES = text("""
    SELECT first_item, runs FROM wave WHERE job_id = :job AND first_item >= :first
    ORDER BY first_item
""")
