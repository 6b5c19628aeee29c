"""SQL of the corpus: replies, rejects and what is read, always many rows to a statement."""

import json
import secrets
from collections.abc import Sequence
from functools import cache
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Row, TextClause, and_, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.arrays import Byteas, Int8s, Texts, Uuids
from app.corpus.candidate import Place, Rejected, Reply, Target
from app.corpus.models import (
    Corpus,
    Replayed,
    StoredCompletion,
    StoredRecord,
    StoredReject,
    Tombstone,
)
from app.curation.near import Near
from app.curation.novelty import DedupSpec
from app.curation.rouge import Rouge
from app.curation.verdict import Verdict
from app.errors import NotFound
from app.names import Ref
from app.teachers.completion import Completion


async def get(session: AsyncSession, ref: Ref) -> Corpus:
    found = await find(session, ref)
    if found is None:
        raise NotFound(
            "corpus.not_found",
            f"there is no corpus {ref.namespace}/{ref.name}",
            hint="A job makes its corpus when it is submitted; GET /v1/corpora lists them.",
        )
    return found


async def ref_of(session: AsyncSession, corpus_id: UUID) -> Ref:
    """The name of a corpus that there is."""
    found = select(Corpus.namespace, Corpus.name).where(Corpus.id == corpus_id)
    row = (await session.execute(found)).one()
    return Ref(row.namespace, row.name)


async def find(session: AsyncSession, ref: Ref) -> Corpus | None:
    return await session.scalar(
        select(Corpus).where(Corpus.namespace == ref.namespace, Corpus.name == ref.name)
    )


async def get_or_create(session: AsyncSession, ref: Ref, dedup: DedupSpec) -> tuple[Corpus, bool]:
    """The corpus of that name, and whether this call made it. Two racing calls make one."""
    made = (
        insert(Corpus)
        .values(
            namespace=ref.namespace,
            name=ref.name,
            dedup=dedup.model_dump(mode="json"),
            salt=secrets.randbits(63),
        )
        .on_conflict_do_nothing()
        .returning(Corpus.id)
    )
    new = await session.scalar(made)
    return await get(session, ref), new is not None


async def settle(
    session: AsyncSession, corpus_id: UUID, columns: dict[str, str], dedup: DedupSpec
) -> bool:
    """Give a corpus its columns and its whole dedup policy, or check them: false where it has
    others.
    """
    policy = dedup.model_dump(mode="json")
    await session.execute(
        update(Corpus)
        .where(Corpus.id == corpus_id, Corpus.columns.is_(None))
        .values(columns=columns, dedup=policy)
    )
    agrees = select(Corpus.columns == columns, Corpus.dedup == policy).where(Corpus.id == corpus_id)
    return all((await session.execute(agrees)).one())


async def target(
    session: AsyncSession, corpus_id: UUID, near: Near | None, rouge: Rouge | None = None
) -> Target:
    """The corpus as candidates meet it."""
    salt = await session.scalar(select(Corpus.salt).where(Corpus.id == corpus_id))
    return Target(corpus_id, salt or 0, near, rouge)


async def page(
    session: AsyncSession, *, namespace: str | None, after: UUID | None, limit: int
) -> Sequence[Corpus]:
    query = select(Corpus).where(Corpus.shadow_of.is_(None)).order_by(Corpus.id).limit(limit)
    if namespace is not None:
        query = query.where(Corpus.namespace == namespace)
    if after is not None:
        query = query.where(Corpus.id > after)
    return (await session.scalars(query)).all()


async def counts(session: AsyncSession, corpus_id: UUID) -> tuple[int, int, int]:
    """Records and rejects in a corpus, and records that somebody deleted from it."""
    of_corpus = (
        StoredRecord.corpus_id == corpus_id,
        StoredReject.corpus_id == corpus_id,
        and_(Tombstone.corpus_id == corpus_id, Tombstone.deletion_id.is_not(None)),
    )
    counted = (select(func.count()).where(each).scalar_subquery() for each in of_corpus)
    row = (await session.execute(select(*counted))).one()
    return row[0], row[1], row[2]


