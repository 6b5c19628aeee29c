"""Records are scored: each by a request to its judge, kept before anything is made of it.

It happens between curation and the corpus, outside any transaction. What a judge said is kept as it
comes, so that a crash loses at most what was in flight; and the same question about the same record
is not asked twice, be it after a crash or by a job that decides stored replies anew.
"""

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.corpus import judgements
from app.corpus.candidate import Candidate, Place, Rejected, Reply
from app.corpus.judgements import Judged
from app.curation.rubric import Score
from app.curation.text import for_display
from app.curation.verdict import Flag, Verdict
from app.jobs import lease
from app.jobs.ask import Answered, Unanswered
from app.jobs.asking import ask_one, known_crashes
from app.jobs.crashes import ALONE_FROM, MOST_CRASHES, Suspects
from app.jobs.durable import singly, transaction
from app.jobs.feed import Feed
from app.jobs.grouping import Groups
from app.jobs.judge import Judge, lost, unasked
from app.jobs.lane import Course
from app.jobs.lease import Claim
from app.jobs.loaded import Loaded, Tools
from app.jobs.outcome import Failed
from app.jobs.stored import Stored
from app.prompts.cell import Refusal
from app.prompts.prompt import Prompt
from app.teachers import store as teachers
from app.teachers.failures import TeacherFailure
from app.teachers.gate import Place as Seat

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Weighed:
    """What became of candidates before their judges."""

    candidates: Sequence[Candidate]
    """Those that go on, each with its score."""
    refused: Sequence[Rejected | Failed] = ()
    paid: Mapping[Place, Judged] = field(default_factory=dict)
    """What was said for this job, and so is counted with it."""
    unheard: Collection[Place] = ()
    """Those that have no score yet, because the judge is away: for a later holder of the chunk."""


async def weigh(
    claim: Claim,
    job: Loaded | Stored,
    tools: Tools,
    candidates: Sequence[Candidate],
    replies: Sequence[Reply],
) -> Weighed:
    """Score the candidates that have a judge, as that one has places. Raises `LeaseLost`."""
    if not job.judged or not candidates:
        return Weighed(candidates)
    by_place = {reply.place: reply for reply in replies}
    of_judge: dict[int, tuple[Judge, list[_Case]]] = {}
    passed: list[Candidate] = []
    for candidate in candidates:
        reply = by_place[candidate.place]
        judge = job.judge_of(reply)
        if judge is None:
            passed.append(candidate)
        else:
            of_judge.setdefault(id(judge), (judge, []))[1].append(_Case(candidate, reply.source))
    parts = [await _Bench(claim, tools, judge).hear(cases) for judge, cases in of_judge.values()]
    return Weighed(
        candidates=[*passed, *(one for part in parts for one in part.candidates)],
        refused=[one for part in parts for one in part.refused],
        paid={place: said for part in parts for place, said in part.paid.items()},
        unheard={place for part in parts for place in part.unheard},
    )


class _Case(NamedTuple):
    candidate: Candidate
    source: Place | None
    """Where its reply is stored, if that is another job's."""
    prompt: Prompt | None = None

    @property
    def place(self) -> Place:
        return self.candidate.place

    @property
    def item(self) -> int:
        return self.candidate.place.item


