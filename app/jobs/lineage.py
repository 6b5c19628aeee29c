"""Where a record or a reject comes from, and the exchange that made it.

Prompts are not stored: versions are immutable and rendering is deterministic, so the prompt is
rendered again and held against the digest that was stored with the reply.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession

from app.corpus import replies
from app.corpus import store as corpora
from app.corpus.candidate import Place
from app.corpus.item import arm_of
from app.corpus.models import StoredCompletion, StoredRecord, Tombstone
from app.corpus.schemas import RecordView, RejectView, ReplyView
from app.db import Database
from app.jobs import store
from app.jobs.arms import Arm, arms_of
from app.jobs.blueprint import Blueprint, Question
from app.jobs.documents import ImportSpec, Source
from app.jobs.models import Job
from app.jobs.preview import MessageView
from app.jobs.schemas import JobSpec
from app.jobs.sources import read_source
from app.names import Ref
from app.prompts.sandbox import RenderPool
from app.seeds.spec import Row


class PlaceView(BaseModel):
    job_id: UUID
    item: int
    sample: int


class ExampleView(BaseModel):
    inputs: dict[str, Any]
    response: dict[str, Any]


class FewShotShown(BaseModel):
    set: str = Field(examples=["support/faq@2"])
    examples: list[ExampleView]
    """Those that this prompt showed, in their order."""


class SeedShown(BaseModel):
    dataset: str | None
    position: int | None
    """Of the row in the dataset."""
    stratum: dict[str, Any]
    """The values of the matrix."""


class TeacherShown(BaseModel):
    name: str
    model: str | None
    """What the reply itself said it was from."""
    fingerprint: str | None
    """The server's own mark of what it runs, where it gives one."""


class LineageView(BaseModel):
    """What a sample was made from; everything named by its version."""

    kind: Literal["generate", "import"]
    """Whether a teacher was asked, or a file taken in."""
    reply: PlaceView
    """Where the reply was asked for, or taken in: another job's place for a sample that was decided
    anew."""
    job_digest: str
    """Of the document of that job."""
    arm: str | None = Field(examples=["default/question-answer@2"])
    """In a comparison, the arm that asked."""
    template: str | None
    few_shot: FewShotShown | None
    seed: SeedShown | None
    inputs: dict[str, Any]
    """What the template was rendered with."""
    teacher: TeacherShown | None
    sampling: dict[str, Any] | None
    file: Source | None
    """Of an import; the item is the row's number."""
    created_at: datetime
    """When the reply came."""


class TraceView(BaseModel):
    """The exchange with the teacher."""

    prompt: list[MessageView] | None
    """Rendered again, just now, from the versions that the job is pinned to."""
    verified: bool | None
    """Whether this is, to the byte, what the teacher was asked then; null where nobody was
    asked."""
    problem: str | None
    """Why there is no prompt."""
    reply: ReplyView


class Made(BaseModel):
    lineage: LineageView | None
    """Null where there is no reply behind it."""
    trace: TraceView | None


class RecordDetail(RecordView, Made):
    duplicates: int
    """How many samples were refused since, because this record was there first."""


class WinnerView(BaseModel):
    id: UUID
    fields: dict[str, Any] | None
    deleted_at: datetime | None
    """Null while it is in the corpus."""


class RejectDetail(RejectView, Made):
    winner: WinnerView | None
    """For a duplicate: the record that was there first."""


async def show_record(
    database: Database, pool: RenderPool, corpus: Ref, record_id: UUID
) -> RecordDetail:
    async with database.unit_of_work() as session:
        found = await corpora.get(session, corpus)
        record = await corpora.record(session, found.id, record_id)
        duplicates = await corpora.duplicates_of(session, record.id)
        origin = await _origin(session, Place(record.job_id, record.item, record.sample))
    made = await _made(pool, origin)
    return RecordDetail(**dict(RecordView.of(record)), **dict(made), duplicates=duplicates)


async def show_reject(
    database: Database, pool: RenderPool, corpus: Ref, reject_id: UUID
) -> RejectDetail:
    async with database.unit_of_work() as session:
        found = await corpora.get(session, corpus)
        reject = await corpora.refused(session, found.id, reject_id)
        winner = None
        if reject.duplicate_of is not None:
            winner = _winner(
                reject.duplicate_of, await corpora.winner(session, reject.duplicate_of)
            )
        origin = await _origin(session, Place(reject.job_id, reject.item, reject.sample))
    made = await _made(pool, origin)
    return RejectDetail(**dict(RejectView.of(reject)), **dict(made), winner=winner)


