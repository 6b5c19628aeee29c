"""Where a record or a reject comes from, and the exchange that made it.

Prompts are not stored: versions are immutable and rendering is deterministic, so the prompt is
rendered again and held against the digest that was stored with the reply.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession

from app.corpus import store as corpora
from app.corpus.candidate import Place
from app.corpus.models import StoredCompletion, StoredRecord, Tombstone
from app.corpus.schemas import RecordView, RejectView, ReplyView
from app.db import Database
from app.jobs import store
from app.jobs.blueprint import Blueprint, Question, read_blueprint
from app.jobs.preview import MessageView
from app.jobs.schemas import JobSpec
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

    reply: PlaceView
    """Where the reply was asked for: another job's place for a sample that was made again from a
    reply that was there."""
    job_digest: str
    template: str
    few_shot: FewShotShown | None
    seed: SeedShown
    inputs: dict[str, Any]
    """What the template was rendered with."""
    teacher: TeacherShown
    sampling: dict[str, Any]
    created_at: datetime
    """When the reply came."""


class TraceView(BaseModel):
    """The exchange with the teacher."""

    prompt: list[MessageView] | None
    """Rendered again, just now, from the versions that the job is pinned to."""
    verified: bool
    """Whether this is, to the byte, what the teacher was asked then."""
    problem: str | None
    """Why there is no prompt."""
    reply: ReplyView


class Made(BaseModel):
    lineage: LineageView | None
    """Null where no teacher was asked."""
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
class _Origin:
    """What is known of a reply's making, before anything is rendered."""

    reply: StoredCompletion
    job_digest: str
    spec: JobSpec
    blueprint: Blueprint
    seq: int
    row: tuple[int, Row, int | None]


async def _origin(session: AsyncSession, place: Place) -> _Origin | None:
    reply = await corpora.source_of(session, place)
    if reply is None:
        return None
    job = await store.get(session, reply.job_id)
    spec = JobSpec.model_validate(job.document)
    blueprint = await read_blueprint(session, spec)
    seq = await store.chunk_of(session, job.id, reply.item)
    [row] = await blueprint.rows(session, [reply.item])
    return _Origin(reply, job.digest, spec, blueprint, seq or 0, row)


async def _made(pool: RenderPool, origin: _Origin | None) -> Made:
    if origin is None:
        return Made(lineage=None, trace=None)
    [question] = await origin.blueprint.questions(pool, [origin.row], origin.seq)
    return Made(lineage=_lineage(origin), trace=_trace(origin.reply, question))


def _lineage(origin: _Origin) -> LineageView:
    reply, spec = origin.reply, origin.spec
    return LineageView(
        reply=PlaceView(job_id=reply.job_id, item=reply.item, sample=reply.sample),
        job_digest=origin.job_digest,
        template=str(spec.template),
        few_shot=_few_shot(origin),
        seed=SeedShown(
            dataset=None if spec.seeds.dataset is None else str(spec.seeds.dataset),
            position=reply.seed_position,
            stratum=origin.blueprint.plan.stratum(reply.item),
        ),
        inputs=reply.inputs,
        teacher=TeacherShown(
            name=str(spec.teacher), model=reply.model, fingerprint=reply.fingerprint
        ),
        sampling=origin.blueprint.sampling.model_dump(mode="json", exclude_none=True),
        created_at=reply.created_at,
    )


def _few_shot(origin: _Origin) -> FewShotShown | None:
    if origin.spec.few_shot is None:
        return None
    return FewShotShown(
        set=str(origin.spec.few_shot.set_),
        examples=[
            ExampleView(inputs=example.inputs, response=example.response)
            for example in origin.blueprint.examples(origin.seq)
        ],
    )


def _trace(reply: StoredCompletion, question: Question) -> TraceView:
    prompt = question.prompt
    return TraceView(
        prompt=None
        if prompt is None
        else [MessageView(role=m.role, content=m.content) for m in prompt.messages],
        verified=prompt is not None and prompt.digest == reply.prompt_digest,
        problem=question.problem,
        reply=ReplyView.of(reply),
    )
