"""What happens to a sample: rendered, asked for, kept, curated, settled.

Rendering, asking and curating happen outside any transaction; keeping a reply and settling it
happen in one each, both fenced by the claim. A crash at any point loses at most the calls in
flight: what was kept is settled by the next holder without asking again.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.corpus import store as corpus
from app.corpus.candidate import Candidate, Place, Rejected, Reply
from app.jobs import lease, settle, store
from app.jobs.advance import advance
from app.jobs.ask import Answered, Asker, Unanswered
from app.jobs.blueprint import Question
from app.jobs.durable import transaction
from app.jobs.lease import Claim, LeaseLost
from app.jobs.loaded import Loaded, Tools
from app.jobs.outcome import Failed, Outcome
from app.teachers.failures import TeacherFailure

log = structlog.stdlib.get_logger(__name__)

LARGEST_BATCH = 256
LINGER = 0.2
"""Seconds a batch waits for more answers: what progress lags behind, and what a commit costs is
shared by."""


@dataclass(frozen=True, slots=True)
class Answer:
    question: Question
    result: Answered | Unanswered


@dataclass(frozen=True, slots=True)
class Done:
    """Every sample of the chunk has ended, or the job wants no more."""


@dataclass(frozen=True, slots=True)
class HandedBack:
    """The rest of the chunk is for the next taker; `failure` says whether the teacher is why."""

    failure: TeacherFailure | None


@dataclass(frozen=True, slots=True)
class Lost:
    """Somebody else has the chunk."""


End = Done | HandedBack | Lost


async def work(
    claim: Claim, job: Loaded, tools: Tools, *, in_flight: int, draining: asyncio.Event
) -> End:
    """Work one chunk. On cancellation it is handed back at once."""
    try:
        end = await _work(claim, job, tools, in_flight, draining)
    except LeaseLost:
        log.warning("lease lost", job=str(claim.job_id), chunk=claim.seq, epoch=claim.epoch)
        return Lost()
    except asyncio.CancelledError:
        await asyncio.shield(_hand_back(claim, tools))
        raise
    except Exception:
        await _hand_back(claim, tools, lost=True)
        raise
    if isinstance(end, Done):
        await _close(claim, tools)
    else:
        await _hand_back(claim, tools)
    return end


async def _work(
    claim: Claim, job: Loaded, tools: Tools, in_flight: int, draining: asyncio.Event
) -> End:
    stored = await transaction(tools.database, lambda session: _kept(session, claim))
    if stored and not await _settle(claim, job, tools, stored, []):
        return Done()
    questions = await job.questions(claim, tools)
    unasked = [_failed(job, q) for q in questions if q.prompt is None]
    if unasked and not await _settle(claim, job, tools, [], _flat(unasked)):
        return Done()

    asker = job.asker(tools)
    answers: asyncio.Queue[Answer] = asyncio.Queue(maxsize=2 * in_flight)
    # A chunk that killed its holders is asked for one by one, so that its neighbours get through.
    slots = 1 if claim.losses else in_flight
    pending = iter([q for q in questions if q.prompt is not None])
    asking = asyncio.create_task(_ask_all(pending, asker, claim, answers, slots, draining))
    try:
        async for batch in _batches(answers, asking):
            replies = [r for a in batch for r in _replies(job, a)]
            failed = [f for a in batch for f in _failures(job, a)]
            if not await _settle(claim, job, tools, replies, failed):
                await _settle_rest(claim, job, tools, answers, asking)
                return Done()
        failure = await asking
    finally:
        await _stop(asking)
    if failure or draining.is_set():
        return HandedBack(failure)
    return Done()


async def _ask_all(
    pending: Iterator[Question],
    asker: Asker,
    claim: Claim,
    answers: asyncio.Queue[Answer],
    slots: int,
    draining: asyncio.Event,
) -> TeacherFailure | None:
    """Keep `slots` requests in flight until nothing is pending: a slot is refilled the moment its
    answer arrives. Answers what was wrong with the teacher, if that is why it stopped.
    """
    trouble: list[TeacherFailure] = []

    async def slot() -> None:
        for question in pending:
            if question.prompt is None:
                continue
            try:
                name = f"{claim.job_id.hex}.{question.item}.{claim.epoch}"
                result = await asker.ask(question.prompt, name)
            except TeacherFailure as failure:
                trouble.append(failure)
                return
            await answers.put(Answer(question, result))
            if trouble or draining.is_set():
                return

    async with asyncio.TaskGroup() as group:
        for _ in range(slots):
            group.create_task(slot())
    return trouble[0] if trouble else None


async def _batches(
    answers: asyncio.Queue[Answer], asking: asyncio.Task[TeacherFailure | None]
) -> AsyncIterator[list[Answer]]:
    """Answers as they come, together with those that come right after."""
    while not (asking.done() and answers.empty()):
        first = asyncio.create_task(answers.get())
        await asyncio.wait({first, asking}, return_when=asyncio.FIRST_COMPLETED)
        if not first.done():
            first.cancel()
            continue
        batch = [first.result()]
        try:
            async with asyncio.timeout(LINGER):
                while len(batch) < LARGEST_BATCH and not (asking.done() and answers.empty()):
                    batch.append(await answers.get())
        except TimeoutError:
            pass
        yield batch


async def _settle_rest(
    claim: Claim,
    job: Loaded,
    tools: Tools,
    answers: asyncio.Queue[Answer],
    asking: asyncio.Task[TeacherFailure | None],
) -> None:
    """The job wants no more: stop asking, and keep what had been answered by then."""
    await _stop(asking)
    came = [answers.get_nowait() for _ in range(answers.qsize())]
    await _settle(claim, job, tools, [r for a in came for r in _replies(job, a)], [])


async def _stop(asking: asyncio.Task[TeacherFailure | None]) -> None:
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)


async def _settle(
    claim: Claim, job: Loaded, tools: Tools, replies: Sequence[Reply], failed: Sequence[Outcome]
) -> bool:
    """Keep, curate, settle; answers whether the job wants more."""
    await transaction(
        tools.database, lambda session: settle.keep(session, claim, job.corpus_id, replies)
    )
    outcomes = [_curated(job, reply) for reply in replies] + list(failed)

    async def write(session: AsyncSession) -> bool:
        await settle.settle(session, claim, job.corpus_id, outcomes, replies)
        return await store.wants_more(session, claim.job_id)

    return await transaction(tools.database, write)


def _curated(job: Loaded, reply: Reply) -> Outcome:
    curated = job.chain.curate(reply.completion, reply.inputs)
    if curated.verdict is not None:
        return Rejected(reply.place, curated.verdict, curated.record)
    if curated.record is None or curated.digest is None:
        raise AssertionError("a sample without a verdict has a record and a digest")
    return Candidate(reply.place, curated.record, curated.digest)


def _replies(job: Loaded, answer: Answer) -> Iterator[Reply]:
    question, result = answer.question, answer.result
    if isinstance(result, Answered) and question.prompt is not None:
        for number, completion in enumerate(result.completions):
            yield Reply(
                Place(job.job_id, question.item, number),
                completion,
                question.prompt.digest,
                question.inputs,
                question.seed_position,
            )


def _failures(job: Loaded, answer: Answer) -> Iterator[Failed]:
    result = answer.result
    if isinstance(result, Unanswered):
        for number in range(job.samples_per_item):
            place = Place(job.job_id, answer.question.item, number)
            yield Failed(place, result.reason, result.detail, result.attempts)


def _failed(job: Loaded, question: Question) -> list[Failed]:
    """A row that cannot be rendered fails alone."""
    detail = question.problem or "the row could not be rendered"
    return list(_failures(job, Answer(question, Unanswered("prompt.render", detail, 0))))


def _flat(groups: Sequence[list[Failed]]) -> list[Failed]:
    return [failed for group in groups for failed in group]


async def _kept(session: AsyncSession, claim: Claim) -> list[Reply]:
    return await corpus.unsettled(session, claim.job_id, claim.first_item, claim.items)


async def _close(claim: Claim, tools: Tools) -> None:
    async def write(session: AsyncSession) -> None:
        await lease.fence(session, claim)
        await lease.close(session, claim)
        await advance(session, claim.job_id)

    try:
        await transaction(tools.database, write)
    except LeaseLost:
        # Closed already, by a commit whose answer was cut off, or taken by somebody else.
        log.info("chunk closed elsewhere", job=str(claim.job_id), chunk=claim.seq)


async def _hand_back(claim: Claim, tools: Tools, *, lost: bool = False) -> None:
    await transaction(tools.database, lambda session: lease.hand_back(session, claim, lost=lost))
