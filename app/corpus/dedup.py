"""What is new to a corpus, decided in one transaction, whatever else commits meanwhile.

Equal records meet in a unique index of their digests. Near-duplicates have no such index: two
batches that do not see each other would both put theirs in. So a corpus that minds them lets one
batch in at a time, by an advisory lock held until the commit; others share it, and only a deletion
keeps them waiting. That is right under READ COMMITTED only, where what is read after the lock was
granted includes all that its last holder wrote.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import numpy as np
import orjson
import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.arrays import Byteas, Int8s, Texts
from app.corpus import arrivals
from app.corpus.bands import Bands
from app.corpus.candidate import Candidate, Duplicate, Heard, Place, Target
from app.corpus.compare import EQUAL, Comparison, Echoes, Loss, Stored, signed
from app.corpus.pool import Pool
from app.corpus.store import place_arrays
from app.curation.near import BANDS, NO_BANDS, Keys, Near
from app.curation.rouge import Rouge, earlier_alike
from app.curation.verdict import Flag

log = structlog.stdlib.get_logger(__name__)

MOST_COMPARED = 50
"""Stored records that one candidate is compared with, the oldest first."""
_LOCK_CLASS = 0x4C6D
"""Keeps our advisory locks apart from other users' of the same database."""


async def add(
    session: AsyncSession,
    target: Target,
    candidates: Sequence[Candidate],
    bands: Bands | None = None,
) -> list[Duplicate]:
    """Insert what is new; answer the losers with their winners.

    A target that minds near-duplicates wants its candidates signed, and stays locked from here to
    the commit: do nothing slow after it. What a process remembers of its `bands` spares Postgres
    to look for them.
    """
    if not candidates:
        return []
    await lock(session, target.corpus_id, alone=target.admits_singly)
    lost = await losses(session, target, candidates, bands)
    losers = {loss.candidate.place for loss in lost}
    new = [c for c in candidates if c.place not in losers]
    late: list[Candidate] = []
    winners: dict[bytes, UUID] = {}
    if await _insert(session, target, new) < len(new):
        # The index has the last word. Whoever lost there lost to an equal record.
        added = await _ids(session, [c.place for c in new])
        late = [c for c in new if c.place not in added]
        winners = await known(session, target.corpus_id, [c.digest for c in late])
        lost += [Loss(c, winners[c.digest], EQUAL) for c in late]
    ours = await _ids(session, [loss.winner for loss in lost if isinstance(loss.winner, Place)])
    # Whoever lost to one of those, in the same batch, lost to what that one lost to.
    ours |= {c.place: winners[c.digest] for c in late}
    return [
        Duplicate(
            loss.candidate,
            loss.winner if isinstance(loss.winner, UUID) else ours[loss.winner],
            loss.verdict,
        )
        for loss in lost
    ]


async def lock(session: AsyncSession, corpus_id: UUID, *, alone: bool = True) -> None:
    """Wait for all others who add to this corpus or take from it; they wait for this transaction's
    end. Those who need not be `alone` do not wait for each other.
    """
    key = int.from_bytes(corpus_id.bytes[-4:], "big", signed=True)
    wait = _LOCK if alone else _LOCK_SHARED
    level = await session.scalar(wait, {"class": _LOCK_CLASS, "key": key})
    if level != "read committed":
        raise AssertionError(f"under {level} the lock would be granted on an old snapshot")


_LOCK = text("""
    SELECT current_setting('transaction_isolation')
    FROM pg_advisory_xact_lock(CAST(:class AS int4), CAST(:key AS int4))
""")
_LOCK_SHARED = text("""
    SELECT current_setting('transaction_isolation')
    FROM pg_advisory_xact_lock_shared(CAST(:class AS int4), CAST(:key AS int4))
""")


async def losses(
    session: AsyncSession,
    target: Target,
    candidates: Sequence[Candidate],
    bands: Bands | None = None,
) -> list[Loss]:
    """Which candidates a stored record, or an earlier one of themselves, has said before."""
    if not candidates:
        return []
    digests = [c.digest for c in candidates]
    looked_up, found = digests, {}
    if target.near is not None:
        keys = [signed(candidate).bands for candidate in candidates]
        if bands is None:
            shared = (await Bands.alike(session, target.corpus_id, keys)).sharing(keys)
        else:
            await bands.catch_up(session, target.corpus_id)
            shared = bands.sharing(keys)
            # Whoever says the same as a record shares all of its bands, where it has any. Should
            # the digest be of other fields than the bands, the index has the last word.
            looked_up = [d for n, d in enumerate(digests) if n in shared or not len(keys[n])]
        found = await _found(session, shared, target.near)
    equal = await known(session, target.corpus_id, looked_up, refused=digests)
    echoes = await _echoes(session, target, candidates, target.rouge) if target.rouge else None
    return Comparison(target.near, equal, found, echoes).losses(candidates)


async def known(
    session: AsyncSession, corpus_id: UUID, digests: Sequence[bytes], refused: Sequence[bytes] = ()
) -> dict[bytes, UUID]:
    """Which `digests` a corpus holds, and which of `refused` it held and refuses since; and whose
    they are.
    """
    told = {"digests": Byteas(digests), "refused": Byteas(refused)}
    rows = await session.execute(_KNOWN, {"corpus_id": corpus_id, **told})
    return {row.digest: row.id for row in rows}


