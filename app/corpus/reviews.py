"""What reviewers said of records: the latest verdict counts, the earlier ones are kept."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.corpus import store
from app.corpus.models import Review, ReviewVerdict, StoredRecord


async def review(
    session: AsyncSession,
    corpus_id: UUID,
    record_id: UUID,
    verdict: ReviewVerdict,
    note: str | None,
    reviewer: str,
) -> Review:
    """Put a verdict above the ones before; the same one again changes nothing. Raises `NotFound`
    for a record that is not there, or not any more.
    """
    # Two reviewers of one record take turns, and a deletion waits for both.
    held = (
        select(StoredRecord.id).where(StoredRecord.id == record_id).with_for_update(key_share=True)
    )
    await session.execute(held)
    record = await store.record(session, corpus_id, record_id)
    before = record.review
    said = (verdict, note, reviewer)
    if before is not None:
        if said == (before.verdict, before.note, before.reviewer):
            return before
        before.latest = False
        await session.flush()
    made = Review(record_id=record_id, verdict=verdict, note=note, reviewer=reviewer)
    session.add(made)
    await session.flush()
    return made


async def page(
    session: AsyncSession, record_id: UUID, *, after: UUID | None, limit: int
) -> Sequence[Review]:
    """Of one record, oldest first."""
    query = select(Review).where(Review.record_id == record_id).order_by(Review.id)
    if after is not None:
        query = query.where(Review.id > after)
    return (await session.scalars(query.limit(limit))).all()
