"""Who is calling: `identify` is asked for every request, `CallerDep` hands on its answer."""

from typing import Annotated, Any

import structlog
from fastapi import Depends, FastAPI, Request
from sqlalchemy.exc import DBAPIError

from app.auth import store, token
from app.auth.caller import LOCAL_ADMIN, holder, is_local, no_key, stranger
from app.auth.token import Token
from app.db import Database
from app.errors import Forbidden
from app.web.caller import Caller

log = structlog.stdlib.get_logger(__name__)


async def identify(request: Request) -> Caller:
    """A token that is sent is always checked. One that another service made, as clients send by
    themselves, counts as none from the local networks.
    """
    settings = request.app.state.settings
    peer = request.client.host if request.client else None
    local = is_local(peer, settings.local_networks)
    sent = _bearer(request)
    if sent is not None and (sent.startswith(token.PREFIX) or not local):
        found = token.read(sent)
        if found is None:
            raise no_key()
        return await _holder(request.app.state.database, found)
    if not local:
        raise stranger(peer)
    _refuse_foreign_pages(request, settings.allowed_hosts)
    return LOCAL_ADMIN


def _bearer(request: Request) -> str | None:
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else None


async def _holder(database: Database, sent: Token) -> Caller:
    found = await database.read(lambda session: store.valid(session, sent))
    if found is None:
        raise no_key()
    key, is_stale = found
    if is_stale:
        try:
            async with database.unit_of_work() as session:
                await store.note_use(session, key.id)
        except DBAPIError as error:
            log.warning("a key's use was not noted", key=str(key.id), error=str(error.orig)[:200])
    return holder(key)


def _refuse_foreign_pages(request: Request, allowed: list[str]) -> None:
    """A page elsewhere can make this machine's browser call us; it cannot fake these headers."""
    host = request.headers.get("host", "")
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    if "*" not in allowed and name not in allowed:
        raise Forbidden(
            "auth.host",
            f"this API does not answer to the host name {name[:80]!r}",
            hint="Add it to LIMBECK_ALLOWED_HOSTS.",
        )
    if request.method != "GET" and request.headers.get("sec-fetch-site") in {
        "cross-site",
        "same-site",
    }:
        raise Forbidden("auth.cross_site", "a page of another site may not change anything here")


async def caller(request: Request) -> Caller:
    known: Caller = request.state.caller
    return known


CallerDep = Annotated[Caller, Depends(caller)]


def document(app: FastAPI) -> None:
    """Say in `app`'s OpenAPI that a key may be shown, so that the docs page asks for one."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        described = plain()
        schemes = described.setdefault("components", {}).setdefault("securitySchemes", {})
        schemes["key"] = {"type": "http", "scheme": "bearer", "bearerFormat": "lbk_…"}
        described["security"] = [{}, {"key": []}]
        return described

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to extend it
