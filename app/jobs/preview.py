"""A few rows of a job document, asked for at once; nothing is stored in a corpus."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession

from app.corpus import dedup
from app.corpus import store as corpora
from app.corpus.candidate import Candidate, Place, Target
from app.corpus.item import item_at
from app.corpus.schemas import FlagView
from app.curation.chain import Curated
from app.curation.text import for_display
from app.curation.verdict import Verdict
from app.db import Database
from app.errors import Unavailable
from app.jobs.arms import Arm, arms_of
from app.jobs.ask import PREVIEW_RANK, Answered, Asker, Unanswered
from app.jobs.blueprint import Blueprint, Question, read_blueprint
from app.jobs.judge import Judge, read_judge
from app.jobs.resolve import Resolved, resolve
from app.jobs.schemas import JobSpec
from app.jobs.scores import scored
from app.prompts.sandbox import RenderPool
from app.seeds.spec import Row
from app.teachers.clients import Clients
from app.teachers.completion import Completion
from app.teachers.failures import TeacherFailure
from app.teachers.gate import Party
from app.teachers.models import Teacher

MOST_ROWS = 20
AT_ONCE = 8
"""Requests of all previews with one teacher at a time, beside those of jobs: so that a preview need
not wait for a job, and a job hardly notices one."""
DEADLINE = 120.0
"""Seconds for the whole preview: somebody is waiting for it."""
_SHOWN = 20_000


class MessageView(BaseModel):
    role: str
    content: str


class VerdictView(BaseModel):
    """Why a sample would be refused."""

    reason: str = Field(examples=["parse.json.schema"])
    value: Any
    threshold: Any
    detail: str | None

    @classmethod
    def of(cls, verdict: Verdict) -> "VerdictView":
        return cls(
            reason=verdict.reason,
            value=verdict.value,
            threshold=verdict.threshold,
            detail=verdict.detail,
        )


class PreviewSample(BaseModel):
    reply: str
    """What the teacher said; what JSON cannot carry is shown escaped."""
    reasoning: str | None
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    record: dict[str, Any] | None
    """What was parsed."""
    verdict: VerdictView | None
    """Null for a sample that a job would accept."""
    flags: list[FlagView]
    """What the filters noted of one that they let pass, and the score that its judge gave."""


class PreviewRow(BaseModel):
    item: int
    arm: str | None
    """Which arm of a comparison was asked, or which of several teachers; each is asked about every
    row."""
    inputs: dict[str, Any]
    prompt: list[MessageView]
    problem: str | None
    """Why there are no samples, if there are none."""
    samples: list[PreviewSample]


class PreviewView(BaseModel):
    document: dict[str, Any]
    """Resolved, as a job's would be."""
    digest: str
    rows: list[PreviewRow]


@dataclass(frozen=True, slots=True)
class _Asked:
    """One arm, ready to be asked."""

    name: str | None
    teacher: Teacher
    blueprint: Blueprint
    target: Target
    rows: Sequence[tuple[int, Row, int | None]]
    judge: Judge | None


async def preview(
    database: Database, pool: RenderPool, clients: Clients, spec: JobSpec, rows: int
) -> PreviewView:
    """Raises `Invalid` as a submission would, and `Unavailable` where a teacher is away."""
    async with database.unit_of_work() as session:
        resolved = await resolve(session, spec)
        arms = [await _arm(session, each, rows) for each in _arms(resolved)]
    name = resolved.digest[:12]
    try:
        async with asyncio.timeout(DEADLINE):
            shown = await asyncio.gather(*(_shown(arm, pool, clients, name) for arm in arms))
    except TimeoutError as slow:
        names = ", ".join(sorted({arm.teacher.ref for arm in arms}))
        raise Unavailable(
            "preview.too_slow",
            f"the teacher {names} took more than {DEADLINE:.0f} seconds",
            hint="Ask for fewer rows, or for fewer max_tokens.",
        ) from slow
    marked = [
        await _mark_duplicates(database, arm.target, each)
        for arm, each in zip(arms, shown, strict=True)
    ]
    # Row by row, so that what arms make of the same row stands together.
    views = [row for of_row in zip(*marked, strict=True) for row in of_row]
    return PreviewView(document=resolved.document, digest=resolved.digest, rows=views)


def _arms(resolved: Resolved) -> list[tuple[Arm, Teacher]]:
    teachers = [each.teacher for each in resolved.arms]
    return list(zip(arms_of(resolved.spec), teachers, strict=True))


