"""Many requests in flight, each reply kept before its place is another's.

That is what bounds the loss of a crash: an item is asked again only if its call was in flight.
Replies that arrive together, or while others are being committed, are committed together.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from uuid import UUID

from app.corpus.candidate import Reply
from app.curation.text import for_display
from app.jobs import settle
from app.jobs.ask import Answered, Asker, Unanswered
from app.jobs.blueprint import Question
from app.jobs.crashes import ALONE_FROM, MOST_CRASHES, Seen, Suspects, of_chunk
from app.jobs.durable import singly, transaction
from app.jobs.feed import Feed
from app.jobs.grouping import Groups
from app.jobs.lane import Course
from app.jobs.lease import Claim
from app.jobs.loaded import Loaded, Tools
from app.jobs.outcome import Failed
from app.prompts.prompt import Prompt
from app.teachers.failures import TeacherFailure
from app.teachers.gate import Place

LARGEST_BATCH = 1024
LINGER = 2.0
"""Seconds a batch waits for more before it is settled: what progress lags behind, and what shares
the cost of a commit. Where seven replies came a second, two seconds took a worker a sixth less of
its CPU time than one.
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """One item's end: its replies, safe in the store, or its failures."""

    replies: Sequence[Reply] = ()
    failed: Sequence[Failed] = ()


async def ask_and_keep(
    claim: Claim,
    job: Loaded,
    tools: Tools,
    questions: Sequence[Question],
    kept: asyncio.Queue[Kept | None],
    *,
    at_most: int | None,
    course: Course,
    dry: Collection[UUID] = (),
) -> TeacherFailure | None:
    """Ask all questions, as the teacher has places or `at_most` at a time, but for those whose
    strata are `dry` or become so. Answers what was wrong with the teacher, if that is why it
    stopped. Raises `LeaseLost`.
    """
    asker = job.asker(tools)
    keeper = _Keeper(claim, job, tools, kept, asker)
    asking = _ask_all(
        claim,
        job,
        tools,
        asker,
        questions,
        keeper,
        at_most=at_most,
        course=course,
        dry=dry,
    )
    return await keeper.groups.while_running(asking)


async def _ask_all(
    claim: Claim,
    job: Loaded,
    tools: Tools,
    asker: Asker,
    questions: Sequence[Question],
    keeper: "_Keeper",
    *,
    at_most: int | None,
    course: Course,
    dry: Collection[UUID],
) -> TeacherFailure | None:
    """Ask as places become free, until nothing is left: none waits for another's answer."""
    known = {} if claim.is_first else await known_crashes(claim, tools)
    suspects = Suspects(claim, tools.database, known)

    async def ask(question: Question, prompt: Prompt, place: Place) -> None:
        name = f"{claim.job_id.hex}.{question.item}.{claim.epoch}"
        keeper.groups.to_come += 1
        try:
            if known.get(question.item, 0) < MOST_CRASHES:
                result = await ask_one(asker, suspects, question.item, prompt, name, place)
            else:
                result = _deadly(known[question.item])
            await keeper.keep(job, question, result)
        finally:
            keeper.groups.to_come -= 1

    def wanted(question: Question) -> bool:
        return not dry or job.strata.key(question.item) not in dry

    # Suspects first: should they have to go one by one, then it is over.
    pending = deque(sorted(questions, key=lambda one: -known.get(one.item, 0)))
    alone = {item for item, crashes in known.items() if crashes >= ALONE_FROM}
    return await Feed(asker, pending, course, at_most, alone, wanted, ask).run()


async def known_crashes(claim: Claim, tools: Tools) -> dict[int, int]:
    """How many engines died with each of the chunk's items."""
    return await transaction(tools.database, lambda session: of_chunk(session, claim))


async def ask_one(
    asker: Asker, suspects: Suspects, item: int, prompt: Prompt, name: str, place: Place
) -> Answered | Unanswered:
    """With a place that was entered. Raises what is wrong with the teacher, where no server is left
    to ask.
    """
    for number in count():
        attempt = f"{name}.{number}" if number else name
        try:
            return await asker.ask(prompt, attempt, place)
        except TeacherFailure as failure:
            if not failure.suspect:
                raise
            place.leave()
            crashes = await suspects.count(Seen(item, attempt, for_display(str(failure))))
            if crashes >= MOST_CRASHES:
                return _deadly(crashes)
            if not asker.client.gate.is_there:
                raise
            place.alone = crashes >= ALONE_FROM
    raise AssertionError("there is always another number")


def _deadly(crashes: int) -> Unanswered:
    why = f"{crashes} engines died with it, the last one while it had nothing else to do"
    return Unanswered("teacher.crash", why, crashes)


class _Keeper:
    """Commits replies as they come."""

    def __init__(
        self,
        claim: Claim,
        job: Loaded,
        tools: Tools,
        kept: asyncio.Queue[Kept | None],
        asker: Asker,
    ) -> None:
        self.groups: Groups[Sequence[Reply]] = Groups(self._commit, asker.client.gate.is_full)
        self._claim = claim
        self._corpus_id = job.target.corpus_id
        self._database = tools.database
        self._kept = kept

    async def keep(self, job: Loaded, question: Question, result: Answered | Unanswered) -> None:
        """Returns once the replies are safe."""
        if isinstance(result, Unanswered):
            await self._kept.put(Kept(failed=job.failed(question, result)))
            return
        await self.groups.add(job.replies(question, result))

    async def _commit(self, group: list[Sequence[Reply]]) -> None:
        replies = [reply for each in group for reply in each]
        stored = await singly(
            self._database,
            lambda session: settle.keep(session, self._claim, self._corpus_id, replies),
        )
        await self._kept.put(Kept(replies=stored))


async def batches(
    kept: asyncio.Queue[Kept | None], asking: asyncio.Task[TeacherFailure | None]
) -> AsyncIterator[list[Kept]]:
    """What was kept, as it comes, together with what comes right after; all that is left as soon as
    nothing more can come.
    """
    asking.add_done_callback(lambda _: kept.put_nowait(None))
    last: Kept | None
    while (last := await kept.get()) is not None:
        batch = [last]
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER):
                while _size(batch) < LARGEST_BATCH and (last := await kept.get()) is not None:
                    batch.append(last)
        yield batch
        if last is None:
            return


def _size(batch: Sequence[Kept]) -> int:
    return sum(len(each.replies) + len(each.failed) for each in batch)
