"""What a job does, without what it has done: the pinned document, turned into things that work.

A preview runs the same blueprint as a job.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.corpus.candidate import Reply
from app.curation.chain import Chain
from app.curation.near import Near
from app.curation.rouge import Rouge
from app.errors import Invalid
from app.evaluations import load as evaluations
from app.jobs.arm_spec import FewShotSpec
from app.jobs.novelty import Strata
from app.jobs.schemas import JobSpec
from app.prompts import store as prompts
from app.prompts.cell import Refusal
from app.prompts.few_shot import Example, FewShotSet
from app.prompts.prompt import Prompt
from app.prompts.sandbox import RenderPool
from app.prompts.template import Template
from app.seeds import store as seeds
from app.seeds.plan import SeedPlan
from app.seeds.wave import Wave
from app.teachers.sampling import Sampling


@dataclass(frozen=True, slots=True)
class Question:
    """One item: its row, and the prompt it became, or what was wrong with it."""

    item: int
    inputs: dict[str, Any]
    seed_position: int | None
    prompt: Prompt | None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Blueprint:
    """What does not change while a job runs, and needs no database: also what a preview runs."""

    template: Template
    few_shot: FewShotSet | None
    shown: FewShotSpec | None
    plan: SeedPlan
    seed_version_id: UUID | None
    sampling: Sampling
    chain: Chain
    near: Near | None
    """What makes two records near-duplicates, where any can be."""
    strata: Strata
    rouge: Rouge | None
    """How much of another's words a record may say, where that is minded."""

    async def rows(
        self, session: AsyncSession, items: Sequence[int]
    ) -> list[tuple[int, dict[str, Any], int | None]]:
        """Item, inputs and seed position of each item."""
        planned = {item: self.plan.row(item) for item in items}
        positions = [row.position for row in planned.values() if row.position is not None]
        fetched = (
            await seeds.rows(session, self.seed_version_id, positions)
            if self.seed_version_id is not None
            else {}
        )
        given = set(self.plan.fields)
        names = [name for name in self.template.input_names if name in given]
        return [
            (item, self.plan.inputs(row, fetched, names), row.position)
            for item, row in planned.items()
        ]

    def within(self, waves: Sequence[Wave]) -> "Blueprint":
        """The same, with items as they were planned in these waves."""
        plan = self.plan.within(waves)
        return replace(self, plan=plan, strata=replace(self.strata, plan=plan))

    @property
    def schema(self) -> dict[str, Any] | None:
        """What the teacher is held to, where the reply is JSON and the teacher can be held."""
        return self.template.response if self.template.format == "json" else None

    def examples(self, seq: int) -> tuple[Example, ...]:
        """What the prompts of the chunk `seq` show."""
        if self.few_shot is None or self.shown is None:
            return ()
        k = self.shown.k or len(self.few_shot.examples)
        return self.few_shot.shown(k, seq if self.shown.rotate == "chunk" else 0)

    @property
    def answers(self) -> list[dict[str, Any]]:
        """What all the examples answer: no reply should say the same."""
        return [each.response for each in self.few_shot.examples] if self.few_shot else []

    async def questions(
        self,
        pool: RenderPool,
        rows: Sequence[tuple[int, dict[str, Any], int | None]],
        seq: int,
    ) -> list[Question]:
        wanted = [inputs for _, inputs, _ in rows]
        try:
            rendered = await pool.render(self.template.source, self.examples(seq), wanted)
        except Invalid as error:  # the template is wrong for every row
            rendered = [Refusal.of(error)] * len(wanted)
        return [
            Question(item, self.template.complete(inputs), position, None, _why(prompt))
            if isinstance(prompt, Refusal)
            else Question(item, self.template.complete(inputs), position, prompt)
            for (item, inputs, position), prompt in zip(rows, rendered, strict=True)
        ]

    async def prompts(
        self, pool: RenderPool, replies: Sequence[Reply], seq: int
    ) -> dict[int, Prompt]:
        """What these stored replies of the chunk `seq` were asked, by item: rendered again, and
        known by its digest to be the same text. Nothing where no filter of the chain wants to know.
        """
        if not self.chain.needs_prompt or not replies:
            return {}
        rows = {r.place.item: (r.place.item, r.inputs, r.seed_position) for r in replies}
        rendered = asked(await self.questions(pool, list(rows.values()), seq))
        digests = {r.place.item: r.prompt_digest for r in replies}
        return {item: one for item, one in rendered.items() if one.digest == digests[item]}


def asked(questions: Sequence[Question]) -> dict[int, Prompt]:
    """The prompts by item."""
    return {q.item: q.prompt for q in questions if q.prompt is not None}


def _why(refusal: Refusal) -> str:
    return refusal.raised().detail


async def read_blueprint(session: AsyncSession, spec: JobSpec) -> Blueprint:
    """The blueprint of a resolved document with one arm: every reference in it names a version."""
    version = await prompts.resolve_template(session, spec.template)
    template = version.template
    few_shot = None
    if spec.few_shot is not None:
        few_shot = (await prompts.resolve_few_shot(session, spec.few_shot.set_)).few_shot
    seed_version = None
    if spec.seeds.dataset is not None:
        _, seed_version = await seeds.get(session, spec.seeds.dataset)
    plan = SeedPlan.of(
        spec.seeds,
        seed_version.rows if seed_version else 0,
        seed_version.columns if seed_version else (),
    )
    limits = spec.limits
    return Blueprint(
        template=template,
        few_shot=few_shot,
        shown=spec.few_shot,
        plan=plan,
        seed_version_id=seed_version.id if seed_version else None,
        sampling=spec.sampling or Sampling(),
        chain=Chain.of(
            spec.accept,
            template.format,
            template.response,
            spec.dedup.on if spec.dedup else None,
            [each.response for each in few_shot.examples] if few_shot else (),
            contamination=await evaluations.load(session, spec.accept.decontaminate or ()),
        ),
        near=spec.dedup.rule if spec.dedup else None,
        strata=Strata.of(
            plan,
            spec.seeds,
            limits.novelty_window,
            limits.min_novelty,
            stratified=spec.stratify,
        ),
        rouge=spec.dedup.rouge_rule if spec.dedup else None,
    )
