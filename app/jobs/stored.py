"""A job that asks nobody, as a worker holds it: all its replies are stored already."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.corpus import replay
from app.corpus import replies as stored_replies
from app.corpus import store as corpus
from app.corpus.candidate import Reply, Target
from app.corpus.item import arm_of
from app.curation.chain import Chain
from app.curation.novelty import DedupSpec
from app.evaluations import load as evaluations
from app.jobs import store
from app.jobs.blueprint import Blueprint, asked
from app.jobs.documents import ImportSpec, ReprocessSpec
from app.jobs.judge import Judge, read_judge
from app.jobs.models import Job
from app.jobs.sources import read_source, told
from app.jobs.store import Starts
from app.prompts import store as templates
from app.prompts.prompt import Prompt
from app.prompts.sandbox import RenderPool


@dataclass(frozen=True, slots=True)
class Told:
    """One job's replies: how they are decided, and what had been asked, arm by arm."""

    chains: Sequence[Chain]
    blueprints: Sequence[Blueprint] = ()
    """None for what was imported."""
    starts: Starts | None = None
    judge: Judge | None = None

    def chain(self, item: int) -> Chain:
        return self.chains[arm_of(item)]

    def asks(self, item: int) -> tuple[int, int] | None:
        """The arm and the chunk in which it asked for an item, where a filter needs its prompt."""
        arm = arm_of(item)
        if not self.blueprints or not self.chains[arm].needs_prompt:
            return None
        shows = self.starts is not None and self.blueprints[arm].shown is not None
        return arm, self.starts.seq(item) if shows and self.starts else 0


@dataclass(frozen=True, slots=True)
class Stored:
    job_id: UUID
    target: Target
    """Where records land: a hidden corpus, where the job rebuilds its own."""
    replays: bool
    """Whether its replies are those of other jobs."""
    told: Mapping[UUID, Told]
    """By the job whose replies they are."""

    share = 1
    """It asks nobody, so it has nothing in flight."""
    strata = None
    """Nothing is left to be asked for, so that none is counted."""

    @property
    def judged(self) -> bool:
        """Whether anybody scores some of its records."""
        return any(told.judge is not None for told in self.told.values())

    def judge_of(self, reply: Reply) -> Judge | None:
        return self._told(reply).judge

    async def current(self, session: AsyncSession) -> "Stored":
        """The same, with what the registrations of its judges say now."""
        if not self.judged:
            return self
        told = {
            job_id: replace(one, judge=one.judge and await one.judge.current(session))
            for job_id, one in self.told.items()
        }
        return replace(self, told=told)

    def chain_of(self, reply: Reply) -> Chain:
        return self._told(reply).chain(reply.source.item if reply.source else reply.place.item)

    async def unsettled(self, session: AsyncSession, first_item: int, items: int) -> list[Reply]:
        """Replies of these items that were not settled yet, in their order."""
        unsettled = replay.unsettled if self.replays else stored_replies.unsettled
        return await unsettled(session, self.job_id, first_item, items)

    async def prompts(
        self,
        pool: RenderPool,
        replies: Sequence[Reply],
        _: int,
    ) -> dict[int, Prompt]:
        """What these replies were asked, by item of this job, where a filter needs it: rendered
        again by the job that asked, and known by its digest to be the same text.
        """
        alike: defaultdict[tuple[UUID, int, int], list[Reply]] = defaultdict(list)
        for reply in replies:
            asks = self._told(reply).asks(reply.source.item) if reply.source else None
            if reply.source and asks is not None:
                alike[reply.source.job_id, *asks].append(reply)
        found: dict[int, Prompt] = {}
        for (job_id, arm, seq), together in alike.items():
            blueprint = self.told[job_id].blueprints[arm]
            rows = [(r.place.item, r.inputs, r.seed_position) for r in together]
            found |= asked(await blueprint.questions(pool, rows, seq))
        digests = {r.place.item: r.prompt_digest for r in replies}
        return {item: one for item, one in found.items() if one.digest == digests[item]}

    def _told(self, reply: Reply) -> Told:
        return self.told[reply.source.job_id if reply.source else self.job_id]


async def read_stored(session: AsyncSession, job: Job) -> Stored:
    dedup = DedupSpec.model_validate(job.document["dedup"])
    corpus_id = job.shadow_id or job.corpus_id
    return Stored(
        job_id=job.id,
        target=await corpus.target(session, corpus_id, dedup.rule, dedup.rouge_rule),
        replays=job.kind == "reprocess",
        told=await _read_told(session, job),
    )


async def _read_told(session: AsyncSession, job: Job) -> dict[UUID, Told]:
    if job.kind == "import":
        taken_in = ImportSpec.model_validate(job.document)
        chain = Chain.of(
            taken_in.accept,
            "json",
            taken_in.response,
            taken_in.dedup.on,
            contamination=await evaluations.load(session, taken_in.accept.decontaminate or ()),
        )
        return {job.id: Told([chain], judge=await read_judge(session, taken_in.accept.judge))}
    spec = ReprocessSpec.model_validate(job.document)
    template = None
    if spec.template is not None:
        template = (await templates.resolve_template(session, spec.template)).template
    found = {}
    for each in await told(session, spec.from_.jobs):
        source = await read_source(session, each)
        chains = await source.chains(session, spec, template)
        starts = await store.chunk_starts(session, each.id)
        judge = await read_judge(session, source.accepts(spec, template).judge)
        found[each.id] = Told(chains, source.blueprints, starts, judge)
    return found
