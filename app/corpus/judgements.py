"""SQL of what judges said."""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.arrays import Byteas, Int8s, Texts
from app.corpus.candidate import Place
from app.corpus.store import place_arrays


class Judged(NamedTuple):
    """What a judge said of one record."""

    place: Place
    question: bytes
    """16 bytes that stand for who was asked, how, and what."""
    content: bytes
    """The judge's reply: UTF-8 with surrogates passed through."""
    score: float | None
    detail: str | None
    prompt_tokens: int
    completion_tokens: int


async def keep(
    session: AsyncSession, judged: Sequence[Judged], only_where: str, **said: Any
) -> bool:
    """Store them in one statement; answers whether all were. As for replies, none is where it does
    not hold what `only_where` says, and a place that has one keeps that.
    """
    kept: Any = await session.execute(
        _keep(only_where),
        {
            **said,
            **place_arrays([one.place for one in judged]),
            "questions": Byteas([one.question for one in judged]),
            "contents": Byteas([one.content for one in judged]),
            "scores": [one.score for one in judged],
            "details": Texts([one.detail for one in judged]),
            "prompt_tokens": Int8s([one.prompt_tokens for one in judged]),
            "completion_tokens": Int8s([one.completion_tokens for one in judged]),
        },
    )
    return int(kept.rowcount) == len(judged)


@cache
def _keep(only_where: str) -> TextClause:
    return text(f"{_KEEP} WHERE {only_where} ON CONFLICT DO NOTHING")


_KEEP = """
    INSERT INTO judgement (
        job_id, item, sample, question, content, score, detail, prompt_tokens, completion_tokens
    )
    SELECT * FROM unnest(
        CAST(:job_ids AS uuid[]), CAST(:items AS int8[]), CAST(:samples AS int8[]),
        CAST(:questions AS bytea[]), CAST(:contents AS bytea[]), CAST(:scores AS float8[]),
        CAST(:details AS text[]), CAST(:prompt_tokens AS int8[]),
        CAST(:completion_tokens AS int8[])
    ) AS t
"""


async def at(session: AsyncSession, places: Sequence[Place]) -> dict[Place, Judged]:
    """What was said of the records of these places, as far as anything was."""
    rows = await session.execute(_AT, place_arrays(places))
    return {
        place: Judged(
            place,
            row.question,
            row.content,
            row.score,
            row.detail,
            row.prompt_tokens,
            row.completion_tokens,
        )
        for row in rows
        for place in [Place(row.job_id, row.item, row.sample)]
    }


_AT = text("""
    SELECT j.* FROM judgement AS j
    JOIN unnest(CAST(:job_ids AS uuid[]), CAST(:items AS int8[]), CAST(:samples AS int8[]))
        AS asked (job_id, item, sample) USING (job_id, item, sample)
""")
