"""A job as a worker holds it, and what a worker has for all of its jobs."""

from collections import OrderedDict
from dataclasses import dataclass, field
from uuid import UUID

from app.corpus import store as corpora
from app.corpus.candidate import Place, Reply, Target
from app.curation.chain import Chain
from app.curation.text import for_display
from app.db import Database
from app.jobs import store
from app.jobs.ask import Answered, Asker, Unanswered
from app.jobs.blueprint import Blueprint, Question, read_blueprint
from app.jobs.lease import Claim
from app.jobs.outcome import Failed
from app.jobs.schemas import JobSpec
from app.jobs.store import open_items
from app.prompts.sandbox import RenderPool
from app.teachers import store as teachers
from app.teachers.clients import Clients
from app.teachers.models import Teacher

_JOBS_REMEMBERED = 64


@dataclass(frozen=True, slots=True)
class Loaded:
    """A job on one worker."""

    job_id: UUID
    target: Target
    teacher: Teacher
    samples_per_item: int
    blueprint: Blueprint

    @property
    def chain(self) -> Chain:
        return self.blueprint.chain

    @property
    def share(self) -> int:
        """Requests that one chunk may have in flight, so that all slots together keep the cap."""
        return max(1, self.teacher.max_in_flight // self.teacher.chunk_slots)

    async def questions(self, claim: Claim, tools: "Tools") -> list[Question]:
        """The chunk's items that neither ended nor have a stored reply, rendered."""
        async with tools.database.unit_of_work() as session:
            items = await open_items(
                session, claim.job_id, claim.first_item, claim.items, self.samples_per_item
            )
            rows = await self.blueprint.rows(session, items)
        return await self.blueprint.questions(tools.pool, rows, claim.seq) if rows else []

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
            schema=self.blueprint.template.response
            if self.blueprint.template.format == "json"
            else None,
            deadline=tools.deadline,
        )


@dataclass(slots=True)
class Tools:
    """What a worker has for all of its chunks."""

    database: Database
    pool: RenderPool
    clients: Clients
    deadline: float
    """Seconds that one call to a teacher may take in all."""
    _blueprints: OrderedDict[UUID, tuple[Target, int, Blueprint]] = field(
        default_factory=OrderedDict
    )

    async def load(self, job_id: UUID) -> Loaded:
        """The job, its blueprint remembered from earlier chunks: a job's document never changes."""
        async with self.database.unit_of_work() as session:
            job = await store.get(session, job_id)
            if job_id not in self._blueprints:
                spec = JobSpec.model_validate(job.document)
                blueprint = await read_blueprint(session, spec)
                target = await corpora.target(session, job.corpus_id, blueprint.near)
                self._blueprints[job_id] = (target, job.samples_per_item, blueprint)
                if len(self._blueprints) > _JOBS_REMEMBERED:
                    self._blueprints.popitem(last=False)
            teacher = await teachers.by_id(session, job.teacher_id)
        target, samples, blueprint = self._blueprints[job_id]
        return Loaded(job_id, target, teacher, samples, blueprint)
