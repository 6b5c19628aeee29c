"""What goes wrong, as Hub clients read it: by `X-Error-Code` first, and by the status then.

RepoNotFound      404  no such dataset, or not for this caller; 401 where nobody knows the caller
GatedRepo         403  known, but not allowed
RevisionNotFound  404  no such version, or one that was withdrawn
EntryNotFound     404  no such file
(no code)              anything else: a client that sees 429 or 5xx waits and tries again

A plain 404 or 403 would be taken for a broken connection, and rows of another version loaded from
the client's cache instead.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Literal

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from app.errors import AppError, Forbidden, NotFound, Unauthorized
from app.web import problems

Code = Literal["RepoNotFound", "GatedRepo", "RevisionNotFound", "EntryNotFound"]
WHOAMI = "/api/whoami-v2"
_LONGEST = 1000
"""Characters of a message in a header; servers before ours may refuse long ones."""


class Refused(Exception):
    """A refusal that a Hub client understands."""

    def __init__(
        self, status: int, code: Code | None, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})


def no_repo(message: str) -> Refused:
    return Refused(404, "RepoNotFound", message)


def no_revision(message: str) -> Refused:
    return Refused(404, "RevisionNotFound", message)


def no_entry(message: str, commit: str) -> Refused:
    return Refused(404, "EntryNotFound", message, {"X-Repo-Commit": commit})


def respond(refused: Refused) -> Response:
    """The one place where a refusal becomes an answer."""
    headers = {**refused.headers, "X-Error-Message": _line(refused.message)}
    if refused.code is not None:
        headers["X-Error-Code"] = refused.code
    body = orjson.dumps({"error": problems.shown_text(refused.message)})
    return Response(body, refused.status, headers, "application/json")


def _line(text: str) -> str:
    """One line of ASCII, which is all that a header holds."""
    flat = " ".join(text.split()).encode("ascii", "backslashreplace").decode()
    return "".join(each for each in flat if each.isprintable())[:_LONGEST]


def translated(error: AppError, path: str) -> Refused:
    """One of our own errors, as a client of the Hub is told."""
    message = error.detail if error.hint is None else f"{error.detail}. {error.hint}"
    match error:
        case Unauthorized() if path.endswith(WHOAMI):
            return Refused(401, None, "Invalid credentials in Authorization header")
        case Unauthorized():
            return Refused(401, "RepoNotFound", message)
        case Forbidden():
            return Refused(403, "GatedRepo", message)
        case NotFound():
            return no_repo(message)
    after = error.retry_after
    headers = {} if after is None else {"Retry-After": str(max(1, round(after)))}
    # Whatever else is wrong with a request is one status for the Hub.
    status = error.status if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR else 400
    return Refused(status, None, message, headers)


def install(app: FastAPI) -> None:
    """Answer every exception of `app` in this form."""

    async def refused(_: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)
        return respond(error)

    async def framework(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code == HTTPStatus.NOT_FOUND:
            return respond(no_repo(f"this endpoint has nothing at {request.url.path}"))
        phrase = HTTPStatus(error.status_code).phrase.lower()
        message = f"{request.method} {request.url.path}: {phrase}; this endpoint only reads"
        return respond(Refused(error.status_code, None, message, error.headers))

    async def ours(request: Request, error: Exception) -> Response:
        return respond(translated(problems.as_app_error(request, error), request.url.path))

    app.add_exception_handler(Refused, refused)
    app.add_exception_handler(HTTPException, framework)
    for kind in (AppError, RequestValidationError, DBAPIError, PoolTimeout, Exception):
        app.add_exception_handler(kind, ours)
