"""What made the rows, looked up where it is kept: versions are immutable, so it is still there."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.datasets.asked import asked_by
from app.datasets.exporter import Origin
from app.datasets.provenance import store
from app.datasets.provenance.entries import (
    Asked,
    FewShotEntry,
    Provenance,
    TeacherEntry,
    TemplateEntry,
)
from app.datasets.provenance.store import Said
from app.errors import NotFound
from app.names import Ref
from app.prompts import store as prompts
from app.teachers import store as teachers
from app.teachers.models import Teacher

_UNKNOWN = Said("generate", {})


async def read(session: AsyncSession, made_by: Mapping[Origin, int]) -> Provenance:
    """`made_by` has the rows of each job's replies. What is not there any more is only named."""
    said = await store.documents(session, [origin.job_id for origin in made_by])
    templates = _by(made_by, "template")
    shown = _by(made_by, "few_shot")
    asked = _by(made_by, "teacher")
    return Provenance(
        templates=[await _template(session, name, rows) for name, rows in templates.items()],
        few_shot_sets=[await _few_shot(session, name, rows) for name, rows in shown.items()],
        teachers=[
            _teacher(name, await teachers.find(session, Ref.parse(name)), rows)
            for name, rows in asked.items()
        ],
        jobs=[
            _asked(job, arm, said.get(job, _UNKNOWN))
            for job, arm in sorted({(o.job_id, o.arm) for o in made_by}, key=_in_order)
        ],
        imported=sum(rows for origin, rows in made_by.items() if origin.teacher is None),
    )


async def axes(session: AsyncSession, made_by: Iterable[Origin]) -> list[str]:
    """The inputs that a seed matrix of one of these jobs sets."""
    said = await store.documents(session, [origin.job_id for origin in made_by])
    named = (((each.document.get("seeds") or {}).get("matrix")) or {} for each in said.values())
    return sorted({name for matrix in named for name in matrix})


def _by(made_by: Mapping[Origin, int], part: str) -> dict[str, int]:
    rows: Counter[str] = Counter()
    for origin, count in made_by.items():
        name = getattr(origin, part)
        if name is not None:
            rows[name] += count
    return dict(sorted(rows.items()))


async def _template(session: AsyncSession, name: str, rows: int) -> TemplateEntry:
    try:
        found = await prompts.resolve_template(session, Ref.parse(name))
    except NotFound:
        return TemplateEntry(name=name, digest=None, description="", source=None, rows=rows)
    return TemplateEntry(
        name=name,
        digest=found.digest,
        description=found.description,
        source=found.source,
        rows=rows,
    )


async def _few_shot(session: AsyncSession, name: str, rows: int) -> FewShotEntry:
    try:
        found = await prompts.resolve_few_shot(session, Ref.parse(name))
    except NotFound:
        return FewShotEntry(name=name, digest=None, examples=None, rows=rows)
    return FewShotEntry(
        name=name, digest=found.digest, examples=len(found.few_shot.examples), rows=rows
    )


def _teacher(name: str, found: Teacher | None, rows: int) -> TeacherEntry:
    if found is None:
        return TeacherEntry(
            name=name,
            model=None,
            revision=None,
            licence=None,
            training="unknown",
            terms=None,
            terms_url=None,
            rows=rows,
        )
    able = found.known_capabilities
    return TeacherEntry(
        name=name,
        model=found.model,
        revision=able.revision if able else None,
        licence=found.licence,
        training=found.training,
        terms=found.terms,
        terms_url=found.terms_url,
        rows=rows,
    )


def _in_order(asked: tuple[UUID, int | None]) -> tuple[UUID, int]:
    job, arm = asked
    return job, arm or 0


def _asked(job: UUID, arm: int | None, said: Said) -> Asked:
    document: Mapping[str, Any] = said.document
    seeds = document.get("seeds") or {}
    how = list(asked_by(document))[arm or 0]
    return Asked(
        job=str(job),
        arm=arm,
        kind=said.kind,
        sampling=how.sampling,
        random_seed=seeds.get("random_seed"),
        few_shot_shown=how.shown,
        file=document.get("source"),
    )
