"""Answer for one file of a repository: its bytes, a part of them, or where `main` is now."""

from urllib.parse import quote, urlsplit

from fastapi import Request, Response

from app.datasets.files import Files
from app.datasets.models import DatasetFile
from app.datasets.pulls import Puller
from app.datasets.receipts import Receipts
from app.datasets.serving import serve
from app.hub.errors import Refused, respond
from app.hub.info import is_large
from app.hub.names import MAIN, Repo, is_commit
from app.hub.store import Snapshot


def moves(repo: Repo, revision: str) -> bool:
    """Whether the next request for this revision may be about another version."""
    return revision == MAIN and repo.pinned is None


def redirect(request: Request, repo: Repo, snapshot: Snapshot, path: str) -> Response:
    """To the same file by commit, so that a HEAD and the GET after it see the same version.

    Without a host: clients from 0.24 to 1.7 do not follow it to an absolute address, be it the
    one they came to.
    """
    # What a proxy takes off the front of our paths, clients must find there again.
    ahead = urlsplit(request.app.state.settings.public_url or "").path.rstrip("/")
    here = ahead + request.scope["root_path"]
    place = f"{here}/datasets/{repo}/resolve/{snapshot.commit}/{path}"
    query = request.scope["query_string"].decode("latin-1")
    location = quote(place) + (f"?{query}" if query else "")
    return Response(
        None,
        307,
        {"Location": location, "X-Repo-Commit": snapshot.commit, "Cache-Control": "no-cache"},
    )


async def send(
    request: Request,
    files: Files,
    receipts: Receipts,
    who: Puller,
    snapshot: Snapshot,
    revision: str,
    file: DatasetFile,
) -> Response:
    """The bytes, as the range asks for them. Raises `Unavailable` rather than send damaged ones."""
    name = file.sha256 if is_large(file) else file.blob_id
    pinned = is_commit(revision)
    response = await serve(request, files, receipts, file, who, pinned=pinned, etag=name)
    known = {"X-Repo-Commit": snapshot.commit}
    if response.status_code == 416:  # noqa: PLR2004
        beyond = {**known, "Content-Range": response.headers["Content-Range"]}
        return respond(Refused(416, None, "the range begins behind the end of the file", beyond))
    shown = response.headers["Content-Disposition"].replace("attachment", "inline", 1)
    response.headers.update(known | {"Content-Disposition": shown})
    return response
