"""Full-text search: which texts of a corpus have some words, however new they are.

Words are indexed after the fact, by the workers' sweep. What the sweep has not reached is read as
it stands, so that a search misses nothing; one statement sees both sides of one moment.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Literal
from uuid import UUID

from sqlalchemy import TextualSelect, column, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.corpus.candidate import Place
from app.corpus.models import Unsearchable

Kind = Literal["record", "reject"]

CATCH_UP = 2_000
"""Texts indexed by one sweep of one worker, in about 0.2 s of the database's time: some 1,000 a
second, above what a teacher writes, and a tenth of a core at most while a job runs."""

# Postgres's parser takes time in the square of the length for texts such as `a_a_a_…`, `~/~/…` and
# `<!--<!--…`: over 20 s for 256 KiB. Without these characters no pattern of 6,000 tried took 0.1 s.
# None of them is ever part of JSON's own syntax.
_PLAIN = "translate({}, '_~<>/@&', '       ')"
_WORDS = "to_tsvector('simple', CAST(" + _PLAIN.format("CAST({} AS text)") + " AS jsonb))"
_QUERY = f"websearch_to_tsquery('simple', {_PLAIN.format(':q')})"


async def enqueue(session: AsyncSession, corpus_id: UUID, places: Sequence[Place]) -> None:
    """To be said of every place that may hold a new record or reject."""
    ordered = sorted(places, key=lambda place: place.job_id)
    for job_id, group in groupby(ordered, key=lambda place: place.job_id):
        there = list(group)
        session.add(
            Unsearchable(
                corpus_id=corpus_id,
                job_id=job_id,
                items=[place.item for place in there],
                samples=[place.sample for place in there],
            )
        )
    await session.flush()


async def catch_up(session: AsyncSession, most: int = CATCH_UP) -> int:
    """Index what was settled longest ago, some `most` places of it; answers how many batches it
    was. Any number may do so at once.
    """
    return await session.scalar(_CATCH_UP, {"most": most}) or 0


# The texts are locked, so that one that is being deleted leaves no words behind: whoever deletes it
# waits, and then finds its words.
_CATCH_UP = text(f"""
    WITH oldest AS (
        SELECT id, cardinality(items) AS n FROM unsearchable
        ORDER BY id LIMIT 64 FOR UPDATE SKIP LOCKED
    ), batch AS (
        DELETE FROM unsearchable WHERE id IN (
            SELECT id FROM (
                SELECT id, sum(n) OVER (ORDER BY id) - n AS before FROM oldest
            ) AS running WHERE before < :most
        )
        RETURNING corpus_id, job_id, items, samples
    ), place AS (
        SELECT corpus_id, job_id, item, sample
        FROM batch, unnest(items, samples) AS t (item, sample)
    ), records AS (
        SELECT id, record.corpus_id, fields
        FROM place JOIN record USING (job_id, item, sample) FOR KEY SHARE OF record
    ), rejects AS (
        SELECT id, reject.corpus_id, fields
        FROM place JOIN reject USING (job_id, item, sample)
        WHERE fields IS NOT NULL FOR KEY SHARE OF reject
    ), indexed AS (
        INSERT INTO searchable (id, words)
        SELECT id, {_WORDS.format("fields")} || array_to_tsvector(ARRAY['record:' || corpus_id])
        FROM records
        UNION ALL
        SELECT id, {_WORDS.format("fields")} || array_to_tsvector(ARRAY['reject:' || corpus_id])
        FROM rejects
        ON CONFLICT (id) DO NOTHING
    )
    SELECT count(*) FROM batch
""")  # noqa: S608  (put together from the constants above)


async def holds_words(session: AsyncSession, q: str) -> bool:
    """Whether a search has a word to look for."""
    return bool(await session.scalar(text(f"SELECT numnode({_QUERY}) > 0"), {"q": q}))


def matching(kind: Kind, corpus_id: UUID, q: str) -> TextualSelect:
    """The ids of a corpus's records, or rejects, that have the words of `q`; to be put after `IN`.

    The word for kind and corpus is part of the question, so that one look into the index does.
    """
    found = f"""
        SELECT id FROM searchable
        WHERE words @@ (CAST(:own AS tsquery) && {_QUERY})
        UNION ALL
        SELECT t.id FROM unsearchable AS u
        CROSS JOIN LATERAL unnest(u.items, u.samples) AS place (item, sample)
        JOIN {kind} AS t ON t.job_id = u.job_id AND t.item = place.item
            AND t.sample = place.sample
        WHERE u.corpus_id = :corpus AND {_WORDS.format("t.fields")} @@ {_QUERY}
    """  # noqa: S608  (`kind` is one of two words)
    asked = text(found).bindparams(own=f"'{kind}:{corpus_id}'", corpus=corpus_id, q=q)
    return asked.columns(column("id"))
