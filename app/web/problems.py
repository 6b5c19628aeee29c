"""Every error as problem+json (RFC 9457): where, what was seen, what would be right."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import orjson
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from psycopg.errors import LockNotAvailable
from pydantic import BaseModel, Field, ValidationError
from sqlalchemy.exc import DataError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from app.errors import AppError, FieldError, Invalid, Unavailable

log = structlog.stdlib.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
_SHOWN = 80
"""Characters of a wrong value that an answer repeats: enough to recognise it, never the whole."""
_SECRET = ("key", "token", "secret", "password", "authorization")
_MOST_ERRORS = 20


class FieldProblem(BaseModel):
    field: str = Field(examples=["/sampling/n"])
    """A JSON pointer into the body, or `query.…`, `path.…`, `header.…`."""
    problem: str = Field(examples=["Input should be greater than or equal to 1"])
    value: Any = Field(default=None, examples=[0])
    """What was seen, shortened."""


class Problem(BaseModel):
    """RFC 9457."""

    type: str = Field(default="about:blank")
    title: str
    status: int
    detail: str
    code: str = Field(examples=["request.invalid"])
    """Stable, for programs; docs/errors.md lists them."""
    hint: str | None = None
    errors: list[FieldProblem] = []
    instance: str | None = None


ANSWER: dict[str, Any] = {
    "description": "What is wrong, and what would be right",
    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
"""For OpenAPI: what every route may answer."""


def shown(value: Any) -> Any:
    """A wrong value as an answer may repeat it: short, and encodable whatever it holds."""
    if value is None or isinstance(value, bool | int | float):
        return value if not isinstance(value, float) or value == value else "NaN"  # noqa: PLR0124
    if isinstance(value, dict):
        return f"an object of {len(value)} members"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    text = text[: _SHOWN + 1].encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def pointer(location: tuple[int | str, ...]) -> str:
    """`('body', 'seeds', 0)` is `/seeds/0`; other parts of a request are `query.limit`."""
    where, *rest = location or ("body",)
    if where == "body":
        return "".join(f"/{str(p).replace('~', '~0').replace('/', '~1')}" for p in rest) or "/"
    return ".".join(map(str, location))


def field_errors(errors: list[Any], above: tuple[int | str, ...] = ()) -> Iterator[FieldError]:
    """Pydantic's errors as ours; an error that wraps another `ValidationError` is opened."""
    for error in errors:
        location = (*above, *error["loc"])
        inner = (error.get("ctx") or {}).get("error")
        if isinstance(inner, ValidationError):
            yield from field_errors(list(inner.errors()), location)
            continue
        field = pointer(location)
        secret = any(word in field.lower() for word in _SECRET)
        message = error["msg"].removeprefix("Value error, ")
        yield FieldError(field, message, None if secret else shown(error.get("input")))


def respond(
    request: Request, error: AppError, *, status: int | None = None, title: str | None = None
) -> Response:
    """The one place where an error becomes an answer."""
    status = status or error.status
    problem = {
        "type": "about:blank",
        "title": title or error.title,
        "status": status,
        "detail": shown_text(error.detail),
        "code": error.code,
        "hint": error.hint,
        "errors": [
            {"field": e.field, "problem": shown_text(e.problem), "value": shown(e.value)}
            for e in error.errors
        ],
        "instance": shown_text(request.url.path),
    }
    # Said here too: an answer to what nobody expected is made outside of everything else.
    request_id = request.scope.get("request_id")
    headers = {} if request_id is None else {"X-Request-Id": request_id}
    if error.retry_after is not None:
        headers["Retry-After"] = str(max(1, round(error.retry_after)))
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="limbeck"'
    return Response(orjson.dumps(problem), status, headers, MEDIA_TYPE)


def shown_text(text: str, most: int = 2000) -> str:
    return text[:most].encode("utf-8", "backslashreplace").decode()


def document(app: FastAPI) -> None:
    """Put the schema that `ANSWER` refers to among the components of `app`'s OpenAPI."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        described = plain()
        schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        parts = schema.pop("$defs", {})
        described.setdefault("components", {}).setdefault("schemas", {}).update(
            {**parts, "Problem": schema}
        )
        return described

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to extend it


def install(app: FastAPI) -> None:
    """Answer every exception of `app` with a problem."""
    document(app)

    @app.exception_handler(HTTPException)
    async def _framework(request: Request, error: HTTPException) -> Response:
        # The framework's own: no such route, or a method that the route lacks.
        phrase = HTTPStatus(error.status_code).phrase
        problem = AppError(
            f"http.{error.status_code}",
            f"{request.method} {request.url.path}: {phrase.lower()}",
            hint="GET /openapi.json lists every route; /docs shows them.",
        )
        answer = respond(request, problem, status=error.status_code, title=phrase)
        answer.headers.update(error.headers or {})
        return answer

    async def _anything(request: Request, error: Exception) -> Response:
        return respond(request, as_app_error(request, error))

    for kind in (AppError, RequestValidationError, DBAPIError, PoolTimeout, Exception):
        app.add_exception_handler(kind, _anything)


def as_app_error(request: Request, error: Exception) -> AppError:
    """What the caller is told of any exception; what only we can mend is logged."""
    path = request.url.path
    match error:
        case AppError():
            return error
        case RequestValidationError():
            return _invalid(error)
        case DataError():
            log.warning("database refused a value", path=path, exc_info=error)
            detail = "a number is out of range, or a character is impossible, in what was sent"
            return Invalid("request.value", detail)
        case OperationalError(orig=LockNotAvailable()):
            log.warning("waited too long for a lock", path=path, error=str(error)[:200])
            return Unavailable(
                "database.busy",
                "something that this needs is being changed by another, and has been for long; "
                "nothing was done",
                retry_after=5,
            )
        case OperationalError() | InterfaceError() | PoolTimeout():
            log.warning("database away", path=path, error=str(error)[:200])
            return Unavailable(
                "database.away", "the database does not answer at the moment", retry_after=2
            )
    log.error("unhandled error", path=path, exc_info=error)
    return AppError("internal", "something broke on our side; the log has the details")


def _invalid(error: RequestValidationError) -> Invalid:
    fields = list(field_errors(list(error.errors())))[:_MOST_ERRORS]
    first = fields[0]
    more = f" (and {len(fields) - 1} more)" if len(fields) > 1 else ""
    detail = f"{first.field}: {first.problem}{more}"
    return Invalid("request.invalid", detail, errors=fields)
