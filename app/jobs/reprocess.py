"""Stored replies decided anew: checked, pinned and queued. The teacher is not asked again."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from app.corpus import replay, shadow
from app.corpus import store as corpora
from app.corpus.models import Corpus
from app.curation.novelty import DedupSpec
from app.digest import digest
from app.errors import FieldError, Invalid
from app.evaluations.pin import pinned
from app.jobs import deal, store, tickets
from app.jobs.columns import check_columns, columns_of, policy_of
from app.jobs.documents import ReprocessSpec
from app.jobs.judges import ResolvedJudge, resolve_judge
from app.jobs.models import Job
from app.jobs.plan import stored_per_chunk
from app.jobs.sources import Source, read_source, told
from app.names import Ref, found_as
from app.prompts import store as prompts
from app.prompts.version import TemplateVersion


@dataclass(frozen=True, slots=True)
class _Resolved:
    spec: ReprocessSpec
    """Every reference with its version, jobs and corpora named."""
    jobs: Sequence[Job]
    """Whose decisions are made anew."""
    columns: dict[str, str]
    dedup: DedupSpec
    target: Ref
    own: Corpus | None
    """The corpus that the replies are from, where it is the one to be rebuilt."""
    template: TemplateVersion | None
    judges: Sequence[ResolvedJudge]
    """Who may be asked to score; mostly it was done before."""


async def submit_reprocess(session: AsyncSession, spec: ReprocessSpec) -> Job:
    """Check, pin and queue. Either all of it happens or nothing.

    Raises `Invalid` for what cannot be carried out, and `Conflict` where the corpus is being
    rebuilt, or is to be and has jobs at work.
    """
    resolved = await _resolve(session, spec)
    corpus, _ = await corpora.get_or_create(session, resolved.target, resolved.dedup)
    aside = None
    if resolved.own is not None:
        await shadow.require_still(session, corpus.id)
        await _check_whole(session, corpus, resolved.jobs)
        aside = await shadow.cast(session, corpus, resolved.columns, resolved.dedup)
    else:
        await shadow.require_open(session, corpus.id)
        if not await corpora.settle(session, corpus.id, resolved.columns, resolved.dedup):
            # Another job settled its shape since: say so as if it had been there all along.
            await session.refresh(corpus)
            await _resolve(session, spec)
    return await _queue(session, resolved, corpus, aside)


async def _queue(
    session: AsyncSession, resolved: _Resolved, corpus: Corpus, aside: Corpus | None
) -> Job:
    document = resolved.spec.model_dump(mode="json", by_alias=True)
    job = Job(
        kind="reprocess",
        namespace=corpus.namespace,
        document=document,
        digest=digest(document),
        corpus_id=corpus.id,
        shadow_id=None if aside is None else aside.id,
        template_version_id=None if resolved.template is None else resolved.template.id,
        num_records=0,
        max_candidates=0,
        samples_per_item=1,
    )
    session.add(job)
    await session.flush()
    session.add_all({judge.key: judge.row(job.id) for judge in resolved.judges}.values())
    planned = await replay.plan(
        session,
        job.id,
        askers=[source.id for source in resolved.jobs if source.kind != "reprocess"],
        replayers=[source.id for source in resolved.jobs if source.kind == "reprocess"],
        corpora=list({corpus.id, *(source.corpus_id for source in resolved.jobs)}),
    )
    if planned.replies == 0:
        raise Invalid.at("/from", "should have replies; nothing was said there yet")
    job.num_records = job.max_candidates = planned.replies
    job.before = {"accepted": planned.accepted, "reasons": planned.reasons}
    await session.flush()
    await deal.plan(
        session, job, first_row=0, rows=planned.replies, per_chunk=stored_per_chunk(planned.replies)
    )
    await tickets.issue_stored(session)
    return job


async def _resolve(session: AsyncSession, spec: ReprocessSpec) -> _Resolved:
    whole = None
    if spec.from_.corpus is not None:
        found = corpora.get(session, spec.from_.corpus)
        whole = await found_as("/from/corpus", spec.from_.corpus, found)
    jobs = await _jobs(session, spec, whole)
    target = spec.corpus or _only_corpus(await _homes(session, jobs))
    corpus = await corpora.find(session, target)
    own = corpus if corpus and corpus.id in {job.corpus_id for job in jobs} else None

    template = None
    if spec.template is not None:
        looking = prompts.resolve_template(session, spec.template)
        template = await found_as("/template", spec.template, looking)
    sources = [await read_source(session, job) for job in await told(session, [j.id for j in jobs])]
    if not sources:
        raise Invalid.at("/from", "should have replies; nothing was said there yet")
    columns = _columns(sources, template)
    accept = spec.accept
    if accept is not None:
        accept.check(columns)
        held = accept.decontaminate
        against = await pinned(session, target.namespace, held, "/accept/decontaminate")
        judge = await resolve_judge(session, accept.judge, columns, "/accept/judge")
        changes = {"decontaminate": against, "judge": judge and judge.spec}
        accept = accept.model_copy(update=changes)
        judges = [judge]
    else:
        # As they were accepted: by rubrics of which the columns may be another template's now.
        judges = [
            await resolve_judge(session, source.accept.judge, columns, "/accept/judge")
            for source in sources
        ]
    if own is None:
        check_columns(corpus, columns)
    dedup = _dedup(spec, corpus if own is None else None, own or whole, sources[-1], template)
    return _Resolved(
        spec=spec.model_copy(
            update={
                "from_": spec.from_.model_copy(update={"jobs": tuple(job.id for job in jobs)}),
                "corpus": target,
                "accept": accept,
                "dedup": dedup,
                "template": None if template is None else template.ref,
            }
        ),
        jobs=jobs,
        columns=columns,
        dedup=dedup,
        target=target,
        own=own,
        template=template,
        judges=[judge for judge in judges if judge is not None],
    )


async def _jobs(session: AsyncSession, spec: ReprocessSpec, whole: Corpus | None) -> Sequence[Job]:
    if not spec.from_.jobs:
        return [] if whole is None else await store.with_replies(session, whole.id)
    jobs = await store.some(session, spec.from_.jobs)
    missing = set(spec.from_.jobs) - {job.id for job in jobs}
    if missing:
        errors = [
            FieldError(f"/from/jobs/{number}", f"there is no job {job_id}", str(job_id))
            for number, job_id in enumerate(spec.from_.jobs)
            if job_id in missing
        ]
        raise Invalid("request.invalid", f"{errors[0].field}: {errors[0].problem}", errors=errors)
    return jobs


async def _homes(session: AsyncSession, jobs: Sequence[Job]) -> set[Ref]:
    return {await corpora.ref_of(session, corpus) for corpus in {job.corpus_id for job in jobs}}


def _only_corpus(homes: set[Ref]) -> Ref:
    if not homes:
        raise Invalid.at("/from", "should have replies; nothing was said there yet")
    if len(homes) > 1:
        named_ = ", ".join(sorted(map(str, homes)))
        raise Invalid.at("/corpus", f"should be said: the replies are from several ({named_})")
    return next(iter(homes))


async def _check_whole(session: AsyncSession, corpus: Corpus, jobs: Sequence[Job]) -> None:
    """A corpus is rebuilt from all that was said for it: what is left out would be lost."""
    name = f"{corpus.namespace}/{corpus.name}"
    everybody = {job.id for job in await store.with_replies(session, corpus.id)}
    if {job.id for job in jobs} != everybody:
        raise Invalid.at(
            "/from",
            f"should be all replies of {name}, which is rebuilt",
            hint=f'Say {{"corpus": "{name}"}}; or give another corpus to write to.',
        )


def _columns(sources: Sequence[Source], template: TemplateVersion | None) -> dict[str, str]:
    if template is not None:
        return columns_of(template.template.inputs, template.template.response)
    first = sources[0].columns
    if any(source.columns != first for source in sources):
        raise Invalid.at(
            "/from",
            "should be replies that make records with the same fields",
            hint="Name the jobs of one kind only, or a template to read all of them by.",
        )
    return first


def _dedup(
    spec: ReprocessSpec,
    other: Corpus | None,
    source: Corpus | None,
    last: Source,
    template: TemplateVersion | None,
) -> DedupSpec:
    """That of the other corpus which records land in. A new or a rebuilt one takes what the job
    says, as one that is generated would; where it says nothing, what the replies had.
    """
    asked = spec.dedup
    if asked is None and other is None and template is None:
        asked = last.dedup if source is None else DedupSpec.model_validate(source.dedup)
    if template is None:
        return policy_of(asked, other, last.on, last.inputs, last.response)
    read_as = template.template
    return policy_of(asked, other, read_as.dedup, read_as.input_names, read_as.response)