async def keep(
    session: AsyncSession,
    corpus_id: UUID,
    replies: Sequence[Reply],
    only_where: str = "true",
    **said: Any,
) -> bool:
    """Store replies before anything is made of them, in one statement. Answers whether all were
    new: nothing is stored unless it holds what `only_where` says in SQL, of what is `said`, and a
    place that has a reply already keeps it (`kept`).
    """
    done = [reply.completion for reply in replies]
    kept: Any = await session.execute(
        _keep(only_where),
        {
            **said,
            **place_arrays([reply.place for reply in replies]),
            "corpus_id": corpus_id,
            "content": Byteas([_bytes(c.content) for c in done]),
            "reasoning": Byteas(
                [None if c.reasoning is None else _bytes(c.reasoning) for c in done]
            ),
            "finish_reason": Texts([c.finish_reason for c in done]),
            "prompt_tokens": Int8s([c.prompt_tokens for c in done]),
            "completion_tokens": Int8s([c.completion_tokens for c in done]),
            "cached_tokens": Int8s([c.cached_tokens for c in done]),
            "size": Int8s([c.size for c in done]),
            "fingerprint": Texts([c.fingerprint for c in done]),
            "model": Texts([c.model for c in done]),
            "logprobs": Byteas(
                [None if c.logprobs is None else _lossless(c.logprobs) for c in done]
            ),
            "prompt_digest": Byteas([reply.prompt_digest for reply in replies]),
            "inputs": Texts([orjson.dumps(reply.inputs) for reply in replies]),
            "seed_position": [reply.seed_position for reply in replies],
        },
    )
    return int(kept.rowcount) == len(replies)


async def kept(session: AsyncSession, replies: Sequence[Reply]) -> Sequence[Reply]:
    """These replies as they are stored: the commit of an earlier try may have been cut off from us,
    and what a record was made of must be what is stored.
    """
    there = {r.place: r for r in await _replies_at(session, [r.place for r in replies])}
    return [there[reply.place] for reply in replies]


@cache
def _keep(only_where: str) -> TextClause:
    return text(f"{_KEEP} WHERE {only_where} ON CONFLICT DO NOTHING")


_KEEP = """
    INSERT INTO completion (
        job_id, item, sample, corpus_id, content, reasoning, finish_reason, prompt_tokens,
        completion_tokens, cached_tokens, size, fingerprint, model, logprobs, prompt_digest,
        inputs, seed_position
    )
    SELECT job_id, item, sample, :corpus_id, content, reasoning, finish_reason, prompt_tokens,
        completion_tokens, cached_tokens, size, fingerprint, model, logprobs, prompt_digest,
        CAST(inputs AS jsonb), seed_position
    FROM unnest(
        CAST(:job_ids AS uuid[]), CAST(:items AS int8[]), CAST(:samples AS int8[]),
        CAST(:content AS bytea[]), CAST(:reasoning AS bytea[]), CAST(:finish_reason AS text[]),
        CAST(:prompt_tokens AS int8[]), CAST(:completion_tokens AS int8[]),
        CAST(:cached_tokens AS int8[]), CAST(:size AS int8[]), CAST(:fingerprint AS text[]),
        CAST(:model AS text[]), CAST(:logprobs AS bytea[]), CAST(:prompt_digest AS bytea[]),
        CAST(:inputs AS text[]), CAST(:seed_position AS int8[])
    ) AS t (
        job_id, item, sample, content, reasoning, finish_reason, prompt_tokens, completion_tokens,
        cached_tokens, size, fingerprint, model, logprobs, prompt_digest, inputs, seed_position
    )
"""


async def _replies_at(session: AsyncSession, places: Sequence[Place]) -> list[Reply]:
    rows = await session.execute(_REPLIES_AT, place_arrays(places))
    return [_reply(row) for row in rows]


_REPLIES_AT = text("""
    SELECT c.* FROM completion AS c
    JOIN unnest(CAST(:job_ids AS uuid[]), CAST(:items AS int8[]), CAST(:samples AS int8[]))
        AS asked (job_id, item, sample) USING (job_id, item, sample)
""")


async def unsettled(
    session: AsyncSession, job_id: UUID, first_item: int, items: int
) -> list[Reply]:
    """Replies of these items that were stored and not yet settled: a crash fell between."""
    rows = await session.execute(
        _UNSETTLED, {"job_id": job_id, "first": first_item, "end": first_item + items}
    )
    return [_reply(row) for row in rows]


# `sample` is the ledger of the jobs above; the corpus only needs to know which places are settled.
_UNSETTLED = text("""
    SELECT c.* FROM completion AS c
    WHERE c.job_id = :job_id AND c.item >= :first AND c.item < :end
      AND NOT EXISTS (
          SELECT FROM sample AS s
          WHERE s.job_id = c.job_id AND s.item = c.item AND s.sample = c.sample
      )
    ORDER BY c.item, c.sample
""")


def _reply(row: Row[Any]) -> Reply:
    return Reply(
        place=Place(row.job_id, row.item, row.sample),
        completion=as_completion(row),
        prompt_digest=row.prompt_digest,
        inputs=row.inputs,
        seed_position=row.seed_position,
    )


