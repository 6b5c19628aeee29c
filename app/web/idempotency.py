"""A POST with an Idempotency-Key happens once, however often it is sent.

The key's row, the effect and the stored answer commit together. A twin that arrives meanwhile
waits on the row; whatever fails leaves no row behind, so it may be tried again.
"""

from collections.abc import Awaitable, Callable

import psycopg.errors
from fastapi import Request, Response
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from app.digest import short
from app.errors import Conflict, Invalid
from app.web.models import StoredAnswer

HEADER = "idempotency-key"
_KEPT_HEADERS = ("content-type", "location")


async def once(
    session: AsyncSession, request: Request, body: bytes, handle: Callable[[], Awaitable[Response]]
) -> Response:
    key = request.headers[HEADER]
    if not (0 < len(key) <= 255 and key.isprintable()):  # noqa: PLR2004
        raise Invalid.at(f"header.{HEADER}", "should be 1 to 255 printable characters", key)
    caller = request.state.caller.identity
    what = short(
        b"\0".join(
            [
                request.method.encode(),
                str(request.url.path).encode(),
                request.url.query.encode(),
                body,
            ]
        )
    )
    if not await _take(session, caller, key, what):
        return await _replay(session, caller, key, what)
    response = await handle()
    mine = (StoredAnswer.caller == caller) & (StoredAnswer.key == key)
    await session.execute(
        update(StoredAnswer)
        .where(mine)
        .values(
            status=response.status_code,
            headers={h: response.headers[h] for h in _KEPT_HEADERS if h in response.headers},
            body=bytes(response.body),
        )
    )
    return response


async def _take(session: AsyncSession, caller: str, key: str, what: bytes) -> bool:
    old = StoredAnswer.created_at < func.now() - text("interval '24 hours'")
    await session.execute(
        delete(StoredAnswer).where(StoredAnswer.caller == caller, StoredAnswer.key == key, old)
    )
    taken = (
        insert(StoredAnswer)
        .values(caller=caller, key=key, request=what)
        .on_conflict_do_nothing()
        .returning(StoredAnswer.key)
    )
    try:
        mine = await session.scalar(taken)
    except OperationalError as error:
        if isinstance(error.orig, psycopg.errors.LockNotAvailable):
            raise Conflict(
                "idempotency.in_progress",
                "a request with this Idempotency-Key is still being carried out",
                retry_after=5,
            ) from error
        raise
    return mine is not None


async def _replay(session: AsyncSession, caller: str, key: str, what: bytes) -> Response:
    stored = (
        await session.execute(
            select(StoredAnswer).where(StoredAnswer.caller == caller, StoredAnswer.key == key)
        )
    ).scalar_one()
    if stored.request != what:
        raise Invalid(
            "idempotency.reused",
            "this Idempotency-Key was used for another request",
            hint="A key belongs to one request; make a new one for a new request.",
        )
    headers = {**(stored.headers or {}), "idempotency-replayed": "true"}
    return Response(stored.body, stored.status or 200, headers)
