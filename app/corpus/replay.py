"""Which stored replies a job decides anew: planned in one statement, read in their old order."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.corpus.candidate import Place, Reply
from app.corpus.models import Replayed, StoredRecord
from app.corpus.replies import as_completion


@dataclass(frozen=True, slots=True)
class Planned:
    replies: int
    accepted: int
    """Of these replies, as they were decided last."""
    reasons: dict[str, int]
    """Of those that were not accepted; replies that were never decided are in neither."""


async def plan(
    session: AsyncSession,
    job_id: UUID,
    *,
    askers: Sequence[UUID],
    replayers: Sequence[UUID],
    corpora: Sequence[UUID],
) -> Planned:
    """Number the stored replies of these jobs from 0, in the order in which they were stored.

    `askers` have replies of their own; `replayers` had decided on those of others, which are
    planned once, whoever decided on them. What somebody deleted from one of `corpora` stays away.
    No row passes through this process.
    """
    rows = await session.execute(
        _PLAN,
        {
            "job": job_id,
            "askers": list(askers),
            "replayers": list(replayers),
            "corpora": list(corpora),
        },
    )
    found = [(row.outcome, row.reason, row.n) for row in rows]
    return Planned(
        replies=sum(n for _, _, n in found),
        accepted=sum(n for outcome, _, n in found if outcome == "accepted"),
        reasons={reason: n for _, reason, n in found if reason is not None},
    )


# `sample` is the ledger of the jobs above: how each reply was decided last.
_PLAN = text("""
    WITH said AS (
        SELECT job_id, item, sample, created_at,
            job_id AS by_job, item AS by_item, sample AS by_sample
        FROM completion WHERE job_id = ANY(:askers) AND erased_at IS NULL
        UNION ALL
        SELECT c.job_id, c.item, c.sample, c.created_at, s.job_id, s.item, s.sample
        FROM replayed AS r
        JOIN sample AS s ON s.job_id = r.job_id AND s.item = r.item
        JOIN completion AS c ON c.job_id = r.source_job_id AND c.item = r.source_item
            AND c.sample = r.source_sample
        WHERE r.job_id = ANY(:replayers) AND c.erased_at IS NULL
    ), deleted AS (
        SELECT coalesce(r.source_job_id, t.job_id) AS job_id,
            coalesce(r.source_item, t.item) AS item, coalesce(r.source_sample, t.sample) AS sample
        FROM tombstone AS t
        LEFT JOIN replayed AS r ON r.job_id = t.job_id AND r.item = t.item
        WHERE t.corpus_id = ANY(:corpora) AND t.deletion_id IS NOT NULL
    ), last AS (
        SELECT DISTINCT ON (job_id, item, sample) * FROM said
        WHERE (job_id, item, sample) NOT IN (SELECT job_id, item, sample FROM deleted)
        ORDER BY job_id, item, sample, by_job DESC
    ), planned AS (
        INSERT INTO replayed (job_id, item, source_job_id, source_item, source_sample)
        SELECT :job, row_number() OVER (ORDER BY created_at, job_id, item, sample) - 1,
            job_id, item, sample
        FROM last
    )
    SELECT s.outcome, s.reason, count(*) AS n
    FROM last LEFT JOIN sample AS s
        ON s.job_id = last.by_job AND s.item = last.by_item AND s.sample = last.by_sample
    GROUP BY s.outcome, s.reason
""")


async def unsettled(
    session: AsyncSession, job_id: UUID, first_item: int, items: int
) -> list[Reply]:
    """The replies that these items of a reprocess job stand for, but for those settled already."""
    rows = await session.execute(
        _UNSETTLED, {"job": job_id, "first": first_item, "end": first_item + items}
    )
    return [
        Reply(
            place=Place(job_id, row.number, 0),
            completion=as_completion(row),
            prompt_digest=row.prompt_digest,
            inputs=row.inputs,
            seed_position=row.seed_position,
            source=Place(row.job_id, row.item, row.sample),
        )
        for row in rows
    ]


_UNSETTLED = text("""
    SELECT r.item AS number, c.* FROM replayed AS r
    JOIN completion AS c ON c.job_id = r.source_job_id AND c.item = r.source_item
        AND c.sample = r.source_sample
    WHERE r.job_id = :job AND r.item >= :first AND r.item < :end
      AND NOT EXISTS (SELECT FROM sample AS s WHERE s.job_id = r.job_id AND s.item = r.item)
    ORDER BY r.item
""")


IS_REPLAYED: ColumnElement[bool] = and_(
    Replayed.job_id == StoredRecord.job_id, Replayed.item == StoredRecord.item
)
"""To outer-join records with where their replies come from."""

SOURCE_JOB: ColumnElement[UUID] = func.coalesce(Replayed.source_job_id, StoredRecord.job_id)
"""Of records so joined: the job that asked for their reply, or imported it."""

SOURCE_ITEM: ColumnElement[int] = func.coalesce(Replayed.source_item, StoredRecord.item)
"""And the item by which it did."""
