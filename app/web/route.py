"""What every route does: bound the body, open one unit of work, commit before the answer leaves.

An endpoint marked `@reads_stream` reads the body itself through `body.chunks`; one marked
`@not_replayed` has no effect to repeat, so an Idempotency-Key means nothing to it.
"""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import Database
from app.errors import Invalid
from app.web import body, idempotency

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


def reads_stream(endpoint: Endpoint) -> Endpoint:
    endpoint.reads_stream = True  # type: ignore[attr-defined]
    return endpoint


def not_replayed(endpoint: Endpoint) -> Endpoint:
    endpoint.not_replayed = True  # type: ignore[attr-defined]
    return endpoint


class Route(APIRoute):
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        streams = getattr(self.endpoint, "reads_stream", False)
        replays = not getattr(self.endpoint, "not_replayed", False)

        async def run(request: Request) -> Response:
            _refuse_nul(request)
            state = request.app.state
            content = b"" if streams else await body.read(request, state.settings.max_body_bytes)
            async with state.database.unit_of_work() as session:
                request.state.session = session
                if replays and request.method == "POST" and idempotency.HEADER in request.headers:
                    return await idempotency.once(
                        session, request, content, lambda: handle(request)
                    )
                return await handle(request)

        return run


def _refuse_nul(request: Request) -> None:
    for name, value in (*request.path_params.items(), *request.query_params.multi_items()):
        if "\0" in str(value) or "\0" in name:
            raise Invalid.at(f"url.{name}", "should not hold the character NUL", value)


async def session(request: Request) -> AsyncSession:
    """The request's own transaction. It begins with the first statement."""
    opened: AsyncSession = request.state.session
    return opened


async def database(request: Request) -> Database:
    """For the few routes that must not hold a transaction while they wait for somebody else."""
    opened: Database = request.app.state.database
    return opened


SessionDep = Annotated[AsyncSession, Depends(session)]
DatabaseDep = Annotated[Database, Depends(database)]
