"""SQL of schedules and their runs. Whoever decides what a schedule does holds its lock."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import NotFound
from app.names import Ref
from app.schedules.models import Schedule, ScheduleRun


async def clock(session: AsyncSession) -> datetime:
    """The only clock that schedules go by."""
    now: datetime = (await session.scalars(select(func.clock_timestamp()))).one()
    return now


async def get(session: AsyncSession, ref: Ref, *, lock: bool = False) -> Schedule:
    query = select(Schedule).where(Schedule.namespace == ref.namespace, Schedule.name == ref.name)
    found = await session.scalar(query.with_for_update() if lock else query)
    if found is None:
        raise NotFound(
            "schedule.not_found",
            f"there is no schedule {ref}",
            hint="GET /v1/schedules lists them.",
        )
    return found


async def add(session: AsyncSession, ref: Ref, values: Mapping[str, Any]) -> bool:
    """Whether it is new; one of that name that there is already stays as it is."""
    made = (
        insert(Schedule)
        .values(namespace=ref.namespace, name=ref.name, **values)
        .on_conflict_do_nothing()
        .returning(Schedule.id)
    )
    return await session.scalar(made) is not None


async def change(session: AsyncSession, schedule: Schedule, values: Mapping[str, Any]) -> None:
    await session.execute(update(Schedule).where(Schedule.id == schedule.id).values(**values))
    await session.refresh(schedule)


async def remove(session: AsyncSession, schedule_id: UUID) -> None:
    """With its history; its jobs stay and go on."""
    await session.execute(delete(Schedule).where(Schedule.id == schedule_id))


async def page(
    session: AsyncSession, *, namespace: str | None, after: UUID | None, limit: int
) -> Sequence[Schedule]:
    """Oldest first."""
    query = select(Schedule).order_by(Schedule.id).limit(limit)
    if namespace is not None:
        query = query.where(Schedule.namespace == namespace)
    if after is not None:
        query = query.where(Schedule.id > after)
    return (await session.scalars(query)).all()


async def some_are_due(session: AsyncSession, now: datetime | None) -> bool:
    """Whether a run has not ended, or a schedule's time has come by `now`, or by the database's
    clock: else there is nothing to do.
    """
    return bool(await session.scalar(_SOME_ARE_DUE, {"now": now}))


_SOME_ARE_DUE = text("""
    SELECT EXISTS (SELECT FROM schedule_run WHERE ended_at IS NULL) OR EXISTS (
        SELECT FROM schedule
        WHERE NOT paused AND next_at <= coalesce(CAST(:now AS timestamptz), clock_timestamp())
    )
""")


async def take_due(
    session: AsyncSession, now: datetime, passing_over: Collection[UUID]
) -> Schedule | None:
    """A schedule whose time has come, locked; one that another worker holds is its affair."""
    return await session.scalar(
        select(Schedule)
        .where(~Schedule.paused, Schedule.next_at <= now, Schedule.id.not_in(passing_over))
        .order_by(Schedule.next_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )


async def add_run(
    session: AsyncSession,
    schedule_id: UUID,
    nominal: datetime,
    *,
    manual: bool = False,
    missed_before: int = 0,
) -> ScheduleRun | None:
    """A run that nothing was done for yet; nothing where this time has had its run."""
    made = (
        insert(ScheduleRun)
        .values(
            schedule_id=schedule_id,
            nominal_time=nominal,
            manual=manual,
            missed_before=missed_before,
            state="queued",
        )
        .on_conflict_do_nothing()
        .returning(ScheduleRun)
    )
    return await session.scalar(made)


async def start_run(session: AsyncSession, run: ScheduleRun, jobs: Sequence[UUID]) -> None:
    await session.execute(
        update(ScheduleRun)
        .where(ScheduleRun.id == run.id)
        .values(state="running", jobs=list(jobs), started_at=func.clock_timestamp())
    )
    await session.refresh(run)


async def end_run(
    session: AsyncSession, run: ScheduleRun, state: str, error: str | None, published: str | None
) -> None:
    await session.execute(
        update(ScheduleRun)
        .where(ScheduleRun.id == run.id)
        .values(state=state, error=error, published=published, ended_at=func.clock_timestamp())
    )
    await session.refresh(run)


async def runs(
    session: AsyncSession, schedule_id: UUID, *, before: UUID | None, limit: int
) -> Sequence[ScheduleRun]:
    """Newest first."""
    query = select(ScheduleRun).where(ScheduleRun.schedule_id == schedule_id)
    if before is not None:
        query = query.where(ScheduleRun.id < before)
    return (await session.scalars(query.order_by(ScheduleRun.id.desc()).limit(limit))).all()


@dataclass(frozen=True, slots=True)
class Going:
    """Runs of a schedule that have not ended."""

    running: int
    queued: int
    since: datetime | None
    """The nominal time of the oldest."""


async def going(session: AsyncSession, run: ScheduleRun) -> Going:
    """Those besides `run`."""
    row = (await session.execute(_GOING, {"schedule": run.schedule_id, "run": run.id})).one()
    return Going(row.running, row.queued, row.since)


_GOING = text("""
    SELECT count(*) FILTER (WHERE state = 'running') AS running,
        count(*) FILTER (WHERE state = 'queued') AS queued, min(nominal_time) AS since
    FROM schedule_run
    WHERE ended_at IS NULL AND schedule_id = :schedule AND id <> :run
