"""The version that a job publishes when it has finished."""

from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.corpus.models import Corpus
from app.datasets import publish
from app.datasets.features import kind_of
from app.datasets.files import Files
from app.datasets.ground import check_mix
from app.datasets.spec import PublishSpec
from app.datasets.terms import FORBIDDEN, refusal
from app.db import Database
from app.errors import AppError, Invalid, Unavailable
from app.evaluations.pin import pinned
from app.jobs import store
from app.jobs.exchanges import dresser
from app.jobs.schemas import JobSpec
from app.prompts.sandbox import RenderPool
from app.semantic.schemas import SemanticLimit
from app.semantic.screen import check as check_limit
from app.semantic.screen import covers
from app.teachers.models import Teacher

log = structlog.stdlib.get_logger(__name__)


async def check_publication(
    session: AsyncSession,
    corpus: Corpus | None,
    columns: dict[str, str],
    spec: PublishSpec,
    asked: Sequence[Teacher],
) -> None:
    """Refuse at submission what publishing would refuse after a night's work."""
    forbidden = {teacher.ref for teacher in asked if teacher.training == FORBIDDEN}
    if spec.terms_override is None and forbidden:
        raise refusal(forbidden)
    kinds = {name: kind_of(kind) for name, kind in columns.items()}
    spec.layout.check(kinds, at="/publish/layout")
    check_mix(spec, kinds, at="/publish")
    await pinned(session, spec.dataset.namespace, spec.decontaminate, "/publish/decontaminate")
    if corpus is not None:
        await publish.check(session, corpus, spec)
    if spec.semantic is not None:
        await _check_semantic(session, corpus, spec.semantic)


async def _check_semantic(
    session: AsyncSession, corpus: Corpus | None, limit: SemanticLimit
) -> None:
    if corpus is None:
        raise Invalid.at(
            "/publish/semantic",
            "should be left out: a corpus that does not exist yet has no semantic report",
        )
    await check_limit(session, corpus.id, limit, at="/publish/semantic")


async def publish_result(
    database: Database, data_dir: Path, job_id: UUID, pool: RenderPool
) -> None:
    """Publish for a finished job, once: the version and the job's note of it commit together.

    What publishing refuses becomes the note; there is nobody to tell but who reads the job.
    """
    async with database.unit_of_work() as session:
        job = await store.get(session, job_id)
    if not job.publishes:
        return
    spec = JobSpec.model_validate(job.document).publish
    if spec is None:
        return
    files = Files(data_dir)
    try:
        if spec.semantic is not None:
            async with database.unit_of_work() as session:
                if not await covers(session, job.corpus_id, job_id):
                    return  # a later ticket finds it so
        async with database.unit_of_work() as session:
            dataset, corpus = await publish.define(session, spec.dataset, [job.corpus_id])
        frozen = await publish.prepare(database, files, dataset, spec, dresser(pool))
        async with database.unit_of_work() as session:
            job = await store.lock(session, job_id)
            if job.publishes:
                version = await publish.enlist(
                    session, files, dataset, corpus, spec, frozen, by=f"job {job_id}"
                )
                job.published, job.publishes = str(version.ref), False
    except Unavailable:
        raise  # a full disk or a database that is away: the next sweep issues the ticket again
    except AppError as error:
        log.warning("not published", job=str(job_id), code=error.code)
        async with database.unit_of_work() as session:
            job = await store.lock(session, job_id)
            if job.publishes:
                job.published, job.publishes = f"not published: {error.detail}", False
