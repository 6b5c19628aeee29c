"""The Hugging Face Hub's protocol, read-only: what stock loaders need to pull a version."""

from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import parse_qs
from uuid import UUID

import orjson
from fastapi import APIRouter, Query, Request, Response

from app.auth.dependency import CallerDep
from app.datasets.models import DatasetFile
from app.datasets.serving import puller, receipts_of, stored_files
from app.db import Database
from app.hub import look, resolve, store, tree
from app.hub.errors import no_entry, no_repo
from app.hub.info import TAGS, commit, info, refs
from app.hub.names import MAIN, Repo
from app.hub.paging import page, size_of
from app.hub.resolve import moves
from app.web.caller import Caller
from app.web.route import DatabaseDep, Route, needs, not_replayed, open_to_all

router = APIRouter(route_class=Route)

_REPO = "/api/datasets/{namespace}/{name}"
FILE = "/datasets/{namespace}/{name}/resolve/{revision}/{path:path}"
"""A plain route: twelve of the sixteen requests of a load with four shards."""
_PLACE = ("namespace", "name", "revision", "path")
_READ = ["GET", "HEAD"]
_LISTED = 100
"""Datasets on a page of the listing."""


@router.api_route("/api/datasets", methods=_READ)
async def list_repos(
    request: Request,
    database: DatabaseDep,
    caller: CallerDep,
    author: str | None = None,
    search: str = "",
    wanted: Annotated[list[str] | None, Query(alias="filter")] = None,
    limit: str | None = None,
    cursor: str | None = None,
    full: str | None = None,
) -> Response:
    """The datasets that this caller may see and that have a version, oldest first."""
    if wanted and not set(wanted) <= set(TAGS):
        return page(request, [], None)
    size = size_of(limit, _LISTED)
    after = _id(cursor)
    rows = await database.read(lambda s: store.listing(s, author, search, after, size + 1))
    shown = [row for row in rows[:size] if caller.may_use(row.namespace)]
    infos = []
    for each in shown:
        files = await _files(database, each.id) if _true(full) else []
        infos.append(info(Repo(each.namespace, each.name), each, files))
    return page(request, infos, rows[size - 1].dataset_id.hex if len(rows) > size else None)


@router.api_route(_REPO, methods=_READ)
async def repo_info(
    namespace: str,
    name: str,
    database: DatabaseDep,
    caller: CallerDep,
    blobs: str | None = None,
) -> Response:
    """The newest version."""
    return await _info(database, caller, namespace, name, MAIN, blobs)


@router.api_route(_REPO + "/revision/{revision:path}", methods=_READ)
async def revision_info(
    namespace: str,
    name: str,
    revision: str,
    database: DatabaseDep,
    caller: CallerDep,
    blobs: str | None = None,
) -> Response:
    """A version by tag, commit or `main`."""
    return await _info(database, caller, namespace, name, revision, blobs)


async def _info(
    database: DatabaseDep,
    caller: CallerDep,
    namespace: str,
    name: str,
    revision: str,
    blobs: str | None,
) -> Response:
    repo, found = await look.snapshot(database, caller, namespace, name, revision)
    files = await _files(database, found.id)
    return _json(info(repo, found, files, blobs=_true(blobs)))


@router.api_route(_REPO + "/tree/{revision}", methods=_READ)
@router.api_route(_REPO + "/tree/{revision}/{path:path}", methods=_READ)
async def list_tree(
    request: Request,
    namespace: str,
    name: str,
    revision: str,
    database: DatabaseDep,
    caller: CallerDep,
    recursive: str | None = None,
    expand: str | None = None,
    limit: str | None = None,
    cursor: str = "",
) -> Response:
    """The files and folders under a path."""
    _, found = await look.snapshot(database, caller, namespace, name, revision)
    files = await _files(database, found.id)
    path = str(request.path_params.get("path", "")).strip("/")
    entries = tree.beneath(
        tree.everything(found, files, expand=_true(expand)), path, recursive=_true(recursive)
    )
    if entries is None:
        raise no_entry(f"version {found.version} has no folder {path[:200]!r}", found.commit)
    size = size_of(limit)
    left = [each for each in entries if each["path"] > cursor]
    return page(request, left[:size], left[size - 1]["path"] if len(left) > size else None)


