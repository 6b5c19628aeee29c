"""Semantic reports over HTTP: which records of a corpus mean the same."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter
from sqlalchemy import Row

from app.auth.dependency import CallerDep
from app.corpus import store as corpora
from app.corpus.models import Corpus
from app.curation.novelty import DedupSpec
from app.curation.text import for_display
from app.errors import Conflict, FieldError, Invalid, NotFound
from app.names import Name, Ref
from app.semantic import store, vectors
from app.semantic.embed import text_of
from app.semantic.models import SemanticReport
from app.semantic.schemas import PairedRecord, PairView, SemanticPage, SemanticSpec, SemanticView
from app.semantic.store import Wanted
from app.teachers import store as teachers
from app.teachers.models import Teacher
from app.web.paging import PageDep, page_of
from app.web.route import Route, SessionDep

router = APIRouter(prefix="/v1/corpora", tags=["corpora"], route_class=Route)


@router.post("/{namespace}/{name}/semantic", status_code=202)
async def refresh_semantic(
    namespace: Name, name: Name, body: SemanticSpec, session: SessionDep, caller: CallerDep
) -> SemanticView:
    """Find the records that mean the same: a worker has the teacher turn their texts into vectors
    and compares all of these. Asked for again, it takes in what has come since. It changes nothing
    in the corpus; `semantic` in a publication goes by it.
    """
    corpus = await corpora.get(session, Ref(namespace, name))
    teacher = await _teacher(session, body.teacher)
    fields = _fields(corpus, body.fields)
    await vectors.provide(session)
    wanted = Wanted(teacher.id, teacher.ref, teacher.model, fields, body.threshold)
    report = await store.ask_for(session, corpus.id, wanted)
    return SemanticView.of(report, *await _progress(session, report))


@router.get("/{namespace}/{name}/semantic")
async def get_semantic(
    namespace: Name, name: Name, session: SessionDep, caller: CallerDep, page: PageDep
) -> SemanticPage:
    """How far the report is, and the pairs found so far with their cosine."""
    corpus = await corpora.get(session, Ref(namespace, name))
    report = await store.get(session, corpus.id)
    if report is None:
        raise NotFound(
            "semantic.not_found",
            f"corpus {namespace}/{name} has no semantic report",
            hint="POST to the same address makes one.",
        )
    rows = await store.pairs(session, corpus.id, after=page.after_id, limit=page.limit + 1)
    shown = page_of(rows, page, lambda row: row.id, lambda row: _pair(row, report.fields))
    return SemanticPage.with_pairs(report, *await _progress(session, report), shown)


async def _progress(
    session: SessionDep, report: SemanticReport
) -> tuple[int | None, dict[str, int]]:
    size = await vectors.dimensions(session, report.corpus_id)
    return size, await store.counts(session, report)


async def _teacher(session: SessionDep, ref: Ref) -> Teacher:
    try:
        teacher = await teachers.get(session, ref)
    except NotFound as missing:
        raise Invalid(
            missing.code,
            f"/teacher: {missing.detail}",
            hint=missing.hint,
            errors=[FieldError("/teacher", missing.detail, str(ref))],
        ) from missing
    able = teacher.known_capabilities
    if able is not None and not able.embeddings:
        raise Invalid.at(
            "/teacher",
            "should be a teacher that embeds texts: this one was seen not to",
            str(ref),
            hint="POST /v1/teachers/{namespace}/{name}/probe asks it again.",
        )
    return teacher


def _fields(corpus: Corpus, wanted: Sequence[str] | None) -> tuple[str, ...]:
    if corpus.columns is None:
        raise Conflict(
            "corpus.no_records",
            f"corpus {corpus.namespace}/{corpus.name} has had no job, so its records have no "
            "fields yet",
        )
    policy = DedupSpec.model_validate(corpus.dedup)
    near = policy.rule
    fields = tuple(wanted or (near.fields if near else policy.on or corpus.columns))
    for number, field in enumerate(fields):
        if field not in corpus.columns:
            known = ", ".join(corpus.columns)
            raise Invalid.at(f"/fields/{number}", f"should be a field of a record: {known}", field)
    return fields


def _pair(row: Row[Any], fields: Sequence[str]) -> PairView:
    return PairView(
        older=_shown(row.older_id, row.older_fields, fields),
        newer=_shown(row.newer_id, row.newer_fields, fields),
        cosine=row.cosine,
    )


def _shown(record_id: Any, written: dict[str, Any], fields: Sequence[str]) -> PairedRecord:
    return PairedRecord(id=record_id, text=for_display(text_of(written, fields)))
