"""How much of what comes is new still, in a job and in each of its strata.

A stratum is a cell of the seeds' matrix: all items that ask for the same topic at the same level,
say. A candidate is a sample that got as far as being compared with the corpus. When fewer than
`limits.min_novelty` of a stratum's last candidates were new, it is dry: the teacher has little more
to say there, and its open items are not asked for. Nor are those of one that has its quota
(`quota.py`): both are closed.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.arrays import Int8s, Texts, Uuids
from app.digest import canonical, short
from app.seeds.plan import SeedPlan
from app.seeds.spec import Row, SeedSpec

MOST_STRATA = 10_000
"""A matrix of more cells counts as one stratum: hardly any cell would ever fill a window."""
POINTS = 50
"""Of a job's curve, however long it is."""


@dataclass(frozen=True, slots=True)
class Strata:
    """The strata of one job."""

    plan: SeedPlan
    window: int
    least: float | None
    """The share below which a stratum is dry; without it, none ever is."""
    whole: bool
    """Whether all of the job is one stratum."""
    stratified: bool = False
    """Whether each has a quota."""

    @classmethod
    def of(
        cls,
        plan: SeedPlan,
        seeds: SeedSpec,
        window: int,
        least: float | None,
        *,
        stratified: bool = False,
    ) -> "Strata":
        whole = how_many(seeds) == 1 and not stratified
        return cls(plan, window, least, whole, stratified)

    @property
    def close(self) -> bool:
        """Whether any may be closed while the job goes on."""
        return self.stratified or self.least is not None

    def cell(self, item: int) -> Row:
        return {} if self.whole else self.plan.stratum(item)

    def key(self, item: int) -> UUID:
        return key_of(self.cell(item))


def how_many(seeds: SeedSpec) -> int:
    """The strata that a job with these seeds has."""
    cells = math.prod(len(axis) for axis in (seeds.matrix or {}).values())
    return cells if cells <= MOST_STRATA else 1


def key_of(cell: Row) -> UUID:
    return _digest(canonical(cell))


@lru_cache(maxsize=MOST_STRATA)
def _digest(cell: bytes) -> UUID:
    return UUID(bytes=short(cell))


async def count(
    session: AsyncSession,
    job_id: UUID,
    strata: Strata,
    candidates: Sequence[tuple[int, bool]],
    others: Sequence[int] = (),
) -> set[UUID]:
    """Add candidates, each an item and whether it was new, in the order in which they were decided,
    and the items of `others` that were decided on before they could be candidates; answers which
    of their strata are closed. To be said last in a transaction: strata stay locked.
    """
    cells: dict[UUID, Row] = {}
    seen: defaultdict[UUID, list[str]] = defaultdict(list)
    """A mark for each sample that was decided on; in the order of `cells`."""
    told = [(item, "1" if is_new else "0") for item, is_new in candidates]
    for item, mark in [*told, *((item, "") for item in others)]:
        cell = strata.cell(item)
        key = key_of(cell)
        cells[key] = cell
        seen[key].append(mark)
    if not cells:
        return set()
    dry = await session.scalars(
        _COUNT,
        {
            "job": job_id,
            "keys": Uuids([*cells]),
            "cells": Texts([orjson.dumps(cell) for cell in cells.values()]),
            "seen": Texts(["".join(marks) for marks in seen.values()]),
            "settled": Int8s([len(marks) for marks in seen.values()]),
            "window": strata.window,
            "least": strata.least,
        },
    )
    return set(dry)


_CLOSED = "(dry_at IS NOT NULL OR coalesce(novel >= quota, false))"
_NOW_RECENT = "right(s.recent || excluded.recent, :window)"
_IS_DRY = """
    CASE WHEN length({recent}) >= :window
        AND length(replace({recent}, '0', '')) < CAST(:least AS float8) * :window
    THEN now() END
"""

# In the order of keys, so that two batches of one job wait for each other rather than deadlock.
_COUNT = text(f"""
    WITH counted AS (
        INSERT INTO stratum AS s (job_id, key, cell, settled, candidates, novel, recent, dry_at)
        SELECT :job, key, CAST(cell AS jsonb), settled, length(seen),
            length(replace(seen, '0', '')),
            right(seen, :window), {_IS_DRY.format(recent="right(seen, :window)")}
        FROM unnest(CAST(:keys AS uuid[]), CAST(:cells AS text[]), CAST(:seen AS text[]),
            CAST(:settled AS int8[])) AS t (key, cell, seen, settled)
        ORDER BY key
        ON CONFLICT (job_id, key) DO UPDATE SET
            settled = s.settled + excluded.settled,
            candidates = s.candidates + excluded.candidates,
            novel = s.novel + excluded.novel,
            recent = {_NOW_RECENT},
            dry_at = coalesce(s.dry_at, {_IS_DRY.format(recent=_NOW_RECENT)})
        RETURNING key, {_CLOSED} AS closed
    )
    SELECT key FROM counted WHERE closed
""")  # noqa: S608  (put together from the constants above)


async def closed(session: AsyncSession, job_id: UUID) -> set[UUID]:
    """The strata of a job that are not asked for any more: dry, or with all their records."""
    return set(await session.scalars(_ALL_CLOSED, {"job": job_id}))


