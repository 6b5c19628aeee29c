"""A job as a worker holds it, and what a worker has for all of its jobs."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.corpus import replies as stored_replies
from app.corpus import store as corpora
from app.corpus.bands import Bands, Memory
from app.corpus.candidate import Candidate, Place, Reply, Target
from app.corpus.pool import Pools
from app.curation.chain import Chain
from app.curation.text import for_display
from app.db import Database
from app.jobs import arm_rows, quota, store, wants
from app.jobs.arms import arm_alone
from app.jobs.ask import Answered, Asker, Unanswered
from app.jobs.blueprint import Blueprint, Question, read_blueprint
from app.jobs.durable import transaction
from app.jobs.in_flight import InFlight
from app.jobs.judge import Judge, read_judge
from app.jobs.lease import Claim
from app.jobs.novelty import Strata
from app.jobs.outcome import Failed
from app.jobs.schemas import JobSpec
from app.jobs.store import open_items
from app.jobs.stored import Stored, read_stored
from app.jobs.wants import Wants
from app.prompts.prompt import Prompt
from app.prompts.sandbox import RenderPool
from app.teachers import store as teachers
from app.teachers.clients import Clients
from app.teachers.gate import Party
from app.teachers.models import Teacher

_JOBS_REMEMBERED = 64


@dataclass(frozen=True, slots=True)
class Loaded:
    """A job's arm on one worker."""

    job_id: UUID
    arm: int
    target: Target
    teacher: Teacher
    samples_per_item: int
    blueprint: Blueprint
    party: Party = field(default_factory=Party)
    """Its chunks on this worker, as the teacher's gate sees them."""
    judge: Judge | None = None

    @property
    def judged(self) -> bool:
        """Whether anybody scores its records."""
        return self.judge is not None

    def judge_of(self, _: Reply) -> Judge | None:
        return self.judge

    def chain_of(self, _: Reply) -> Chain:
        return self.blueprint.chain

    async def unsettled(self, session: AsyncSession, first_item: int, items: int) -> list[Reply]:
        """Replies of these items that an earlier holder kept and did not settle."""
        return await stored_replies.unsettled(session, self.job_id, first_item, items)

    async def prompts(
        self, pool: RenderPool, replies: Sequence[Reply], seq: int
    ) -> dict[int, Prompt]:
        """What these replies of the chunk `seq` were asked, by item, where a filter needs it."""
        return await self.blueprint.prompts(pool, replies, seq)

    @property
    def strata(self) -> Strata:
        return self.blueprint.strata

    async def questions(
        self, claim: Claim, tools: "Tools", dry: Collection[UUID] = ()
    ) -> list[Question]:
        """The chunk's items that neither ended nor have a stored reply, rendered; but for those of
        dry strata. None where the job wants no more.
        """

        async def read(session: AsyncSession) -> list[tuple[int, dict[str, Any], int | None]]:
            if await wants.of(session, claim.job_id) is not Wants.MORE:
                return []
            items: Sequence[int] = range(claim.first_item, claim.first_item + claim.items)
            if not claim.is_first:
                samples = self.samples_per_item
                items = await open_items(
                    session, claim.job_id, claim.first_item, claim.items, samples
                )
            if dry:
                items = [item for item in items if self.strata.key(item) not in dry]
            return await self.blueprint.rows(session, items)

        rows = await transaction(tools.database, read)
        return await self.blueprint.questions(tools.pool, rows, claim.seq) if rows else []

    async def current(self, session: AsyncSession) -> "Loaded":
        """The same, with what the registrations of its teacher and its judge say now."""
        teacher = await teachers.by_id(session, self.teacher.id)
        judge = self.judge and await self.judge.current(session)
        return replace(self, teacher=teacher, judge=judge)

    async def caught_up(self, session: AsyncSession) -> "Loaded":
        """With the items that were planned since it was read, where cells have quotas."""
        known = self.blueprint.plan.waves
        new = await quota.waves(session, self.job_id, known[-1].end if known else 0)
        return replace(self, blueprint=self.blueprint.within([*known, *new])) if new else self

    def replies(self, question: Question, answered: Answered) -> list[Reply]:
        if question.prompt is None:
            return []
        return [
            Reply(
                Place(self.job_id, question.item, number),
                completion,
                question.prompt.digest,
                question.inputs,
                question.seed_position,
            )
            for number, completion in enumerate(answered.completions)
        ]

    def failed(self, question: Question, unanswered: Unanswered) -> list[Failed]:
        """All samples of an item that got no usable reply."""
        return [
            Failed(
                Place(self.job_id, question.item, number),
                unanswered.reason,
                for_display(unanswered.detail),
                unanswered.attempts,
            )
            for number in range(self.samples_per_item)
        ]

    def unrendered(self, question: Question) -> list[Failed]:
        """A row that cannot be rendered fails alone, unasked."""
        if question.prompt is not None:
            return []
        why = question.problem or "the row could not be rendered"
        return self.failed(question, Unanswered("prompt.render", why, 0))

    def asker(self, tools: "Tools") -> Asker:
        return Asker(
            client=tools.clients.of(self.teacher),
            sampling=self.blueprint.sampling,
            schema=self.blueprint.schema,
            deadline=tools.deadline,
            party=self.party,
            out=tools.in_flight.of(self.job_id, self.arm),
        )


