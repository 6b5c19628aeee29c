"""The database: the engine, the base of all tables, and the only commit."""

import copy
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from psycopg.types.array import ListBinaryDumper
from sqlalchemy import BigInteger, DateTime, MetaData, Text, event, func, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.exc import DBAPIError, InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    MappedAsDataclass,
    ORMExecuteState,
    mapped_column,
    with_loader_criteria,
)

from app import arrays

T = TypeVar("T")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Base(MappedAsDataclass, DeclarativeBase):
    """Tables are mapped dataclasses; each says `kw_only=True` itself, which is not inherited."""

    metadata = metadata
    type_annotation_map = {
        UUID: postgresql.UUID(as_uuid=True),
        datetime: DateTime(timezone=True),
        str: Text(),
        int: BigInteger(),
        dict[str, Any]: JSONB(none_as_null=True),
        list[Any]: JSONB(none_as_null=True),
        list[str]: JSONB(none_as_null=True),
    }


def new_id() -> Mapped[UUID]:
    """A primary key made by Postgres: time-ordered, so that pages follow creation."""
    return mapped_column(primary_key=True, init=False, server_default=text("limbeck_uuid7()"))


def now() -> Mapped[datetime]:
    """When the row was made, by the database's clock."""
    return mapped_column(init=False, server_default=func.now())


def _send_arrays_binary(connection: Any, _record: Any) -> None:
    """As text, every element would be searched for what needs quoting: a third of what it costs
    us to write a record.
    """
    adapters = connection.driver_connection.adapters
    adapters.register_dumper(list, ListBinaryDumper)
    arrays.register(adapters)


_READERS = 5
"""Connections without transactions; a statement takes one for a millisecond."""
_FRESH = 1.0
"""Seconds after its last use for which a connection is taken to be there still: one that broke in
that moment shows itself in the next statement, as one does that breaks right after it was asked."""


def _ask_whether_it_is_there(engine: Engine) -> None:
    """Before its use, a connection that nobody used for a while is asked, and replaced with all
    others where it is not there any more. To ask each time would be a sixth of all round trips.
    """

    def used(_connection: Any, record: Any) -> None:
        record.info["used"] = time.monotonic()

    def ask(connection: Any, record: Any, _fairy: Any) -> None:
        if time.monotonic() - record.info.get("used", math.inf) < _FRESH:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error

    event.listen(engine, "checkin", used)
    event.listen(engine, "checkout", ask)


def _engine(url: str, waits: str, **how: Any) -> AsyncEngine:
    engine = create_async_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        connect_args={
            "connect_timeout": 10,
            "application_name": "limbeck",
            # A vanished database is noticed within half a minute, not after the TCP default.
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 30_000,
            # A frozen client must not hold row locks for ever.
            "options": f"-c idle_in_transaction_session_timeout=60s -c timezone=utc{waits}",
        },
        **how,
    )
    event.listen(engine.sync_engine, "connect", _send_arrays_binary)
    _ask_whether_it_is_there(engine.sync_engine)
    return engine


class Database:
    """An engine and the sessions on it. Made by `main` and `cli`, handed to everyone else."""

    def __init__(self, url: str, *, pool_size: int = 10, lock_seconds: float | None = None) -> None:
        """With `lock_seconds`, whoever waits longer for a lock starts again: of a frozen client
        that had several waiting, none gets one and keeps it as the next of them.
        """
        self.url = url
        waits = f" -c lock_timeout={lock_seconds * 1000:.0f}" if lock_seconds else ""
        self._namespaces: Collection[str] | None = None
        self._revision: str | None = None
        self.engine = _engine(
            url,
            waits,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=30,
        )
        # Opens connections once it is asked. They have no transaction to begin, end or roll back.
        self._singly = _engine(
            url,
            waits,
            pool_size=_READERS,
            max_overflow=0,
            pool_reset_on_return=None,
            isolation_level="AUTOCOMMIT",
        )

    @property
    def libpq_url(self) -> str:
        """The same address for tools that speak libpq: procrastinate, pg_dump."""
        return make_url(self.url).set(drivername="postgresql").render_as_string(hide_password=False)

    @asynccontextmanager
    async def unit_of_work(self) -> AsyncIterator[AsyncSession]:
        """One transaction: commits when the block ends, rolls back when it raises."""
        async with AsyncSession(self.engine, expire_on_commit=False) as session, session.begin():
            if self._namespaces is not None:
                keep_to(session, self._namespaces)
            yield session

    async def moved(self, session: AsyncSession) -> str | None:
        """Why this process should leave the database alone, where another version has changed its
        schema since this was first asked.
        """
        present: str | None = await session.scalar(text("SELECT version_num FROM alembic_version"))
        self._revision = self._revision or present
        if present == self._revision:
            return None
        return (
            f"the database was at revision {self._revision} when this process began, and is at "
            f"{present} now: start it again with the version that brought it there"
        )

    async def read(self, look: Callable[[AsyncSession], Awaitable[T]]) -> T:
        """What `look` finds by statements that only read and need not agree on a moment. It takes a
        fifth of what a transaction does, for nothing is begun or ended; where a connection is not
        there any more, `look` is called again with another.
        """
        try:
            return await self.singly(look)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
        return await self.singly(look)

    async def singly(self, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
        """Each statement of `work` is a transaction of its own: one trip to the database rather
        than three.
        """
        async with AsyncSession(self._singly, expire_on_commit=False) as session:
            if self._namespaces is not None:
                keep_to(session, self._namespaces)
            return await work(session)

    def within(self, namespaces: Collection[str] | None) -> "Database":
        """The same database, of which no more is found than what lies in these namespaces."""
        limited = copy.copy(self)
        limited._namespaces = namespaces  # noqa: SLF001  (its own)
        return limited

    async def close(self) -> None:
        await self.engine.dispose()
        await self._singly.dispose()


UNLIMITED = "unlimited"
"""An execution option of a query in which these classes are found wherever they lie: what hangs on
something that the caller may see, and is told of it."""


def keep_to(session: AsyncSession, namespaces: Collection[str]) -> None:
    """From here on this session finds nothing outside these namespaces, as if it were not there:
    every query for something that has a namespace is given the condition. What hangs on such a
    thing (records, files, replies) is to be reached through it.
    """
    allowed = sorted(namespaces)
    criteria = {
        mapper.class_: with_loader_criteria(
            mapper.class_, lambda named: named.namespace.in_(allowed), include_aliases=True
        )
        for mapper in Base.registry.mappers
        if "namespace" in mapper.c
    }

    def limit(state: ORMExecuteState) -> None:
        reads = state.is_select or state.is_update or state.is_delete
        if state.is_orm_statement and reads and not state.is_column_load:
            free = state.execution_options.get(UNLIMITED, ())
            held = [each for named, each in criteria.items() if named not in free]
            state.statement = state.statement.options(*held)

    event.listen(session.sync_session, "do_orm_execute", limit)
