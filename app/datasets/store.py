"""SQL of datasets: definitions, versions and their files, and the rows that go into one."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.corpus import browse
from app.corpus.browse import Scope
from app.corpus.models import (
    Corpus,
    Replayed,
    StoredRecord,
)
from app.corpus.replay import IS_REPLAYED, SOURCE_ITEM, SOURCE_JOB
from app.corpus.selection import Selection
from app.curation.verdict import Record
from app.datasets.asked import asked_by
from app.datasets.exporter import Origin, Row
from app.datasets.models import Dataset, DatasetFile, DatasetVersion, FurtherCorpus
from app.datasets.pick import Pick
from app.db import UNLIMITED
from app.errors import Conflict, NotFound
from app.names import Ref

_TOLD: dict[str, Any] = {UNLIMITED: (Corpus,)}
"""Who may see a dataset is told its corpus, wherever that lies: it says where the rows are from."""
_LIGHT_PAGE = 10_000
_PAGE = 500
"""Rows fetched at a time. A record has at most 256 KiB, so 128 MiB in the worst case."""


async def take_snapshot(session: AsyncSession) -> None:
    """To be said first: whatever commits from here on, this transaction does not see."""
    await session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
    # It waits for files to be written between two pages.
    await allow_waiting(session)


async def allow_waiting(session: AsyncSession) -> None:
    """Keep this transaction while files are written; a frozen process still ends it."""
    await session.execute(text("SET LOCAL idle_in_transaction_session_timeout = '15min'"))


async def find(session: AsyncSession, ref: Ref) -> tuple[Dataset, Corpus] | None:
    row = (
        await session.execute(
            select(Dataset, Corpus)
            .join(Corpus, Corpus.id == Dataset.corpus_id)
            .where(Dataset.namespace == ref.namespace, Dataset.name == ref.name)
            .execution_options(**_TOLD)
        )
    ).one_or_none()
    return None if row is None else (row[0], row[1])


async def corpora(session: AsyncSession, dataset: Dataset, *, told: bool = False) -> list[Corpus]:
    """Of a dataset, in the order of its definition, as this transaction sees them. Raises
    `NotFound` where one is out of its sight, unless it is only to be `told`.
    """
    further = FurtherCorpus
    query = select(further.corpus_id).where(further.dataset_id == dataset.id)
    ids = [dataset.corpus_id, *await session.scalars(query.order_by(further.position))]
    found = await session.scalars(
        select(Corpus).where(Corpus.id.in_(ids)), execution_options=_TOLD if told else {}
    )
    by_id = {corpus.id: corpus for corpus in found}
    if len(by_id) < len(ids):
        raise NotFound(
            "corpus.not_found",
            f"a corpus of {dataset.namespace}/{dataset.name} is in a namespace that is not yours",
        )
    return [by_id[each] for each in ids]


async def define(
    session: AsyncSession, ref: Ref, corpora: Sequence[UUID], description: str
) -> bool:
    """Make a dataset, unless there is one of this name: whether it was made."""
    corpus_id, *further = corpora
    made = await session.scalar(
        insert(Dataset)
        .values(
            namespace=ref.namespace, name=ref.name, corpus_id=corpus_id, description=description
        )
        .on_conflict_do_nothing()
        .returning(Dataset.id)
    )
    if made is not None and further:
        rows = [
            {"dataset_id": made, "position": position, "corpus_id": each}
            for position, each in enumerate(further, start=1)
        ]
        await session.execute(insert(FurtherCorpus), rows)
    return made is not None


async def page(
    session: AsyncSession, namespace: str | None, after: UUID | None, limit: int
) -> Sequence[tuple[Dataset, Corpus, int | None]]:
    """Datasets in the order of their creation, each with its corpus and latest version."""
    latest = (
        select(func.max(DatasetVersion.version))
        .where(DatasetVersion.dataset_id == Dataset.id, DatasetVersion.withdrawn_at.is_(None))
        .scalar_subquery()
    )
    query = (
        select(Dataset, Corpus, latest)
        .join(Corpus, Corpus.id == Dataset.corpus_id)
        .order_by(Dataset.id)
        .limit(limit)
        .execution_options(**_TOLD)
    )
    if namespace is not None:
        query = query.where(Dataset.namespace == namespace)
    if after is not None:
        query = query.where(Dataset.id > after)
    return [(row[0], row[1], row[2]) for row in await session.execute(query)]


async def version(
    session: AsyncSession, dataset_id: UUID, number: int | None
) -> DatasetVersion | None:
    """That version, or the newest that is not withdrawn; of withdrawn ones the newest, if there is
    no other.
    """
    query = select(DatasetVersion).where(DatasetVersion.dataset_id == dataset_id)
    if number is None:
        kept = DatasetVersion.withdrawn_at.is_(None)
        query = query.order_by(kept.desc(), DatasetVersion.version.desc()).limit(1)
    else:
        query = query.where(DatasetVersion.version == number)
    return (await session.scalars(query)).one_or_none()


async def version_ids(
    session: AsyncSession, dataset_id: UUID, number: int | None
) -> Sequence[UUID]:
    """Of all versions, or of that one, if there is one."""
    query = select(DatasetVersion.id).where(DatasetVersion.dataset_id == dataset_id)
    if number is not None:
        query = query.where(DatasetVersion.version == number)
    return (await session.scalars(query)).all()


async def versions(
    session: AsyncSession, dataset_id: UUID, after: int | None, limit: int
) -> Sequence[DatasetVersion]:
    """Oldest first."""
    query = (
        select(DatasetVersion)
        .where(DatasetVersion.dataset_id == dataset_id, DatasetVersion.version > (after or 0))
        .order_by(DatasetVersion.version)
        .limit(limit)
    )
    return (await session.scalars(query)).all()


async def shards(session: AsyncSession, version_id: UUID) -> Sequence[DatasetFile]:
    """The data files of a version, those of each split in their order."""
    file = DatasetFile
    query = select(file).where(file.version_id == version_id, file.split.is_not(None))
    return (await session.scalars(query.order_by(file.path))).all()


async def file(session: AsyncSession, version_id: UUID, path: str) -> DatasetFile | None:
    return await session.get(DatasetFile, (version_id, path))


async def files(session: AsyncSession, version_id: UUID) -> Sequence[DatasetFile]:
    """All files of a version, by path."""
    query = select(DatasetFile).where(DatasetFile.version_id == version_id)
    return (await session.scalars(query.order_by(DatasetFile.path))).all()


async def lock(session: AsyncSession, dataset_id: UUID) -> Dataset:
    """Whoever holds this row decides on the next version; the others wait."""
    query = select(Dataset).where(Dataset.id == dataset_id).with_for_update()
    return (await session.scalars(query.execution_options(populate_existing=True))).one()


async def newest(session: AsyncSession, dataset_id: UUID) -> int | None:
    """The number that `latest` means: of the newest version that is not withdrawn."""
    return await session.scalar(
        select(func.max(DatasetVersion.version)).where(
            DatasetVersion.dataset_id == dataset_id, DatasetVersion.withdrawn_at.is_(None)
        )
    )


async def last_number(session: AsyncSession, dataset_id: UUID) -> int:
    """The highest number that was ever given; 0 before the first."""
    query = select(func.max(DatasetVersion.version)).where(DatasetVersion.dataset_id == dataset_id)
    return await session.scalar(query) or 0


async def enlist(
    session: AsyncSession, published: DatasetVersion, files: Sequence[dict[str, Any]]
) -> None:
    """List a version and its files, all of which are stored by now."""
    session.add(published)
    await session.flush()
    await session.execute(
        insert(DatasetFile), [{"version_id": published.id, **each} for each in files]
    )


# The ledger of jobs lies further downstream; here, a job is a row that says where records come
# from, and no more of it is read. A reprocess job names others, whose replies it decided on.
_ORIGINS = text("""
    WITH RECURSIVE behind (id) AS (
        SELECT id FROM job WHERE corpus_id = :corpus_id
        UNION
        SELECT CAST(source AS uuid) FROM behind JOIN job USING (id)
        CROSS JOIN jsonb_array_elements_text(document #> '{from,jobs}') AS source
        WHERE kind = 'reprocess'
    )
    SELECT job.id, job.digest, job.document, seed_version.columns
    FROM behind JOIN job USING (id)
    LEFT JOIN seed_version ON seed_version.id = job.seed_version_id
    ORDER BY job.id
""")


async def origins(session: AsyncSession, corpus: Corpus) -> dict[tuple[UUID, UUID, int], Origin]:
    """By corpus, job and arm."""
    name = f"{corpus.namespace}/{corpus.name}"
    rows = await session.execute(_ORIGINS, {"corpus_id": corpus.id})
    return {
        (corpus.id, row.id, arm): origin
        for row in rows
        for arm, origin in enumerate(_origins(row.id, row.digest, row.document, row.columns, name))
    }


def _origins(
    job_id: UUID, digest: str, document: dict[str, Any], columns: list[str] | None, corpus: str
) -> Iterator[Origin]:
    seeds = document.get("seeds") or {}
    inline = seeds.get("rows") or []
    arms = list(asked_by(document))
    for number, arm in enumerate(arms):
        yield Origin(
            job_id=job_id,
            digest=digest,
            template=arm.template,
            few_shot=arm.few_shot,
            teacher=arm.teacher,
            seeds=seeds.get("dataset"),
            seed_columns=tuple(sorted(columns or (inline[0] if inline else ()))),
            corpus=corpus,
            arm=number if len(arms) > 1 else None,
        )


async def picks(session: AsyncSession, scopes: Sequence[Scope], selection: Selection) -> list[Pick]:
    """The selected records, oldest first."""
    record = StoredRecord
    found = []
    for scope in scopes:
        query = select(
            record.id,
            record.corpus_id,
            record.digest,
            record.job_id,
            record.item,
            record.sample,
            SOURCE_JOB.label("source_job_id"),
            SOURCE_ITEM.label("source_item"),
        ).outerjoin(Replayed, IS_REPLAYED)
        rows = await session.stream(
            browse.selected(query, scope, selection), execution_options={"yield_per": _LIGHT_PAGE}
        )
        async for page in rows.partitions():
            found += [Pick(*row) for row in page]
    # Ids are in the order of time, whatever corpus they are of.
    found.sort(key=lambda pick: pick.id)
    return found


async def rows(
    session: AsyncSession, picks: Sequence[Pick], known: Mapping[tuple[UUID, UUID, int], Origin]
) -> AsyncIterator[list[Row]]:
    """These records, in this order, a page at a time."""
    for start in range(0, len(picks), _PAGE):
        page = picks[start : start + _PAGE]
        found = await session.execute(_FIELDS, {"ids": [pick.id for pick in page]})
        fields = {row[0]: row[1] for row in found}
        yield [
            Row(
                id=pick.id,
                item=pick.item,
                sample=pick.sample,
                digest=pick.digest,
                fields=_fields(pick.id, fields[pick.id]),
                size=len(fields[pick.id]),
                origin=known.get(pick.asked) or Origin(pick.source_job_id),
                decided_by=pick.job_id,
            )
            for pick in page
        ]


_FIELDS = text("SELECT id, CAST(fields AS text) FROM record WHERE id = ANY(:ids)")


def _fields(record_id: UUID, written: str) -> Record:
    try:
        fields: Record = orjson.loads(written)
    except orjson.JSONDecodeError as error:
        # Postgres takes numbers that no column of a file can hold.
        raise Conflict(
            "dataset.misfit", f"record {record_id} cannot be published: {error.msg}"
        ) from error
    return fields


async def moment(session: AsyncSession) -> Any:
    """When this transaction began, by the database's clock."""
    return await session.scalar(select(func.now()))
