"""The one transaction that turns outcomes into rows: records, rejects, sample states, progress."""

from collections import Counter
from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.corpus import replies as stored_replies
from app.corpus import search
from app.corpus import store as corpus
from app.corpus.bands import Bands
from app.corpus.candidate import Candidate, Place, Rejected, Reply, Target
from app.corpus.judgements import Judged
from app.jobs import lease, novelty, quota, store
from app.jobs.lease import Claim, Progress
from app.jobs.novelty import Strata
from app.jobs.outcome import Failed, Outcome
from app.jobs.store import SampleRow
from app.metrics import DEDUP_SECONDS


async def keep(
    session: AsyncSession, claim: Claim, corpus_id: UUID, replies: Sequence[Reply]
) -> Sequence[Reply]:
    """Store replies as they came; answers them as they are stored. Raises `LeaseLost`.

    It does not lock the chunk, so that it never waits for a batch that is being settled. Should
    the lease be lost at this very moment, the next holder finds the reply, if only when it would
    close the chunk, or its own is dropped.
    It needs no transaction: one statement checks the lease and stores the replies.
    """
    held = {"chunk": claim.chunk_id, "epoch": claim.epoch}
    if await stored_replies.keep(session, corpus_id, replies, lease.IS_HELD, **held):
        return replies
    await lease.check(session, claim)
    return await stored_replies.kept(session, replies)


async def settle(
    session: AsyncSession,
    claim: Claim,
    target: Target,
    outcomes: Sequence[Outcome],
    replies: Sequence[Reply],
    strata: Strata | None = None,
    bands: Bands | None = None,
    *,
    judged: Mapping[Place, Judged] | None = None,
    is_new: bool = False,
) -> set[UUID]:
    """Write what became of a batch, all or nothing; answers which of its strata are closed, if the
    job has any. Raises `LeaseLost`.

    `replies` are the stored ones that the outcomes came from, and `judged` is what was said of
    them for this job; the tokens of both are counted here, with the outcome, so that a crash
    between keeping and settling counts nothing twice. Settling the same batch again changes
    nothing: the commit of the first time may have been cut off from us. Only of a batch that
    `is_new`, none of it can have been settled before.
    """
    await lease.fence(session, claim)
    ended = set() if is_new else await store.ended(session, [o.place for o in outcomes])
    if ended:
        outcomes = [o for o in outcomes if o.place not in ended]
        replies = [r for r in replies if r.place not in ended]
    if not outcomes:
        return set()
    heard = [judged[o.place] for o in outcomes if o.place in judged] if judged else []
    candidates = [o for o in outcomes if isinstance(o, Candidate)]
    with DEDUP_SECONDS.time():
        duplicates, over = await quota.add(session, claim.job_id, target, candidates, strata, bands)
    rejected = (
        [o for o in outcomes if isinstance(o, Rejected)]
        + [*over]
        + [Rejected(d.candidate.place, d.verdict, d.candidate.fields, d.winner) for d in duplicates]
    )
    failed = [o for o in outcomes if isinstance(o, Failed)]
    await corpus.reject(session, target.corpus_id, rejected)
    parsed = [o.place for o in outcomes if not isinstance(o, Failed) and o.fields is not None]
    await search.enqueue(session, parsed)

    lost = {d.candidate.place for d in duplicates}
    beyond = {o.place for o in over}
    compared = [c for c in candidates if c.place not in beyond] if beyond else candidates
    accepted = [c for c in compared if c.place not in lost]
    await store.end_samples(
        session,
        [SampleRow(c.place, "accepted") for c in accepted]
        + [SampleRow(r.place, "rejected", r.verdict.reason) for r in rejected]
        + [SampleRow(f.place, "failed", f.reason, f.detail, f.attempts) for f in failed],
    )
    await lease.record(
        session,
        claim,
        Progress(
            accepted=len(accepted),
            rejected=len(rejected),
            failed=len(failed),
            reasons=Counter([r.verdict.reason for r in rejected] + [f.reason for f in failed]),
            prompt_tokens=sum(r.completion.prompt_tokens for r in replies),
            completion_tokens=sum(r.completion.completion_tokens for r in replies),
            cached_tokens=sum(r.completion.cached_tokens for r in replies),
            judge_prompt_tokens=sum(one.prompt_tokens for one in heard),
            judge_completion_tokens=sum(one.completion_tokens for one in heard),
        ),
    )
    if strata is None:
        return set()
    others = (
        [o.place.item for o in outcomes if not isinstance(o, Candidate)]
        if strata.stratified
        else []
    )
    counted = [(c.place.item, c.place not in lost) for c in compared]
    return await novelty.count(session, claim.job_id, strata, counted, others)
