"""SQL of deliveries. When an attempt is due is decided here, by the database's clock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.webhooks.models import Delivery
from app.webhooks.schemas import WebhookSpec


async def announce(
    session: AsyncSession,
    hook: WebhookSpec,
    event: str,
    data: Mapping[str, Any],
    *,
    owner_id: UUID,
    subject_id: UUID,
    occasion: datetime | None = None,
) -> None:
    """Have somebody told, if this transaction commits: once for this event of this subject on this
    occasion, which is this transaction if it is not said.
    """
    moment = await session.scalar(select(func.clock_timestamp()))
    body = orjson.dumps({"type": event, "timestamp": moment, "data": data})
    await session.execute(
        insert(Delivery)
        .values(
            owner_id=owner_id,
            subject_id=subject_id,
            event=event,
            occasion=occasion or func.now(),
            url=hook.url,
            secret=hook.secret,
            body=body,
        )
        .on_conflict_do_nothing()
    )


async def page(
    session: AsyncSession, owner_id: UUID, *, before: UUID | None, limit: int
) -> Sequence[Delivery]:
    """Newest first."""
    query = select(Delivery).where(Delivery.owner_id == owner_id)
    if before is not None:
        query = query.where(Delivery.id < before)
    return (await session.scalars(query.order_by(Delivery.id.desc()).limit(limit))).all()


@dataclass(frozen=True, slots=True)
class Attempt:
    """One that was begun; `timestamp` is now, in Unix seconds."""

    delivery_id: UUID
    number: int
    timestamp: int
    url: str
    secret: str | None
    body: bytes


async def begin(session: AsyncSession, delivery_id: UUID, seconds: float) -> Attempt | None:
    """Take a delivery that is due; nobody else does for so many seconds."""
    row = (
        await session.execute(_BEGIN, {"delivery": delivery_id, "seconds": seconds})
    ).one_or_none()
    return None if row is None else Attempt(*row)


_BEGIN = text("""
    UPDATE webhook_delivery SET attempts = attempts + 1,
        retry_at = clock_timestamp() + make_interval(secs => :seconds)
    WHERE id = :delivery AND state = 'pending' AND retry_at <= clock_timestamp()
    RETURNING id, attempts, CAST(extract(epoch FROM clock_timestamp()) AS int8), url, secret, body
""")


async def delivered(session: AsyncSession, attempt: Attempt) -> None:
    await session.execute(_DELIVERED, {"delivery": attempt.delivery_id})


_DELIVERED = text("""
    UPDATE webhook_delivery
    SET state = 'delivered', last_error = NULL, ended_at = clock_timestamp()
    WHERE id = :delivery AND state = 'pending'
""")


async def failed(session: AsyncSession, attempt: Attempt, why: str, wait: float | None) -> None:
    """Try again after `wait` seconds and up to a tenth more, or never."""
    await session.execute(
        _FAILED,
        {
            "delivery": attempt.delivery_id,
            "number": attempt.number,
            "why": why,
            "ends": wait is None,
            "wait": wait or 0.0,
        },
    )


# Only of the latest attempt: one that was taken for lost says nothing any more.
_FAILED = text("""
    UPDATE webhook_delivery SET last_error = :why,
        state = CASE WHEN :ends THEN 'failed' ELSE state END,
        ended_at = CASE WHEN :ends THEN clock_timestamp() END,
        retry_at = clock_timestamp()
            + make_interval(secs => CAST(:wait AS float8) * (1 + random() / 10))
    WHERE id = :delivery AND state = 'pending' AND attempts = :number
""")
