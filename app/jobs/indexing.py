"""When a worker indexes texts for searches: while it has little else to do.

To index a text takes Postgres as long as to store it. A search misses nothing meanwhile, since what
is not indexed is read as it stands; so it may wait, as long as that reading is no great matter.
"""

import asyncio
import time
from dataclasses import dataclass, field

from app.corpus import search
from app.db import Database

BUSY = 0.5
"""Of a core: a worker that has taken more since it last looked has better things to do."""
MOST_BEHIND = 30_000
"""Texts: more than that are indexed however busy the worker is. To read so many takes a search
under two seconds."""


@dataclass(slots=True)
class Indexer:
    database: Database
    cpu: float = field(default_factory=time.process_time)
    at: float = field(default_factory=time.monotonic)
    """When it last looked, and what the process had taken by then, both in seconds."""

    async def beat(self) -> None:
        """Index until nothing is left, or until the worker is busy and little enough is."""
        while await self._should():
            async with self.database.unit_of_work() as session:
                await search.catch_up(session)
            await asyncio.sleep(0)

    async def _should(self) -> bool:
        most = MOST_BEHIND if self._is_busy() else 0
        return await self.database.read(search.behind) > most

    def _is_busy(self) -> bool:
        cpu, now = time.process_time(), time.monotonic()
        spent, passed = cpu - self.cpu, now - self.at
        if passed > 0:
            self.cpu, self.at = cpu, now
        return spent > BUSY * passed
