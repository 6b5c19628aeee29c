"""From a bad template, few-shot set, teacher, seed dataset or job to all that came of it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.datasets import pulls
from app.datasets.schemas import PullView
from app.errors import NotFound
from app.jobs import store as jobs
from app.jobs.models import Job, JobArm, JobJudge
from app.jobs.sources import told
from app.names import Ref
from app.recall import store
from app.recall.schemas import CorpusTouched, JobTouched, RecallView, VersionTouched
from app.recall.store import Bad, Touched
from app.teachers import store as teachers

MOST_PULLS = 1000

_MISSING = {
    "template": "template.not_found",
    "few_shot": "few_shot.not_found",
    "seed": "seeds.not_found",
}


@dataclass(frozen=True, slots=True)
class Suspect:
    """What is bad: one of these."""

    kind: str
    """`template`, `few_shot`, `seed`, `teacher` or `job`."""
    what: Ref | UUID

    def __str__(self) -> str:
        return f"{self.kind} {self.what}"


async def recall(session: AsyncSession, suspect: Suspect) -> RecallView:
    """Names every version that has a row of it, whatever was deleted since: a version never
    changes. Raises `NotFound` where there is no such thing.
    """
    bad = await _jobs(session, suspect)
    after = await store.deciders(session, [each.job.id for each in bad])
    touched = [*bad, *map(Bad, after)]
    names = await store.corpora(session, [each.job for each in touched])
    counted = await store.records(session, bad, [job.id for job in after])
    versions = await _versions(session, bad, names)
    version_ids = [each.version.id for each, _ in versions]
    shown = await _pulls(session, version_ids)
    return RecallView(
        asked=str(suspect),
        jobs=[_job(each, names) for each in sorted(touched, key=lambda each: each.job.id)],
        corpora=[
            CorpusTouched(corpus=names[corpus], records=there, deleted=deleted)
            for corpus, (there, deleted) in sorted(counted.items())
            if corpus in names
        ],
        versions=[_version(each, exact, shown[each.version.id]) for each, exact in versions],
        pulls_left_out=await store.count_pulls(session, version_ids)
        - sum(map(len, shown.values())),
    )


async def _jobs(session: AsyncSession, suspect: Suspect) -> Sequence[Bad]:
    match suspect.what:
        case UUID() as job_id:
            return [Bad(await jobs.get(session, job_id))]
        case Ref() as ref if suspect.kind == "teacher":
            teacher = await teachers.get(session, ref)
            return await store.jobs_with(
                session, Job.teacher_id, JobArm.teacher_id, JobJudge.teacher_id, [teacher.id]
            )
        case Ref() as ref:
            ids = await store.version_ids(session, suspect.kind, ref)
            if not ids:
                code = _MISSING[suspect.kind]
                raise NotFound(code, f"there is no {suspect}".replace("_", "-"))
            kind = store.VERSIONED[suspect.kind]
            return await store.jobs_with(session, kind.used, kind.asked, kind.judged, ids)


async def _versions(
    session: AsyncSession, bad: Sequence[Bad], names: dict[UUID, str]
) -> Sequence[tuple[Touched, bool]]:
    """A version names the jobs that were told its rows. Which of these rows a reprocess job decided
    on it does not say, so that all are meant that are in a later version over its corpus.
    """
    found = {each.version.id: (each, True) for each in await store.versions(session, bad)}
    for job in (each.job for each in bad):
        if job.kind != "reprocess" or job.corpus_id not in names:
            continue
        behind = [Bad(source) for source in await told(session, [job.id])]
        for each in await store.versions(session, behind):
            later = each.version.published_at >= job.created_at
            if later and store.is_over(each.version, [names[job.corpus_id]]):
                found.setdefault(each.version.id, (each, False))
    return sorted(found.values(), key=lambda pair: pair[0].ref)


async def _pulls(session: AsyncSession, versions: Sequence[UUID]) -> dict[UUID, list[PullView]]:
    shown: dict[UUID, list[PullView]] = defaultdict(list)
    for row in await pulls.page(session, versions, limit=MOST_PULLS):
        shown[row.version_id].append(PullView.of(row))
    return shown


def _job(each: Bad, names: dict[UUID, str]) -> JobTouched:
    job = each.job
    return JobTouched(
        id=job.id,
        kind=job.kind,
        state=job.state,
        corpus=names.get(job.corpus_id, ""),
        arms=list(each.arms),
        created_at=job.created_at,
    )


def _version(each: Touched, exact: bool, shown: list[PullView]) -> VersionTouched:  # noqa: FBT001
    return VersionTouched(
        version=str(each.ref),
        rows=each.rows,
        of_rows=each.version.rows,
        exact=exact,
        published_at=each.version.published_at,
        withdrawn_at=each.version.withdrawn_at,
        withdrawn_because=each.version.withdrawn_because,
        pulls=shown,
    )
