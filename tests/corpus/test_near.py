"""Near-duplicates in Postgres: found, decided once whoever races, by the index."""

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.corpus import arrivals, dedup, store
from app.corpus.bands import Memory
from app.corpus.candidate import Candidate, Place, Target
from app.curation import near
from app.curation.exact import digest
from app.curation.near import Near
from app.curation.novelty import DedupSpec
from app.db import Database
from app.names import Ref
from tests.corpus import racer, truth

RULE = Near(("text",), (), 0.7)
JOB = UUID(int=1)


@pytest.fixture
async def target(database: Database) -> Target:
    async with database.unit_of_work() as session:
        corpus, _ = await store.get_or_create(session, Ref("default", "near"), DedupSpec())
    return Target(corpus.id, corpus.salt, RULE)


def candidates(target: Target, texts: Sequence[str], first: int = 0) -> Sequence[Candidate]:
    records = [{"text": one} for one in texts]
    return target.signed(
        [
            Candidate(Place(JOB, first + number, 0), record, digest(record))
            for number, record in enumerate(records)
        ]
    )


async def test_of_all_known_pairs_nearly_all_are_kept_out_and_nothing_else(
    database: Database, target: Target
) -> None:
    docs, pairs = truth.docs(), truth.pairs(0.7)
    winners: dict[int, UUID] = {}
    for first in range(0, len(docs), 256):
        async with database.unit_of_work() as session:
            lost = await dedup.add(
                session, target, candidates(target, docs[first : first + 256], first)
            )
        winners |= {one.candidate.place.item: one.winner for one in lost}
        assert all(one.verdict.reason == "dedup.near" for one in lost)
        assert all(one.verdict.value >= one.verdict.threshold == 0.7 for one in lost)
    async with database.unit_of_work() as session:
        items = {row.id: row.item for row in await session.execute(text("TABLE record"))}
    assert len(items) + len(winners) == len(docs)
    for loser, winner in winners.items():
        i, j = sorted((loser, items[winner]))
        assert (i, j) in pairs, "precision 1.0"
    leaked = [pair for pair in pairs if winners.keys().isdisjoint(pair)]
    assert len(leaked) / len(pairs) <= 0.02, "recall 0.98"


@pytest.fixture
def processes() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(
        racer.RACERS, mp_context=multiprocessing.get_context("spawn")
    ) as running:
        yield running


@pytest.mark.parametrize("locked", [True, False], ids=["locked", "without the lock"])
async def test_four_workers_racing_on_the_same_clusters_leave_no_pair(
    database: Database, target: Target, processes: ProcessPoolExecutor, *, locked: bool
) -> None:
    with multiprocessing.get_context("spawn").Manager() as manager:
        together = manager.Barrier(racer.RACERS)
        runs = [
            processes.submit(racer.race, database.url, target, number, together, locked=locked)
            for number in range(racer.RACERS)
        ]
        lost = sum(run.result() for run in runs)
    async with database.unit_of_work() as session:
        kept = [row.fields["text"] for row in await session.execute(text("TABLE record"))]
    assert lost + len(kept) == racer.RACERS * racer.BATCHES * racer.CLUSTERS
    sets = near.grams(kept)
    left = sum(
        near.jaccard(one, other) >= RULE.threshold
        for number, one in enumerate(sets)
        for other in sets[:number]
    )
    assert (left == 0) == locked, "the lock, and nothing else, keeps them out"


async def test_an_older_snapshot_is_no_ground_to_decide_on(
    database: Database, target: Target
) -> None:
    engine = database.engine.execution_options(isolation_level="REPEATABLE READ")
    with pytest.raises(AssertionError, match="repeatable read"):
        async with AsyncSession(engine) as session, session.begin():
            await dedup.add(session, target, candidates(target, ["a text"]))


