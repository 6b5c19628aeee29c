"""Is the process alive, and can it serve?"""

from fastapi import APIRouter
from sqlalchemy import text

from app.web.route import Route, SessionDep, open_to_all

router = APIRouter(tags=["health"], route_class=Route)


@router.get("/livez")
@open_to_all
async def livez() -> dict[str, str]:
    """The process answers."""
    return {"status": "alive"}


@router.get("/readyz")
@open_to_all
async def readyz(session: SessionDep) -> dict[str, str]:
    """The database answers too; 503 when it does not."""
    await session.execute(text("SELECT 1"))
    return {"status": "ready"}
