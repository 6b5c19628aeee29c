"""Is the process alive, can it serve, and what do the numbers say?"""

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from app.auth.dependency import CallerDep
from app.errors import Forbidden
from app.health.checks import Readiness, look
from app.health.scrape import Scraper
from app.jobs.room import Room
from app.web.route import DatabaseDep, Route, open_to_all

router = APIRouter(tags=["health"], route_class=Route)
_NOT_READY: dict[int | str, dict[str, Any]] = {
    503: {"model": Readiness, "description": "It cannot: the checks say why."}
}


@router.get("/livez")
@open_to_all
async def livez() -> dict[str, str]:
    """The process answers."""
    return {"status": "alive"}


@router.get("/readyz", responses=_NOT_READY)
@open_to_all
async def readyz(request: Request, database: DatabaseDep, response: Response) -> Readiness:
    """Whether the API can serve and work can be taken, check by check; 503 where the database is
    away or the disk is nearly full.
    """
    settings = request.app.state.settings
    found = await look(database, Room(settings.data_dir, settings.min_free_bytes))
    response.status_code = 200 if found.status == "ready" else 503
    return found


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request, caller: CallerDep) -> Response:
    """For Prometheus: this process's own counts, and what the database knows of all processes. For
    callers of all namespaces, whose teachers it names.
    """
    if caller.namespaces is not None:
        raise Forbidden("auth.scope", "what is counted is of all namespaces, not this key's")
    scraper: Scraper = request.app.state.scraper
    return Response(await scraper.page(), media_type=CONTENT_TYPE_LATEST)