# One look into the index for each: a table that has just grown has no statistics yet, and asked for
# all at once Postgres would go through the whole corpus.
_KNOWN = text("""
    SELECT asked.digest, found.id FROM unnest(CAST(:digests AS bytea[])) AS asked (digest)
    CROSS JOIN LATERAL (
        SELECT id FROM record WHERE corpus_id = :corpus_id AND digest = asked.digest LIMIT 1
    ) AS found
    UNION ALL
    SELECT digest, record_id FROM tombstone
    WHERE corpus_id IN (
            CAST(:corpus_id AS uuid), (SELECT shadow_of FROM corpus WHERE id = :corpus_id)
        )
      AND digest = ANY(CAST(:refused AS bytea[])) AND blocks
""")


async def _found(
    session: AsyncSession, shared: Mapping[int, Sequence[UUID]], near: Near
) -> dict[int, list[Stored]]:
    """By the number of a candidate, the stored records that share a band with it, oldest first."""
    if not shared:
        return {}
    capped = sum(len(ids) > MOST_COMPARED for ids in shared.values())
    if capped:
        log.info("more alike than are compared", candidates=capped, most=MOST_COMPARED)
    compared = {number: ids[:MOST_COMPARED] for number, ids in shared.items()}
    texts = await _texts(session, {one for ids in compared.values() for one in ids}, near)
    return {number: [texts[one] for one in ids if one in texts] for number, ids in compared.items()}


async def _texts(session: AsyncSession, ids: set[UUID], near: Near) -> dict[UUID, Stored]:
    rows = await session.execute(_TEXTS, {"ids": list(ids)})
    return {row.id: Stored(row.id, near.text(row.fields), near.context(row.fields)) for row in rows}


_TEXTS = text("SELECT id, fields FROM record WHERE id = ANY(:ids)")


async def _echoes(
    session: AsyncSession, target: Target, candidates: Sequence[Candidate], rouge: Rouge
) -> Echoes:
    """Who says too much of whose words, counting in what came since the candidates were heard."""
    heard = [c.heard or Heard(rouge.words(c.fields), (), 0) for c in candidates]
    since = Pool(rouge, until=min(each.until for each in heard))
    newer = await since.caught_up(session, target.corpus_id)
    alike = [{**dict(each.alike), **dict(newer.alike(each.words))} for each in heard]
    # Those that were deleted since they were remembered are left out.
    there = await arrivals.records(session, target.corpus_id, {n for each in alike for n in each})
    return Echoes(
        rouge,
        {
            at: [(there[n], score) for n, score in sorted(each.items()) if n in there]
            for at, each in enumerate(alike)
        },
        earlier_alike([each.words for each in heard], rouge.threshold),
    )


async def _insert(session: AsyncSession, target: Target, candidates: Sequence[Candidate]) -> int:
    """How many no equal record kept out. Rows go in by digest, so that two batches with the same
    texts wait for each other rather than deadlock.
    """
    if not candidates:
        return 0
    bands = [NO_BANDS if c.signed is None else c.signed.bands for c in candidates]
    inserted: Any = await session.execute(
        _INSERT,
        {
            **place_arrays([c.place for c in candidates]),
            "corpus_id": target.corpus_id,
            "digests": Byteas([c.digest for c in candidates]),
            "fields": Texts([orjson.dumps(c.fields) for c in candidates]),
            "flags": Texts([_flags(c.flags) for c in candidates]),
            # One array for all, cut up by Postgres: arrays of arrays would be torn apart.
            "starts": _starts(bands),
            "keys": Int8s(np.concatenate(bands)),
            "size": BANDS,
        },
    )
    return int(inserted.rowcount)


def _flags(flags: Sequence[Flag]) -> bytes:
    return orjson.dumps([flag.as_json() for flag in flags]) if flags else b"[]"


def _starts(bands: Sequence[Keys]) -> list[int | None]:
    """Where each one's bands begin, counted from 1; nothing for those without."""
    starts: list[int | None] = []
    start = 1
    for each in bands:
        starts.append(start if len(each) else None)
        start += len(each)
    return starts


_INSERT = text("""
    INSERT INTO record (corpus_id, job_id, item, sample, digest, fields, flags, bands)
    SELECT :corpus_id, job_id, item, sample, digest, CAST(fields AS jsonb), CAST(flags AS jsonb),
        (CAST(:keys AS int8[]))[start : start + :size - 1]
    FROM unnest(
        CAST(:job_ids AS uuid[]), CAST(:items AS int8[]), CAST(:samples AS int8[]),
        CAST(:digests AS bytea[]), CAST(:fields AS text[]), CAST(:flags AS text[]),
        CAST(:starts AS int4[])
    ) AS t (job_id, item, sample, digest, fields, flags, start)
    ORDER BY digest, item, sample
    ON CONFLICT (corpus_id, digest) DO NOTHING
""")


async def _ids(session: AsyncSession, places: Sequence[Place]) -> dict[Place, UUID]:
    """Of the records that were made of these samples."""
    if not places:
        return {}
    rows = await session.execute(_IDS, place_arrays(places))
    return {Place(row.job_id, row.item, row.sample): row.id for row in rows}


_IDS = text("""
    SELECT id, job_id, item, sample FROM record
    JOIN unnest(CAST(:job_ids AS uuid[]), CAST(:items AS int8[]), CAST(:samples AS int8[]))
        AS asked (job_id, item, sample) USING (job_id, item, sample)
""")