async def test_a_dozen_of_a_kind_lose_to_the_first(database: Database, target: Target) -> None:
    text_ = "Name the three primary colours and say what they are good for, number "
    async with database.unit_of_work() as session:
        lost = await dedup.add(session, target, candidates(target, [f"{text_}{n}" for n in "abc"]))
        again = await dedup.add(
            session, target, candidates(target, [f"{text_}{n}" for n in "xyza"], 9)
        )
        kept = (await session.scalars(text("SELECT id FROM record"))).all()
    assert len(kept) == 1
    assert {one.winner for one in (*lost, *again)} == set(kept)
    assert [one.verdict.reason for one in (*lost, *again)] == ["dedup.near"] * 5 + ["dedup.exact"]


@pytest.mark.parametrize("remembers", [True, False])
async def test_what_only_the_index_knows_to_be_equal_loses_with_those_that_lost_to_it(
    database: Database, target: Target, *, remembers: bool
) -> None:
    """Equal by digest, which takes a line break within a list for a space; alike in no band."""
    first, *others = [
        Candidate(Place(JOB, item, 0), {"text": [said]}, digest({"text": [said]}))
        for item, said in enumerate(["x\ny", "x y", "X y", "x  y"])
    ]
    bands = Memory().of(target) if remembers else None
    for batch in ([first], others):
        async with database.unit_of_work() as session:
            lost = await dedup.add(session, target, target.signed(batch), bands)
    async with database.unit_of_work() as session:
        kept = (await session.scalars(text("SELECT id FROM record"))).all()
    assert len(kept) == 1
    assert {one.winner for one in lost} == {*kept}
    assert [one.verdict.reason for one in lost] == ["dedup.exact"] * 3


@pytest.mark.parametrize("remembers", [True, False])
async def test_what_a_process_remembers_is_what_it_would_find_by_reading_all_again(
    database: Database, target: Target, *, remembers: bool
) -> None:
    memory = Memory()
    lost: dict[int, UUID] = {}
    docs = truth.docs()[:1500]
    for number, first in enumerate(range(0, len(docs), 100)):
        # Every other batch is another process's.
        bands = memory.of(target) if remembers and number % 2 else None
        async with database.unit_of_work() as session:
            batch = candidates(target, docs[first : first + 100], first)
            found = await dedup.add(session, target, batch, bands)
        lost |= {one.candidate.place.item: one.winner for one in found}
    async with database.unit_of_work() as session:
        items = {row.id: row.item for row in await session.execute(text("TABLE record"))}
    known = sorted(pair for pair in truth.pairs(0.7) if max(pair) < len(docs))
    assert len(known) > 50
    missed = [pair for pair in known if lost.keys().isdisjoint(pair)]
    assert len(missed) / len(known) <= 0.02
    assert all(winner in items for winner in lost.values())


async def test_a_batch_that_was_rolled_back_is_not_remembered(
    database: Database, target: Target
) -> None:
    bands = Memory().of(target)
    said, again = "a text that is long enough to be like another one", "A text that is long enough "
    async with database.unit_of_work() as session:
        assert await dedup.add(session, target, candidates(target, [said]), bands) == []
        await session.rollback()
    async with database.unit_of_work() as session:
        assert await dedup.add(session, target, candidates(target, [said], 1), bands) == []
    async with database.unit_of_work() as session:
        again += "to be like another one, too"
        (lost,) = await dedup.add(session, target, candidates(target, [again], 2), bands)
        await session.execute(text("DELETE FROM record"))
    assert lost.verdict.reason == "dedup.near"
    async with database.unit_of_work() as session:
        assert await dedup.add(session, target, candidates(target, [again], 3), bands) == []


async def test_what_came_since_is_found_by_its_number(database: Database, target: Target) -> None:
    for first in range(0, 2_000, 500):
        async with database.unit_of_work() as session:
            docs = truth.docs()[first : first + 500]
            await dedup.add(session, target, candidates(target, docs, first))
    async with database.unit_of_work() as session:
        await session.execute(text("ANALYZE record"))
        last = await session.scalar(text("SELECT max(number) FROM record"))
        asked = {"corpus_id": target.corpus_id, "number": last - 10, "most": 20_000}
        plan = await session.execute(text(f"EXPLAIN {arrivals.SIGNATURES.text}"), asked)
        lines = "\n".join(row[0] for row in plan)
    assert "ix_record_corpus_id_number" in lines
    assert "Seq Scan" not in lines
