"""The replies of teachers: stored as they came before anything is made of them, and read again."""

import json
from collections.abc import Sequence
from functools import cache
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Row, TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.arrays import Byteas, Int8s, Texts
from app.corpus.candidate import Place, Reply
from app.corpus.models import Replayed, StoredCompletion
from app.corpus.store import place_arrays
from app.teachers.completion import Completion


async def keep(
    session: AsyncSession,
    corpus_id: UUID,
    replies: Sequence[Reply],
    only_where: str,
    **said: Any,
) -> bool:
    """Store replies, in one statement; answers whether all were. None is where it does not hold
    what `only_where` says in SQL of what is `said`, and a place that has a reply keeps that one.
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


async def reply_at(session: AsyncSession, place: Place) -> StoredCompletion | None:
    """The raw reply behind a record or a reject, whichever job asked for it."""
    replayed = await session.get(Replayed, (place.job_id, place.item))
    if replayed is not None:
        place = Place(replayed.source_job_id, replayed.source_item, replayed.source_sample)
    return await session.get(StoredCompletion, (place.job_id, place.item, place.sample))


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
