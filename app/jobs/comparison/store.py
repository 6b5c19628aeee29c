"""SQL of a comparison: what became of each row in each arm, all that is needed to judge it."""

from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.corpus.item import ROWS
from app.jobs.arm_spec import MOST_ROWS

_AT_ONCE = 10_000


async def rows(session: AsyncSession, job_id: UUID) -> AsyncIterator[Sequence[Row[Any]]]:
    """A page of rows at a time, each with its arm; those of which no sample has ended are left
    out. Of a job with more rows than a comparison may have, rows come in so many groups, each as
    if it were one: its sums stay exact, and groups scatter as chance has it (Wolter, Introduction
    to Variance Estimation, 1985, chapter 2: random groups).
    """
    found = await session.stream(
        _ROWS,
        {"job": job_id, "in_arm": ROWS, "most": MOST_ROWS},
        execution_options={"yield_per": _AT_ONCE},
    )
    async for page in found.partitions():
        yield page


# A candidate that lost to a record of another arm would have been new, had its own arm been alone:
# but only the first of those that say the same, which the others of its arm would have lost to.
_ROWS = text("""
    WITH lost AS (
        SELECT DISTINCT ON (r.item / :in_arm, r.duplicate_of) r.item, r.sample
        FROM reject AS r
        LEFT JOIN record AS w ON w.id = r.duplicate_of
        LEFT JOIN tombstone AS t ON t.record_id = r.duplicate_of
        WHERE r.job_id = :job AND r.reason LIKE 'dedup.%'
          AND coalesce(w.job_id, t.job_id) = :job
          AND coalesce(w.item, t.item) / :in_arm <> r.item / :in_arm
        ORDER BY r.item / :in_arm, r.duplicate_of, r.id
    )
    SELECT s.item % :in_arm % :most AS row, s.item / :in_arm AS arm, count(*) AS ended,
        count(*) FILTER (WHERE s.outcome = 'accepted') AS accepted,
        count(lost.item) AS elsewhere,
        count(*) FILTER (WHERE s.outcome = 'accepted' OR s.reason LIKE 'dedup.%') AS compared,
        count(c.item) AS replies,
        coalesce(CAST(sum(c.prompt_tokens) AS int8), 0) AS prompt_tokens,
        coalesce(CAST(sum(c.completion_tokens) AS int8), 0) AS completion_tokens,
        count(q.score) AS scored, coalesce(sum(q.score), 0) AS score,
        coalesce(CAST(sum(q.prompt_tokens) AS int8), 0) AS judge_prompt_tokens,
        coalesce(CAST(sum(q.completion_tokens) AS int8), 0) AS judge_completion_tokens
    FROM sample AS s
    LEFT JOIN completion AS c USING (job_id, item, sample)
    LEFT JOIN judgement AS q USING (job_id, item, sample)
    LEFT JOIN lost ON lost.item = s.item AND lost.sample = s.sample
    WHERE s.job_id = :job
    GROUP BY s.item % :in_arm % :most, s.item / :in_arm
""")


async def reasons(session: AsyncSession, job_id: UUID) -> dict[int, dict[str, int]]:
    """By arm, why samples were rejected or failed."""
    found: dict[int, dict[str, int]] = {}
    for row in await session.execute(_REASONS, {"job": job_id}):
        found.setdefault(row.arm, {})[row.reason] = row.n
    return found


_REASONS = text("""
    SELECT arm, key AS reason, CAST(sum(CAST(value AS int8)) AS int8) AS n
    FROM chunk, jsonb_each_text(reasons)
    WHERE job_id = :job GROUP BY arm, key ORDER BY arm, n DESC, key
""")
