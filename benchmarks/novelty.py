"""What ROUGE-L costs an insert, and what comparing vectors costs.

    python -m benchmarks.novelty                      # 256 against 10,000 and 50,000 records
    python -m benchmarks.novelty --vectors 50000      # so many vectors of 384 numbers, all pairs

Postgres is one of its own. Milliseconds are medians of wall time; `under the lock` is the whole
transaction that decides and inserts.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from uuid import UUID, uuid4

import numpy as np
from sqlalchemy import text

from app import migrate
from app.corpus import dedup, store
from app.corpus.candidate import Candidate, Place, Target
from app.corpus.pool import Pools
from app.curation.exact import digest
from app.curation.novelty import DedupSpec
from app.curation.rouge import Rouge
from app.db import Database
from app.local import postgres
from app.names import Ref
from app.semantic import pair, vectors
from app.semantic import store as semantic
from benchmarks.texts import texts

BATCH = 256
ROUNDS = 9
SHORT = 12
"""Words of an instruction: the median of Alpaca's is 10."""
JOB = UUID(int=1)
RULE = Rouge(("text",), 0.7, 100_000)
DIMENSIONS = 384


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=[10_000, 50_000])
    parser.add_argument("--words", type=int, default=SHORT, help="the most that a text has")
    parser.add_argument("--vectors", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="limbeck-bench-") as folder:
        running = postgres.start(Path(folder) / "pg")
        try:
            migrate.upgrade(running.url)
            figures = asyncio.run(_measure(Database(running.url), asked))
        finally:
            running.stop()
    for name, value in figures.items():
        print(f"{name:<60} {value:>12,.3f}")


async def _measure(database: Database, asked: argparse.Namespace) -> dict[str, float]:
    try:
        if asked.vectors:
            return await _pairs(database, asked.vectors)
        figures: dict[str, float] = {}
        for size in asked.sizes:
            figures |= await _rouge(database, size, asked.words)
        return figures
    finally:
        await database.close()


async def _rouge(database: Database, size: int, most: int) -> dict[str, float]:
    target = await _corpus(database, f"c{size}")
    bodies = [" ".join(one.split()[:most]) for one in texts(size + BATCH * ROUNDS, size)]
    async with database.unit_of_work() as session:
        for first in range(0, size, 5_000):
            batch = _candidates(bodies[first : min(size, first + 5_000)], first)
            await dedup._insert(session, target, batch)  # noqa: SLF001  (filled, not measured)
    pools = Pools()
    start = time.monotonic()
    await _hear(database, target, pools, _candidates(["one text"], size))
    loaded = 1000 * (time.monotonic() - start)
    before, under = [], []
    for number in range(ROUNDS):
        first = size + number * BATCH
        batch = _candidates(bodies[first : first + BATCH], first + 1)
        start = time.monotonic()
        heard = await _hear(database, target, pools, batch)
        ready = time.monotonic()
        async with database.unit_of_work() as session:
            await dedup.add(session, target, heard)
        before.append(1000 * (ready - start))
        under.append(1000 * (time.monotonic() - ready))
    return {
        f"{size:,} records: ms to remember them first": loaded,
        f"{size:,} records: ms for {BATCH} before the lock": statistics.median(before),
        f"{size:,} records: ms for {BATCH} under the lock": statistics.median(under),
    }


async def _hear(
    database: Database, target: Target, pools: Pools, batch: list[Candidate]
) -> list[Candidate]:
    async with database.unit_of_work() as session:
        pool = await pools.of(session, target.corpus_id, RULE)
    return await asyncio.to_thread(pool.hear, batch)


async def _pairs(database: Database, count: int) -> dict[str, float]:
    """Random vectors, in which there is nothing to find: what is measured is the comparing."""
    target = await _corpus(database, "vectors")
    chance = np.random.default_rng(1)
    async with database.unit_of_work() as session:
        await vectors.provide(session)
        # There is no teacher, and none is asked.
        await session.execute(
            text("ALTER TABLE semantic_report DROP CONSTRAINT fk_semantic_report_teacher_id")
        )
        await semantic.ask_for(
            session, target.corpus_id, semantic.Wanted(JOB, "t", "m", ("text",), 0.9)
        )
        for first in range(0, count, 5_000):
            size = min(5_000, count - first)
            batch = _candidates([f"text {n}" for n in range(first, first + size)], first)
            ids = list((await dedup._insert(session, target, batch)).values())  # noqa: SLF001
            made = chance.standard_normal((size, DIMENSIONS)).astype(np.float32)
            made /= np.linalg.norm(made, axis=1, keepdims=True)
            given = list(zip(ids, made, strict=True))
            await vectors.add(session, target.corpus_id, "m", given)
    walls = []
    cpu = time.process_time()
    for _ in range(count // pair.BLOCK + 1):
        start = time.monotonic()
        await pair.pair_some(database, target.corpus_id)
        walls.append(time.monotonic() - start)
    return {
        f"{count:,} vectors: s for all pairs": sum(walls),
        f"{count:,} vectors: s of our CPU": time.process_time() - cpu,
        f"s for the last whole block of {pair.BLOCK:,}": walls[-2],
    }


async def _corpus(database: Database, name: str) -> Target:
    async with database.unit_of_work() as session:
        corpus, _ = await store.get_or_create(session, Ref("default", name), DedupSpec())
        return Target(corpus.id, corpus.salt, None, RULE)


def _candidates(bodies: list[str], first: int) -> list[Candidate]:
    job = uuid4()
    records = [{"text": one} for one in bodies]
    return [
        Candidate(Place(job, first + number, 0), record, digest(record))
        for number, record in enumerate(records)
    ]


if __name__ == "__main__":
    main()
