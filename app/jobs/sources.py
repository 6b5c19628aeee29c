"""Where stored replies come from, and how each job's are read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.curation.accept import AcceptSpec
from app.curation.chain import Chain
from app.curation.novelty import DedupSpec
from app.curation.response import Format
from app.evaluations import load as evaluations
from app.jobs import quota, store
from app.jobs.arms import arms_of
from app.jobs.blueprint import Blueprint, read_blueprint
from app.jobs.columns import columns_of
from app.jobs.documents import ImportSpec, ReprocessSpec
from app.jobs.models import Job
from app.jobs.schemas import JobSpec
from app.prompts.template import Template


@dataclass(frozen=True, slots=True)
class Source:
    """A job that has replies of its own, as far as reading them needs it."""

    accept: AcceptSpec
    """Its own, resolved."""
    format: Format
    response: dict[str, Any]
    columns: dict[str, str]
    """JSON type by field of the records that its replies make."""
    inputs: tuple[str, ...]
    """Those of the columns that were asked with, and not answered."""
    on: tuple[str, ...]
    """The fields that tell its records from each other, where no policy says so."""
    dedup: DedupSpec
    """Its own policy, resolved."""
    blueprints: Sequence[Blueprint] = ()
    """What its teachers were asked by, arm by arm; nobody was asked for what was imported."""

    def accepts(self, spec: ReprocessSpec, template: Template | None) -> AcceptSpec:
        """What decides on its replies anew; `template` is that of the spec."""
        if spec.accept is None:
            changed = {"parse": None} if template is not None else {}
            return self.accept.model_copy(update=changed)
        if spec.accept.parse is None and template is None:
            return spec.accept.model_copy(update={"parse": self.accept.parse})
        return spec.accept

    async def chains(
        self, session: AsyncSession, spec: ReprocessSpec, template: Template | None
    ) -> list[Chain]:
        """How the replies of each arm are decided anew; of an import, which has none, all."""
        accept = self.accepts(spec, template)
        held = await evaluations.load(session, accept.decontaminate or ())
        on = spec.dedup.on if spec.dedup else None
        if not self.blueprints:
            read_as = (self.format, self.response) if template is None else _read_as(template)
            return [Chain.of(accept, *read_as, on, (), held)]
        return [
            Chain.of(accept, *_read_as(template or each.template), on, each.answers, held)
            for each in self.blueprints
        ]


def _read_as(template: Template) -> tuple[Format, dict[str, Any]]:
    return template.format, template.response


async def read_source(session: AsyncSession, job: Job) -> Source:
    """What a `generate` or `import` job says of its replies; its document is resolved."""
    if job.kind == "import":
        taken_in = ImportSpec.model_validate(job.document)
        return Source(
            accept=taken_in.accept,
            format="json",
            response=taken_in.response,
            columns=columns_of({}, taken_in.response),
            inputs=(),
            on=tuple(taken_in.columns.values()),
            dedup=taken_in.dedup,
        )
    spec = JobSpec.model_validate(job.document)
    # How its teacher was asked; what its records were held against does not matter here.
    unheld = spec.accept.model_copy(update={"decontaminate": ()})
    spec_of_arms = spec.model_copy(update={"accept": unheld})
    blueprints = [await read_blueprint(session, arm.alone) for arm in arms_of(spec_of_arms)]
    if job.stratified:
        waves = await quota.waves(session, job.id, 0)
        blueprints = [each.within(waves) for each in blueprints]
    template = blueprints[0].template
    return Source(
        accept=spec.accept,
        format=template.format,
        response=template.response,
        columns=columns_of(template.inputs, template.response),
        inputs=template.input_names,
        on=template.dedup,
        dedup=spec.dedup or DedupSpec(),
        blueprints=blueprints,
    )


async def told(session: AsyncSession, job_ids: Sequence[UUID]) -> list[Job]:
    """The jobs that have the replies which these jobs, reprocess ones among them, decided on."""
    found: dict[UUID, Job] = {}
    waiting, seen = list(job_ids), set(job_ids)
    while waiting:
        jobs = await store.some(session, waiting)
        found.update({job.id: job for job in jobs if job.kind != "reprocess"})
        named = [
            source
            for job in jobs
            if job.kind == "reprocess"
            for source in ReprocessSpec.model_validate(job.document).from_.jobs
        ]
        waiting = [job_id for job_id in dict.fromkeys(named) if job_id not in seen]
        seen.update(waiting)
    return sorted(found.values(), key=lambda job: job.id)
