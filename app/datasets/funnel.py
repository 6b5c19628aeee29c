"""What became of the replies behind a version."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.corpus.models import StoredCompletion, StoredRecord, StoredReject, Tombstone


async def funnel(
    session: AsyncSession, told: Collection[UUID], decided: Collection[UUID]
) -> dict[str, Any]:
    """How many replies the jobs in `told` got, and how those in `decided` decided; they are the
    same, but for replies that were decided anew. Records that somebody deleted since had been
    accepted too.
    """
    completion, record, reject, gone = StoredCompletion, StoredRecord, StoredReject, Tombstone
    generated = select(func.count()).where(completion.job_id.in_(told)).scalar_subquery()
    kept = select(func.count()).where(record.job_id.in_(decided)).scalar_subquery()
    deleted = (
        select(func.count())
        .where(gone.job_id.in_(decided), gone.deletion_id.is_not(None))
        .scalar_subquery()
    )
    counts = (await session.execute(select(generated, kept + deleted))).one()
    reasons = await session.execute(
        select(reject.reason, func.count())
        .where(reject.job_id.in_(decided))
        .group_by(reject.reason)
        .order_by(reject.reason)
    )
    return {
        "generated": counts[0],
        "accepted": counts[1],
        "rejected": {row[0]: row[1] for row in reasons},
    }
