"""What publishing costs: 100,000 rows of 1.5 kB, then 1 % more, and what differs.

    python -m benchmarks.publish
    python -m benchmarks.publish --rows 20000 --corpora 2 --by cluster --profile

Postgres is one of its own, with everything as `limbeck up` starts it. `--corpora 2` puts every
second row into another corpus, so that all rows are signed and swept. Bytes written are those of
new files; CPU is this process's and Postgres's together. `--json FILE` writes the figures.
"""

import argparse
import asyncio
import cProfile
import json
import pstats
import tempfile
import time
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psutil
from psycopg import AsyncConnection
from sqlalchemy import text

from app import migrate
from app.corpus import store as corpora
from app.curation import exact
from app.curation.novelty import DedupSpec
from app.datasets import diff, publish
from app.datasets.files import Files
from app.datasets.publish import PublishedVersion
from app.datasets.spec import VersionSpec
from app.db import Database
from app.local import postgres
from app.names import Ref
from benchmarks.texts import texts

CHARACTERS = 1_450
COLUMNS = {"topic": "string", "question": "string", "answer": "string"}
DEDUP = {
    "on": list(COLUMNS),
    "near": {"threshold": 0.7, "fields": ["question", "answer"], "same": ["topic"]},
}
DATASET = Ref("default", "bench")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--corpora", type=int, default=1)
    parser.add_argument("--by", choices=("seed", "row", "cluster"), default="row")
    parser.add_argument("--profile", action="store_true", help="show where the time goes")
    parser.add_argument("--json", type=Path, default=None, help="write the figures here")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="limbeck-bench-") as folder:
        running = postgres.start(Path(folder) / "pg")
        try:
            migrate.upgrade(running.url)
            figures = asyncio.run(_measure(running, Path(folder) / "data", asked))
        finally:
            running.stop()
    for name, value in figures.items():
        print(f"{name:<44} {value:>14,.2f}")
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=2))


async def _measure(
    running: postgres.Postgres, folder: Path, asked: argparse.Namespace
) -> dict[str, float]:
    database, files = Database(running.url), Files(folder)
    server = psutil.Process(running.pid)
    spec = VersionSpec.model_validate({"splits": {"train": 0.95, "test": 0.05, "by": asked.by}})
    try:
        ids = [await _corpus(database, f"c{number}") for number in range(asked.corpora)]
        await _fill(database, ids, 0, asked.rows)
        async with database.unit_of_work() as session:
            await publish.define(session, DATASET, ids)
        figures: dict[str, float] = {}
        for name, more in (("v1", 0), ("v2, 1 % more", asked.rows // 100), ("v3, the same", 0)):
            await _fill(database, ids, asked.rows, more)
            profile = cProfile.Profile()
            stored, cpu, began = _stored(folder), _cpu(server), time.monotonic()
            if asked.profile:
                profile.enable()
            version = await _publish(database, files, spec)
            profile.disable()
            wall = time.monotonic() - began
            figures |= {
                f"{name}: rows": version.rows,
                f"{name}: seconds": wall,
                f"{name}: rows/s": version.rows / wall,
                f"{name}: CPU seconds": _cpu(server) - cpu,
                f"{name}: MB written": (_stored(folder) - stored) / 1e6,
                f"{name}: left out": sum(version.manifest.left_out.values()),
            }
            if asked.profile:
                pstats.Stats(profile).sort_stats("tottime").print_stats(14)
        began = time.monotonic()
        async with database.unit_of_work() as session:
            dataset, _ = await publish.get(session, DATASET)
            await diff.between(session, dataset, 1, 2)
        figures["diff of v1 and v2: seconds"] = time.monotonic() - began
        figures["MB of the table of rows"] = await _table(database) / 1e6
        figures["peak MB of this process"] = _peak()
        return figures
    finally:
        await database.close()


async def _publish(database: Database, files: Files, spec: VersionSpec) -> PublishedVersion:
    async with database.unit_of_work() as session:
        dataset, corpus = await publish.get(session, DATASET)
    frozen = await publish.prepare(database, files, dataset, spec)
    async with database.unit_of_work() as session:
        return await publish.enlist(session, files, dataset, corpus, spec, frozen)


async def _corpus(database: Database, name: str) -> UUID:
    async with database.unit_of_work() as session:
        made, _ = await corpora.get_or_create(session, Ref("default", name), DedupSpec())
        await corpora.settle(session, made.id, COLUMNS, DedupSpec.model_validate(DEDUP))
        return made.id


async def _fill(database: Database, ids: list[UUID], first: int, count: int) -> None:
    """The quick way, as the bulk import of a large file would."""
    if not count:
        return
    job = uuid4()
    columns = "record (corpus_id, job_id, item, sample, digest, fields)"
    async with await AsyncConnection.connect(database.libpq_url, autocommit=True) as connection:
        async with connection.cursor() as cursor, cursor.copy(f"COPY {columns} FROM STDIN") as copy:
            for start in range(0, count, 10_000):
                rows = _rows(min(10_000, count - start), first + start)
                for number, row in enumerate(rows, start=start):
                    digest = exact.digest(row)
                    corpus = ids[number % len(ids)]
                    told = (corpus, job, first + number, 0, digest, json.dumps(row))
                    await copy.write_row(told)
        await connection.execute("VACUUM ANALYZE record")
        await connection.execute("CHECKPOINT")


def _rows(count: int, random_seed: int) -> list[dict[str, Any]]:
    words = " ".join(texts(count * 6, random_seed + 1))
    bodies = [words[n * CHARACTERS : (n + 1) * CHARACTERS] for n in range(count)]
    return [
        {"topic": f"topic {n % 500}", "question": body[:200], "answer": body[200:]}
        for n, body in enumerate(bodies)
    ]


def _stored(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


async def _table(database: Database) -> float:
    async with database.unit_of_work() as session:
        size = text("SELECT pg_total_relation_size('dataset_row')")
        return float(await session.scalar(size) or 0)


def _peak() -> float:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def _cpu(server: psutil.Process) -> float:
    own = psutil.Process().cpu_times()
    total = own.user + own.system
    for each in (server, *server.children(recursive=True)):
        times = each.cpu_times()
        total += times.user + times.system
    times = server.cpu_times()
    return total + times.children_user + times.children_system


if __name__ == "__main__":
    main()
