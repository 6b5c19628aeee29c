"""The stored records that are most like some text, by the index that keeps near-duplicates out."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.corpus.bands import Bands
from app.corpus.models import Corpus, StoredRecord
from app.curation.near import Near, grams, jaccard
from app.curation.novelty import DedupSpec
from app.curation.verdict import Record
from app.errors import Conflict, Invalid

_MOST_COMPARED = 500
"""Records that share a band with the text; each is compared exactly, in 0.05 ms or so."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    record: StoredRecord
    similarity: float


def rule_of(corpus: Corpus) -> Near:
    """Raises `Conflict` for a corpus that does not mind near-duplicates: it has no such index."""
    rule = DedupSpec.model_validate(corpus.dedup).rule
    if rule is None:
        raise Conflict(
            "corpus.no_signatures",
            f"corpus {corpus.namespace}/{corpus.name} does not compare its records, so that nothing"
            " leads to those that are alike",
            hint="A corpus compares its records where its dedup policy has `near`, the default.",
        )
    return rule


def as_record(near: Near, fields: Record | None, text: str | None) -> Record:
    """What is to be compared, as a record. Raises `Invalid` where it cannot be compared."""
    where = "/text" if fields is None else "/fields"
    record = {near.fields[0]: text} if fields is None else fields
    if any(name not in record for name in near.same):
        raise Invalid.at(
            where,
            f"should be `fields` with {', '.join(near.same)}: this corpus compares records where"
            " these are equal",
        )
    if not near.text(record):
        raise Invalid.at(where, f"should have text in {' or '.join(near.fields)}")
    return record


async def neighbours(
    session: AsyncSession, corpus: Corpus, near: Near, record: Record, least: float, most: int
) -> list[Neighbour]:
    """The `most` records that are at least so much alike, best first.

    Similarity is exact: the Jaccard similarity of character 5-grams. The index finds 92 % of what
    is alike at 0.7, 62 % at 0.6, 27 % at 0.5: below that a neighbour is a lucky find.
    """
    [mine] = near.sign([record], corpus.salt)
    bands = await Bands.alike(session, corpus.id, [mine.bands])
    ids = bands.sharing([mine.bands]).get(0, [])[:_MOST_COMPARED]
    stored = await session.scalars(
        select(StoredRecord).where(StoredRecord.id.in_(ids), StoredRecord.corpus_id == corpus.id)
    )
    found = [each for each in stored if near.context(each.fields) == mine.context]
    own, *theirs = grams([mine.text, *(near.text(each.fields) for each in found)])
    alike = [
        Neighbour(each, similarity)
        for each, said in zip(found, theirs, strict=True)
        if (similarity := jaccard(own, said)) >= least
    ]
    alike.sort(key=lambda each: (-each.similarity, each.record.id))
    return alike[:most]
