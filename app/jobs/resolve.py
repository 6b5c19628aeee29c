"""From a job document to the resolved one: everything checked and pinned before work is queued."""

from collections.abc import Awaitable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.corpus import store as corpora
from app.curation.novelty import DedupSpec
from app.digest import digest
from app.errors import FieldError, Invalid, NotFound
from app.evaluations.pin import pinned
from app.jobs import quota
from app.jobs.columns import check_columns, columns_of, policy_of
from app.jobs.limits import MOST_RECORDS, require_rates
from app.jobs.publication import check_publication
from app.jobs.schemas import FewShotSpec, JobSpec
from app.names import Ref
from app.prompts import store as prompts
from app.prompts.few_shot import check_examples
from app.prompts.json_schema import compile_schema
from app.prompts.template import Template
from app.seeds import store as seeds
from app.seeds.plan import SeedPlan
from app.teachers import store as teachers
from app.teachers.models import Teacher
from app.teachers.sampling import Sampling

CANDIDATES_PER_RECORD = 5
"""The most candidates for each record wanted, where the document sets no limit."""
_ROWS_CHECKED = 1_000
"""Rows written in the document that are checked against the template before anything is queued."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Resolved:
    spec: JobSpec
    """Every reference with its version, every default written out."""
    teacher: Teacher
    template_version_id: UUID
    few_shot_version_id: UUID | None
    seed_version_id: UUID | None
    columns: dict[str, str]
    dedup: DedupSpec
    num_records: int
    max_candidates: int

    @property
    def document(self) -> dict[str, Any]:
        return self.spec.model_dump(mode="json", by_alias=True)

    @property
    def digest(self) -> str:
        return digest(self.document)

    @property
    def samples_per_item(self) -> int:
        return self.spec.sampling.n if self.spec.sampling else 1


async def resolve(session: AsyncSession, spec: JobSpec) -> Resolved:
    """Raises `Invalid` that names every field of the document that cannot be carried out."""
    corpus = await corpora.find(session, spec.corpus)
    teacher = await named("/teacher", spec.teacher, teachers.get(session, spec.teacher))
    able = teacher.known_capabilities
    if able is not None and not able.chat:
        raise Invalid.at("/teacher", "should be one that chats: this one embeds", str(spec.teacher))
    version = await named(
        "/template", spec.template, prompts.resolve_template(session, spec.template)
    )
    template = version.template
    few_shot, few_shot_id = await _few_shot(session, spec, template)
    plan, seed_ref, seed_id = await _seeds(session, spec, template)
    sampling = _sampling(spec, template, teacher)
    # Checked as it was written: resolving puts the filters into another order.
    spec.accept.check(template.fields)
    against = await pinned(
        session, spec.corpus.namespace, spec.accept.decontaminate, "/accept/decontaminate"
    )
    accept = spec.accept.resolved(template.format).model_copy(update={"decontaminate": against})
    columns = columns_of(template.inputs, template.response)
    check_columns(corpus, columns)
    dedup = policy_of(spec.dedup, corpus, template.dedup, template.input_names, template.response)
    if spec.publish is not None:
        await check_publication(session, corpus, columns, spec.publish, teacher)

    caps = spec.limits.model_dump()
    require_rates(caps, teachers.rates_of(teacher), str(spec.teacher), "/limits")

    num_records = spec.num_records
    if num_records is None:
        num_records = max(plan.count, 1) * plan.cells * sampling.n
        if num_records > MOST_RECORDS:
            raise Invalid.at("/num_records", "should be said: the seeds give too many rows")
        candidates = spec.limits.max_candidates or num_records
    else:
        candidates = spec.limits.max_candidates or num_records * CANDIDATES_PER_RECORD
    _check_strata(spec, plan)
    if candidates < sampling.n:
        raise Invalid.at("/limits/max_candidates", "should be at least sampling.n", candidates)
    resolved = spec.model_copy(
        update={
            "template": version.ref,
            "few_shot": few_shot,
            "seeds": spec.seeds.model_copy(update={"dataset": seed_ref}),
            "sampling": sampling,
            "accept": accept,
            "dedup": dedup,
            "num_records": num_records,
            "limits": spec.limits.model_copy(update={"max_candidates": candidates}),
        }
    )
    return Resolved(
        spec=resolved,
        teacher=teacher,
        template_version_id=version.id,
        few_shot_version_id=few_shot_id,
        seed_version_id=seed_id,
        columns=columns,
        dedup=dedup,
        num_records=num_records,
        max_candidates=candidates,
    )


def _check_strata(spec: JobSpec, plan: SeedPlan) -> None:
    if not spec.stratify:
        return
    if not spec.seeds.matrix:
        raise Invalid.at(
            "/stratify", "should be left out: the seeds have no matrix, whose cells are the strata"
        )
    if plan.grid.count > quota.MOST_CELLS:
        raise Invalid.at(
            "/stratify",
            f"should be left out: the matrix has {plan.grid.count} cells, and at most "
            f"{quota.MOST_CELLS} can have a quota each",
        )
    if spec.num_records is None:
        raise Invalid.at("/num_records", "should be said: it is what stratify divides")


async def named(field: str, value: object, looking: Awaitable[T]) -> T:
    """A thing the document names; that there is none is the document's fault."""
    try:
        return await looking
    except NotFound as missing:
        raise Invalid(
            missing.code,
            f"{field}: {missing.detail}",
            hint=missing.hint,
            errors=[FieldError(field, missing.detail, str(value))],
        ) from missing


