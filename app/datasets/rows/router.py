"""Rows of a version as JSON, for those who read no Parquet."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from app.auth.dependency import CallerDep
from app.datasets.manifest import FileEntry, PublishedManifest
from app.datasets.receipts import Count
from app.datasets.router import Number, version_of
from app.datasets.rows.read import lines
from app.datasets.serving import FilesDep, ReceiptsDep, puller
from app.datasets.withdraw import refuse_withdrawn
from app.errors import NotFound
from app.names import Name, Ref
from app.web.paging import PageDep, cursor_at
from app.web.ranges import matches
from app.web.route import DatabaseDep, Route

router = APIRouter(prefix="/v1/datasets", tags=["datasets"], route_class=Route)

_LINES = "application/x-ndjson"
_YEAR = 365 * 24 * 3600


class RowsPage(BaseModel):
    """Rows in the order in which the version has them, which never changes."""

    items: list[dict[str, Any]]
    next: str | None = None
    """Give it back as `cursor` for the next page; null on the last one."""


@router.get(
    "/{namespace}/{name}/versions/{version}/rows",
    response_model=RowsPage,
    responses={
        200: {"content": {_LINES: {"schema": {"type": "string"}}}},
        304: {"description": "`If-None-Match` has these rows"},
        404: {"description": "No such dataset, version or split"},
    },
)
async def list_rows(
    namespace: Name,
    name: Name,
    version: Number,
    request: Request,
    database: DatabaseDep,
    caller: CallerDep,
    files: FilesDep,
    receipts: ReceiptsDep,
    page: PageDep,
    split: Annotated[
        str, Query(max_length=32, description="One of the version's.", examples=["train"])
    ] = "train",
    stream: Annotated[  # noqa: FBT002  (a query parameter)
        bool,
        Query(
            description="All rows from here on, whatever the limit, as JSON Lines; they are read "
            "while they are sent. A row that cannot be read cuts the answer off."
        ),
    ] = False,
) -> Response:
    """Rows of a split, in their stable order: a JSON page, or with `Accept: application/x-ndjson`
    one object a line and the next page's address in `Link`. Each is what `load_dataset` gives.
    """
    # A transaction of its own, over before a file is read or a reader waited for.
    async with database.unit_of_work() as session:
        found = await version_of(session, namespace, name, version)
        await refuse_withdrawn(session, Ref(namespace, name), found)
        manifest = PublishedManifest.model_validate(found.manifest)
    shards = _shards(manifest, split)
    rows = sum(shard.rows or 0 for shard in shards)
    start = page.after_number or 0
    stop = rows if stream else min(start + page.limit, rows)
    as_lines = stream or _LINES in request.headers.get("accept", "")
    headers = _headers(manifest, split, start, stop, as_lines=as_lines, pinned=version != "latest")
    if matches(request.headers.get("if-none-match"), headers["ETag"]):
        return Response(None, 304, headers)
    who = puller(request, caller, "api")
    count = await receipts.record(found.id, f"rows/{split}", who)
    blocks = lines(files, shards, start, stop)
    if stream:
        # The first is read before the answer begins, so that damage there is told as such.
        first = await asyncio.to_thread(next, blocks, b"")
        return StreamingResponse(_sent(first, blocks, count), 200, headers, _LINES)
    content = b"".join(await asyncio.to_thread(list, blocks))
    count(len(content))
    following = cursor_at(stop) if stop < rows else None
    if as_lines:
        if following is not None:
            url = request.url.include_query_params(cursor=following)
            headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
        return Response(content, 200, headers, _LINES)
    items = b",".join(content.split(b"\n")[:-1])
    told = b'{"items":[%b],"next":%b}' % (items, orjson.dumps(following))
    return Response(told, 200, headers, "application/json")


def _shards(manifest: PublishedManifest, split: str) -> list[FileEntry]:
    if split not in manifest.splits:
        raise NotFound(
            "dataset.split_not_found",
            f"version {manifest.version} of {manifest.dataset} has no split {split!r}",
            hint=f"It has {', '.join(manifest.splits)}.",
        )
    return [each for each in manifest.files if each.split == split]


def _headers(
    manifest: PublishedManifest, split: str, start: int, stop: int, *, as_lines: bool, pinned: bool
) -> dict[str, str]:
    said = f"{manifest.commit} {split} {start} {stop} {as_lines}"
    return {
        "ETag": f'"{hashlib.sha256(said.encode()).hexdigest()[:32]}"',
        "Cache-Control": f"private, max-age={_YEAR}, immutable" if pinned else "private, no-cache",
        "Vary": "Accept",
        "X-Content-Type-Options": "nosniff",
    }


async def _sent(block: bytes, blocks: Iterator[bytes], count: Count) -> AsyncIterator[bytes]:
    while block:
        yield block
        count(len(block))
        block = await asyncio.to_thread(next, blocks, b"")