""")


async def take_ended(session: AsyncSession, passing_over: Collection[UUID]) -> ScheduleRun | None:
    """A run whose jobs have all ended, with nothing to be published any more, locked."""
    return await _run(session, await session.scalar(_ENDED, {"not": list(passing_over)}))


_ENDED = text("""
    SELECT r.id FROM schedule_run AS r
    WHERE r.ended_at IS NULL AND r.state = 'running' AND r.id <> ALL(CAST(:not AS uuid[]))
      AND NOT EXISTS (
          SELECT FROM job AS j
          WHERE j.id = ANY(r.jobs) AND (
              j.state NOT IN ('finished', 'failed', 'cancelled')
              OR (j.state = 'finished' AND j.publishes)
          )
      )
    ORDER BY r.id LIMIT 1 FOR UPDATE SKIP LOCKED
""")


async def take_waiting(session: AsyncSession, passing_over: Collection[UUID]) -> ScheduleRun | None:
    """The first waiting run of a schedule that has none going; both are locked."""
    return await _run(session, await session.scalar(_WAITING, {"not": list(passing_over)}))


_WAITING = text("""
    SELECT r.id FROM schedule_run AS r JOIN schedule AS s ON s.id = r.schedule_id
    WHERE r.ended_at IS NULL AND r.state = 'queued' AND NOT s.paused
      AND r.id <> ALL(CAST(:not AS uuid[]))
      AND NOT EXISTS (
          SELECT FROM schedule_run AS o
          WHERE o.schedule_id = s.id AND o.ended_at IS NULL
            AND (o.state = 'running' OR o.id < r.id)
      )
    ORDER BY r.id LIMIT 1 FOR UPDATE OF r, s SKIP LOCKED
""")


async def _run(session: AsyncSession, run_id: UUID | None) -> ScheduleRun | None:
    return None if run_id is None else await session.get(ScheduleRun, run_id)


async def schedule_of(session: AsyncSession, run: ScheduleRun) -> Schedule:
    return (await session.scalars(select(Schedule).where(Schedule.id == run.schedule_id))).one()


async def records_in(session: AsyncSession, corpus_id: UUID) -> int:
    return await session.scalar(_RECORDS, {"corpus": corpus_id}) or 0


_RECORDS = text("SELECT count(*) FROM record WHERE corpus_id = :corpus")


async def records_by_cell(
    session: AsyncSession, corpus_id: UUID, axes: Sequence[str], cells: Sequence[str]
) -> list[int]:
    """How many records have the values of each cell, a JSON object of the axes' values."""
    found = await session.scalars(
        _BY_CELL, {"corpus": corpus_id, "axes": list(axes), "cells": list(cells)}
    )
    return list(found)


# Compared as jsonb: Postgres writes numbers otherwise than we do.
_BY_CELL = text("""
    WITH counted AS (
        SELECT (
            SELECT jsonb_object_agg(axis, r.fields -> axis)
            FROM unnest(CAST(:axes AS text[])) AS axis
        ) AS cell, count(*) AS n
        FROM record AS r WHERE r.corpus_id = :corpus GROUP BY 1
    )
    SELECT coalesce(counted.n, 0)
    FROM unnest(CAST(:cells AS text[])) WITH ORDINALITY AS asked (cell, number)
    LEFT JOIN counted ON counted.cell = CAST(asked.cell AS jsonb)
    ORDER BY asked.number
""")
