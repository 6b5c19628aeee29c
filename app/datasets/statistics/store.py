"""SQL of what is counted besides the rows: tokens, and how alike refused duplicates were."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.datasets.lengths import EDGES, Lengths
from app.datasets.statistics.entries import Histogram, Tokens

READ = 20_000
"""Replies whose tokens are counted, about; of more, every second, third, … item's."""

# The ledger of jobs lies further downstream; of it, only sums are read.
_SUMS = text("""
    SELECT coalesce(sum(prompt_tokens), 0) AS prompt,
        coalesce(sum(completion_tokens), 0) AS completion,
        coalesce(sum(cached_tokens), 0) AS cached
    FROM chunk JOIN job ON job.id = chunk.job_id
    WHERE chunk.job_id = ANY(:asked) AND job.kind = 'generate'
""")
_REPLIES = text("""
    WITH kept AS (
        SELECT coalesce(p.source_job_id, r.job_id) AS job_id, coalesce(p.source_item, r.item)
            AS item, coalesce(p.source_sample, r.sample) AS sample
        FROM record AS r LEFT JOIN replayed AS p ON p.job_id = r.job_id AND p.item = r.item
        WHERE r.job_id = ANY(:decided) AND r.item % :every = 0
    )
    SELECT width_bucket(c.completion_tokens, CAST(:edges AS bigint[])) AS bin, count(*) AS n,
        min(c.completion_tokens) AS least, max(c.completion_tokens) AS most,
        sum(c.completion_tokens) AS total
    FROM kept JOIN completion AS c USING (job_id, item, sample) JOIN job ON job.id = c.job_id
    WHERE c.job_id = ANY(:asked) AND job.kind = 'generate'
    GROUP BY 1 ORDER BY 1
""")
_ALIKE = text("""
    SELECT width_bucket(CAST(value AS float8), CAST(:edges AS float8[])) AS bin, count(*) AS n
    FROM reject
    WHERE job_id = ANY(:decided) AND reason = :reason AND jsonb_typeof(value) = 'number'
    GROUP BY 1 ORDER BY 1
""")


async def tokens(
    session: AsyncSession, asked: Collection[UUID], decided: Collection[UUID], rows: int
) -> Tokens | None:
    """What the teachers behind `rows` rows counted; nothing where none was asked."""
    sums = (await session.execute(_SUMS, {"asked": list(asked)})).one()
    if not sums.completion:
        return None
    found = await session.execute(
        _REPLIES,
        {
            "asked": list(asked),
            "decided": list(decided),
            "edges": list(EDGES),
            "every": max(1, rows // READ),
        },
    )
    return Tokens(
        prompt=sums.prompt,
        completion=sums.completion,
        cached=sums.cached,
        replies=_lengths(found.all()),
    )


def _lengths(bins: Sequence[Any]) -> Lengths | None:
    if not bins:
        return None
    return Lengths(
        rows=sum(row.n for row in bins),
        total=int(sum(row.total for row in bins)),
        min=min(row.least for row in bins),
        max=max(row.most for row in bins),
        bins={(0, *EDGES)[row.bin]: row.n for row in bins},
    )


async def alike(session: AsyncSession, decided: Collection[UUID], reason: str) -> Histogram | None:
    """The measured values of the rejects of this reason; nothing where there are none."""
    found = await session.execute(
        _ALIKE, {"decided": list(decided), "reason": reason, "edges": _SIMILARITIES}
    )
    bins = {_SIMILARITIES[max(row.bin, 1) - 1]: row.n for row in found}
    return Histogram(total=sum(bins.values()), bins=bins) if bins else None


_SIMILARITIES = [k / 50 for k in range(50)]