async def _arm(session: AsyncSession, each: tuple[Arm, Teacher], rows: int) -> _Asked:
    arm, teacher = each
    blueprint = await read_blueprint(session, arm.alone)
    corpus = await corpora.find(session, arm.spec.corpus)
    where = corpus.id if corpus else UUID(int=0)
    return _Asked(
        name=arm.name or (str(arm.teacher) if arm.shared else None),
        teacher=teacher,
        blueprint=blueprint,
        target=await corpora.target(session, where, blueprint.near, blueprint.rouge),
        rows=await blueprint.rows(session, [item_at(arm.number, row) for row in range(rows)]),
        judge=await read_judge(session, arm.spec.accept.judge),
    )


async def _shown(
    arm: _Asked, pool: RenderPool, clients: Clients, name: str
) -> list[tuple[PreviewRow, list[Curated]]]:
    blueprint = arm.blueprint
    questions = await blueprint.questions(pool, arm.rows, 0)
    asker = Asker(
        client=clients.of(arm.teacher),
        sampling=blueprint.sampling,
        schema=blueprint.schema,
        deadline=DEADLINE,
        party=Party(rank=PREVIEW_RANK),
    )
    try:
        results = await asyncio.gather(*(_ask(asker, question, name) for question in questions))
    except TeacherFailure as failure:
        raise Unavailable(
            failure.reason, f"the teacher {arm.teacher.ref} does not answer: {failure.message}"
        ) from failure
    curated = [
        [blueprint.chain.curate(one, q.inputs, q.prompt) for one in _completions(result)]
        for q, result in zip(questions, results, strict=True)
    ]
    if arm.judge is not None:
        curated = await scored(arm.judge, pool, clients, curated, name)
    return [(_row(arm, *each), each[2]) for each in zip(questions, results, curated, strict=True)]


def _completions(result: Answered | Unanswered) -> Sequence[Completion]:
    return result.completions if isinstance(result, Answered) else ()


async def _ask(asker: Asker, question: Question, name: str) -> Answered | Unanswered:
    if question.prompt is None:
        return Unanswered("prompt.render", question.problem or "", 0)
    return await asker.ask(question.prompt, f"preview.{name}.{question.item}")


def _row(
    arm: _Asked, question: Question, result: Answered | Unanswered, curated: Sequence[Curated]
) -> PreviewRow:
    messages = question.prompt.messages if question.prompt else ()
    return PreviewRow(
        item=question.item,
        arm=arm.name,
        inputs=question.inputs,
        prompt=[MessageView(role=m.role, content=m.content) for m in messages],
        problem=f"{result.reason}: {result.detail}" if isinstance(result, Unanswered) else None,
        samples=[_sample(c, w) for c, w in zip(_completions(result), curated, strict=True)],
    )


def _sample(completion: Completion, curated: Curated) -> PreviewSample:
    storable = curated.verdict is None or curated.verdict.stage != "text"
    return PreviewSample(
        reply=for_display(completion.content, _SHOWN),
        reasoning=None
        if completion.reasoning is None
        else for_display(completion.reasoning, _SHOWN),
        finish_reason=completion.finish_reason,
        prompt_tokens=completion.prompt_tokens,
        completion_tokens=completion.completion_tokens,
        record=curated.record if storable else None,
        verdict=None if curated.verdict is None else VerdictView.of(curated.verdict),
        flags=[FlagView.of(flag) for flag in curated.flags],
    )


async def _mark_duplicates(
    database: Database, target: Target, shown: Sequence[tuple[PreviewRow, list[Curated]]]
) -> list[PreviewRow]:
    """Say of what would be accepted whether the corpus, or an earlier row of the arm, has it
    already.
    """
    samples = {
        Place(target.corpus_id, row.item, number): (sample, one)
        for row, curated in shown
        for number, (sample, one) in enumerate(zip(row.samples, curated, strict=True))
    }
    candidates = target.signed(
        [
            Candidate(place, one.record, one.digest)
            for place, (_, one) in samples.items()
            if one.record is not None and one.digest is not None
        ]
    )
    async with database.unit_of_work() as session:
        lost = await dedup.losses(session, target, candidates)
    for loss in lost:
        sample, _ = samples[loss.candidate.place]
        sample.verdict = VerdictView.of(loss.verdict)
    return [row for row, _ in shown]
