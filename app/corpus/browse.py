"""Looking through a corpus: its records and its rejects, oldest first, by what they are."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVarTuple
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Numeric,
    Row,
    Select,
    and_,
    case,
    cast,
    false,
    func,
    literal,
    or_,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, aliased

from app.corpus.condition import fits
from app.corpus.item import item_at
from app.corpus.models import Corpus, Replayed, Review, StoredRecord, StoredReject
from app.corpus.search import Search, prepare
from app.corpus.selection import (
    DeletionSelection,
    RecordSelection,
    RejectSelection,
    Selection,
)
from app.errors import FieldError, Invalid

_SLACK = 24 * 60 * 60 * 1000
"""Milliseconds. An id is made later than `created_at`, the beginning of the transaction, by as long
as that takes and by as much as a clock was set: never a day. Ids are in order of time, so that a
window of time is a range of the index, and the exact comparison goes on within it."""

Ts = TypeVarTuple("Ts")


@dataclass(frozen=True, slots=True)
class Scope:
    """Where to look: a corpus, of it the selected jobs, if not all of them, and for which words."""

    corpus_id: UUID
    jobs: Sequence[UUID] | None = None
    """Those of which all records are meant."""
    search: Search | None = None
    replayed: bool = False
    """Whether there may be records made of the replies of these jobs, and decided on by others."""
    arms: Sequence[tuple[UUID, int]] = ()
    """Of further jobs, by which not all were asked that are selected: those of their arms."""


async def scope(
    session: AsyncSession, corpus_id: UUID, selection: RecordSelection, at: str = "query."
) -> Scope:
    """What the selection says of jobs, templates and teachers, as jobs. Raises `Invalid` for a job
    that is not one of this corpus, for a field that its records do not have, and for a search
    without a word; `at` is where it was said.
    """
    search = None
    if selection.q is not None:
        search = await prepare(session, corpus_id, selection.q)
        if search is None:
            raise Invalid.at(f"{at}q", "should hold a word to look for", selection.q)
    [found] = await scopes(session, [corpus_id], selection, at)
    return replace(found, search=search)


async def scopes(
    session: AsyncSession, corpora: Sequence[UUID], selection: Selection, at: str
) -> list[Scope]:
    """The same in each of several corpora; a job need be of one of them only."""
    if selection.where:
        await _check_fields(session, corpora, selection, at)
    if not (selection.jobs or selection.templates or selection.teachers):
        return [Scope(corpus) for corpus in corpora]
    made = []
    theirs: set[UUID] = set()
    for corpus in corpora:
        rows = (
            await session.execute(
                _JOBS,
                {
                    "corpus": corpus,
                    "jobs": list(selection.jobs) or None,
                    "templates": [str(ref) for ref in selection.templates] or None,
                    "teachers": [str(ref) for ref in selection.teachers] or None,
                },
            )
        ).all()
        theirs |= {row.id for row in rows}
        made.append(_fitting(corpus, rows))
    foreign = [
        FieldError(
            "query.job" if at == "query." else f"{at}jobs/{number}",
            "no job of this corpus has this id",
            str(job),
        )
        for number, job in enumerate(selection.jobs)
        if job not in theirs
    ]
    if foreign:
        raise Invalid(
            "request.invalid", f"{foreign[0].field}: {foreign[0].problem}", errors=foreign
        )
    return made


def _fitting(corpus: UUID, rows: Sequence[Row[Any]]) -> Scope:
    """Of jobs, a row for each arm: a job that fits in all of its arms is one whole."""
    partly = {row.id for row in rows if not row.fits}
    return Scope(
        corpus,
        jobs=list(dict.fromkeys(row.id for row in rows if row.id not in partly)),
        replayed=any(row.replayed for row in rows),
        arms=[(row.id, row.arm) for row in rows if row.fits and row.id in partly],
    )


async def _check_fields(
    session: AsyncSession, corpora: Sequence[UUID], selection: Selection, at: str
) -> None:
    found = await session.scalars(select(Corpus.columns).where(Corpus.id.in_(corpora)))
    known = {name for columns in found for name in columns or ()}
    for name in selection.where:
        if name not in known:
            # Nothing is there to name while no job has given the corpus its columns.
            said = f"should be a field of a record: {', '.join(sorted(known))}"
            raise Invalid.at(f"{at}where" if at == "query." else f"{at}where/{name}", said, name)


# Jobs lie further downstream; here, a job is a row that says where records come from. A reprocess
# job names others, whose replies it decided on; a job with several arms says in its document whom
# each of them asked, and by what.
_JOBS = text("""
    WITH RECURSIVE behind (id, kind, document) AS (
        SELECT id, kind, document FROM job WHERE corpus_id = :corpus
        UNION
        SELECT job.id, job.kind, job.document FROM behind
        CROSS JOIN jsonb_array_elements_text(behind.document #> '{from,jobs}') AS source
        JOIN job ON job.id = CAST(source AS uuid)
        WHERE behind.kind = 'reprocess'
    )
    SELECT id, arm,
        (CAST(:templates AS text[]) IS NULL
            OR template = ANY(:templates) OR split_part(template, '@', 1) = ANY(:templates))
        AND (CAST(:teachers AS text[]) IS NULL OR teacher = ANY(:teachers)) AS fits,
        EXISTS (SELECT FROM behind WHERE kind = 'reprocess') AS replayed
    FROM behind
    CROSS JOIN LATERAL (
        SELECT 0 AS arm, document ->> 'template' AS template, document ->> 'teacher' AS teacher
        WHERE jsonb_typeof(document -> 'teacher') IS DISTINCT FROM 'array'
          AND document #> '{compare,arms}' IS NULL
        UNION ALL
        SELECT n - 1, document ->> 'template', share ->> 'name'
        FROM jsonb_array_elements(
            CASE jsonb_typeof(document -> 'teacher') WHEN 'array' THEN document -> 'teacher' END
        ) WITH ORDINALITY AS shares (share, n)
        UNION ALL
        SELECT n - 1, one ->> 'template', one ->> 'teacher'
        FROM jsonb_array_elements(document #> '{compare,arms}') WITH ORDINALITY AS arms (one, n)
    ) AS asked
    WHERE CAST(:jobs AS uuid[]) IS NULL OR id = ANY(:jobs)
    ORDER BY id, arm
""")


async def records(
    session: AsyncSession,
    where: Scope,
    selection: RecordSelection,
    *,
    after: UUID | None,
    limit: int,
) -> Sequence[StoredRecord]:
    """The selected records, oldest first."""
    query = selected(select(StoredRecord), where, selection).order_by(StoredRecord.id).limit(limit)
    if after is not None:
        query = query.where(StoredRecord.id > after)
    return (await session.scalars(query)).all()


async def count(session: AsyncSession, where: Scope, selection: RecordSelection) -> int:
    """How many records are selected."""
    return await session.scalar(selected(select(func.count()), where, selection)) or 0


def ids(where: Scope, selection: RecordSelection) -> Select[UUID]:
    """A query for the ids of the selected records."""
    return selected(select(StoredRecord.id), where, selection)


def selected(query: Select[*Ts], where: Scope, selection: Selection) -> Select[*Ts]:
    """A query over records, restricted to the selected ones."""
    query = _within(query, StoredRecord, where, selection)
    for name, condition in selection.where.items():
        query = query.where(*fits(StoredRecord.fields, name, condition))
    if selection.flags.only:
        query = query.where(_flagged(selection.flags.only))
    if selection.flags.exclude:
        query = query.where(~_flagged(selection.flags.exclude))
    if selection.reviews.only:
        query = query.where(_reviewed(selection.reviews.only))
    if selection.reviews.exclude:
        query = query.where(~_reviewed(selection.reviews.exclude))
    if isinstance(selection, DeletionSelection) and selection.ids is not None:
        query = query.where(StoredRecord.id.in_(selection.ids))
    if where.search is not None:
        query = query.where(StoredRecord.id.in_(where.search.matching("record")))
    return query


def _flagged(reasons: Sequence[str]) -> ColumnElement[bool]:
    flag = func.jsonb_array_elements(StoredRecord.flags).table_valued("value").alias("flag")
    reason = cast(flag.c.value, JSONB).op("->>")("reason")
    of_these = [
        or_(reason == each, func.starts_with(reason, f"{each.rstrip('.')}.")) for each in reasons
    ]
    return select(literal(1)).select_from(flag).where(or_(*of_these)).exists()


def _reviewed(verdicts: Sequence[str]) -> ColumnElement[bool]:
    return (
        select(Review.id)
        .where(Review.record_id == StoredRecord.id, Review.latest, Review.verdict.in_(verdicts))
        .exists()
    )


async def rejects(
    session: AsyncSession,
    where: Scope,
    selection: RejectSelection,
    *,
    after: UUID | None,
    limit: int,
) -> Sequence[StoredReject]:
    """The selected rejects, oldest first."""
    reject = StoredReject
    query = _within(select(reject), reject, where, selection).order_by(reject.id).limit(limit)
    if where.search is not None:
        query = query.where(reject.id.in_(where.search.matching("reject")))
    if selection.reason is not None:
        below = reject.reason.startswith(f"{selection.reason}.", autoescape=True)
        query = query.where((reject.reason == selection.reason) | below)
    if selection.min_value is not None or selection.max_value is not None:
        is_number = func.jsonb_typeof(reject.value) == "number"
        # A cast of another kind of value would fail, and conditions have no order.
        value = case((is_number, cast(reject.value, Numeric)))
        if selection.min_value is not None:
            query = query.where(value >= selection.min_value)
        if selection.max_value is not None:
            query = query.where(value <= selection.max_value)
    if after is not None:
        query = query.where(reject.id > after)
    return (await session.scalars(query)).all()


def _within(
    query: Select[*Ts],
    table: type[StoredRecord] | type[StoredReject],
    where: Scope,
    selection: Selection,
) -> Select[*Ts]:
    query = query.where(table.corpus_id == where.corpus_id)
    match where.jobs:
        case None:
            pass
        case [] if not where.arms:
            query = query.where(false())
        case jobs if where.replayed or where.arms:
            # By another name: the query around it may have joined the same table already.
            told = aliased(Replayed)
            replayed = (
                select(told.item)
                .where(
                    told.job_id == table.job_id,
                    told.item == table.item,
                    _asked(told.source_job_id, told.source_item, where),
                )
                .exists()
            )
            asked = _asked(table.job_id, table.item, where)
            query = query.where(asked | replayed if where.replayed else asked)
        case [job]:
            query = query.where(table.job_id == job)
        case jobs:
            # Without the bound, the records of a late job would be looked for from the beginning.
            query = query.where(
                table.job_id.in_(jobs), table.id > id_at(_made_at(jobs[0]) - _SLACK)
            )
    if selection.created_after is not None:
        query = query.where(
            table.created_at >= selection.created_after,
            table.id > id_at(_milliseconds(selection.created_after) - _SLACK),
        )
    if selection.created_before is not None:
        query = query.where(
            table.created_at < selection.created_before,
            table.id < id_at(_milliseconds(selection.created_before) + _SLACK),
        )
    return query


def _asked(
    job: InstrumentedAttribute[UUID], item: InstrumentedAttribute[int], where: Scope
) -> ColumnElement[bool]:
    """Whether these jobs asked for it, or these arms."""
    in_arms = (
        and_(job == one, item >= item_at(arm, 0), item < item_at(arm + 1, 0))
        for one, arm in where.arms
    )
    return or_(job.in_(where.jobs or ()), *in_arms)


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _made_at(identity: UUID) -> int:
    """When a UUID of version 7 was made, in milliseconds (RFC 9562, 5.7)."""
    return identity.int >> 80


def id_at(milliseconds: int) -> UUID:
    """The least id of that time."""
    return UUID(int=min(max(milliseconds, 0), 2**48 - 1) << 80)
