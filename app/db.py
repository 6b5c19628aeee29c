"""The database: the engine, the base of all tables, and the only commit."""

import copy
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.array import ListBinaryDumper
from sqlalchemy import BigInteger, DateTime, MetaData, Text, event, func, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    MappedAsDataclass,
    ORMExecuteState,
    mapped_column,
    with_loader_criteria,
)

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
    connection.driver_connection.adapters.register_dumper(list, ListBinaryDumper)


class Database:
    """An engine and the sessions on it. Made by `main` and `cli`, handed to everyone else."""

    def __init__(self, url: str, *, pool_size: int = 10, lock_seconds: float | None = None) -> None:
        """With `lock_seconds`, whoever waits longer for a lock starts again: of a frozen client
        that had several waiting, none gets one and keeps it as the next of them.
        """
        self.url = url
        waits = f" -c lock_timeout={lock_seconds * 1000:.0f}" if lock_seconds else ""
        self._namespaces: Collection[str] | None = None
        parsed = make_url(url).set(drivername="postgresql+psycopg")
        self.engine: AsyncEngine = create_async_engine(
            parsed,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_pre_ping=True,
            pool_timeout=30,
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
        )

        event.listen(self.engine.sync_engine, "connect", _send_arrays_binary)

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

    def within(self, namespaces: Collection[str] | None) -> "Database":
        """The same database, of which no more is found than what lies in these namespaces."""
        limited = copy.copy(self)
        limited._namespaces = namespaces  # noqa: SLF001  (its own)
        return limited

    async def close(self) -> None:
        await self.engine.dispose()


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
