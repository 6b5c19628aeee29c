"""ROUGE-L in Postgres: decided once whoever races, with what each process remembers."""

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from uuid import UUID

import pytest
from sqlalchemy import text

from app.corpus import arrivals, dedup, store
from app.corpus.candidate import Candidate, Duplicate, Place, Target
from app.corpus.pool import Pools
from app.curation.exact import digest
from app.curation.novelty import DedupSpec
from app.curation.rouge import Rouge, earlier_alike
from app.db import Database
from app.names import Ref
from tests.corpus import racer, truth

RULE = Rouge(("text",), 0.7, 1000)
SMALL = Rouge(("text",), 0.7, 2)
TEA = "Name three kinds of tea that grow in the hills of Assam"
TEAS = "Name seven kinds of tea that grow in the plains of Assam"
SHIP = "Write a story about the ship that left port too late"
SHIPS = "Write a poem about the ship that left port too soon"
RAIN = "Explain to a child why rain falls from dark clouds"


@pytest.fixture
async def target(database: Database) -> Target:
    async with database.unit_of_work() as session:
        corpus, _ = await store.get_or_create(session, Ref("default", "rouge"), DedupSpec())
    return Target(corpus.id, corpus.salt, None, RULE)


def candidates(texts: Sequence[str], job: int = 1) -> list[Candidate]:
    records = [{"text": one} for one in texts]
    return [
        Candidate(Place(UUID(int=job), number, 0), record, digest(record))
        for number, record in enumerate(records)
    ]


async def add(
    database: Database, target: Target, pools: Pools | None, batch: Sequence[Candidate]
) -> list[Duplicate]:
    assert target.rouge is not None
    if pools is not None:
        async with database.unit_of_work() as session:
            pool = await pools.of(session, target.corpus_id, target.rouge)
        batch = pool.hear(batch)
    async with database.unit_of_work() as session:
        return await dedup.add(session, target, batch)


async def kept(database: Database) -> dict[str, UUID]:
    async with database.unit_of_work() as session:
        rows = await session.execute(text("SELECT id, fields ->> 'text' AS said FROM record"))
        return {row.said: row.id for row in rows}


@pytest.mark.parametrize("remembers", [True, False])
async def test_who_says_too_much_of_the_same_loses_to_the_most_alike(
    database: Database, target: Target, *, remembers: bool
) -> None:
    pools = Pools() if remembers else None
    assert await add(database, target, pools, candidates([TEA, RAIN])) == []
    first, second = await add(database, target, pools, candidates([TEAS, SHIP, SHIPS], 2))
    winners = await kept(database)
    assert (first.winner, second.winner) == (winners[TEA], winners[SHIP])
    for lost in (first, second):
        assert lost.verdict.reason == "dedup.rouge"
        assert lost.verdict.value > lost.verdict.threshold == 0.7
    assert set(winners) == {TEA, RAIN, SHIP}


async def test_what_came_after_a_process_looked_counts_too(
    database: Database, target: Target
) -> None:
    async with database.unit_of_work() as session:
        early = (await Pools().of(session, target.corpus_id, RULE)).hear(candidates([TEAS], 2))
    assert await add(database, target, Pools(), candidates([TEA])) == []
    async with database.unit_of_work() as session:
        (lost,) = await dedup.add(session, target, early)
    assert lost.winner == (await kept(database))[TEA]


async def test_nobody_loses_to_a_record_that_is_gone(database: Database, target: Target) -> None:
    pools = Pools()
    await add(database, target, pools, candidates([TEA, RAIN]))
    assert await add(database, target, pools, candidates([TEAS], 2)) != []
    async with database.unit_of_work() as session:
        await session.execute(text("DELETE FROM record WHERE fields ->> 'text' = :t"), {"t": TEA})
    assert await add(database, target, pools, candidates([TEAS], 3)) == []


async def test_only_the_newest_are_compared_with(database: Database, target: Target) -> None:
    small = Target(target.corpus_id, target.salt, None, SMALL)
    pools = Pools()
    for number, one in enumerate((TEA, RAIN, SHIP), 1):
        assert await add(database, small, pools, candidates([one], number)) == []
    assert await add(database, small, pools, candidates([SHIPS], 8)) != []
    assert await add(database, small, None, candidates([TEAS], 9)) == []
    assert len(await kept(database)) == 4


async def test_a_corpus_that_does_not_mind_keeps_all(database: Database, target: Target) -> None:
    async with database.unit_of_work() as session:
        indifferent = Target(target.corpus_id, target.salt, None)
        assert await dedup.add(session, indifferent, candidates([TEA, TEAS])) == []


@pytest.fixture
def processes() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(
        racer.RACERS, mp_context=multiprocessing.get_context("spawn")
    ) as running:
        yield running


@pytest.mark.parametrize("locked", [True, False], ids=["locked", "without the lock"])
async def test_four_workers_that_remember_leave_no_pair_too_alike(
    database: Database, target: Target, processes: ProcessPoolExecutor, *, locked: bool
) -> None:
    with multiprocessing.get_context("spawn").Manager() as manager:
        together = manager.Barrier(racer.RACERS)
        runs = [
            processes.submit(racer.race, database.url, target, number, together, locked=locked)
            for number in range(racer.RACERS)
        ]
        lost = sum(run.result() for run in runs)
    said = list(await kept(database))
    assert lost + len(said) == racer.RACERS * racer.BATCHES * racer.CLUSTERS
    left = sum(map(len, earlier_alike([RULE.words({"text": one}) for one in said], 0.7)))
    assert (left == 0) == locked, "the lock, and nothing else, keeps them out"


async def test_what_came_since_is_found_by_its_number(database: Database, target: Target) -> None:
    await add(database, target, None, candidates(truth.docs()[:3000]))
    async with database.unit_of_work() as session:
        await session.execute(text("ANALYZE record"))
        asked = {"corpus_id": target.corpus_id, "number": 2900, "most": 50_000, "fields": ["text"]}
        plan = await session.execute(text(f"EXPLAIN {arrivals.AFTER.text}"), asked)
        lines = "\n".join(row[0] for row in plan)
    assert "ix_record_corpus_id_number" in lines
    assert "Seq Scan" not in lines
