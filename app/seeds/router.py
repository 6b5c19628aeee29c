"""Seed datasets over HTTP: uploads as streams, versions, rows."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi import Path as UrlPath

from app.auth.dependency import CallerDep
from app.errors import Invalid
from app.names import Name, Ref
from app.seeds import store
from app.seeds.expand import expand
from app.seeds.push import push_rows, push_upload
from app.seeds.schemas import NewSeeds, SeedRowView, SeedVersionView
from app.uploads.formats import UPLOAD, Format, format_of
from app.web import body as bodies
from app.web.paging import Page, PageDep, page_of
from app.web.route import Route, SessionDep, not_replayed, reads_stream

router = APIRouter(prefix="/v1/seeds", tags=["seeds"], route_class=Route)

NameAt = Annotated[
    str, UrlPath(max_length=80, description="`name`, or `name@version`.", examples=["topics@1"])
]


@router.post("", status_code=201, responses={200: {"description": "These rows are a version."}})
async def create_seeds(
    body: NewSeeds, request: Request, session: SessionDep, caller: CallerDep, response: Response
) -> SeedVersionView:
    """Make a seed dataset, or its next version, of rows or of a matrix. Rows that are a version
    already answer it again, with 200.
    """
    settings = request.app.state.settings
    if body.matrix is not None:
        rows, source = expand(body.matrix), "matrix"
    else:
        rows, source = ((f"/rows/{n}", row) for n, row in enumerate(body.rows or [])), "rows"
    dataset, version, new = await push_rows(
        session,
        body.name,
        rows,
        source,
        folder=settings.data_dir / "uploads",
        most=settings.max_upload_bytes,
    )
    response.status_code = 201 if new else 200
    return SeedVersionView.of(dataset, version)


@router.post(
    "/{namespace}/{name}/versions",
    status_code=201,
    responses={200: {"description": "These rows are a version."}},
    openapi_extra=UPLOAD,
)
@reads_stream
@not_replayed
async def upload_seeds(
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
) -> SeedVersionView:
    """Upload JSON Lines, CSV (with a header; every cell is text) or Parquet as the dataset's next
    version: all of it, or nothing and the line that is wrong. Every row has the same columns.

    Rows that are a version already answer it again, with 200, so an upload may be repeated.
    """
    settings = request.app.state.settings
    headers = request.headers
    found = format_of(headers.get("content-type", ""), headers.get("content-encoding", ""), form)
    dataset, version, new = await push_upload(
        session,
        Ref(namespace, name),
        bodies.chunks(request, settings.max_upload_bytes),
        found,
        folder=settings.data_dir / "uploads",
        most=settings.max_upload_bytes,
    )
    response.status_code = 201 if new else 200
    return SeedVersionView.of(dataset, version)


@router.get("")
async def list_seeds(
    session: SessionDep, caller: CallerDep, page: PageDep, namespace: Name | None = None
) -> Page[SeedVersionView]:
    """The latest version of every seed dataset, oldest dataset first."""
    found = await store.page(
        session, namespace=namespace, after=page.after_id, limit=page.limit + 1
    )
    return page_of(found, page, lambda pair: pair[0].id, lambda pair: SeedVersionView.of(*pair))


@router.get("/{namespace}/{name}")
async def get_seeds(
    namespace: Name, name: NameAt, session: SessionDep, caller: CallerDep
) -> SeedVersionView:
    """One version; the latest, if none is said."""
    return SeedVersionView.of(*await store.get(session, _ref(namespace, name)))


@router.get("/{namespace}/{name}/versions")
async def list_seed_versions(
    namespace: Name, name: Name, session: SessionDep, caller: CallerDep, page: PageDep
) -> Page[SeedVersionView]:
    """Every version, oldest first."""
    dataset, _latest = await store.get(session, Ref(namespace, name))
    found = await store.versions(
        session, dataset.id, after=page.after_number or 0, limit=page.limit + 1
    )
    return page_of(
        found, page, lambda version: version.version, lambda v: SeedVersionView.of(dataset, v)
    )


@router.get("/{namespace}/{name}/rows")
async def list_seed_rows(
    namespace: Name, name: NameAt, session: SessionDep, caller: CallerDep, page: PageDep
) -> Page[SeedRowView]:
    """Rows of one version, in their order."""
    _dataset, version = await store.get(session, _ref(namespace, name))
    after = page.after_number
    found = await store.rows_after(
        session, version.id, after=-1 if after is None else after, limit=page.limit + 1
    )
    return page_of(found, page, lambda row: row.position, SeedRowView.of)


def _ref(namespace: str, name: str) -> Ref:
    try:
        return Ref.parse(f"{namespace}/{name}")
    except ValueError as error:
        raise Invalid.at("path.name", str(error), name) from None
