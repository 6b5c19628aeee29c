"""Whether this installation can work, part by part."""

import asyncio
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, Field
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.db import Database
from app.jobs import workers
from app.jobs.room import Room

PATIENCE = 3.0
"""Seconds for the database to answer: less than a probe usually waits."""


class Check(BaseModel):
    ok: bool
    detail: str = Field(examples=["2 alive"])


class Checks(BaseModel):
    database: Check
    disk: Check
    """Whether there is so much free room as work needs."""
    workers: Check
    """Whether one is alive and takes work."""
    teachers: Check
    """Whether all that have work are there."""


class Readiness(BaseModel):
    status: Literal["ready", "not_ready"]
    """By database and disk. The API serves without workers and teachers, so those do not count."""
    checks: Checks


class _Moved(Exception):
    """The database is another version's now."""


@dataclass(frozen=True, slots=True)
class _Seen:
    workers: workers.Crew
    teachers: int
    away: int
    short: str | None
    free: int


async def look(database: Database, room: Room) -> Readiness:
    """Never raises: what cannot be asked is not well."""
    try:
        async with asyncio.timeout(PATIENCE):
            seen = await _see(database, room)
    except _Moved as moved:
        return _only_the_database(str(moved))
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        why = "it does not answer" if isinstance(error, TimeoutError) else type(error).__name__
        return _only_the_database(f"away: {why}")
    return Readiness(
        status="ready" if seen.short is None else "not_ready",
        checks=Checks(
            database=Check(ok=True, detail="answers"),
            disk=Check(ok=seen.short is None, detail=seen.short or f"{seen.free} bytes free"),
            workers=_workers(seen.workers),
            teachers=Check(
                ok=seen.away == 0, detail=f"{seen.teachers} registered, {seen.away} away"
            ),
        ),
    )


def _only_the_database(detail: str) -> Readiness:
    """What keeps us from asking it about the rest."""
    unknown = Check(ok=False, detail="not known without the database")
    database = Check(ok=False, detail=detail)
    return Readiness(
        status="not_ready",
        checks=Checks(database=database, disk=unknown, workers=unknown, teachers=unknown),
    )


async def _see(database: Database, room: Room) -> _Seen:
    async with database.unit_of_work() as session:
        if moved := await database.moved(session):
            raise _Moved(moved)
        crew = await workers.crew(session, ())
        teachers = (await session.execute(_TEACHERS)).one()
        short = await room.short(session)
    return _Seen(crew, teachers.known, teachers.away, short, room.free)


_TEACHERS = text("SELECT count(*) AS known, count(down_since) AS away FROM teacher")


def _workers(crew: workers.Crew) -> Check:
    said = f"{crew.alive} alive"
    if crew.silent:
        said += f", {crew.silent} silent"
    if crew.idle is not None and crew.alive:
        said += f"; {crew.idle}"
    return Check(ok=crew.idle is None, detail=said)