@router.post(_REPO + "/paths-info/{revision:path}")
@not_replayed
@needs("read")
async def paths_info(
    request: Request,
    namespace: str,
    name: str,
    revision: str,
    database: DatabaseDep,
    caller: CallerDep,
) -> Response:
    """Those of the named files and folders that exist."""
    _, found = await look.snapshot(database, caller, namespace, name, revision)
    form = parse_qs((await request.body()).decode("utf-8", "replace"))
    files = await _files(database, found.id)
    entries = tree.everything(found, files, expand=_true("".join(form.get("expand", []))))
    wanted = {path.strip("/") for path in form.get("paths", [])}
    return _json([each for each in entries if each["path"] in wanted])


@router.api_route(_REPO + "/refs", methods=_READ)
async def list_refs(
    namespace: str, name: str, database: DatabaseDep, caller: CallerDep
) -> Response:
    """`main`, and a tag for each version."""
    repo = await look.repo(database, caller, namespace, name)
    return _json(refs(await database.read(lambda s: store.published(s, repo, 100_000))))


@router.api_route(_REPO + "/commits/{revision:path}", methods=_READ)
async def list_commits(
    request: Request,
    namespace: str,
    name: str,
    revision: str,
    database: DatabaseDep,
    caller: CallerDep,
    limit: str | None = None,
    cursor: str | None = None,
) -> Response:
    """The versions up to this one, newest first."""
    repo, found = await look.snapshot(database, caller, namespace, name, revision)
    size = size_of(limit)
    upto = min(found.version, size_of(cursor, found.version))
    rows = await database.read(lambda s: store.published(s, repo, size + 1, upto))
    following = str(rows[size].version) if len(rows) > size else None
    return page(request, [commit(each) for each in rows[:size]], following)


@router.api_route(_REPO + "/auth-check", methods=_READ)
async def auth_check(
    namespace: str, name: str, database: DatabaseDep, caller: CallerDep
) -> Response:
    """Whether this caller may read it."""
    await look.repo(database, caller, namespace, name)
    return _json({})


@router.api_route("/api/whoami-v2", methods=_READ)
async def whoami(caller: CallerDep) -> Response:
    """Who is calling."""
    token = {"displayName": caller.name, "role": "read"}
    return _json(
        {
            "type": "user",
            "id": caller.name,
            "name": caller.name,
            "fullname": caller.name,
            "email": None,
            "canPay": False,
            "isPro": False,
            "orgs": [],
            "auth": {"type": "access_token", "accessToken": token},
        }
    )


async def resolve_file(request: Request) -> Response:
    """A file of a version, whole or in part, at `FILE`."""
    namespace, name, revision, path = map(request.path_params.__getitem__, _PLACE)
    caller: Caller = request.state.caller
    database: Database = request.state.database
    repo, found, file = await look.file(database, caller, namespace, name, revision, path)
    if moves(repo, revision):
        return resolve.redirect(request, repo, found, path)
    if file is None:
        raise no_entry(f"version {found.version} has no file {path[:200]!r}", found.commit)
    files, receipts = await stored_files(request), await receipts_of(request)
    who = puller(request, caller, "hub")
    return await resolve.send(request, files, receipts, who, found, revision, file)


@router.api_route("/api/agent-harnesses", methods=_READ)
@open_to_all
async def agent_harnesses() -> Response:
    """Asked once a day by new clients, without a token."""
    return _json({"standardEnvVars": [], "harnesses": {}})


@router.head("/api/telemetry/{path:path}")
@open_to_all
async def telemetry(path: str) -> Response:
    """What trainers report about themselves goes nowhere."""
    return Response(None, 204)


@router.api_route("/{path:path}", methods=_READ)
@open_to_all
async def anything_else(path: str) -> Response:
    """A trainer that loads its base model by name asks here for that, too."""
    raise no_repo(
        "this endpoint serves Limbeck's datasets only, as namespace/name. For a model or a public "
        "dataset, pull from here first and train with HF_ENDPOINT unset"
    )


async def _files(database: Database, version_id: UUID) -> Sequence[DatasetFile]:
    return await database.read(lambda session: store.files(session, version_id))


def _json(value: Any) -> Response:
    return Response(orjson.dumps(value), media_type="application/json")


def _true(asked: str | None) -> bool:
    """`True` and `true`, by the age of the client."""
    return (asked or "").lower() in {"true", "1"}


def _id(cursor: str | None) -> UUID | None:
    try:
        return None if cursor is None else UUID(cursor)
    except ValueError:
        return None