async def _few_shot(
    session: AsyncSession, spec: JobSpec, template: Template
) -> tuple[FewShotSpec | None, UUID | None]:
    if spec.few_shot is None:
        return None, None
    name = spec.few_shot.set_
    version = await named("/few_shot/set", name, prompts.resolve_few_shot(session, name))
    examples = version.few_shot.examples
    k = spec.few_shot.k or len(examples)
    if k > len(examples):
        raise Invalid.at(
            "/few_shot/k", f"should be at most {len(examples)}: so many has {version.ref}", k
        )
    check_examples(template, examples, at="/few_shot/set/examples")
    pinned = spec.few_shot.model_copy(update={"set_": version.ref, "k": k})
    return pinned, version.id


async def _seeds(
    session: AsyncSession, spec: JobSpec, template: Template
) -> tuple[SeedPlan, Ref | None, UUID | None]:
    needed = [name for name in template.input_names if name in template.inputs["required"]]
    if spec.seeds.dataset is not None:
        name = spec.seeds.dataset
        dataset, version = await named("/seeds/dataset", name, seeds.get(session, name))
        plan = SeedPlan.of(spec.seeds, version.rows, version.columns)
        _check_inputs(plan, template, needed)
        return plan, Ref(dataset.namespace, dataset.name, version.version), version.id
    plan = SeedPlan.of(spec.seeds)
    _check_inputs(plan, template, needed)
    _check_rows(plan, template)
    return plan, None, None


def _check_inputs(plan: SeedPlan, template: Template, needed: Sequence[str]) -> None:
    optional = [n for n in template.input_names if n in plan.fields and n not in needed]
    plan.check([*needed, *optional])


def _check_rows(plan: SeedPlan, template: Template) -> None:
    """What the document itself writes as inputs must be what the template takes."""
    validator = compile_schema(template.inputs)
    for item in range(min(max(plan.count, 1) * plan.cells, _ROWS_CHECKED)):
        values = plan.row(item).values
        for place, problem in validator.problems(template.complete(values)):
            raise Invalid.at(f"/seeds{place}", f"{problem}, in the row {values}"[:500])


def _sampling(spec: JobSpec, template: Template, teacher: Teacher) -> Sampling:
    given = spec.sampling.model_dump(exclude_unset=True) if spec.sampling else {}
    sampling = Sampling.model_validate({**template.sampling, **given})
    for field, problem, value in _beyond(sampling, teacher):
        raise Invalid.at(f"/sampling/{field}", problem, value)
    return sampling


def _beyond(sampling: Sampling, teacher: Teacher) -> Iterator[tuple[str, str, Any]]:
    """What this teacher is known not to do."""
    able = teacher.known_capabilities
    if able is None:
        return
    if able.context_length is not None and sampling.max_tokens >= able.context_length:
        most = f"should be below {able.context_length}, the teacher's context length"
        yield "max_tokens", most, sampling.max_tokens
    if sampling.n > 1 and not able.n:
        yield "n", "should be 1: this teacher gives one sample to a request", sampling.n
    if sampling.random_seed is not None and not able.random_seed:
        why = "should be left out: this teacher is registered without random_seed"
        yield "random_seed", why, sampling.random_seed
    if sampling.wants_logprobs and not able.logprobs:
        field = "logprobs" if sampling.top_logprobs is None else "top_logprobs"
        yield field, "should be left out: this teacher gives none", getattr(sampling, field)
    elif (sampling.top_logprobs or 0) > (able.max_logprobs or 0) and able.max_logprobs is not None:
        most = f"should be at most {able.max_logprobs}, what this teacher gives"
        yield "top_logprobs", most, sampling.top_logprobs
