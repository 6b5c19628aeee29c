"""Evaluation sets over HTTP: uploads as streams, versions, items."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from app.auth.dependency import CallerDep
from app.errors import Invalid
from app.evaluations import store
from app.evaluations.push import push
from app.evaluations.schemas import EvaluationItemView, EvaluationVersionView
from app.names import Name, Ref
from app.uploads.formats import UPLOAD, Format, format_of
from app.web import body as bodies
from app.web.paging import Page, PageDep, page_of
from app.web.route import Route, SessionDep, not_replayed, reads_stream

router = APIRouter(prefix="/v1/evaluation-sets", tags=["evaluation sets"], route_class=Route)

NameAt = Annotated[
    str, Path(max_length=80, description="`name`, or `name@version`.", examples=["exam@1"])
]
FieldName = Annotated[str, Query(min_length=1, max_length=128)]


@router.post(
    "/{namespace}/{name}/versions",
    status_code=201,
    responses={200: {"description": "These items are a version."}},
    openapi_extra=UPLOAD,
)
@reads_stream
@not_replayed
async def upload_evaluation_set(
    namespace: Name,
    name: Name,
    request: Request,
    session: SessionDep,
    caller: CallerDep,
    response: Response,
    form: Annotated[
        Format | None,
        Query(alias="format", description="Instead of a Content-Type: jsonl, csv or parquet."),
    ] = None,
    fields: Annotated[
        list[FieldName] | None,
        Query(max_length=64, description="Which fields count, once each; by default all."),
    ] = None,
) -> EvaluationVersionView:
    """Upload JSON Lines, CSV (with a header) or Parquet as the next version of an evaluation set:
    an item in each row, all of it or nothing. From then on no record of this namespace's corpora
    that copies an item is accepted or published. Name the fields where some are the same in every
    item, such as an instruction.

    Items that are a version already answer it again, with 200, so an upload may be repeated.
    """
    settings = request.app.state.settings
    headers = request.headers
    found, version, new = await push(
        session,
        Ref(namespace, name),
        bodies.chunks(request, settings.max_upload_bytes),
        format_of(headers.get("content-type", ""), headers.get("content-encoding", ""), form),
        None if fields is None else list(dict.fromkeys(fields)),
        folder=settings.data_dir / "uploads",
        most=settings.max_upload_bytes,
    )
    response.status_code = 201 if new else 200
    return EvaluationVersionView.of(found, version)


@router.get("")
async def list_evaluation_sets(
    session: SessionDep, caller: CallerDep, page: PageDep, namespace: Name | None = None
) -> Page[EvaluationVersionView]:
    """The latest version of every evaluation set, oldest set first."""
    found = await store.page(
        session, namespace=namespace, after=page.after_id, limit=page.limit + 1
    )
    return page_of(
        found, page, lambda pair: pair[0].id, lambda pair: EvaluationVersionView.of(*pair)
    )


@router.get("/{namespace}/{name}")
async def get_evaluation_set(
    namespace: Name, name: NameAt, session: SessionDep, caller: CallerDep
) -> EvaluationVersionView:
    """One version; the latest, if none is said."""
    return EvaluationVersionView.of(*await store.get(session, _ref(namespace, name)))


@router.delete("/{namespace}/{name}", status_code=204)
async def retire_evaluation_set(
    namespace: Name, name: Name, session: SessionDep, caller: CallerDep
) -> None:
    """Hold nothing against it any longer, unless it is named. Its versions stay, so that what was
    refused because of them can be explained; uploading brings it back.
    """
    found, _latest = await store.get(session, Ref(namespace, name))
    await store.retire(session, found.id, retired=True)


@router.get("/{namespace}/{name}/versions")
async def list_evaluation_versions(
    namespace: Name, name: Name, session: SessionDep, caller: CallerDep, page: PageDep
) -> Page[EvaluationVersionView]:
    """Every version, oldest first."""
    named, _latest = await store.get(session, Ref(namespace, name))
    found = await store.versions(
        session, named.id, after=page.after_number or 0, limit=page.limit + 1
    )
    return page_of(
        found, page, lambda version: version.version, lambda v: EvaluationVersionView.of(named, v)
    )


@router.get("/{namespace}/{name}/items")
async def list_evaluation_items(
    namespace: Name, name: NameAt, session: SessionDep, caller: CallerDep, page: PageDep
) -> Page[EvaluationItemView]:
    """Items of one version, in their order."""
    _named, version = await store.get(session, _ref(namespace, name))
    after = page.after_number
    found = await store.items_after(
        session, version.id, after=-1 if after is None else after, limit=page.limit + 1
    )
    return page_of(found, page, lambda item: item.position, EvaluationItemView.of)


def _ref(namespace: str, name: str) -> Ref:
    try:
        return Ref.parse(f"{namespace}/{name}")
    except ValueError as error:
        raise Invalid.at("path.name", str(error), name) from None
