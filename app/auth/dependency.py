"""`CallerDep`: how a route learns who is calling."""

from typing import Annotated

from fastapi import Depends, Request

from app.auth.caller import Caller, identify
from app.errors import Forbidden


async def caller(request: Request) -> Caller:
    settings = request.app.state.settings
    peer = request.client.host if request.client else None
    found = identify(peer, settings.local_networks)
    _refuse_foreign_pages(request, settings.allowed_hosts)
    return found


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


CallerDep = Annotated[Caller, Depends(caller)]
