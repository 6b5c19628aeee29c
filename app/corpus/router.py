"""Corpora over HTTP: what they hold, and what they refused and why."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from app.auth.dependency import CallerDep
from app.corpus import browse, neighbours, retire, reviews, store
from app.corpus.models import Corpus
from app.corpus.query import RecordsQuery, RejectsQuery
from app.corpus.retire import Decision
from app.corpus.schemas import (
    CorpusView,
    DeletionView,
    Likeness,
    NeighboursView,
    NeighbourView,
    NewCorpus,
    NewDeletion,
    NewReview,
    RecordView,
    RejectView,
    ReviewView,
)
from app.curation.novelty import DedupSpec
from app.errors import Conflict
from app.names import Name, Ref
from app.web.paging import Page, PageDep, page_of
from app.web.route import Route, SessionDep, not_replayed

_NOTHING: dict[int | str, dict[str, Any]] = {
    200: {"model": DeletionView, "description": "Nothing was deleted."}
}

router = APIRouter(prefix="/v1/corpora", tags=["corpora"], route_class=Route)


@router.post("", status_code=201)
async def create_corpus(
    body: NewCorpus, session: SessionDep, caller: CallerDep, response: Response
) -> CorpusView:
    """Make an empty corpus. A job makes the one it names by itself; this is for one whose policy
    should be said first. Making the same one again answers 200.
    """
    corpus, new = await store.get_or_create(session, Ref(body.namespace, body.name), body.dedup)
    if not new:
        response.status_code = 200
        if not body.dedup.agrees(DedupSpec.model_validate(corpus.dedup)):
            raise Conflict(
                "corpus.exists",
                f"corpus {body.namespace}/{body.name} exists with another dedup policy",
                hint=f"Its own is {corpus.dedup}.",
            )
    return CorpusView.of(corpus)


@router.get("")
async def list_corpora(
    session: SessionDep, caller: CallerDep, page: PageDep, namespace: Name | None = None
) -> Page[CorpusView]:
    """All corpora, oldest first."""
    rows = await store.page(session, namespace=namespace, after=page.after_id, limit=page.limit + 1)
    return page_of(rows, page, lambda corpus: corpus.id, CorpusView.of)


@router.get("/{namespace}/{name}")
async def get_corpus(
    namespace: Name, name: Name, session: SessionDep, caller: CallerDep
) -> CorpusView:
    """One corpus, with how much it holds."""
    corpus = await _named(session, namespace, name)
    return CorpusView.of(corpus, await store.counts(session, corpus.id))


@router.get("/{namespace}/{name}/records")
async def list_records(
    namespace: Name,
    name: Name,
    session: SessionDep,
    caller: CallerDep,
    page: PageDep,
    selection: RecordsQuery,
) -> Page[RecordView]:
    """Records, oldest first: all of them, or those that fit every filter given."""
    corpus = await _named(session, namespace, name)
    where = await browse.scope(session, corpus.id, selection)
    rows = await browse.records(
        session, where, selection, after=page.after_id, limit=page.limit + 1
    )
    return page_of(rows, page, lambda record: record.id, RecordView.of)


@router.put("/{namespace}/{name}/records/{record_id}/review")
async def review_record(
    namespace: Name,
    name: Name,
    record_id: UUID,
    body: NewReview,
    session: SessionDep,
    caller: CallerDep,
) -> ReviewView:
    """Say what a record is worth. The latest verdict counts in selections; earlier ones are kept.
    Saying the same again changes nothing.
    """
    corpus = await _named(session, namespace, name)
    reviewer = body.reviewer or caller.name
    made = await reviews.review(session, corpus.id, record_id, body.verdict, body.note, reviewer)
    return ReviewView.of(made)


@router.get("/{namespace}/{name}/records/{record_id}/review")
async def list_reviews(
    namespace: Name,
    name: Name,
    record_id: UUID,
    session: SessionDep,
    caller: CallerDep,
    page: PageDep,
) -> Page[ReviewView]:
    """What reviewers said of a record, the latest last."""
    corpus = await _named(session, namespace, name)
    await store.record(session, corpus.id, record_id)
    rows = await reviews.page(session, record_id, after=page.after_id, limit=page.limit + 1)
    return page_of(rows, page, lambda made: made.id, ReviewView.of)


@router.get("/{namespace}/{name}/rejects")
async def list_rejects(
    namespace: Name,
    name: Name,
    session: SessionDep,
    caller: CallerDep,
    page: PageDep,
    selection: RejectsQuery,
) -> Page[RejectView]:
    """What was refused, oldest first, with why: all of it, or what fits every filter given."""
    corpus = await _named(session, namespace, name)
    where = await browse.scope(session, corpus.id, selection)
    rows = await browse.rejects(
        session, where, selection, after=page.after_id, limit=page.limit + 1
    )
    return page_of(rows, page, lambda reject: reject.id, RejectView.of)


@router.post("/{namespace}/{name}/neighbours")
@not_replayed
async def find_neighbours(
    namespace: Name, name: Name, body: Likeness, session: SessionDep, caller: CallerDep
) -> NeighboursView:
    """The stored records most like a text, with their exact similarity, best first."""
    corpus = await _named(session, namespace, name)
    near = neighbours.rule_of(corpus)
    record = neighbours.as_record(near, body.fields, body.text)
    found = await neighbours.neighbours(
        session, corpus, near, record, body.min_similarity, body.limit
    )
    return NeighboursView(
        items=[
            NeighbourView(similarity=each.similarity, record=RecordView.of(each.record))
            for each in found
        ]
    )


@router.post("/{namespace}/{name}/deletions", status_code=201, responses=_NOTHING)
async def delete_records(
    namespace: Name,
    name: Name,
    body: NewDeletion,
    session: SessionDep,
    caller: CallerDep,
    response: Response,
) -> DeletionView:
    """Delete the selected records, all or none, and answer how many it were. Doing it again
    deletes what has come since; where there is nothing to delete, and for a dry run, the answer is
    200. Jobs keep their counts, and published versions their rows; later versions are made of what
    is left.
    """
    corpus = await _named(session, namespace, name)
    where = await browse.scope(session, corpus.id, body.selection, at="/selection/")
    if body.dry_run:
        response.status_code = 200
        count = await browse.count(session, where, body.selection)
        return DeletionView.nothing(body, caller.name, count)
    decision = Decision(body.reason, caller.name, body.said, body.block, body.erase)
    doomed = browse.ids(where, body.selection)
    made = await retire.retire(session, corpus.id, doomed, decision)
    if made is None:
        response.status_code = 200
        return DeletionView.nothing(body, caller.name, 0)
    return DeletionView.of(made)


@router.get("/{namespace}/{name}/deletions")
async def list_deletions(
    namespace: Name, name: Name, session: SessionDep, caller: CallerDep, page: PageDep
) -> Page[DeletionView]:
    """What was deleted, oldest first: how much, by whom and why."""
    corpus = await _named(session, namespace, name)
    rows = await retire.page(session, corpus.id, after=page.after_id, limit=page.limit + 1)
    return page_of(rows, page, lambda made: made.id, DeletionView.of)


async def _named(session: SessionDep, namespace: str, name: str) -> Corpus:
    return await store.get(session, Ref(namespace, name))
