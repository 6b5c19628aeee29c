"""Answer a request for a file: all of it, the part asked for, or that nothing has changed."""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import cast

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from app.errors import AppError
from app.metrics import DOWNLOAD_BYTES, DOWNLOADS
from app.web import problems
from app.web.ranges import Part, Unsatisfiable, matches, part_of

_BLOCK = 1 << 20
"""Bytes read at a time: with a quarter of it, sending a file takes nearly twice the CPU."""
_NO_WAIT: int | None = getattr(os, "RWF_NOWAIT", None)
_YEAR = 365 * 24 * 3600


def answer(
    request: Request,
    path: Path,
    *,
    name: str,
    etag: str,
    pinned: bool,
    count: Callable[[int], None] | None = None,
) -> Response:
    """`pinned` is an address that always means the same bytes, so they may be kept for ever;
    `count` is told how many of them have left, as they leave.
    """
    headers = {
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Cache-Control": f"private, max-age={_YEAR}, immutable" if pinned else "private, no-cache",
        "Content-Disposition": f'attachment; filename="{name}"',
        "X-Content-Type-Options": "nosniff",
    }
    asked = request.headers
    if matches(asked.get("if-none-match"), etag):
        return Response(None, 304, headers)
    size = path.stat().st_size
    try:
        part = part_of(size, asked.get("range"), asked.get("if-range"), etag)
    except Unsatisfiable:
        return _beyond(request, size)
    status = 200 if part is None else 206
    if part is not None:
        headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
    sent = part or Part(0, size)
    headers["Content-Length"] = str(sent.stop - sent.start)
    kind = "application/octet-stream"
    if request.method == "HEAD":
        return Response(None, status, headers, kind)
    DOWNLOADS.inc()
    return _Sent(_bytes(path, sent, count), status, headers, kind)


class _Sent(StreamingResponse):
    """Closes its file at once, also where the client hangs up in the middle of it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = cast("AsyncGenerator[bytes | memoryview]", self.body_iterator)
        async with aclosing(body):
            await super().__call__(scope, receive, send)


def _beyond(request: Request, size: int) -> Response:
    error = AppError(
        "download.range", f"the range begins behind the end of the file, which has {size} bytes"
    )
    response = problems.respond(request, error, status=416, title="Range not satisfiable")
    response.headers["Content-Range"] = f"bytes */{size}"
    return response


async def _bytes(
    path: Path, part: Part, count: Callable[[int], None] | None
) -> AsyncGenerator[bytes | memoryview]:
    with path.open("rb", buffering=0) as file:
        at = part.start
        while at < part.stop:
            wanted = min(_BLOCK, part.stop - at)
            block = _at_hand(file.fileno(), wanted, at)
            if block is None:
                block = await asyncio.to_thread(os.pread, file.fileno(), wanted, at)
            if not block:
                raise OSError(f"{path.name} ended {part.stop - at} bytes early")
            at += len(block)
            DOWNLOAD_BYTES.inc(len(block))
            yield block
            # Whoever asks for the next block has got rid of this one.
            if count is not None:
                count(len(block))


def _at_hand(file: int, size: int, at: int) -> bytes | memoryview | None:
    """What the system has in memory: read in place, it takes half of what a thread takes. Nothing
    where that would wait for a disk, or where a system cannot tell.
    """
    if _NO_WAIT is None:
        return None
    block = bytearray(size)
    try:
        return memoryview(block)[: os.preadv(file, [block], at, _NO_WAIT)]
    except OSError:
        return None
