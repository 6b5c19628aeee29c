"""What every way to a file of a version shares: the bytes of this process's data directory, and the
receipt for them.
"""

import asyncio
from pathlib import PurePosixPath
from typing import Annotated

from fastapi import Depends, Request, Response

from app.datasets.files import Files
from app.datasets.models import DatasetFile
from app.datasets.pulls import Puller, Via
from app.datasets.receipts import Receipts
from app.web.caller import Caller
from app.web.download import answer

_CLIENT = 200
"""Characters of a User-Agent that are kept."""


async def stored_files(request: Request) -> Files:
    """The files of this process's data directory, and which of them it has verified."""
    state = request.app.state
    if not hasattr(state, "dataset_files"):
        state.dataset_files = Files(state.settings.data_dir)
    files: Files = state.dataset_files
    return files


async def receipts_of(request: Request) -> Receipts:
    found: Receipts = request.app.state.receipts
    return found


FilesDep = Annotated[Files, Depends(stored_files)]
ReceiptsDep = Annotated[Receipts, Depends(receipts_of)]


def puller(request: Request, caller: Caller, via: Via) -> Puller:
    """Who is pulling, as a receipt says it."""
    agent = request.headers.get("user-agent", "")
    return Puller(
        caller=caller.identity,
        name=caller.name,
        address=request.client.host if request.client else "",
        client="".join(letter for letter in agent if letter.isprintable())[:_CLIENT],
        via=via,
    )


async def serve(
    request: Request,
    files: Files,
    receipts: Receipts,
    entry: DatasetFile,
    who: Puller,
    *,
    pinned: bool,
    etag: str | None = None,
) -> Response:
    """The file, or the part of it that is asked for, with a receipt for what is sent. Its ETag is
    its sha256, unless a protocol knows it by another name. Raises `Unavailable` for bytes that are
    not what was published.
    """
    path = files.known(entry.sha256)
    if path is None:
        path = await asyncio.to_thread(files.verified, entry.sha256, entry.size)
    count = None
    if request.method == "GET":
        count = await receipts.record(entry.version_id, entry.path, who)
    return answer(
        request,
        path,
        name=PurePosixPath(entry.path).name,
        etag=f'"{etag or entry.sha256}"',
        pinned=pinned,
        count=count,
    )
