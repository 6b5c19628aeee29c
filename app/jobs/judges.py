"""Who scores the records of a job: checked and pinned when it is submitted, known by it after."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.curation.judge import JudgeSpec
from app.errors import Invalid
from app.jobs.models import JobJudge
from app.jobs.sampling import sampling_of
from app.names import found_as
from app.prompts import store as prompts
from app.prompts.template import Template
from app.prompts.version import TemplateVersion
from app.teachers import store as teachers
from app.teachers.models import Teacher

_NUMBERS = {"integer", "number"}


@dataclass(frozen=True, slots=True)
class ResolvedJudge:
    spec: JudgeSpec
    """With the rubric's version, and every default written out."""
    teacher: Teacher
    template: TemplateVersion

    @property
    def key(self) -> tuple[UUID, UUID]:
        return self.teacher.id, self.template.id

    def row(self, job_id: UUID) -> JobJudge:
        return JobJudge(
            job_id=job_id, teacher_id=self.teacher.id, template_version_id=self.template.id
        )


async def resolve_judge(
    session: AsyncSession, spec: JudgeSpec | None, fields: Collection[str], at: str
) -> ResolvedJudge | None:
    """`fields` are those of the records; `at` is where the document says who judges. Raises
    `Invalid` for a judge that could not score them.
    """
    if spec is None:
        return None
    teacher = await found_as(f"{at}/teacher", spec.teacher, teachers.get(session, spec.teacher))
    able = teacher.known_capabilities
    if able is not None and not able.chat:
        problem = "should be one that chats: this one embeds"
        raise Invalid.at(f"{at}/teacher", problem, str(spec.teacher))
    looking = prompts.resolve_template(session, spec.template)
    version = await found_as(f"{at}/template", spec.template, looking)
    _check_inputs(version, fields, at)
    _check_score(spec, version.template, at)
    sampling = sampling_of(spec.sampling, version.template, teacher, lambda part: f"{at}/{part}")
    if sampling.n > 1:
        raise Invalid.at(f"{at}/sampling/n", "should be 1: a record gets one score", sampling.n)
    pinned = spec.model_copy(update={"template": version.ref, "sampling": sampling})
    return ResolvedJudge(pinned, teacher, version)


def _check_inputs(version: TemplateVersion, fields: Collection[str], at: str) -> None:
    needed = version.template.inputs["required"]
    missing = [name for name in needed if name not in fields]
    if missing:
        raise Invalid.at(
            f"{at}/template",
            f"should be a rubric whose inputs are fields of the records: {version.ref} needs "
            f"{', '.join(missing)}, and they have {', '.join(sorted(fields))}",
            str(version.ref),
        )


def _check_score(spec: JudgeSpec, rubric: Template, at: str) -> None:
    numbers = list(_numbers(rubric.response))
    if spec.field not in numbers:
        there = ", ".join(numbers) or "none"
        raise Invalid.at(
            f"{at}/field",
            f"should be a number in the reply that {spec.template} asks for; these are: {there}",
            spec.field,
        )


def _numbers(response: Mapping[str, Any]) -> Iterator[str]:
    for name, declared in response.get("properties", {}).items():
        kind = declared.get("type") if isinstance(declared, dict) else None
        kinds = set(kind) if isinstance(kind, list) else {kind}
        if kinds & _NUMBERS:
            yield name


async def of_jobs(session: AsyncSession, job_ids: Sequence[UUID]) -> dict[UUID, set[UUID]]:
    """The teachers that judge for each of these jobs; nothing for one that has no judge."""
    found: dict[UUID, set[UUID]] = {}
    if job_ids:
        for row in await session.execute(_OF_JOBS, {"jobs": list(job_ids)}):
            found.setdefault(row.job_id, set()).add(row.teacher_id)
    return found


_OF_JOBS = text("SELECT job_id, teacher_id FROM job_judge WHERE job_id = ANY(:jobs)")

READY = """
    NOT EXISTS (
        SELECT FROM job_judge AS q JOIN teacher AS t ON t.id = q.teacher_id
        WHERE q.job_id = j.id AND t.retry_at > clock_timestamp()
    )
"""
"""Of a job `j`, in SQL: whether none of its judges is away. Its chunks wait where one is."""