_ALL_CLOSED = text(f"SELECT key FROM stratum WHERE job_id = :job AND {_CLOSED}")  # noqa: S608


async def cancel(
    session: AsyncSession, job_id: UUID, strata: Strata, items: Collection[int], samples: int
) -> None:
    """Note that these items, `samples` of each, are not asked for: their strata are closed."""
    counted: defaultdict[UUID, int] = defaultdict(int)
    for item in items:
        counted[strata.key(item)] += samples
    if counted:
        await session.execute(
            _CANCEL,
            {"job": job_id, "keys": list(counted), "counts": list(counted.values())},
        )


# Rows are locked in the order of keys, as above.
_CANCEL = text("""
    WITH mine AS (
        SELECT s.key, t.n
        FROM unnest(CAST(:keys AS uuid[]), CAST(:counts AS int8[])) AS t (key, n)
        JOIN stratum AS s ON s.job_id = :job AND s.key = t.key
        ORDER BY s.key FOR UPDATE OF s
    )
    UPDATE stratum AS s SET cancelled = cancelled + mine.n
    FROM mine WHERE s.job_id = :job AND s.key = mine.key
""")


async def dry_and_known(session: AsyncSession, job_id: UUID) -> tuple[int, int]:
    """How many strata are dry, and of how many there was a candidate."""
    row = (await session.execute(_DRY_AND_KNOWN, {"job": job_id})).one()
    return row.dry, row.known


_DRY_AND_KNOWN = text("""
    SELECT count(dry_at) AS dry, count(*) FILTER (WHERE candidates > 0) AS known
    FROM stratum WHERE job_id = :job
""")


@dataclass(frozen=True, slots=True)
class Point:
    """A piece of a job's curve: some of its candidates, one after the other."""

    candidates: int
    """From the beginning up to the end of the piece."""
    share: float
    """Of the new ones in the piece."""


async def curve(session: AsyncSession, job_id: UUID) -> list[Point]:
    """The share of new over a job's candidates, in pieces of as many chunks each."""
    rows = await session.execute(_CURVE, {"job": job_id, "points": POINTS})
    return [Point(int(row.until), float(row.novel / row.candidates)) for row in rows]


_CURVE = text("""
    WITH compared AS (
        SELECT seq, arm, accepted, accepted + (
            SELECT coalesce(sum(CAST(value AS int8)), 0) FROM jsonb_each_text(reasons)
            WHERE key LIKE 'dedup.%'
        ) AS candidates
        FROM chunk WHERE job_id = :job
    ), cut AS (
        SELECT accepted, candidates, ntile(:points) OVER (ORDER BY seq, arm) AS piece
        FROM compared WHERE candidates > 0
    )
    SELECT sum(sum(candidates)) OVER (ORDER BY piece) AS until,
        sum(accepted) AS novel, sum(candidates) AS candidates
    FROM cut GROUP BY piece ORDER BY piece
""")


@dataclass(frozen=True, slots=True)
class Counted:
    """What is known of one stratum."""

    key: UUID
    cell: Mapping[str, Any]
    candidates: int
    novel: int
    recent: int
    """Of the last candidates, up to the window's size, how many there are."""
    recent_novel: int
    dry: bool
    cancelled: int
    quota: int | None
    settled: int


async def driest(session: AsyncSession, job_id: UUID, most: int) -> list[Counted]:
    """The strata with a candidate that have the least share of new among their last ones."""
    return _counted(await session.execute(_DRIEST, {"job": job_id, "most": most}))


async def page(
    session: AsyncSession, job_id: UUID, *, after: UUID | None, limit: int
) -> list[Counted]:
    """All strata with a candidate or a quota, in an order that stays."""
    rows = await session.execute(_PAGE, {"job": job_id, "after": after, "limit": limit})
    return _counted(rows)


def _counted(rows: Any) -> list[Counted]:
    return [Counted(**row._mapping) for row in rows]  # noqa: SLF001  (its documented name)


_COLUMNS = """
    SELECT key, cell, candidates, novel, length(recent) AS recent,
        length(replace(recent, '0', '')) AS recent_novel, dry_at IS NOT NULL AS dry, cancelled,
        quota, settled
    FROM stratum WHERE job_id = :job
"""
_DRIEST = text(f"""
    SELECT * FROM ({_COLUMNS} AND candidates > 0) AS counted
    ORDER BY CAST(recent_novel AS float8) / recent, candidates DESC, key LIMIT :most
""")  # noqa: S608
_PAGE = text(f"""
    {_COLUMNS} AND (CAST(:after AS uuid) IS NULL OR key > :after) ORDER BY key LIMIT :limit
""")


@dataclass(frozen=True, slots=True)
class Novelty:
    """What a job's answer shows of it."""

    curve: Sequence[Point]
    driest: Sequence[Counted]
    dry: int
    known: int
    full: int | None
    """How many have their quota; None in a job without quotas."""


async def of_job(
    session: AsyncSession, job_id: UUID, most: int = 50, *, full: int | None = None
) -> Novelty:
    dry, known = await dry_and_known(session, job_id)
    return Novelty(
        curve=await curve(session, job_id),
        driest=await driest(session, job_id, most),
        dry=dry,
        known=known,
        full=full,
    )
