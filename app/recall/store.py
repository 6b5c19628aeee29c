"""SQL of a recall: from what is bad to jobs, from jobs to records, versions and receipts."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import ColumnElement, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.corpus.item import ROWS
from app.corpus.models import Corpus
from app.datasets.models import Dataset, DatasetPull, DatasetVersion
from app.jobs.models import Job, JobArm, JobJudge
from app.names import Ref
from app.prompts.models import FewShotName, StoredFewShot, StoredTemplate, TemplateName
from app.seeds.models import SeedDataset, SeedVersion


@dataclass(frozen=True, slots=True)
class _Versioned:
    named: Any
    version: Any
    belongs: ColumnElement[bool]
    used: Any
    asked: Any = None
    """The same of an arm, where arms may differ in it."""
    judged: Any = None
    """The same of a judge."""


VERSIONED = {
    "template": _Versioned(
        TemplateName,
        StoredTemplate,
        StoredTemplate.template_id == TemplateName.id,
        Job.template_version_id,
        JobArm.template_version_id,
        JobJudge.template_version_id,
    ),
    "few_shot": _Versioned(
        FewShotName,
        StoredFewShot,
        StoredFewShot.few_shot_set_id == FewShotName.id,
        Job.few_shot_version_id,
        JobArm.few_shot_version_id,
    ),
    "seed": _Versioned(
        SeedDataset, SeedVersion, SeedVersion.dataset_id == SeedDataset.id, Job.seed_version_id
    ),
}


async def version_ids(session: AsyncSession, kind: str, ref: Ref) -> Sequence[UUID]:
    """The versions of something that a name means: one, or all."""
    what = VERSIONED[kind]
    query = (
        select(what.version.id)
        .join(what.named, what.belongs)
        .where(what.named.namespace == ref.namespace, what.named.name == ref.name)
    )
    if ref.version is not None:
        query = query.where(what.version.version == ref.version)
    return (await session.scalars(query)).all()


@dataclass(frozen=True, slots=True)
class Bad:
    """A job, or of several arms some."""

    job: Job
    arms: tuple[int, ...] = ()
    """Empty where it is all of it."""


async def jobs_with(
    session: AsyncSession, used: Any, asked: Any, judged: Any, ids: Sequence[UUID]
) -> Sequence[Bad]:
    """Those that have it in the column `used`, or in `asked` of an arm, or in `judged` of who
    scored all of its records.
    """
    arms: defaultdict[UUID, list[int]] = defaultdict(list)
    if asked is not None:
        found = select(JobArm.job_id, JobArm.arm).where(asked.in_(ids)).order_by(JobArm.arm)
        for row in await session.execute(found):
            arms[row.job_id].append(row.arm)
    scored: set[UUID] = set()
    if judged is not None:
        scored.update(await session.scalars(select(JobJudge.job_id).where(judged.in_(ids))))
    query = select(Job).where(used.in_(ids) | Job.id.in_({*arms, *scored})).order_by(Job.id)
    jobs = (await session.scalars(query)).all()
    return [
        Bad(job, () if job.id in scored or len(arms[job.id]) == job.arms else tuple(arms[job.id]))
        for job in jobs
    ]


def _arrays(bad: Sequence[Bad]) -> dict[str, Any]:
    each = [(one.job.id, arm) for one in bad for arm in one.arms or (None,)]
    return {"bad": [job for job, _ in each], "arms": [arm for _, arm in each]}


async def deciders(session: AsyncSession, jobs: Sequence[UUID]) -> Sequence[Job]:
    """The reprocess jobs that decided on replies of these jobs, however many came between."""
    found = (await session.scalars(_DECIDERS, {"jobs": list(jobs)})).all()
    return (await session.scalars(select(Job).where(Job.id.in_(found)).order_by(Job.id))).all()


_DECIDERS = text("""
    WITH RECURSIVE after (id) AS (
        SELECT unnest(CAST(:jobs AS uuid[]))
        UNION
        SELECT job.id FROM after JOIN job
            ON kind = 'reprocess' AND document #> '{from,jobs}' ? CAST(after.id AS text)
    )
    SELECT id FROM after WHERE id <> ALL(:jobs)
