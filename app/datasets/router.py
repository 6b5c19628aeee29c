"""Datasets over HTTP: define them, publish versions, pull their files."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Query, Request, Response

from app.auth.dependency import CallerDep
from app.auth.signing import Seal
from app.corpus import store as corpora
from app.datasets import diff, publish, pulls, signed, store
from app.datasets.difference import Difference
from app.datasets.layouts.dresser import DresserDep
from app.datasets.manifest import PublishedManifest
from app.datasets.models import Dataset, DatasetVersion
from app.datasets.schemas import (
    DatasetView,
    NewDataset,
    PullView,
    SignedUrls,
    UrlsWanted,
    VersionView,
    Withdrawal,
)
from app.datasets.serving import FilesDep, ReceiptsDep, puller, serve
from app.datasets.spec import VersionSpec
from app.datasets.withdraw import refuse_withdrawn, withdraw
from app.errors import Conflict, NotFound
from app.names import Name, Ref
from app.web.idempotency import HEADER as IDEMPOTENCY_KEY
from app.web.paging import Page, PageDep, page_of
from app.web.route import DatabaseDep, Route, SessionDep, needs, not_replayed, open_to_all

router = APIRouter(prefix="/v1/datasets", tags=["datasets"], route_class=Route)

signed_files = APIRouter(prefix="/v1/signed", tags=["datasets"], route_class=Route)

Number = Annotated[
    str,
    Path(
        pattern=r"^(latest|[1-9][0-9]{0,8})$",
        description="The number of a version, or `latest`.",
        examples=["1", "latest"],
    ),
]
ExactNumber = Annotated[int, Path(ge=1, lt=10**9, description="The number of a version.")]
_PUBLISH_EXAMPLE: dict[str, Any] = {
    "selection": {"templates": ["question-answer@1"]},
    "layout": {"name": "messages", "prompt": ["question"], "completion": ["answer"]},
    "splits": {"train": 0.95, "validation": 0.05},
}
_FILE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The whole file", "content": {"application/octet-stream": {}}},
    206: {"description": "The part that `Range` asks for"},
    304: {"description": "`If-None-Match` has these bytes"},
    404: {"description": "No such dataset, version or file"},
    410: {"description": "The version was withdrawn; the problem says why"},
    416: {"description": "The range begins behind the end of the file"},
}


@router.post("", status_code=201, responses={200: {"description": "Defined just so before."}})
async def define_dataset(
    body: NewDataset, session: SessionDep, caller: CallerDep, response: Response
) -> DatasetView:
    """Name what will be published from a corpus. Defining the same again answers 200."""
    ids = [(await corpora.get(session, each)).id for each in body.sources]
    ref = Ref(body.namespace, body.name)
    new = await store.define(session, ref, ids, body.description)
    dataset, _ = await publish.over(session, ref, ids)
    if not new:
        response.status_code = 200
        if dataset.description != body.description:
            raise Conflict("dataset.exists", f"dataset {ref} exists with another description")
    return await _view(session, dataset)


@router.get("")
async def list_datasets(
    session: SessionDep, caller: CallerDep, page: PageDep, namespace: Name | None = None
) -> Page[DatasetView]:
    """All datasets, oldest first."""
    rows = await store.page(session, namespace, page.after_id, page.limit + 1)
    return page_of(rows, page, lambda row: row[0].id, lambda row: DatasetView.of(*row))


@router.get("/{namespace}/{name}")
async def get_dataset(
    namespace: Name, name: Name, session: SessionDep, caller: CallerDep
) -> DatasetView:
    """One dataset."""
    dataset, _ = await publish.get(session, Ref(namespace, name))
    return await _view(session, dataset)


@router.post("/{namespace}/{name}/versions", status_code=201)
async def publish_version(
    namespace: Name,
    name: Name,
    database: DatabaseDep,
    session: SessionDep,
    caller: CallerDep,
    files: FilesDep,
    dresser: DresserDep,
    request: Request,
    response: Response,
    body: Annotated[VersionSpec, Body(examples=[{}, _PUBLISH_EXAMPLE])],
) -> PublishedManifest:
    """Freeze records of the corpus into the next version. It never changes afterwards, and what is
    added to the corpus meanwhile is left to the version after it.
    """
    async with database.unit_of_work() as first:
        dataset, corpus = await publish.get(first, Ref(namespace, name))
    # Who only reads the dataset may not reach into its corpus by another selection of it.
    caller.require_namespace(corpus.namespace)
    if IDEMPOTENCY_KEY in request.headers:
        await store.allow_waiting(session)
    frozen = await publish.prepare(database, files, dataset, body, dresser)
    # In the request's own transaction, so that the version and an Idempotency-Key are one.
    made = await publish.enlist(session, files, dataset, corpus, body, frozen, by=caller.name)
    response.headers["Location"] = f"{request.url.path}/{made.ref.version}"
    return made.manifest


@router.get("/{namespace}/{name}/versions")
async def list_versions(
    namespace: Name, name: Name, session: SessionDep, caller: CallerDep, page: PageDep
) -> Page[VersionView]:
    """All versions, oldest first."""
    dataset, _ = await publish.get(session, Ref(namespace, name))
    rows = await store.versions(session, dataset.id, page.after_number, page.limit + 1)
    return page_of(rows, page, lambda version: version.version, VersionView.of)


@router.get("/{namespace}/{name}/versions/{version}")
async def get_version(
    namespace: Name, name: Name, version: Number, session: SessionDep, caller: CallerDep
) -> VersionView:
    """One version; a withdrawn one too, with the reason. `latest` is the newest that was not."""
    return VersionView.of(await version_of(session, namespace, name, version))


@router.post("/{namespace}/{name}/versions/{version}/withdraw")
async def withdraw_version(
    namespace: Name,
    name: Name,
    version: ExactNumber,
    body: Withdrawal,
    session: SessionDep,
    caller: CallerDep,
) -> VersionView:
    """Serve a version no more, for good. Whoever asks for its files is told the reason; its number
    is never given to another one.
    """
    ref = Ref(namespace, name, version)
    return VersionView.of(await withdraw(session, ref, body.reason, caller.name))


@router.get("/{namespace}/{name}/versions/{version}/manifest")
async def get_manifest(
    namespace: Name, name: Name, version: Number, session: SessionDep, caller: CallerDep
) -> PublishedManifest:
    """Every file of a version with its sha256, and how its rows came to be."""
    found = await version_of(session, namespace, name, version)
    await refuse_withdrawn(session, Ref(namespace, name), found)
    return PublishedManifest.model_validate(found.manifest)


@router.get("/{namespace}/{name}/versions/{version}/diff")
async def diff_versions(
    namespace: Name,
    name: Name,
    version: Number,
    session: SessionDep,
    caller: CallerDep,
    before: Annotated[
        int | None,
        Query(
            alias="from",
            ge=1,
            le=999_999_999,
            description="An earlier version; by default the one just before.",
        ),
    ] = None,
) -> Difference:
    """What changed from an earlier version: rows that came and went and why, files that stayed,
    and how splits, corpora, strata, lengths and the funnel moved.
    """
    found = await version_of(session, namespace, name, version)
    dataset, _ = await publish.get(session, Ref(namespace, name))
    return await diff.between(session, dataset, before or found.version - 1, found.version)


@router.head("/{namespace}/{name}/versions/{version}/files/{path:path}", include_in_schema=False)
@router.get(
    "/{namespace}/{name}/versions/{version}/files/{path:path}",
    response_class=Response,
    responses=_FILE,
)
async def get_file(
    namespace: Name,
    name: Name,
    version: Number,
    path: Annotated[str, Path(max_length=1024, examples=["README.md"])],
    session: SessionDep,
    caller: CallerDep,
    files: FilesDep,
    receipts: ReceiptsDep,
    request: Request,
) -> Response:
    """A file of a version. Its ETag is its sha256; `Range`, `If-Range` and `If-None-Match` work as
    HTTP has them, so that a download that broke off goes on where it was.
    """
    found = await version_of(session, namespace, name, version)
    await refuse_withdrawn(session, Ref(namespace, name), found)
    entry = await store.file(session, found.id, path)
    if entry is None:
        raise NotFound(
            "dataset.file_not_found",
            f"version {found.version} of {namespace}/{name} has no such file",
            hint="Its manifest lists every file.",
        )
    who = puller(request, caller, "api")
    return await serve(request, files, receipts, entry, who, pinned=version != "latest")


@router.post("/{namespace}/{name}/versions/{version}/signed-urls")
@needs("read")
@not_replayed
async def sign_urls(
    namespace: Name,
    name: Name,
    version: Number,
    body: UrlsWanted,
    session: SessionDep,
    caller: CallerDep,
    request: Request,
) -> SignedUrls:
    """A URL for each file of a version that works without a header, from anywhere, for a while. It
    is for that file alone, and dies with the key that asks for it.
    """
    found = await version_of(session, namespace, name, version)
    ref = Ref(namespace, name, found.version)
    await refuse_withdrawn(session, ref, found)
    base = request.app.state.settings.public_url or str(request.base_url)
    return await signed.urls(session, caller, base, ref, found, body)


@signed_files.head("/{namespace}/{name}/{version}/{path:path}", include_in_schema=False)
@signed_files.get(
    "/{namespace}/{name}/{version}/{path:path}",
    response_class=Response,
    responses=_FILE | {403: {"description": "Forged, expired, or signed by a key that is none"}},
)
@open_to_all  # the URL itself is the permission
async def get_signed_file(
    namespace: Name,
    name: Name,
    version: ExactNumber,
    path: Annotated[str, Path(max_length=1024, examples=["README.md"])],
    key: Annotated[str, Query(max_length=64)],
    expires: Annotated[int, Query(ge=0, lt=2**53)],
    signature: Annotated[str, Query(max_length=128)],
    session: SessionDep,
    files: FilesDep,
    receipts: ReceiptsDep,
    request: Request,
) -> Response:
    """A file by the URL that `POST …/signed-urls` gave for it; `Range` works as ever."""
    ref = Ref(namespace, name, version)
    entry, caller = await signed.opened(session, ref, path, Seal(key, expires, signature))
    who = puller(request, caller, "url")
    return await serve(request, files, receipts, entry, who, pinned=True)


@router.get("/{namespace}/{name}/pulls")
@needs("publish")
async def list_pulls(
    namespace: Name,
    name: Name,
    session: SessionDep,
    caller: CallerDep,
    receipts: ReceiptsDep,
    page: PageDep,
    version: Annotated[int | None, Query(ge=1, lt=10**9, description="Of this one alone.")] = None,
) -> Page[PullView]:
    """Who pulled files of this dataset, newest first: one receipt for each caller, address, client
    and day.
    """
    await receipts.write()
    dataset, _ = await publish.get(session, Ref(namespace, name))
    versions = await store.version_ids(session, dataset.id, version)
    rows = await pulls.page(session, versions, before=page.after_id, limit=page.limit + 1)
    return page_of(rows, page, lambda row: row.id, PullView.of)


async def _view(session: SessionDep, dataset: Dataset) -> DatasetView:
    latest = await store.newest(session, dataset.id)
    theirs = await store.corpora(session, dataset, told=True)
    return DatasetView.of(dataset, theirs[0], latest, theirs)


async def version_of(session: SessionDep, namespace: str, name: str, number: str) -> DatasetVersion:
    dataset, _ = await publish.get(session, Ref(namespace, name))
    wanted = None if number == "latest" else int(number)
    found = await store.version(session, dataset.id, wanted)
    if found is None:
        raise NotFound(
            "dataset.version_not_found",
            f"{namespace}/{name} has no version yet"
            if wanted is None
            else f"{namespace}/{name} has no version {wanted}",
            hint=f"GET /v1/datasets/{namespace}/{name}/versions lists them.",
        )
    return found
