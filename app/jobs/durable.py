"""A database that is away for a moment costs a worker nothing but time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncSession
from tenacity import (
    AsyncRetrying,
    retry_if_exception,
    stop_after_delay,
    wait_random_exponential,
)

from app.db import Database

log = structlog.stdlib.get_logger(__name__)
T = TypeVar("T")

PATIENCE = 120
"""Seconds that a transaction is tried again: longer than a restart of the database takes, and than
any lease, after which somebody else has the chunk anyway."""

_BEGAN = time.monotonic()
"""Not one clock for all processes of a machine, which would all wake at once."""


def is_away(error: BaseException) -> bool:
    """The connection broke, or none could be had; the transaction may or may not have committed."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or isinstance(error, OperationalError)
    return isinstance(error, PoolTimeout | ConnectionError)


async def forever(duty: Callable[[], Awaitable[object]], every: float) -> None:
    """Do it now and whenever so many seconds more have passed since the process began, whatever
    became of it. So duties fall together: a statement right after another takes a quarter of the
    CPU of one by itself, for which everything has to wake up.
    """
    while True:
        try:
            await duty()
        except Exception as error:
            if not is_away(error):
                log.exception("a periodic duty failed")
        await asyncio.sleep(every - (time.monotonic() - _BEGAN) % every)


async def transaction(database: Database, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
    """Run `work` in a unit of work, again and again while the database is away.

    `work` must be harmless when its first run did commit after all.
    """

    async def once() -> T:
        async with database.unit_of_work() as session:
            return await work(session)

    return await _while_away(once)


async def singly(database: Database, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
    """As `transaction`, but each statement of `work` is one of its own."""

    async def once() -> T:
        return await database.singly(work)

    return await _while_away(once)


async def _while_away(once: Callable[[], Awaitable[T]]) -> T:
    try:
        return await once()
    except Exception as error:
        if not is_away(error):
            raise
        log.warning("database away, trying again", error=str(error)[:200])
    return await AsyncRetrying(
        retry=retry_if_exception(is_away),
        wait=wait_random_exponential(multiplier=0.2, max=2),
        stop=stop_after_delay(PATIENCE),
        reraise=True,
    )(once)
