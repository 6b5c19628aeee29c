"""When texts are indexed for searches."""

from uuid import uuid4

import pytest

from app.corpus import search
from app.corpus.candidate import Place
from app.db import Database
from app.jobs import indexing
from app.jobs.indexing import Indexer


class Clock:
    """Of a process that is as busy as it is told to be."""

    def __init__(self) -> None:
        self.cpu = self.now = 0.0

    def process_time(self) -> float:
        return self.cpu

    def monotonic(self) -> float:
        return self.now

    def passes(self, seconds: float, *, busy: float) -> None:
        self.now += seconds
        self.cpu += seconds * busy


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(indexing, "time", clock)
    return clock


async def enqueue(database: Database, texts: int) -> None:
    job_id = uuid4()
    async with database.unit_of_work() as session:
        await search.enqueue(session, [Place(job_id, n, 0) for n in range(texts)])


async def test_a_busy_worker_leaves_the_index_for_later(database: Database, clock: Clock) -> None:
    indexer = Indexer(database, cpu=0, at=0)
    await enqueue(database, 3)
    clock.passes(2, busy=0.9)
    await indexer.beat()
    assert await database.read(search.behind) == 3
    clock.passes(2, busy=0.1)
    await indexer.beat()
    assert await database.read(search.behind) == 0


async def test_what_a_search_has_to_read_is_bounded_however_busy_the_worker_is(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "MOST_BEHIND", 4)
    indexer = Indexer(database, cpu=0, at=0)
    for _ in range(2):
        await enqueue(database, search.CATCH_UP)
    clock.passes(2, busy=0.9)
    await indexer.beat()
    assert await database.read(search.behind) == 0
    await enqueue(database, 4)
    clock.passes(2, busy=0.9)
    await indexer.beat()
    assert await database.read(search.behind) == 4
