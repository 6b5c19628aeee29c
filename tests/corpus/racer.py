"""One of several workers that bring the same things, a little reworded, at the same moment."""

import asyncio
from typing import Any
from unittest.mock import AsyncMock, patch
from uuid import UUID

from app.corpus import dedup
from app.corpus.bands import Memory
from app.corpus.candidate import Candidate, Place, Target
from app.corpus.pool import Pools
from app.curation.exact import digest
from app.db import Database
from tests.corpus import truth

RACERS = 4
BATCHES = 6
CLUSTERS = 32


def race(url: str, target: Target, number: int, together: Any, *, locked: bool) -> int:
    """How many of its candidates were lost."""
    with patch.object(dedup, "lock", dedup.lock if locked else AsyncMock()):
        return asyncio.run(_race(url, target, number, together))


async def _race(url: str, target: Target, number: int, together: Any) -> int:
    database, pools, memory = Database(url), Pools(), Memory()
    docs = [doc for doc in truth.docs() if len(doc) > 200][: BATCHES * CLUSTERS]
    lost = 0
    for batch in range(BATCHES):
        mine = docs[batch * CLUSTERS : (batch + 1) * CLUSTERS]
        records = [{"text": f"{doc} {number}"} for doc in mine]
        candidates = [
            Candidate(Place(UUID(int=number), batch * CLUSTERS + at, 0), record, digest(record))
            for at, record in enumerate(records)
        ]
        if target.rouge is not None:
            async with database.unit_of_work() as session:
                pool = await pools.of(session, target.corpus_id, target.rouge)
            candidates = pool.hear(candidates)
        bands = memory.of(target)
        await asyncio.to_thread(together.wait, 60)
        async with database.unit_of_work() as session:
            lost += len(await dedup.add(session, target, target.signed(candidates), bands))
    await database.close()
    return lost