@dataclass(slots=True)
class _Bench:
    """One judge's part of a batch."""

    claim: Claim
    tools: Tools
    judge: Judge
    said: dict[Place, Judged] = field(default_factory=dict)
    """By the place of this job."""
    scores: dict[Place, Score] = field(default_factory=dict)
    failed: list[Failed] = field(default_factory=list)

    async def hear(self, cases: Sequence[_Case]) -> Weighed:
        cases = await self._rendered(cases)
        asked = [case for case in cases if case.prompt is not None]
        await self._recall(asked)
        new = [case for case in asked if case.place not in self.said]
        if new:
            failure = await self._ask(new)
            if failure is not None:
                await self._away(failure)
            elif self.judge.teacher.down_since is not None:
                await self._is_back()
        return self._weighed(cases)

    async def _rendered(self, cases: Sequence[_Case]) -> list[_Case]:
        records = [case.candidate.fields for case in cases]
        found = await self.judge.prompts(self.tools.pool, records)
        done: list[_Case] = []
        for case, prompt in zip(cases, found, strict=True):
            if isinstance(prompt, Refusal):
                self.scores[case.place] = unasked(prompt)
                done.append(case)
            else:
                done.append(case._replace(prompt=prompt))
        return done

    async def _recall(self, cases: Sequence[_Case]) -> None:
        """What was said before about these very records."""
        places = [] if self.claim.is_first else [case.place for case in cases]
        places += [case.source for case in cases if case.source is not None]
        if not places:
            return
        known = await transaction(
            self.tools.database, lambda session: judgements.at(session, places)
        )
        for case in cases:
            for place in (case.place, case.source):
                said = None if place is None else known.get(place)
                if said and case.prompt and said.question == self.judge.question(case.prompt):
                    self.said[case.place] = said
                    break

    async def _ask(self, cases: Sequence[_Case]) -> TeacherFailure | None:
        """Answers what is wrong with the judge, if that is why it has not said all."""
        tools, claim, judge = self.tools, self.claim, self.judge
        known = {} if claim.is_first else await known_crashes(claim, tools)
        suspects = Suspects(claim, tools.database, known)
        asker = judge.asker(tools.clients, tools.deadline)
        groups: Groups[Judged] = Groups(self._keep, asker.client.gate.is_full)

        async def ask(case: _Case, prompt: Prompt, seat: Seat) -> None:
            place = case.place
            name = f"{place.job_id.hex}.{place.item}.{place.sample}.judge.{claim.epoch}"
            result: Answered | Unanswered
            groups.to_come += 1
            try:
                if known.get(place.item, 0) < MOST_CRASHES:
                    result = await ask_one(asker, suspects, place.item, prompt, name, seat)
                else:
                    result = Unanswered("teacher.crash", "engines died with it", known[place.item])
                if isinstance(result, Unanswered):
                    self.failed.append(_failed(place, result))
                else:
                    await groups.add(judge.heard(place, prompt, result.completions[0]))
            finally:
                groups.to_come -= 1

        pending = deque(sorted(cases, key=lambda case: -known.get(case.item, 0)))
        alone = {item for item, crashes in known.items() if crashes >= ALONE_FROM}
        feed = Feed(asker, pending, Course(), None, alone, lambda _: True, ask)
        async with tools.admitted(judge.id):
            return await groups.while_running(feed.run())

    async def _keep(self, group: list[Judged]) -> None:
        held = {"chunk": self.claim.chunk_id, "epoch": self.claim.epoch}

        async def write(session: AsyncSession) -> Mapping[Place, Judged]:
            if await judgements.keep(session, group, lease.IS_HELD, **held):
                return {one.place: one for one in group}
            await lease.check(session, self.claim)
            return await judgements.at(session, [one.place for one in group])

        self.said |= await singly(self.tools.database, write)

    async def _away(self, failure: TeacherFailure) -> None:
        log.warning("judge away", teacher=str(self.judge.id), reason=failure.reason)
        why = f"{failure.reason}: {failure.message}"
        await transaction(
            self.tools.database,
            lambda session: teachers.open_circuit(session, self.judge.id, why, failure.retry_after),
        )

    async def _is_back(self) -> None:
        await transaction(
            self.tools.database, lambda session: teachers.close_circuit(session, self.judge.id)
        )

    def _weighed(self, cases: Sequence[_Case]) -> Weighed:
        failed = {one.place for one in self.failed}
        candidates: list[Candidate] = []
        refused: list[Rejected | Failed] = [*self.failed]
        unheard: set[Place] = set()
        for case in cases:
            one, said = case.candidate, self.said.get(case.place)
            score = self.scores.get(case.place) or (said and Score(said.score, said.detail))
            if score is None:
                if case.place not in failed:
                    unheard.add(case.place)
                continue
            match self.judge.rubric.weigh(score):
                case Verdict() as verdict:
                    refused.append(Rejected(one.place, verdict, one.fields))
                case Flag() as flag:
                    candidates.append(one._replace(flags=(*one.flags, flag)))
        own = {place: said for place, said in self.said.items() if place == said.place}
        return Weighed(candidates, refused, own, unheard)


def _failed(place: Place, unanswered: Unanswered) -> Failed:
    detail = for_display(unanswered.detail)
    return Failed(place, lost(unanswered.reason), detail, unanswered.attempts)
