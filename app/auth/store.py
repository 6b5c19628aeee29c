"""SQL of keys."""

import hmac
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.models import ApiKey
from app.auth.token import Token
from app.errors import NotFound


async def add(session: AsyncSession, key: ApiKey, days: int | None) -> ApiKey:
    """Store a key that expires after so many days, or never."""
    if days is not None:
        key.expires_at = await session.scalar(
            select(func.now() + func.make_interval(0, 0, 0, days))
        )
    session.add(key)
    await session.flush()
    await session.refresh(key)
    return key


def _is_alive() -> ColumnElement[bool]:
    """Neither revoked nor expired."""
    lasts = ApiKey.expires_at.is_(None) | (ApiKey.expires_at > func.now())
    return ApiKey.revoked_at.is_(None) & lasts


async def alive(session: AsyncSession, key_id: UUID) -> ApiKey | None:
    """The key of this id, if it may still be used."""
    return await session.scalar(select(ApiKey).where(ApiKey.id == key_id, _is_alive()))


async def valid(session: AsyncSession, token: Token) -> tuple[ApiKey, bool] | None:
    """The key that this is, if it is one and may still be used, and whether its last use is more
    than a minute ago.
    """
    stale = func.coalesce(ApiKey.last_used_at < func.now() - text("interval '1 minute'"), True)
    query = select(ApiKey, stale).where(ApiKey.id == token.key_id, _is_alive())
    row = (await session.execute(query)).one_or_none()
    if row is None or not hmac.compare_digest(row[0].digest, token.digest):
        return None
    return row[0], row[1]


async def note_use(session: AsyncSession, key_id: UUID) -> None:
    """Waits for nobody: who finds the row locked knows that somebody else is noting it."""
    free = select(ApiKey.id).where(ApiKey.id == key_id).with_for_update(skip_locked=True)
    await session.execute(
        update(ApiKey)
        .where(ApiKey.id.in_(free))
        .values(last_used_at=func.now())
        .execution_options(synchronize_session=False)
    )


async def page(session: AsyncSession, after: UUID | None, limit: int) -> Sequence[ApiKey]:
    """Oldest first."""
    query = select(ApiKey).order_by(ApiKey.id).limit(limit)
    if after is not None:
        query = query.where(ApiKey.id > after)
    return (await session.scalars(query)).all()


async def revoke(session: AsyncSession, key_id: UUID) -> ApiKey:
    """From the next request on the key is none. One that was revoked before stays so."""
    found = await session.get(ApiKey, key_id, with_for_update=True)
    if found is None:
        raise NotFound(
            "key.not_found", f"there is no key {key_id}", hint="GET /v1/keys lists them."
        )
    if found.revoked_at is None:
        found.revoked_at = await session.scalar(select(func.now()))
    return found
