"""Items that were with an engine when it died: one of them may be what killed it.

Engines also die of other things, a restart for one, and asking all that was out one by one may take
an hour. So they are asked again as all others are. An item with which two engines died is asked
alone: what dies with it then was killed by it, and it fails. The others were neighbours, and lose
nothing.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import Database
from app.jobs import lease
from app.jobs.durable import transaction
from app.jobs.lease import Claim

ALONE_FROM = 2
"""Engines that died with an item after which it is asked with nothing else out at its server."""
MOST_CRASHES = 3


async def of_chunk(session: AsyncSession, claim: Claim) -> dict[int, int]:
    """How many engines died with each of the chunk's items; those with none are left out."""
    said = {"job": claim.job_id, "first": claim.first_item, "end": claim.first_item + claim.items}
    return {row.item: row.n for row in await session.execute(_OF_CHUNK, said)}


_OF_CHUNK = text("""
    SELECT item, count(*) AS n FROM crash
    WHERE job_id = :job AND item >= :first AND item < :end GROUP BY item
""")


@dataclass(frozen=True, slots=True)
class Seen:
    item: int
    attempt: str
    detail: str


async def add(session: AsyncSession, job_id: UUID, seen: Sequence[Seen]) -> dict[int, int]:
    """Answers how many each of these items has now. To add the same again changes nothing."""
    said = {"job": job_id, "items": [one.item for one in seen]}
    more = {
        "attempts": [one.attempt for one in seen],
        "details": [one.detail for one in seen],
    }
    await session.execute(_ADD, said | more)
    return {row.item: row.n for row in await session.execute(_OF_ITEMS, said)}


_ADD = text("""
    INSERT INTO crash (job_id, item, attempt, detail)
    SELECT :job, * FROM unnest(
        CAST(:items AS int8[]), CAST(:attempts AS text[]), CAST(:details AS text[])
    )
    ON CONFLICT DO NOTHING
""")
_OF_ITEMS = text("""
    SELECT item, count(*) AS n FROM crash WHERE job_id = :job AND item = ANY(:items) GROUP BY item
""")


@dataclass(slots=True)
class Suspects:
    """Those of one chunk. An engine dies with many at once: they are written together."""

    claim: Claim
    database: Database
    known: Mapping[int, int]
    """How many engines had died with an item when the chunk was taken."""
    _new: list[Seen] = field(default_factory=list)
    _counts: dict[int, int] = field(default_factory=dict)
    _writing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def count(self, seen: Seen) -> int:
        """One more for this item; answers how many those are. Raises `LeaseLost`."""
        self._new.append(seen)
        async with self._writing:
            if self._new:
                group, self._new = self._new, []
                self._counts |= await transaction(
                    self.database, lambda session: self._write(session, group)
                )
        return self._counts[seen.item]

    async def _write(self, session: AsyncSession, group: Sequence[Seen]) -> dict[int, int]:
        await lease.check(session, self.claim)
        return await add(session, self.claim.job_id, group)
