"""A job, its corpus, its first chunks and their deliveries: all in the caller's transaction."""

from collections.abc import Iterator

from sqlalchemy.ext.asyncio import AsyncSession

from app.corpus import shadow
from app.corpus import store as corpora
from app.corpus.models import Corpus
from app.datasets.dress import check_templates
from app.datasets.features import features_of
from app.errors import Invalid
from app.jobs import quota, tickets
from app.jobs.arms import arm_alone
from app.jobs.blueprint import read_blueprint
from app.jobs.extend import begin
from app.jobs.models import Job, JobArm
from app.jobs.resolve import Resolved, resolve
from app.jobs.schemas import JobSpec
from app.prompts.sandbox import RenderPool


async def check(session: AsyncSession, pool: RenderPool, spec: JobSpec) -> Resolved:
    """Raises what `submit` would, as far as it can be known before; changes nothing."""
    resolved = await resolve(session, spec)
    for number in range(len(resolved.arms)):
        await _rehearse(session, pool, arm_alone(resolved.spec, number))
    if spec.publish is not None:
        columns = features_of(resolved.columns)
        await check_templates(pool, spec.publish.layout, columns, at="/publish/layout")
    return resolved


async def submit(session: AsyncSession, pool: RenderPool, spec: JobSpec) -> Job:
    """Check, pin and queue. Either all of it happens or nothing."""
    resolved = await check(session, pool, spec)
    corpus, _ = await corpora.get_or_create(session, spec.corpus, resolved.dedup)
    await shadow.require_open(session, corpus.id)
    if not await corpora.settle(session, corpus.id, resolved.columns, resolved.dedup):
        # Another job settled its shape since: say so as if it had been there all along.
        await session.refresh(corpus)
        await resolve(session, spec)
    job = await _queue(session, resolved, corpus)
    await tickets.issue_for(session, job.id)
    return job


async def _rehearse(session: AsyncSession, pool: RenderPool, spec: JobSpec) -> None:
    """Render the first row: what fails for it would most likely fail for all."""
    # No reply is judged here, so no evaluation set need be read.
    accept = spec.accept.model_copy(update={"decontaminate": ()})
    blueprint = await read_blueprint(session, spec.model_copy(update={"accept": accept}))
    rows = await blueprint.rows(session, [0])
    for question in await blueprint.questions(pool, rows, 0):
        if question.problem is not None:
            raise Invalid.at(
                "/seeds",
                f"should give rows that the template can be rendered with: {question.problem}",
                str(question.inputs),
            )


async def _queue(session: AsyncSession, resolved: Resolved, corpus: Corpus) -> Job:
    first, limits = resolved.arms[0], resolved.spec.limits
    job = Job(
        namespace=corpus.namespace,
        document=resolved.document,
        digest=resolved.digest,
        corpus_id=corpus.id,
        teacher_id=first.teacher.id,
        template_version_id=first.template.id,
        few_shot_version_id=first.few_shot_version_id,
        seed_version_id=resolved.seed_version_id,
        num_records=resolved.num_records,
        max_candidates=resolved.max_candidates,
        max_tokens=limits.tokens,
        max_gpu_hours=limits.gpu_hours,
        max_wall_time=limits.wall_time,
        max_cost=limits.cost,
        samples_per_item=resolved.samples_per_item,
        arms=len(resolved.arms),
        compares=resolved.spec.compare is not None,
        priority=resolved.spec.priority,
        stratified=resolved.spec.stratify,
        publishes=resolved.spec.publish is not None,
    )
    session.add(job)
    await session.flush()
    session.add_all(_arms(resolved, job))
    if resolved.judge is not None:
        session.add(resolved.judge.row(job.id))
    await session.flush()
    if job.stratified:
        await quota.divide(session, job.id, resolved.spec.seeds, job.num_records)
    await begin(session, job, resolved.rows)
    return job


def _arms(resolved: Resolved, job: Job) -> Iterator[JobArm]:
    compare = resolved.spec.compare
    for number, each in enumerate(resolved.arms):
        yield JobArm(
            job_id=job.id,
            arm=number,
            name=compare.arms[number].name if compare else None,
            teacher_id=each.teacher.id,
            template_version_id=each.template.id,
            few_shot_version_id=each.few_shot_version_id,
            weight=each.arm.weight,
        )