def _admitted(_: UUID) -> AbstractAsyncContextManager[None]:
    return nullcontext()


@dataclass(slots=True)
class Tools:
    """What a worker has for all of its chunks."""

    database: Database
    pool: RenderPool
    clients: Clients
    deadline: float
    """Seconds that one call to a teacher may take in all."""
    pools: Pools = field(default_factory=Pools)
    bands: Memory = field(default_factory=Memory)
    in_flight: InFlight = field(default_factory=InFlight)
    smoked: set[UUID] = field(default_factory=set)
    """Jobs whose smoke gate is decided."""
    admitted: Callable[[UUID], AbstractAsyncContextManager[None]] = _admitted
    """Entered while a teacher is asked that the chunk is not of: it is shared with other workers.
    """
    _known: OrderedDict[tuple[UUID, int], Loaded | Stored] = field(default_factory=OrderedDict)

    async def bands_of(self, target: Target) -> Bands:
        """What near-duplicates in a corpus are found by; at first all of it is read, while nobody
        waits for that.
        """
        bands = self.bands.of(target)
        if target.near is not None and not bands.until:
            await transaction(
                self.database, lambda session: bands.catch_up(session, target.corpus_id)
            )
        return bands

    async def heard(self, target: Target, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        """The candidates, compared by ROUGE-L with what the corpus has by now where it minds that:
        little is left to be done under its lock.
        """
        rouge = target.rouge
        if rouge is None or not candidates:
            return candidates
        pool = await transaction(
            self.database, lambda session: self.pools.of(session, target.corpus_id, rouge)
        )
        return await asyncio.to_thread(pool.hear, candidates)

    async def load(self, claim: Claim) -> Loaded | Stored:
        """The job's arm, remembered from earlier chunks: its document never changes. Its teacher
        and its judge may, so these are read again.
        """
        key = claim.job_id, claim.arm
        known = self._known.get(key)
        found = await transaction(self.database, lambda session: _loaded(session, claim, known))
        # Only what was committed: a rollback empties the rows that were read.
        self._known[key] = found
        if len(self._known) > _JOBS_REMEMBERED:
            self._known.popitem(last=False)
        return found

    def ranks(self, job_id: UUID, arm: int, priority: int) -> None:
        """Its priority may have changed."""
        known = self._known.get((job_id, arm))
        if isinstance(known, Loaded):
            known.party.rank = -priority
            if known.judge is not None:
                known.judge.party.rank = -priority


async def _loaded(
    session: AsyncSession, claim: Claim, known: Loaded | Stored | None
) -> Loaded | Stored:
    if known is None:
        known = await _read(session, claim)
    else:
        known = await known.current(session)
    if isinstance(known, Loaded) and known.strata.stratified:
        known = await known.caught_up(session)
    return known


async def _read(session: AsyncSession, claim: Claim) -> Loaded | Stored:
    job = await store.get(session, claim.job_id)
    if job.teacher_id is None:
        return await read_stored(session, job)
    spec = arm_alone(JobSpec.model_validate(job.document), claim.arm)
    blueprint = await read_blueprint(session, spec)
    judge = await read_judge(session, spec.accept.judge)
    if judge is not None:
        judge.party.rank = -job.priority
    return Loaded(
        job_id=job.id,
        arm=claim.arm,
        target=await corpora.target(session, job.corpus_id, blueprint.near, blueprint.rouge),
        teacher=await teachers.by_id(
            session, await arm_rows.teacher_of(session, job.id, claim.arm)
        ),
        samples_per_item=job.samples_per_item,
        blueprint=blueprint,
        party=Party(rank=-job.priority),
        judge=judge,
    )
