"""Everything that is counted of a version, put together when its rows are written."""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from app.curation.filters.language import tell
from app.datasets.exporter import Row
from app.datasets.statistics import store
from app.datasets.statistics.entries import Duplicates, Statistics
from app.datasets.statistics.values import Counted, added

_RARE = 0.05
"""Languages of fewer rows than this are as likely mistakes of the detector."""
_FEWEST = 5
"""Rows of each value, on average, of a field that is worth counting by."""


async def gather(
    session: AsyncSession,
    *,
    counted: Iterable[Counted],
    sample: Collection[Row],
    matrix: Collection[str],
    asked: Collection[UUID],
    decided: Collection[UUID],
    rows: int,
    rejected: Mapping[str, int],
) -> Statistics:
    """`counted` is what each shard holds and `sample` some of the rows; `asked` are the jobs that
    have the replies, `decided` those that made records of them, and `rejected` counts what they
    refused, by reason.
    """
    shares, told = await asyncio.to_thread(languages, sample, tell)
    strata = _strata(added(counted), matrix)
    return Statistics(
        strata=strata,
        matrix=[name for name in sorted(matrix) if name in strata],
        languages=shares,
        languages_sampled=told,
        tokens=await store.tokens(session, asked, decided, rows),
        duplicates=Duplicates(
            exact=rejected.get("dedup.exact", 0),
            near=rejected.get("dedup.near", 0),
            rouge=rejected.get("dedup.rouge", 0),
            near_similarity=await store.alike(session, decided, "dedup.near"),
            rouge_score=await store.alike(session, decided, "dedup.rouge"),
        ),
    )


def languages(
    rows: Iterable[Row], tell: Callable[[str], str | None]
) -> tuple[dict[str, float], int]:
    """The languages of these rows, by their longest texts, with their shares; and how many rows
    could be told.
    """
    found: Counter[str] = Counter()
    for row in rows:
        texts = [value for value in row.fields.values() if isinstance(value, str)]
        if texts and (code := tell(max(texts, key=len))) is not None:
            found[code] += 1
    told = found.total()
    shares = {code: round(count / told, 4) for code, count in found.most_common()}
    return {code: share for code, share in shares.items() if share >= _RARE}, told


def _strata(
    few: Mapping[str, Mapping[str, int]], matrix: Collection[str]
) -> dict[str, dict[str, int]]:
    """Those that a matrix set come first; of the others, those that put rows into groups."""
    first = sorted(name for name in few if name in matrix)
    others = sorted(
        name
        for name, counted in few.items()
        if name not in matrix and 1 < len(counted) <= sum(counted.values()) / _FEWEST
    )
    return {name: _readable(few[name]) for name in (*first, *others)}


def _readable(counted: Mapping[str, int]) -> dict[str, int]:
    said: Counter[str] = Counter()
    for value, count in counted.items():
        said[orjson.loads(value) if value.startswith('"') else value] += count
    return dict(sorted(said.items(), key=lambda item: (-item[1], item[0])))