def as_completion(row: Row[Any] | StoredCompletion) -> Completion:
    """A stored reply as the teacher client gave it."""
    return Completion(
        content=as_text(row.content),
        finish_reason=row.finish_reason,
        reasoning=None if row.reasoning is None else as_text(row.reasoning),
        prompt_tokens=row.prompt_tokens,
        completion_tokens=row.completion_tokens,
        cached_tokens=row.cached_tokens,
        fingerprint=row.fingerprint,
        model=row.model,
        logprobs=None if row.logprobs is None else json.loads(row.logprobs),
        size=row.size,
    )


async def reject(session: AsyncSession, corpus_id: UUID, rejects: Sequence[Rejected]) -> None:
    """Keep what was refused, with why."""
    if not rejects:
        return
    verdicts: list[Verdict] = [r.verdict for r in rejects]
    await session.execute(
        _REJECT,
        {
            **place_arrays([r.place for r in rejects]),
            "corpus_id": corpus_id,
            "reasons": Texts([v.reason for v in verdicts]),
            "revisions": Int8s([v.revision for v in verdicts]),
            "values": Texts([_json(v.value) for v in verdicts]),
            "thresholds": Texts([_json(v.threshold) for v in verdicts]),
            "details": Texts([v.detail for v in verdicts]),
            "duplicates": Uuids([r.duplicate_of for r in rejects]),
            "fields": Texts([_json(r.fields) for r in rejects]),
        },
    )


_REJECT = text("""
    INSERT INTO reject (
        corpus_id, job_id, item, sample, reason, revision, value, threshold, detail,
        duplicate_of, fields
    )
    SELECT :corpus_id, job_id, item, sample, reason, revision, CAST(value AS jsonb),
        CAST(threshold AS jsonb), detail, duplicate_of, CAST(fields AS jsonb)
    FROM unnest(
        CAST(:job_ids AS uuid[]), CAST(:items AS int8[]), CAST(:samples AS int8[]),
        CAST(:reasons AS text[]), CAST(:revisions AS int8[]), CAST(:values AS text[]),
        CAST(:thresholds AS text[]), CAST(:details AS text[]), CAST(:duplicates AS uuid[]),
        CAST(:fields AS text[])
    ) AS t (
        job_id, item, sample, reason, revision, value, threshold, detail, duplicate_of, fields
    )
""")


async def record(session: AsyncSession, corpus_id: UUID, record_id: UUID) -> StoredRecord:
    """Raises `NotFound`, which says of a record that was deleted when that was and why."""
    found = await session.get(StoredRecord, record_id)
    if found is not None and found.corpus_id == corpus_id:
        return found
    stone = await session.get(Tombstone, record_id)
    if stone is None or stone.corpus_id != corpus_id:
        raise NotFound("record.not_found", f"the corpus has no record {record_id}")
    raise NotFound(
        "record.deleted",
        f"record {record_id} was deleted on {stone.deleted_at:%Y-%m-%d %H:%M} UTC: {stone.reason}",
        hint="Its job, item and sample still lead to its raw reply, if that was not erased.",
    )


async def winner(session: AsyncSession, record_id: UUID) -> StoredRecord | Tombstone | None:
    """A record that others lost to, or what is left of it."""
    found = await session.get(StoredRecord, record_id)
    return found or await session.get(Tombstone, record_id)


async def refused(session: AsyncSession, corpus_id: UUID, reject_id: UUID) -> StoredReject:
    found = await session.get(StoredReject, reject_id)
    if found is None or found.corpus_id != corpus_id:
        raise NotFound("reject.not_found", f"the corpus has no reject {reject_id}")
    return found


async def duplicates_of(session: AsyncSession, record_id: UUID) -> int:
    """How many samples were refused because this record was there first."""
    query = select(func.count()).where(StoredReject.duplicate_of == record_id)
    return await session.scalar(query) or 0


async def reply_at(session: AsyncSession, place: Place) -> StoredCompletion | None:
    """The raw reply behind a record or a reject, whichever job asked for it."""
    replayed = await session.get(Replayed, (place.job_id, place.item))
    if replayed is not None:
        place = Place(replayed.source_job_id, replayed.source_item, replayed.source_sample)
    return await session.get(StoredCompletion, (place.job_id, place.item, place.sample))


def place_arrays(places: Sequence[Place]) -> dict[str, Any]:
    return {
        "job_ids": Uuids([p.job_id for p in places]),
        "items": Int8s([p.item for p in places]),
        "samples": Int8s([p.sample for p in places]),
    }


def _json(value: Any) -> bytes | None:
    return None if value is None else orjson.dumps(value)


def _lossless(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:  # a token that is half a surrogate pair
        return json.dumps(value).encode()


def _bytes(content: str) -> bytes:
    return content.encode("utf-8", "surrogatepass")


def as_text(content: bytes) -> str:
    """What a teacher said, as it came: it may hold lone surrogates."""
    return content.decode("utf-8", "surrogatepass")