def _winner(record_id: UUID, found: StoredRecord | Tombstone | None) -> WinnerView:
    return WinnerView(
        id=record_id,
        fields=found.fields if isinstance(found, StoredRecord) else None,
        deleted_at=found.deleted_at if isinstance(found, Tombstone) else None,
    )


@dataclass(frozen=True, slots=True)
class _Asked:
    """How a reply was asked for, before anything is rendered."""

    arm: Arm
    blueprint: Blueprint
    seq: int
    row: tuple[int, Row, int | None]


@dataclass(frozen=True, slots=True)
class _Origin:
    reply: StoredCompletion
    job: Job
    asked: _Asked | None
    """Nothing for a row that was taken in."""


async def _origin(session: AsyncSession, place: Place) -> _Origin | None:
    reply = await replies.reply_at(session, place)
    if reply is None:
        return None
    job = await store.get(session, reply.job_id)
    if job.kind == "import":
        return _Origin(reply, job, None)
    arm = arms_of(JobSpec.model_validate(job.document))[arm_of(reply.item)]
    blueprint = (await read_source(session, job)).blueprints[arm.number]
    seq = await store.chunk_of(session, job.id, reply.item)
    [row] = await blueprint.rows(session, [reply.item])
    return _Origin(reply, job, _Asked(arm, blueprint, seq or 0, row))


async def _made(pool: RenderPool, origin: _Origin | None) -> Made:
    if origin is None:
        return Made(lineage=None, trace=None)
    asked = origin.asked
    if asked is None:
        return Made(lineage=_imported(origin), trace=_trace(origin.reply, None))
    [question] = await asked.blueprint.questions(pool, [asked.row], asked.seq)
    return Made(lineage=_generated(origin, asked), trace=_trace(origin.reply, question))


def _imported(origin: _Origin) -> LineageView:
    return LineageView(
        kind="import",
        reply=_place(origin.reply),
        job_digest=origin.job.digest,
        arm=None,
        template=None,
        few_shot=None,
        seed=None,
        inputs=origin.reply.inputs,
        teacher=None,
        sampling=None,
        file=ImportSpec.model_validate(origin.job.document).source,
        created_at=origin.reply.created_at,
    )


def _generated(origin: _Origin, asked: _Asked) -> LineageView:
    reply, spec = origin.reply, asked.arm.spec
    seeds = spec.seeds
    return LineageView(
        kind="generate",
        reply=_place(reply),
        job_digest=origin.job.digest,
        arm=asked.arm.name,
        template=str(spec.template),
        few_shot=_few_shot(asked),
        seed=SeedShown(
            dataset=None if seeds.dataset is None else str(seeds.dataset),
            position=reply.seed_position,
            stratum=asked.blueprint.plan.stratum(reply.item),
        ),
        inputs=reply.inputs,
        teacher=TeacherShown(
            name=str(asked.arm.teacher), model=reply.model, fingerprint=reply.fingerprint
        ),
        sampling=asked.blueprint.sampling.model_dump(mode="json", exclude_none=True),
        file=None,
        created_at=reply.created_at,
    )


def _place(reply: StoredCompletion) -> PlaceView:
    return PlaceView(job_id=reply.job_id, item=reply.item, sample=reply.sample)


def _few_shot(asked: _Asked) -> FewShotShown | None:
    shown = asked.arm.spec.few_shot
    if shown is None:
        return None
    return FewShotShown(
        set=str(shown.set_),
        examples=[
            ExampleView(inputs=example.inputs, response=example.response)
            for example in asked.blueprint.examples(asked.seq)
        ],
    )


def _trace(reply: StoredCompletion, question: Question | None) -> TraceView:
    prompt = question.prompt if question else None
    return TraceView(
        prompt=None
        if prompt is None
        else [MessageView(role=m.role, content=m.content) for m in prompt.messages],
        verified=None
        if question is None
        else prompt is not None and prompt.digest == reply.prompt_digest,
        problem=question.problem if question else None,
        reply=ReplyView.of(reply),
    )
