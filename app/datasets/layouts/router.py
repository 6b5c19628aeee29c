"""Layouts over HTTP: which there are, and rows as one would write them."""

from fastapi import APIRouter

from app.auth.dependency import CallerDep
from app.datasets import publish
from app.datasets.layouts.catalogue import LayoutView, catalogue
from app.datasets.layouts.dresser import DresserDep
from app.datasets.layouts.preview import PreviewSpec, PreviewView, preview
from app.names import Name, Ref
from app.web.route import DatabaseDep, Route, SessionDep, needs, not_replayed

router = APIRouter(prefix="/v1", tags=["datasets"], route_class=Route)


@router.get("/layouts")
async def list_layouts(caller: CallerDep) -> list[LayoutView]:
    """Every layout that rows can be written in: who reads it, its parameters, and an example."""
    return catalogue()


@router.post("/datasets/{namespace}/{name}/preview")
@needs("read")
@not_replayed
async def preview_rows(
    namespace: Name,
    name: Name,
    database: DatabaseDep,
    session: SessionDep,
    caller: CallerDep,
    dresser: DresserDep,
    body: PreviewSpec,
) -> PreviewView:
    """The first rows that a version would have, as they would be written. Nothing is stored; what
    publishing leaves out by looking at all rows, as copies of evaluation items, is not left out.
    """
    _, corpus = await publish.get(session, Ref(namespace, name))
    # Who only reads the dataset may not reach into its corpus.
    caller.require_namespace(corpus.namespace)
    return await preview(database, Ref(namespace, name), body, dresser)
