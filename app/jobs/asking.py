"""Many requests in flight, each reply kept before its slot asks for the next.

That is what bounds the loss of a crash: an item is asked again only if its call was in flight.
Replies that arrive while others are being committed are committed together right after.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from app.corpus.candidate import Reply
from app.jobs import settle
from app.jobs.ask import Answered, Asker, Unanswered
from app.jobs.blueprint import Question
from app.jobs.durable import transaction
from app.jobs.lane import Course
from app.jobs.lease import Claim
from app.jobs.loaded import Loaded, Tools
from app.jobs.outcome import Failed
from app.teachers.failures import TeacherFailure

LARGEST_BATCH = 256
LINGER = 0.4
"""Seconds a batch waits for more before it is settled: what progress lags behind, and what shares
the cost of a commit."""


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
    kept: asyncio.Queue[Kept],
    *,
    slots: int,
    course: Course,
    dry: Collection[UUID] = (),
) -> TeacherFailure | None:
    """Ask all questions, at most `slots` at a time, but for those whose strata are `dry` or become
    so. Answers what was wrong with the teacher, if that is why it stopped. Raises `LeaseLost`.
    """
    keeper = _Keeper(claim, job, tools, kept)
    keeping = asyncio.create_task(keeper.run())
    asking = asyncio.create_task(
        _ask_all(
            claim, job, job.asker(tools), questions, keeper, slots=slots, course=course, dry=dry
        )
    )
    try:
        # Either may fail first; the other is pointless then.
        await asyncio.wait({keeping, asking}, return_when=asyncio.FIRST_COMPLETED)
        if asking.done():
            keeper.close()
        await keeping
        return await asking
    finally:
        for task in (asking, keeping):
            task.cancel()
        await asyncio.gather(asking, keeping, return_exceptions=True)


async def _ask_all(
    claim: Claim,
    job: Loaded,
    asker: Asker,
    questions: Sequence[Question],
    keeper: "_Keeper",
    *,
    slots: int,
    course: Course,
    dry: Collection[UUID],
) -> TeacherFailure | None:
    """Keep every slot busy until nothing is left: none waits for another's answer."""
    pending = deque(questions)
    free = course.lane.of(job.share)
    trouble: list[TeacherFailure] = []

    async def slot() -> None:
        while pending:
            async with free:
                if not pending or trouble or course.stop.is_set():
                    return
                question = pending.popleft()
                if len(pending) < slots:
                    course.near_end.set()
                if question.prompt is None or (dry and job.strata.key(question.item) in dry):
                    continue
                try:
                    name = f"{claim.job_id.hex}.{question.item}.{claim.epoch}"
                    result = await asker.ask(question.prompt, name)
                except TeacherFailure as failure:
                    trouble.append(failure)
                    return
                await keeper.keep(job, question, result)

    running = [asyncio.create_task(slot()) for _ in range(min(slots, len(questions)))]
    try:
        await asyncio.gather(*running)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    return trouble[0] if trouble else None


@dataclass(slots=True)
class _Keeper:
    """Commits replies in groups: all that arrived while the group before was being committed."""

    claim: Claim
    job: Loaded
    tools: Tools
    kept: asyncio.Queue[Kept]
    arrived: list[tuple[Sequence[Reply], asyncio.Future[None]]] = field(default_factory=list)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    closed: bool = False

    async def keep(self, job: Loaded, question: Question, result: Answered | Unanswered) -> None:
        """Returns once the replies are safe."""
        if isinstance(result, Unanswered):
            await self.kept.put(Kept(failed=job.failed(question, result)))
            return
        safe: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.arrived.append((job.replies(question, result), safe))
        self.wake.set()
        await safe

    def close(self) -> None:
        self.closed = True
        self.wake.set()

    async def run(self) -> None:
        while True:
            await self.wake.wait()
            self.wake.clear()
            group, self.arrived = self.arrived, []
            if group:
                await self._commit(group)
            elif self.closed:
                return

    async def _commit(self, group: list[tuple[Sequence[Reply], asyncio.Future[None]]]) -> None:
        replies = [reply for each, _ in group for reply in each]
        stored = await transaction(
            self.tools.database,
            lambda session: settle.keep(session, self.claim, self.job.target.corpus_id, replies),
        )
        for _, safe in group:
            if not safe.done():
                safe.set_result(None)
        await self.kept.put(Kept(replies=stored))


async def batches(
    kept: asyncio.Queue[Kept], asking: asyncio.Task[TeacherFailure | None]
) -> AsyncIterator[list[Kept]]:
    """What was kept, as it comes, together with what comes right after; all that is left at the
    end.
    """
    while not (asking.done() and kept.empty()):
        first = asyncio.create_task(kept.get())
        await asyncio.wait({first, asking}, return_when=asyncio.FIRST_COMPLETED)
        if not first.done():
            first.cancel()
            continue
        batch = [first.result()]
        try:
            async with asyncio.timeout(LINGER):
                while _size(batch) < LARGEST_BATCH and not (asking.done() and kept.empty()):
                    batch.append(await kept.get())
        except TimeoutError:
            pass
        yield batch


def _size(batch: Sequence[Kept]) -> int:
    return sum(len(each.replies) + len(each.failed) for each in batch)
