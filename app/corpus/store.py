"""SQL of the corpus: rejects and what is read, always many rows to a statement."""

import secrets
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import and_, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.arrays import Int8s, Texts, Uuids
from app.corpus.candidate import Place, Rejected, Target
from app.corpus.models import (
    Corpus,
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


def place_arrays(places: Sequence[Place]) -> dict[str, Any]:
    return {
        "job_ids": Uuids([p.job_id for p in places]),
        "items": Int8s([p.item for p in places]),
        "samples": Int8s([p.sample for p in places]),
    }


def _json(value: Any) -> bytes | None:
    return None if value is None else orjson.dumps(value)
