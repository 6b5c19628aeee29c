"""From a job document to the resolved one: everything checked and pinned before work is queued."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.corpus import store as corpora
from app.curation.accept import AcceptSpec
from app.curation.novelty import DedupSpec
from app.digest import digest
from app.errors import Invalid
from app.evaluations.pin import pinned
from app.jobs import quota
from app.jobs.arm_spec import FewShotSpec
from app.jobs.arms import Arm, ResolvedArm, arms_of
from app.jobs.columns import check_columns, columns_of, policy_of
from app.jobs.comparable import check_alike, check_arms, pinned_arms
from app.jobs.judges import ResolvedJudge, resolve_judge
from app.jobs.limits import require_rates, require_token_price
from app.jobs.publication import check_publication
from app.jobs.sampling import sampling_of
from app.jobs.schemas import JobSpec
from app.jobs.target import target_of
from app.jobs.tariff import adds_up
from app.names import Ref, found_as
from app.prompts import store as prompts
from app.prompts.few_shot import check_examples
from app.prompts.json_schema import compile_schema
from app.prompts.template import Template
from app.seeds import store as seeds
from app.seeds.plan import SeedPlan
from app.teachers import store as teachers

_ROWS_CHECKED = 1_000
"""Rows written in the document that are checked against the template before anything is queued."""


@dataclass(frozen=True, slots=True)
class Resolved:
    spec: JobSpec
    """Every reference with its version, every default written out."""
    arms: Sequence[ResolvedArm]
    seed_version_id: UUID | None
    judge: ResolvedJudge | None
    columns: dict[str, str]
    dedup: DedupSpec
    num_records: int
    max_candidates: int
    rows: int
    """What its first chunks ask about, in each arm of a comparison."""

    @property
    def document(self) -> dict[str, Any]:
        return self.spec.model_dump(mode="json", by_alias=True)

    @property
    def digest(self) -> str:
        return digest(self.document)

    @property
    def samples_per_item(self) -> int:
        return self.arms[0].samples


async def resolve(session: AsyncSession, spec: JobSpec) -> Resolved:
    """Raises `Invalid` that names every field of the document that cannot be carried out."""
    check_arms(spec)
    corpus = await corpora.find(session, spec.corpus)
    arms = [await _arm(session, arm) for arm in arms_of(spec)]
    first = arms[0]
    check_alike(arms)
    plan, seed_ref, seed_id = await _seeds(session, spec, [each.template.template for each in arms])
    # Checked as it was written: resolving puts the filters into another order.
    for each in arms:
        spec.accept.check(each.template.template.fields)
    check_columns(corpus, first.columns)
    template = first.template.template
    dedup = policy_of(spec.dedup, corpus, template.dedup, template.input_names, template.response)
    if spec.publish is not None:
        teachers_ = [each.teacher for each in arms]
        await check_publication(session, corpus, first.columns, spec.publish, teachers_)
    judge = await resolve_judge(session, spec.accept.judge, first.columns, "/accept/judge")
    _check_rates(spec, arms, judge)
    _check_strata(spec, plan)
    target = target_of(spec, arms, max(plan.count, 1) * plan.cells)
    limits = spec.limits.model_copy(update={"max_candidates": target.limit})
    resolved = spec.model_copy(
        update={
            **pinned_arms(spec, arms, target.rows),
            "seeds": spec.seeds.model_copy(update={"dataset": seed_ref}),
            "accept": await _accept(session, spec, arms, judge),
            "dedup": dedup,
            "num_records": None if spec.compare else target.records,
            "limits": limits,
        }
    )
    return Resolved(
        spec=resolved,
        arms=arms,
        seed_version_id=seed_id,
        judge=judge,
        columns=first.columns,
        dedup=dedup,
        num_records=target.records,
        max_candidates=target.candidates,
        rows=target.rows,
    )


def _check_rates(spec: JobSpec, arms: Sequence[ResolvedArm], judge: ResolvedJudge | None) -> None:
    caps = spec.limits.model_dump()
    rates = [teachers.rates_of(each.teacher) for each in arms]
    for each, told in zip(arms, rates, strict=True):
        require_rates(caps, told, str(each.arm.teacher), "/limits")
    if judge is not None:
        of_judge = teachers.rates_of(judge.teacher)
        require_token_price(spec.limits.cost, of_judge, str(judge.teacher.ref), "/limits")
        rates.append(of_judge)
    if spec.limits.cost is not None and not adds_up(rates):
        raise Invalid.at(
            "/limits/cost",
            "should be left out: the job's teachers have their prices in several currencies",
            spec.limits.cost,
        )


def _check_strata(spec: JobSpec, plan: SeedPlan) -> None:
    if not spec.stratify:
        return
    if spec.compare is not None:
        raise Invalid.at(
            "/stratify", "should be left out: every arm of a comparison is asked about every row"
        )
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


async def _arm(session: AsyncSession, arm: Arm) -> ResolvedArm:
    spec, at = arm.alone, arm.at("teacher")
    teacher = await found_as(at, arm.teacher, teachers.get(session, arm.teacher))
    able = teacher.known_capabilities
    if able is not None and not able.chat:
        raise Invalid.at(at, "should be one that chats: this one embeds", str(arm.teacher))
    looking = prompts.resolve_template(session, spec.template)
    version = await found_as(arm.at("template"), spec.template, looking)
    few_shot, few_shot_id = await _few_shot(session, arm, version.template)
    sampling = sampling_of(spec.sampling, version.template, teacher, arm.at)
    changes = {"template": version.ref, "few_shot": few_shot, "sampling": sampling}
    return ResolvedArm(
        arm=replace(arm, spec=arm.spec.model_copy(update=changes)),
        teacher=teacher,
        template=version,
        few_shot_version_id=few_shot_id,
        columns=columns_of(version.template.inputs, version.template.response),
    )


async def _accept(
    session: AsyncSession,
    spec: JobSpec,
    arms: Sequence[ResolvedArm],
    judge: ResolvedJudge | None,
) -> AcceptSpec:
    held = spec.accept.decontaminate
    against = await pinned(session, spec.corpus.namespace, held, "/accept/decontaminate")
    formats = {each.template.template.format for each in arms}
    changes: dict[str, Any] = {"decontaminate": against, "judge": judge and judge.spec}
    if len(formats) > 1 and spec.accept.parse is None:
        changes["parse"] = None  # each arm's as its template asks for it
    accept = spec.accept.resolved(arms[0].template.template.format)
    return accept.model_copy(update=changes)


async def _few_shot(
    session: AsyncSession, arm: Arm, template: Template
) -> tuple[FewShotSpec | None, UUID | None]:
    spec = arm.spec
    if spec.few_shot is None:
        return None, None
    name = spec.few_shot.set_
    looking = prompts.resolve_few_shot(session, name)
    version = await found_as(arm.at("few_shot/set"), name, looking)
    examples = version.few_shot.examples
    k = spec.few_shot.k or len(examples)
    if k > len(examples):
        most = f"should be at most {len(examples)}: so many has {version.ref}"
        raise Invalid.at(arm.at("few_shot/k"), most, k)
    check_examples(template, examples, at=arm.at("few_shot/set/examples"))
    pinned = spec.few_shot.model_copy(update={"set_": version.ref, "k": k})
    return pinned, version.id


async def _seeds(
    session: AsyncSession, spec: JobSpec, templates: Sequence[Template]
) -> tuple[SeedPlan, Ref | None, UUID | None]:
    if spec.seeds.dataset is not None:
        name = spec.seeds.dataset
        dataset, version = await found_as("/seeds/dataset", name, seeds.get(session, name))
        plan = SeedPlan.of(spec.seeds, version.rows, version.columns)
        for template in templates:
            _check_inputs(plan, template)
        return plan, Ref(dataset.namespace, dataset.name, version.version), version.id
    plan = SeedPlan.of(spec.seeds)
    for template in templates:
        _check_inputs(plan, template)
        _check_rows(plan, template)
    return plan, None, None


def _check_inputs(plan: SeedPlan, template: Template) -> None:
    needed = [name for name in template.input_names if name in template.inputs["required"]]
    optional = [n for n in template.input_names if n in plan.fields and n not in needed]
    plan.check([*needed, *optional])


def _check_rows(plan: SeedPlan, template: Template) -> None:
    """What the document itself writes as inputs must be what the template takes."""
    validator = compile_schema(template.inputs)
    for item in range(min(max(plan.count, 1) * plan.cells, _ROWS_CHECKED)):
        values = plan.row(item).values
        for place, problem in validator.problems(template.complete(values)):
            raise Invalid.at(f"/seeds{place}", f"{problem}, in the row {values}"[:500])
