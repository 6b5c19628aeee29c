"""Full-text search: which texts of a corpus have some words, however new they are.

Words are indexed after the fact, by the workers when they have time. What they have not reached is
read as it stands, so that a search misses nothing; one statement sees both sides of one moment.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Literal
from uuid import UUID

from sqlalchemy import TextualSelect, column, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.corpus.candidate import Place
from app.corpus.store import place_arrays

CATCH_UP = 2_000
"""Texts indexed at once, in about 0.2 s of the database's time."""

# Postgres's parser takes time in the square of the length for texts such as `a_a_a_…`, `~/~/…` and
# `<!--<!--…`: over 20 s for 256 KiB. Without these characters no pattern of 6,000 tried took 0.1 s.
# None of them is ever part of JSON's own syntax. Seven searches for one character each take a
# twentieth of the time of one `translate`, which looks at every character by itself.
_PLAIN = reduce(lambda text, sign: f"replace({text}, '{sign}', ' ')", "_~<>/@&", "{}")
_WORDS = "to_tsvector('simple', CAST(" + _PLAIN.format("CAST({} AS text)") + " AS jsonb))"
_QUERY = f"websearch_to_tsquery('simple', {_PLAIN.format(':q')})"


async def enqueue(session: AsyncSession, places: Sequence[Place]) -> None:
    """To be said of every place that may hold a new record or reject."""
    if places:
        await session.execute(_ENQUEUE, place_arrays(places))


# Places of one batch are nearly always one job's.
_ENQUEUE = text("""
    INSERT INTO unindexed (job_id, items, samples)
    SELECT job_id, array_agg(item), array_agg(sample)
    FROM unnest(CAST(:job_ids AS uuid[]), CAST(:items AS int8[]), CAST(:samples AS int8[]))
        AS t (job_id, item, sample)
    GROUP BY job_id
""")


async def behind(session: AsyncSession) -> int:
    """Texts that are not indexed yet."""
    return await session.scalar(_BEHIND) or 0


_BEHIND = text("SELECT CAST(sum(cardinality(items)) AS int8) FROM unindexed")


async def catch_up(session: AsyncSession, most: int = CATCH_UP) -> int:
    """Index what was settled longest ago, some `most` places of it; answers how many batches it
    was. Any number may do so at once.
    """
    return await session.scalar(_CATCH_UP, {"most": most}) or 0


# Texts are locked, so that one that is deleted or emptied meanwhile leaves no words behind.
_CATCH_UP = text(f"""
    WITH oldest AS (
        SELECT id, cardinality(items) AS n FROM unindexed
        ORDER BY id LIMIT 64 FOR UPDATE SKIP LOCKED
    ), batch AS (
        DELETE FROM unindexed WHERE id IN (
            SELECT id FROM (
                SELECT id, sum(n) OVER (ORDER BY id) - n AS before FROM oldest
            ) AS running WHERE before < :most
        )
        RETURNING job_id, items, samples
    ), place AS (
        SELECT job_id, item, sample FROM batch, unnest(items, samples) AS t (item, sample)
    ), records AS (
        SELECT r.id, r.fields, corpus.salt
        FROM place JOIN record AS r USING (job_id, item, sample)
        JOIN corpus ON corpus.id = r.corpus_id
        FOR KEY SHARE OF r
    ), rejects AS (
        SELECT r.id, r.fields, corpus.salt
        FROM place JOIN reject AS r USING (job_id, item, sample)
        JOIN corpus ON corpus.id = r.corpus_id
        WHERE r.fields IS NOT NULL FOR SHARE OF r
    ), indexed AS (
        INSERT INTO record_words (record_id, words)
        SELECT id, {_WORDS.format("fields")} || array_to_tsvector(ARRAY['in:' || salt])
        FROM records ON CONFLICT DO NOTHING
    ), indexed_too AS (
        INSERT INTO reject_words (reject_id, words)
        SELECT id, {_WORDS.format("fields")} || array_to_tsvector(ARRAY['in:' || salt])
        FROM rejects ON CONFLICT DO NOTHING
    )
    SELECT count(*) FROM batch
""")  # noqa: S608  (put together from the constants above)


@dataclass(frozen=True, slots=True)
class Search:
    """Words to look for in one corpus."""

    corpus_id: UUID
    salt: int
    q: str

    def matching(self, kind: Literal["record", "reject"]) -> TextualSelect:
        """The ids of the corpus's records, or rejects, that have the words; and perhaps others',
        of another corpus.
        """
        found = f"""
            SELECT {kind}_id AS id FROM {kind}_words
            WHERE words @@ (CAST(:within AS tsquery) && {_QUERY})
            UNION ALL
            SELECT t.id FROM unindexed AS u
            CROSS JOIN LATERAL unnest(u.items, u.samples) AS place (item, sample)
            JOIN {kind} AS t ON t.job_id = u.job_id AND t.item = place.item
                AND t.sample = place.sample
            WHERE u.job_id IN (SELECT id FROM job WHERE corpus_id = :searched)
              AND {_WORDS.format("t.fields")} @@ {_QUERY}
        """  # noqa: S608  (`kind` is one of two words)
        asked = text(found).bindparams(
            within=f"'in:{self.salt}'", searched=self.corpus_id, q=self.q
        )
        return asked.columns(column("id"))


async def prepare(session: AsyncSession, corpus_id: UUID, q: str) -> Search | None:
    """Nothing where there is no word to look for."""
    salt = await session.scalar(_PREPARE, {"q": q, "corpus": corpus_id})
    return None if salt is None else Search(corpus_id, salt, q)


_PREPARE = text(
    f"SELECT salt FROM corpus WHERE id = :corpus AND numnode({_QUERY}) > 0"  # noqa: S608
)
