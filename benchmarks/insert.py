"""What it costs to put a reply into a corpus: parsed, filtered, signed, compared, committed.

    python -m benchmarks.insert                      # the path of 2,500 replies
    python -m benchmarks.insert --sizes 10000 100000 # 256 more, into corpora of these sizes

Postgres is one of its own, with everything as `limbeck up` starts it. Two records in ten are
rewordings of earlier ones. CPU is this process's and Postgres's together. `--json FILE` writes
the figures.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import psutil
from psycopg import AsyncConnection, AsyncCursor

from app import migrate
from app.corpus import dedup, store
from app.corpus.bands import Memory
from app.corpus.candidate import Candidate, Place, Target
from app.curation.accept import AcceptSpec
from app.curation.chain import Chain
from app.curation.near import Near
from app.curation.novelty import DedupSpec
from app.db import Database
from app.local import postgres
from app.names import Ref
from app.teachers.completion import Completion
from benchmarks.texts import reworded, texts

BATCH = 256
ROUNDS = 9
JOB = UUID(int=1)
MEMORY = Memory()
RULE = Near(("instruction", "response"), ("topic",), 0.7)
SCHEMA = {
    "type": "object",
    "properties": {"instruction": {"type": "string"}, "response": {"type": "string"}},
    "required": ["instruction", "response"],
    "additionalProperties": False,
}
CHAIN = Chain.of(AcceptSpec(), "json", SCHEMA)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=2_500)
    parser.add_argument("--sizes", type=int, nargs="*", default=[])
    parser.add_argument("--json", type=Path, default=None, help="write the figures here")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="limbeck-bench-") as folder:
        running = postgres.start(Path(folder) / "pg")
        try:
            migrate.upgrade(running.url)
            figures = asyncio.run(_measure(running, asked))
        finally:
            running.stop()
    for name, value in figures.items():
        print(f"{name:<44} {value:>12,.3f}")
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=2))


async def _measure(running: postgres.Postgres, asked: argparse.Namespace) -> dict[str, float]:
    database = Database(running.url)
    try:
        if not asked.sizes:
            return await _path(database, psutil.Process(running.pid), asked.records)
        figures: dict[str, float] = {}
        for size in sorted(asked.sizes):
            figures[f"{size:,} records: ms for {BATCH} more"] = await _grown(database, size)
        first, *others = list(figures.items())
        for name, value in others:
            figures[f"{name.partition(':')[0]} / {first[0].partition(':')[0]}"] = value / first[1]
        return figures
    finally:
        await database.close()


async def _path(database: Database, server: psutil.Process, count: int) -> dict[str, float]:
    target = await _corpus(database, "path")
    replies = [_reply(body) for body in _with_rewordings(texts(count))]
    # The first batch pays for connections and plans.
    await _add(database, target, -BATCH, [_reply(body) for body in texts(BATCH, 2)])
    spent = {"parse and filter": 0.0, "sign": 0.0, "decide and commit": 0.0}
    accepted, began, servers = 0, time.process_time(), _cpu(server)
    for start in range(0, count, BATCH):
        added, parts = await _add(database, target, start, replies[start : start + BATCH])
        accepted += added
        for name, seconds in parts.items():
            spent[name] += seconds
    ours, theirs = time.process_time() - began, _cpu(server) - servers
    return {
        "records": count,
        "accepted": accepted,
        **{f"wall ms per {BATCH}, {name}": 1000 * s / count * BATCH for name, s in spent.items()},
        "CPU ms a record, ours": 1000 * ours / count,
        "CPU ms a record, Postgres": 1000 * theirs / count,
        "records/s per core": count / (ours + theirs),
    }


async def _grown(database: Database, size: int) -> float:
    """Median milliseconds to look up and insert a batch; records with every second one new."""
    target = await _corpus(database, f"c{size}")
    await _load(database, target, size)
    fresh = texts(BATCH * ROUNDS, size + 1)
    walls = []
    for number in range(ROUNDS):
        batch = [_reply(body) for body in fresh[number * BATCH : (number + 1) * BATCH]]
        _, parts = await _add(database, target, size + number * BATCH, batch)
        walls.append(1000 * parts["decide and commit"])
    return statistics.median(walls)


async def _add(
    database: Database, target: Target, first: int, replies: Sequence[Completion]
) -> tuple[int, dict[str, float]]:
    start = time.monotonic()
    candidates = []
    for number, reply in enumerate(replies):
        one = CHAIN.curate(reply, {"topic": "invented"})
        if one.record is None or one.digest is None:
            raise SystemExit(f"refused: {one.verdict}")
        candidates.append(Candidate(Place(JOB, first + number, 0), one.record, one.digest))
    curated = time.monotonic()
    signed = target.signed(candidates)
    ready = time.monotonic()
    async with database.unit_of_work() as session:
        lost = await dedup.add(session, target, signed, MEMORY.of(target))
    parts = {
        "parse and filter": curated - start,
        "sign": ready - curated,
        "decide and commit": time.monotonic() - ready,
    }
    return len(replies) - len(lost), parts


async def _corpus(database: Database, name: str) -> Target:
    async with database.unit_of_work() as session:
        corpus, _ = await store.get_or_create(session, Ref("default", name), DedupSpec())
        return Target(corpus.id, corpus.salt, RULE)


async def _load(database: Database, target: Target, size: int) -> None:
    """Fill a corpus the quick way: as the bulk import of a large file would."""
    async with await AsyncConnection.connect(database.libpq_url, autocommit=True) as connection:
        async with connection.transaction(), connection.cursor() as cursor:
            for first in range(0, size, 10_000):
                await _copy(cursor, target, first, texts(min(10_000, size - first), 10 + first))
        await connection.execute("VACUUM ANALYZE record")
        await connection.execute("CHECKPOINT")


async def _copy(cursor: AsyncCursor[Any], target: Target, first: int, bodies: list[str]) -> None:
    ids = [UUID(int=(target.salt << 64) | (first + n)) for n in range(len(bodies))]
    rows = [{"topic": "invented", **json.loads(_reply(body).content)} for body in bodies]
    made = target.near.sign(rows, target.salt) if target.near else []
    columns = "record (id, corpus_id, job_id, item, sample, digest, fields, bands)"
    async with cursor.copy(f"COPY {columns} FROM STDIN") as copy:
        for number, (one, row, signed) in enumerate(zip(ids, rows, made, strict=True), first):
            fields, bands = json.dumps(row), signed.bands.tolist()
            await copy.write_row((one, target.corpus_id, one, number, 0, one.bytes, fields, bands))


def _with_rewordings(bodies: list[str]) -> list[str]:
    chance = np.random.default_rng(3)
    for place in np.flatnonzero(chance.random(len(bodies)) < 0.2):
        if place:
            bodies[place] = reworded(bodies[int(chance.integers(0, place))], int(place))
    return bodies


def _reply(body: str) -> Completion:
    words = body.split()
    cut = max(1, len(words) // 4)
    row = {"instruction": " ".join(words[:cut]), "response": " ".join(words[cut:])}
    return Completion(json.dumps(row), "stop")


def _cpu(server: psutil.Process) -> float:
    total = 0.0
    for each in (server, *server.children(recursive=True)):
        times = each.cpu_times()
        total += times.user + times.system
    own = server.cpu_times()
    return total + own.children_user + own.children_system


if __name__ == "__main__":
    main()