""")


async def corpora(session: AsyncSession, jobs: Sequence[Job]) -> dict[UUID, str]:
    """The names of the corpora of these jobs."""
    query = select(Corpus).where(Corpus.id.in_({job.corpus_id for job in jobs}))
    return {each.id: f"{each.namespace}/{each.name}" for each in await session.scalars(query)}


async def records(
    session: AsyncSession, bad: Sequence[Bad], replayed: Sequence[UUID]
) -> dict[UUID, tuple[int, int]]:
    """By corpus, how many records there are, and how many somebody deleted: of the jobs `bad`,
    and of the jobs `replayed` those made of their replies.
    """
    asked = _arrays(bad) | {"replayed": list(replayed), "in_arm": ROWS}
    rows = await session.execute(_RECORDS, asked)
    return {row.corpus_id: (row.records, row.deleted) for row in rows}


_RECORDS = text("""
    WITH bad AS (
        SELECT * FROM unnest(CAST(:bad AS uuid[]), CAST(:arms AS int8[])) AS each (job_id, arm)
    ), made AS (
        SELECT corpus_id, job_id, item, sample, TRUE AS is_there FROM record
        WHERE job_id = ANY(:bad) OR job_id = ANY(:replayed)
        UNION ALL
        SELECT corpus_id, job_id, item, sample, FALSE FROM tombstone
        WHERE deletion_id IS NOT NULL AND (job_id = ANY(:bad) OR job_id = ANY(:replayed))
    )
    SELECT corpus_id, count(*) FILTER (WHERE is_there) AS records,
        count(*) FILTER (WHERE NOT is_there) AS deleted
    FROM made
    WHERE EXISTS (
        SELECT FROM bad
        WHERE bad.job_id = made.job_id AND (arm IS NULL OR arm = made.item / :in_arm)
    ) OR EXISTS (
        SELECT FROM replayed JOIN bad ON bad.job_id = source_job_id
            AND (arm IS NULL OR arm = source_item / :in_arm)
        WHERE replayed.job_id = made.job_id AND replayed.item = made.item
    )
    GROUP BY corpus_id
""")


@dataclass(frozen=True, slots=True)
class Touched:
    version: DatasetVersion
    ref: Ref
    rows: int


async def versions(session: AsyncSession, bad: Sequence[Bad]) -> Sequence[Touched]:
    """The versions whose manifests name one of these jobs, or arms, by name and number."""
    arrays = _arrays(bad)
    named = [
        {"job": str(job)} | ({} if arm is None else {"arm": arm})
        for job, arm in zip(arrays["bad"], arrays["arms"], strict=True)
    ]
    wanted = [orjson.dumps([each]).decode() for each in named]
    rows = (await session.execute(_VERSIONS, arrays | {"wanted": wanted})).all()
    counted = {row.id: row.rows for row in rows}
    query = (
        select(DatasetVersion, Dataset.namespace, Dataset.name)
        .join(Dataset, Dataset.id == DatasetVersion.dataset_id)
        .where(DatasetVersion.id.in_(counted))
        .order_by(Dataset.namespace, Dataset.name, DatasetVersion.version)
    )
    return [
        Touched(row[0], Ref(row[1], row[2], row[0].version), counted[row[0].id])
        for row in await session.execute(query)
    ]


_VERSIONS = text("""
    SELECT version.id, CAST(sum(CAST(source ->> 'rows' AS int8)) AS int8) AS rows
    FROM (
        SELECT DISTINCT found.id
        FROM unnest(CAST(:wanted AS text[])) AS one (source)
        JOIN dataset_version AS found
            ON found.manifest -> 'sources' @> CAST(one.source AS jsonb)
    ) AS named
    JOIN dataset_version AS version USING (id)
    CROSS JOIN jsonb_array_elements(version.manifest -> 'sources') AS source
    JOIN unnest(CAST(:bad AS uuid[]), CAST(:arms AS int8[])) AS bad (job_id, arm)
        ON source ->> 'job' = CAST(bad.job_id AS text)
            AND (bad.arm IS NULL OR bad.arm = CAST(source ->> 'arm' AS int8))
    GROUP BY version.id
""")


async def count_pulls(session: AsyncSession, versions: Sequence[UUID]) -> int:
    query = select(func.count()).where(DatasetPull.version_id.in_(versions))
    return await session.scalar(query) or 0


def is_over(version: DatasetVersion, corpora: Sequence[str]) -> bool:
    """Whether some rows of a version were taken from one of these corpora."""
    manifest = version.manifest
    named = {manifest["corpus"], *(each["corpus"] for each in manifest.get("corpora", ()))}
    return not named.isdisjoint(corpora)
