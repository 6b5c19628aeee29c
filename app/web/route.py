"""What every route does: ask who is calling and whether they may, bound the body, open one unit of
work, commit before the answer leaves.

A caller needs the scope that follows from the method and the tags of a route, unless its endpoint
says `@needs(...)`, and finds nothing outside the namespaces of their key. An endpoint marked
`@open_to_all` asks nobody. One marked `@reads_stream` reads the body itself through `body.chunks`;
one marked `@not_replayed` has no effect to repeat, so an Idempotency-Key means nothing to it.

A `Plain` route does the first of these only.
"""

import functools
from collections.abc import Awaitable, Callable, Coroutine
from typing import Annotated, Any, TypeVar

import structlog
from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.routing import Match
from starlette.routing import Route as StarletteRoute
from starlette.types import Scope as Connection

from app.db import Database
from app.errors import Invalid
from app.web import body, idempotency
from app.web.caller import NEEDS, Caller, Scope

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])

_CHANGED_BY: dict[str, Scope] = {"teachers": "admin", "datasets": "publish"}
"""The scope that it takes to change what has this tag; `write` for all others."""


def reads_stream(endpoint: Endpoint) -> Endpoint:
    endpoint.reads_stream = True  # type: ignore[attr-defined]
    return endpoint


def not_replayed(endpoint: Endpoint) -> Endpoint:
    endpoint.not_replayed = True  # type: ignore[attr-defined]
    return endpoint


def open_to_all(endpoint: Endpoint) -> Endpoint:
    endpoint.open_to_all = True  # type: ignore[attr-defined]
    return endpoint


def needs(scope: Scope) -> Callable[[Endpoint], Endpoint]:
    """Instead of the scope that follows from the method and the tags."""

    def mark(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, NEEDS, scope)
        return endpoint

    return mark


class Route(APIRoute):
    def __init__(self, path: str, endpoint: Callable[..., Any], **said: Any) -> None:
        super().__init__(path, _held_to_its_caller(endpoint), **said)

    @property
    def scope_needed(self) -> Scope | None:
        """None where nobody is asked."""
        if getattr(self.endpoint, "open_to_all", False):
            return None
        said: Scope | None = getattr(self.endpoint, NEEDS, None)
        if said is not None:
            return said
        if set(self.methods or ()) <= {"GET", "HEAD"}:
            return "read"
        found = [_CHANGED_BY[str(tag)] for tag in self.tags if tag in _CHANGED_BY]
        return found[0] if found else "write"

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        streams = getattr(self.endpoint, "reads_stream", False)
        needed = self.scope_needed
        # An answer is replayed to its own caller alone, so that one has to be known.
        replays = needed is not None and not getattr(self.endpoint, "not_replayed", False)

        async def run(request: Request) -> Response:
            if "job_id" in request.path_params:
                structlog.contextvars.bind_contextvars(job=str(request.path_params["job_id"]))
            opened = await _let_in(request, needed)
            most = request.app.state.settings.max_body_bytes
            content = b"" if streams else await body.read(request, most)
            async with opened.unit_of_work() as session:
                request.state.session = session
                if replays and request.method == "POST" and idempotency.HEADER in request.headers:
                    return await idempotency.once(
                        session, request, content, lambda: handle(request)
                    )
                return await handle(request)

        return run


class Plain(StarletteRoute):
    """A route to read by, whose endpoint takes the request and nothing else. What is done for
    parameters, bodies and a unit of work takes longer than finding a file; this leaves it out.
    """

    def __init__(self, path: str, endpoint: Callable[[Request], Awaitable[Response]]) -> None:
        async def run(request: Request) -> Response:
            await _let_in(request, "read")
            return await endpoint(request)

        super().__init__(path, run, methods=["GET", "HEAD"])

    def matches(self, scope: Connection) -> tuple[Match, Connection]:
        match, found = super().matches(scope)
        # As FastAPI's own routes do: what is counted and logged is told by route.
        return match, found if match is Match.NONE else {**found, "route": self}


async def _let_in(request: Request, needed: Scope | None) -> Database:
    """What the caller of a request may see, once it is known who that is and that they may. None
    needed, nobody asked.
    """
    state = request.app.state
    opened: Database = state.database
    if needed is not None:
        caller: Caller = await state.identify(request)
        caller.require(needed)
        if "namespace" in request.path_params:  # said before a body is read
            caller.require_namespace(request.path_params["namespace"])
        request.state.caller = caller
        opened = opened.within(caller.namespaces)
    request.state.database = opened
    _refuse_nul(request)
    return opened


def _held_to_its_caller(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    """The same endpoint, reached only with what its caller may name."""

    @functools.wraps(endpoint)
    def reached(**sent: Any) -> Any:
        for each in sent.values():
            if isinstance(each, Caller):
                each.require_all(sent)
        return endpoint(**sent)

    return reached


def _refuse_nul(request: Request) -> None:
    for name, value in (*request.path_params.items(), *request.query_params.multi_items()):
        if "\0" in str(value) or "\0" in name:
            raise Invalid.at(f"url.{name}", "should not hold the character NUL", value)


async def session(request: Request) -> AsyncSession:
    """The request's own transaction. It begins with the first statement."""
    opened: AsyncSession = request.state.session
    return opened


async def database(request: Request) -> Database:
    """For the few routes that must not hold a transaction while they wait for somebody else. As the
    request's own transaction, it finds what the caller may see.
    """
    opened: Database = request.state.database
    return opened


SessionDep = Annotated[AsyncSession, Depends(session)]
DatabaseDep = Annotated[Database, Depends(database)]
