"""What happens to a sample: rendered, asked for, kept, curated, settled.

Rendering, asking and curating happen outside any transaction; keeping a reply and settling it
happen in one each, fenced by the claim. A crash at any point loses at most the calls in flight:
what was kept is settled by the next holder without asking again. A job that asks nobody has all
of its replies kept: for it, that is the whole story.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.corpus.candidate import Candidate, Rejected, Reply
from app.jobs import lease, novelty, settle, smoke, store, wants
from app.jobs.advance import advance
from app.jobs.asking import LARGEST_BATCH, Kept, ask_and_keep, batches
from app.jobs.blueprint import asked
from app.jobs.durable import transaction
from app.jobs.judging import weigh
from app.jobs.lane import Course
from app.jobs.lease import Claim, LeaseLost
from app.jobs.loaded import Loaded, Tools
from app.jobs.outcome import Failed, Outcome
from app.jobs.stored import Stored
from app.jobs.wants import Wants
from app.metrics import SETTLE_SECONDS
from app.prompts.prompt import Prompt
from app.teachers.failures import TeacherFailure

log = structlog.stdlib.get_logger(__name__)

_AT_ONCE = 64
"""Samples curated before requests have their turn again: a whole batch would keep them waiting for
a tenth of a second, and the teacher idle."""


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


async def work(claim: Claim, tools: Tools, course: Course) -> End:
    """Work one chunk. On cancellation it is handed back at once."""
    try:
        job = await tools.load(claim)
        end = await _work(claim, job, tools, course)
    except LeaseLost:
        log.warning("lease lost", epoch=claim.epoch)
        return Lost()
    except asyncio.CancelledError:
        await asyncio.shield(_hand_back(claim, tools))
        raise
    except Exception:
        await _hand_back(claim, tools, lost=True)
        raise
    if isinstance(end, Done):
        return await _close(claim, job, tools)
    await _hand_back(claim, tools)
    return end


async def _work(claim: Claim, job: Loaded | Stored, tools: Tools, course: Course) -> End:
    dry = await _dry(claim, job, tools)
    async for stored in _stored(claim, job, tools):
        prompts = await job.prompts(tools.pool, stored, claim.seq)
        if not await _settle(claim, job, tools, stored, [], prompts, dry, course):
            return Done()
        if course.stop.is_set():
            return HandedBack(None)
    if isinstance(job, Stored):
        return Done()
    return await _ask(claim, job, tools, course, dry)


async def _stored(
    claim: Claim, job: Loaded | Stored, tools: Tools
) -> AsyncIterator[Sequence[Reply]]:
    """The chunk's replies that are kept and not settled, a batch at a time: what an earlier holder
    left behind, or everything.
    """
    if isinstance(job, Loaded) and claim.is_first:
        return
    end = claim.first_item + claim.items
    for first in range(claim.first_item, end, LARGEST_BATCH):
        most = min(LARGEST_BATCH, end - first)
        found = await transaction(tools.database, partial(_unsettled, job, first, most))
        if found:
            yield found


async def _unsettled(
    job: Loaded | Stored, first: int, most: int, session: AsyncSession
) -> list[Reply]:
    return await job.unsettled(session, first, most)


async def _ask(
    claim: Claim,
    job: Loaded,
    tools: Tools,
    course: Course,
    dry: set[UUID],
) -> End:
    questions = await job.questions(claim, tools, dry)
    prompts = asked(questions)
    unasked = [failed for q in questions for failed in job.unrendered(q)]
    if unasked and not await _settle(claim, job, tools, [], unasked, prompts, dry, course):
        return Done()

    kept: asyncio.Queue[Kept | None] = asyncio.Queue()  # never more than the chunk has
    # A chunk that killed its holders is asked for one by one, so that its neighbours get through.
    # One loss is an accident: a machine that went away, or was too busy to show signs of life.
    at_most = 1 if claim.losses > 1 else None
    asking = asyncio.create_task(
        ask_and_keep(claim, job, tools, questions, kept, at_most=at_most, course=course, dry=dry)
    )
    enough = False
    try:
        async for batch in batches(kept, asking):
            replies = [reply for answer in batch for reply in answer.replies]
            failed = [failure for answer in batch for failure in answer.failed]
            if not await _settle(claim, job, tools, replies, failed, prompts, dry, course):
                enough = True
                asking.cancel()
        failure = None if enough and asking.cancelled() else asking.result()
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    return Done() if enough or not (failure or course.stop.is_set()) else HandedBack(failure)


async def _dry(claim: Claim, job: Loaded | Stored, tools: Tools) -> set[UUID]:
    """The strata that are not asked for any more; it grows while the chunk is worked."""
    if job.strata is None or not job.strata.close:
        return set()
    return await transaction(tools.database, lambda session: novelty.closed(session, claim.job_id))


async def _settle(
    claim: Claim,
    job: Loaded | Stored,
    tools: Tools,
    replies: Sequence[Reply],
    failed: Sequence[Failed],
    prompts: Mapping[int, Prompt],
    dry: set[UUID],
    course: Course,
) -> bool:
    """Curate, then write what became of the batch; answers whether the job wants what is in
    flight. Where it wants no more than that, the course is stopped.
    """
    rejected, curated = await _curated(job, replies, prompts)
    weighed = await weigh(claim, job, tools, curated, replies)
    if weighed.unheard:
        replies = [reply for reply in replies if reply.place not in weighed.unheard]
        course.stop.set()
    heard = await tools.heard(job.target, job.target.signed(weighed.candidates))
    outcomes: list[Outcome] = [*rejected, *weighed.refused, *heard, *failed]
    bands = await tools.bands_of(job.target)
    paid = [reply for reply in replies if reply.source is None]
    first_try = claim.is_first

    async def write(session: AsyncSession) -> tuple[Wants, set[UUID], bool]:
        nonlocal first_try
        is_new, first_try = first_try, False
        found = await settle.settle(
            session,
            claim,
            job.target,
            outcomes,
            paid,
            job.strata,
            bands,
            judged=weighed.paid,
            is_new=is_new,
        )
        smoked = claim.job_id in tools.smoked or await smoke.judge(session, claim.job_id)
        return await wants.of(session, claim.job_id), found, smoked

    with SETTLE_SECONDS.time():
        wanted, found, smoked = await transaction(tools.database, write)
    if smoked:
        tools.smoked.add(claim.job_id)
    dry |= found
    if wanted is Wants.REPLIES:
        course.stop.set()
    return wanted is not Wants.NOTHING


async def _curated(
    job: Loaded | Stored, replies: Sequence[Reply], prompts: Mapping[int, Prompt]
) -> tuple[list[Rejected], list[Candidate]]:
    candidates: list[Candidate] = []
    rejected: list[Rejected] = []
    for number, reply in enumerate(replies, 1):
        if number % _AT_ONCE == 0:
            await asyncio.sleep(0)
        curated = job.chain_of(reply).curate(
            reply.completion, reply.inputs, prompts.get(reply.place.item)
        )
        if curated.verdict is not None:
            rejected.append(Rejected(reply.place, curated.verdict, curated.record))
        elif curated.record is not None and curated.digest is not None:
            candidates.append(Candidate(reply.place, curated.record, curated.digest, curated.flags))
        else:
            raise AssertionError("a sample without a verdict has a record and a digest")
    return rejected, candidates


async def _close(claim: Claim, job: Loaded | Stored, tools: Tools) -> End:
    async def write(session: AsyncSession) -> None:
        await lease.fence(session, claim)
        given_up = await _give_up(session, claim, job)
        cancelled = await lease.close(session, claim)
        if isinstance(job, Stored) or cancelled <= given_up:
            return
        if await wants.of(session, claim.job_id) is Wants.MORE:
            raise _Unfinished(cancelled - given_up)

    try:
        await transaction(tools.database, write)
    except LeaseLost:
        # Closed already, by a commit whose answer was cut off, or taken by somebody else.
        log.info("chunk closed elsewhere", epoch=claim.epoch)
    except _Unfinished as unfinished:
        log.warning("chunk handed back unfinished", samples=unfinished.samples)
        await _hand_back(claim, tools, lost=True)
        return HandedBack(None)
    # Apart from the chunk's lock: a rebuilt corpus may take a minute to be put in place, and signs
    # of life wait for that lock. Should nobody come so far, the sweep does it.
    await transaction(tools.database, lambda session: advance(session, claim.job_id))
    return Done()


class _Unfinished(Exception):
    """Samples that the job wants have not ended, though all were asked for. One reason is known:
    what an earlier holder stored at the very moment it lost the chunk may have come too late to be
    settled, and early enough not to be asked for again.
    """

    def __init__(self, samples: int) -> None:
        super().__init__(samples)
        self.samples = samples


async def _give_up(session: AsyncSession, claim: Claim, job: Loaded | Stored) -> int:
    """Note the samples that are about to be cancelled because their strata are closed; answers how
    many those are.
    """
    if isinstance(job, Stored) or not job.strata.close:
        return 0
    dry = await novelty.closed(session, claim.job_id)
    samples = job.samples_per_item
    left = await store.open_items(session, claim.job_id, claim.first_item, claim.items, samples)
    given_up = [item for item in left if job.strata.key(item) in dry]
    await novelty.cancel(session, claim.job_id, job.strata, given_up, samples)
    return len(given_up) * samples


async def _hand_back(claim: Claim, tools: Tools, *, lost: bool = False) -> None:
    await transaction(tools.database, lambda session: lease.hand_back(session, claim, lost=lost))
