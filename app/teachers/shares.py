"""Workers divide a teacher's `max_in_flight` between them, and say what they make of it.

A worker takes what is free, up to its fair share, and gives back what is more than that as its
requests end: so the shares never add up to more, whoever comes and goes. All of it happens under
one lock for each teacher; a worker that shows no life for as long as a lease has no share.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

ALIVE = 15.0
"""Seconds after its last sign of life for which a worker is counted in, where nothing hangs on it.
"""


@dataclass(frozen=True, slots=True)
class Said:
    """What a worker says of itself and a teacher."""

    out: int
    """Places that it cannot give back now."""
    isolates: bool
    in_flight: int
    most: int
    """The limit that it found, whatever its share is."""
    endpoints: Mapping[str, dict[str, Any]]
    """In flight, limit and trouble by address."""


@dataclass(frozen=True, slots=True)
class Share:
    places: int
    all_of_them: bool
    """Whether no other worker has any."""
    away: bool
    """Whether the teacher's circuit is open."""


def places(
    *, cap: int, others: Sequence[int], parties: int, out: int, isolates: bool, others_isolate: bool
) -> int:
    """How many a worker has next, of a teacher that `parties` workers want something of. With the
    `others` it is never more than `cap`.
    """
    free = max(0, cap - sum(others))
    wanted = ceil(cap / max(parties, 1))
    if others_isolate:
        wanted = 0
    elif isolates:
        wanted = cap
    return min(free, max(wanted, out))


async def take(
    session: AsyncSession, teacher_id: UUID, worker_id: UUID, said: Said, silence: float
) -> Share:
    """The worker's share from now on; nothing for a teacher that is no more. The worker must not
    have let out more than it says until it knows the answer. Others have a share for `silence`
    seconds after their last sign of life, or after the start of the database: while it was away
    nobody could show any.
    """
    known = {"teacher": teacher_id, "worker": worker_id, "silence": silence, "alive": ALIVE}
    await session.execute(_LOCK, known)
    row = (await session.execute(_SEEN, known)).one_or_none()
    if row is None:
        return Share(0, all_of_them=False, away=False)
    # One that is new leaves room for all who may come; who stays alone has everything soon.
    parties = max(len(row.others) + 1, 0 if row.is_known else row.alive)
    isolates = said.isolates and not row.others_isolate
    mine = places(
        cap=row.cap,
        others=row.others,
        parties=parties,
        out=said.out,
        isolates=isolates,
        others_isolate=row.others_isolate,
    )
    shown = {
        "places": mine,
        "isolates": isolates,
        "in_flight": said.in_flight,
        "most": min(said.most, mine),
        "endpoints": orjson.dumps(dict(said.endpoints)).decode(),
    }
    await session.execute(_TAKE, known | shown)
    return Share(mine, all_of_them=mine == row.cap, away=row.away)


_LOCK = text("""
    SELECT pg_advisory_xact_lock(hashtextextended('teacher_share:' || CAST(:teacher AS text), 0))
""")
_SEEN = text("""
    SELECT max_in_flight AS cap, down_since IS NOT NULL AS away,
        coalesce(s.others, '{}') AS others, coalesce(s.others_isolate, false) AS others_isolate,
        EXISTS (
            SELECT FROM teacher_share WHERE teacher_id = :teacher AND worker_id = :worker
        ) AS is_known,
        (
            SELECT count(*) FROM worker
            WHERE seen_at > clock_timestamp() - make_interval(secs => :alive)
        ) AS alive
    FROM teacher LEFT JOIN LATERAL (
        SELECT array_agg(places) AS others, bool_or(isolates) AS others_isolate
        FROM teacher_share
        WHERE teacher_id = teacher.id AND worker_id <> :worker
          AND greatest(seen_at, pg_postmaster_start_time())
              > clock_timestamp() - make_interval(secs => :silence)
    ) AS s ON true
    WHERE id = :teacher
""")
_TAKE = text("""
    INSERT INTO teacher_share
        (teacher_id, worker_id, places, isolates, in_flight, most, endpoints)
    VALUES (:teacher, :worker, :places, :isolates, :in_flight, :most, CAST(:endpoints AS jsonb))
    ON CONFLICT (teacher_id, worker_id) DO UPDATE SET
        places = excluded.places, isolates = excluded.isolates, in_flight = excluded.in_flight,
        most = excluded.most, endpoints = excluded.endpoints, seen_at = clock_timestamp()
""")


async def give_back(session: AsyncSession, teacher_id: UUID, worker_id: UUID) -> None:
    """The worker has nothing of this teacher any more."""
    await session.execute(
        text("DELETE FROM teacher_share WHERE teacher_id = :teacher AND worker_id = :worker"),
        {"teacher": teacher_id, "worker": worker_id},
    )


async def leave(session: AsyncSession, worker_id: UUID) -> None:
    """It stopped as it was told to."""
    await session.execute(
        text("DELETE FROM teacher_share WHERE worker_id = :worker"), {"worker": worker_id}
    )


async def forget(session: AsyncSession) -> None:
    """Take out those of which nobody has heard for a day."""
    await session.execute(
        text("DELETE FROM teacher_share WHERE seen_at < clock_timestamp() - interval '1 day'")
    )


@dataclass(frozen=True, slots=True)
class Together:
    """What all workers that are alive make of one teacher."""

    workers: int
    in_flight: int
    limit: int
    endpoints: dict[str, dict[str, Any]]


async def together(session: AsyncSession, teacher_id: UUID) -> Together:
    rows = (await session.execute(_TOGETHER, {"teacher": teacher_id, "silence": ALIVE})).all()
    by_address: dict[str, dict[str, Any]] = {}
    for url, each in (one for row in rows for one in row.endpoints.items()):
        sums = by_address.setdefault(url, {"in_flight": 0, "limit": 0, "trouble": None})
        sums["in_flight"] += each["in_flight"]
        sums["limit"] += each["limit"]
        sums["trouble"] = sums["trouble"] or each["trouble"]
    return Together(
        workers=len(rows),
        in_flight=sum(row.in_flight for row in rows),
        limit=sum(row.most for row in rows),
        endpoints=by_address,
    )


_TOGETHER = text("""
    SELECT in_flight, most, endpoints FROM teacher_share
    WHERE teacher_id = :teacher AND seen_at > clock_timestamp() - make_interval(secs => :silence)
    ORDER BY worker_id
""")
