"""What stood behind records, for the layouts that publish it: prompts rendered again, replies."""

import re
from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.corpus.behind import Behind, behind
from app.corpus.item import arm_of
from app.datasets.dress import Dresser
from app.datasets.exchange import Exchange
from app.errors import Conflict
from app.jobs import store
from app.jobs.blueprint import Blueprint
from app.jobs.sources import read_source
from app.jobs.store import Starts
from app.prompts.prompt import Prompt
from app.prompts.sandbox import RenderPool

_JOBS_REMEMBERED = 64
_LONE = re.compile("[\ud800-\udfff]")
"""A reply may hold lone surrogates outside of what was read as the record; no file can."""


def dresser(pool: RenderPool) -> Dresser:
    return Dresser(pool, AskedAgain(pool))


@dataclass(frozen=True, slots=True)
class _Asker:
    """A job that has replies of its own."""

    blueprints: Sequence[Blueprint]
    """By arm; none for an import."""
    starts: Starts

    def blueprint(self, item: int) -> Blueprint:
        return self.blueprints[arm_of(item)]

    def seq(self, item: int) -> int:
        """The chunk that asked for an item, as far as its prompt depends on that."""
        return self.starts.seq(item) if self.blueprint(item).shown else 0


@dataclass(slots=True)
class AskedAgain:
    """The exchanges of a process; what it knows of a job never changes."""

    pool: RenderPool
    _known: OrderedDict[UUID, _Asker] = field(default_factory=OrderedDict)

    async def behind(
        self, session: AsyncSession, records: Sequence[UUID], *, prompts: bool, replies: bool
    ) -> Sequence[Exchange]:
        found = await behind(session, records)
        asked: dict[UUID, Prompt] = {}
        if prompts or replies:
            wanted = {one.job_id for one in found.values()}
            askers = {job_id: await self._asker(session, job_id) for job_id in wanted}
            for record in records:
                _require(record, found.get(record), askers)
            if prompts:
                asked = await self._asked(list(found.values()), askers)
        return [
            _exchange(found[record], asked.get(record)) if record in found else Exchange()
            for record in records
        ]

    async def _asker(self, session: AsyncSession, job_id: UUID) -> _Asker:
        known = self._known.get(job_id)
        if known is None:
            source = await read_source(session, await store.get(session, job_id))
            known = _Asker(source.blueprints, await store.chunk_starts(session, job_id))
            self._known[job_id] = known
            if len(self._known) > _JOBS_REMEMBERED:
                self._known.popitem(last=False)
        return known

    async def _asked(
        self, found: Sequence[Behind], askers: dict[UUID, _Asker]
    ) -> dict[UUID, Prompt]:
        """The prompts by record, each known by its digest to be what was sent."""
        alike: defaultdict[tuple[UUID, int, int], list[Behind]] = defaultdict(list)
        for one in found:
            seq = askers[one.job_id].seq(one.item)
            alike[one.job_id, arm_of(one.item), seq].append(one)
        prompts: dict[UUID, Prompt] = {}
        for (job_id, arm, seq), together in alike.items():
            blueprint = askers[job_id].blueprints[arm]
            rows = [(number, one.inputs, None) for number, one in enumerate(together)]
            for question in await blueprint.questions(self.pool, rows, seq):
                one = together[question.item]
                if question.prompt is None or question.prompt.digest != one.prompt_digest:
                    why = question.problem or "it is not, to the byte, what the teacher was asked"
                    raise Conflict(
                        "dataset.no_prompt",
                        f"the prompt of record {one.record_id} cannot be rendered again: {why}",
                        hint="Name the fields that are the prompt instead.",
                    )
                prompts[one.record_id] = question.prompt
        return prompts


def _require(record: UUID, one: Behind | None, askers: dict[UUID, _Asker]) -> None:
    if one is None:
        why = "there is no reply behind it"
    elif not askers[one.job_id].blueprints:
        why = f"job {one.job_id} imported it, and no teacher was asked"
    elif one.erased:
        why = f"its reply, and what job {one.job_id} asked, were erased"
    else:
        return
    raise Conflict(
        "dataset.no_exchange",
        f"record {record} has no prompt and reply to be published: {why}",
        hint="Name the fields that are the prompt and the completion, or select other jobs.",
    )


def _exchange(one: Behind, prompt: Prompt | None) -> Exchange:
    return Exchange(
        prompt=prompt.messages if prompt else (),
        reply=_LONE.sub("\N{REPLACEMENT CHARACTER}", one.content),
        reasoning=one.reasoning and _LONE.sub("\N{REPLACEMENT CHARACTER}", one.reasoning),
    )
