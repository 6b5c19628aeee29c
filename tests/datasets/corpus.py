"""Corpora, jobs and records as a test wants them, put straight into the tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID, uuid4

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.curation import exact
from app.db import Database
from app.jobs.models import Job
from app.seeds.models import SeedDataset, SeedVersion

COLUMNS = {"question": "string", "answer": "string"}


@dataclass(frozen=True, slots=True)
class Grown:
    corpus_id: UUID
    name: str


async def grow(
    database: Database,
    name: str = "default/faq",
    columns: dict[str, str] | None = None,
    near: float | Literal[False] = 0.7,
) -> Grown:
    """An empty corpus that a first job has given its columns and its policy. What is put straight
    into it is not held to that.
    """
    fields = list(columns or COLUMNS)
    compared = near and {"threshold": near, "fields": fields, "same": []}
    dedup = {"on": fields, "near": compared, "rouge": None}
    namespace, _, short = name.partition("/")
    async with database.unit_of_work() as session:
        made = await session.scalar(
            text(
                "INSERT INTO corpus (namespace, name, columns, dedup, salt) "
                "VALUES (:namespace, :name, CAST(:columns AS jsonb), CAST(:dedup AS jsonb), 0) "
                "RETURNING id"
            ),
            {
                "namespace": namespace,
                "name": short,
                "columns": orjson.dumps(columns or COLUMNS).decode(),
                "dedup": orjson.dumps(dedup).decode(),
            },
        )
    return Grown(made, name)


async def job(
    database: Database,
    corpus: Grown,
    *,
    template: str = "default/question-answer@1",
    document: dict[str, Any] | None = None,
    seeds: UUID | None = None,
) -> UUID:
    """A job's row alone: what it points to, but for its seeds, is not there."""
    async with database.unit_of_work() as session:
        for column in ("teacher_id", "template_version_id"):
            await session.execute(
                text(f"ALTER TABLE job DROP CONSTRAINT IF EXISTS fk_job_{column}")
            )
        made = Job(
            namespace="default",
            document={"template": template, "teacher": "default/local", **(document or {})},
            digest="d1",
            corpus_id=corpus.corpus_id,
            teacher_id=uuid4(),
            template_version_id=uuid4(),
            few_shot_version_id=None,
            seed_version_id=seeds,
            num_records=1,
            max_candidates=1,
            samples_per_item=1,
            state="finished",
        )
        session.add(made)
        await session.flush()
        return made.id


async def sow(database: Database, columns: Sequence[str], version: int = 1) -> UUID:
    """A version of a seed dataset with these columns; its rows do not matter here."""
    async with database.unit_of_work() as session:
        dataset = SeedDataset(namespace="default", name=f"seeds{version}")
        session.add(dataset)
        await session.flush()
        made = SeedVersion(
            dataset_id=dataset.id,
            version=version,
            digest=uuid4().bytes,
            rows=0,
            columns=list(columns),
            source="rows",
        )
        session.add(made)
        await session.flush()
        return made.id


async def insert(
    session: AsyncSession, corpus: Grown, job_id: UUID, records: Sequence[dict[str, Any]]
) -> None:
    first = await session.scalar(
        text("SELECT coalesce(max(item) + 1, 0) FROM record WHERE job_id = :job"), {"job": job_id}
    )
    await session.execute(
        text("""
            INSERT INTO record (corpus_id, job_id, item, sample, digest, fields)
            SELECT :corpus, :job, :first + n - 1, 0, digest, CAST(fields AS jsonb)
            FROM unnest(CAST(:digests AS bytea[]), CAST(:fields AS text[]))
                WITH ORDINALITY AS t (digest, fields, n)
            ORDER BY n
        """),
        {
            "corpus": corpus.corpus_id,
            "job": job_id,
            "first": first,
            "digests": [exact.digest(record) for record in records],
            "fields": [orjson.dumps(record).decode() for record in records],
        },
    )


async def add(
    database: Database, corpus: Grown, job_id: UUID, records: Sequence[dict[str, Any]]
) -> None:
    async with database.unit_of_work() as session:
        await insert(session, corpus, job_id, records)


def questions(count: int, start: int = 0) -> list[dict[str, Any]]:
    return [
        {"question": f"What is {n}?", "answer": f"It is {n}, the number after {n - 1}."}
        for n in range(start, start + count)
    ]
