"""Everything that is counted of a version, put together when its last row has passed."""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.curation.filters.language import tell
from app.datasets.statistics import store
from app.datasets.statistics.entries import Duplicates, Statistics
from app.datasets.statistics.tally import Tally, languages


async def gather(
    session: AsyncSession,
    tally: Tally,
    *,
    matrix: Iterable[str],
    asked: Collection[UUID],
    decided: Collection[UUID],
    rejected: Mapping[str, Any],
) -> Statistics:
    """`asked` are the jobs that have the replies, `decided` those that made records of them;
    `rejected` counts what they refused, by reason.
    """
    shares, told = await asyncio.to_thread(languages, tally.sample, tell)
    strata = tally.strata(matrix)
    whole = tally.row_characters
    return Statistics(
        characters=tally.characters,
        row_characters=whole,
        strata=strata,
        matrix=[name for name in matrix if name in strata],
        languages=shares,
        languages_sampled=told,
        tokens=await store.tokens(session, asked, decided, whole.rows),
        duplicates=Duplicates(
            exact=rejected.get("dedup.exact", 0),
            near=rejected.get("dedup.near", 0),
            rouge=rejected.get("dedup.rouge", 0),
            near_similarity=await store.alike(session, decided, "dedup.near"),
            rouge_score=await store.alike(session, decided, "dedup.rouge"),
        ),
    )
