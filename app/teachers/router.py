"""Teachers over HTTP."""

from typing import Annotated

import httpx
from fastapi import APIRouter, Depends, Request, Response

from app.auth.dependency import CallerDep
from app.errors import Invalid
from app.names import Name, Ref
from app.teachers import shares, store
from app.teachers.health import TeacherHealth, health
from app.teachers.models import Teacher
from app.teachers.register import look, register
from app.teachers.schemas import NewTeacher, TeacherChange, TeacherView
from app.web.paging import Page, PageDep, page_of
from app.web.route import DatabaseDep, Route, SessionDep, not_replayed

router = APIRouter(prefix="/v1/teachers", tags=["teachers"], route_class=Route)


async def _transport(request: Request) -> httpx.AsyncBaseTransport:
    transport: httpx.AsyncBaseTransport = request.app.state.clients.transport
    return transport


TransportDep = Annotated[httpx.AsyncBaseTransport, Depends(_transport)]


@router.post("", status_code=201, responses={200: {"description": "Registered just so before."}})
async def register_teacher(
    body: NewTeacher,
    session: SessionDep,
    transport: TransportDep,
    caller: CallerDep,
    response: Response,
) -> TeacherView:
    """Register a teacher. It is asked first what it can do, by a dozen tiny requests; one that
    does not answer is refused with what was seen. The same registration again answers 200.
    """
    teacher, new = await register(session, transport, body)
    response.status_code = 201 if new else 200
    response.headers["Location"] = f"/v1/teachers/{teacher.ref}"
    return TeacherView.of(teacher)


@router.get("")
async def list_teachers(
    session: SessionDep, caller: CallerDep, page: PageDep, namespace: Name | None = None
) -> Page[TeacherView]:
    """All teachers, oldest first."""
    rows = await store.page(session, namespace=namespace, after=page.after_id, limit=page.limit + 1)
    return page_of(rows, page, lambda teacher: teacher.id, TeacherView.of)


@router.get("/{namespace}/{name}")
async def get_teacher(
    namespace: Name, name: Name, session: SessionDep, caller: CallerDep
) -> TeacherView:
    """One teacher, with what it can do and whether it is away."""
    return TeacherView.of(await store.get(session, Ref(namespace, name)))


@router.patch("/{namespace}/{name}")
async def change_teacher(
    namespace: Name,
    name: Name,
    body: TeacherChange,
    session: SessionDep,
    database: DatabaseDep,
    transport: TransportDep,
    caller: CallerDep,
) -> TeacherView:
    """Change a teacher's limits, texts, prices, address or key. At another address, or with
    another key, it is asked again, and must serve the same model; `POST …/probe` asks all there is
    to ask, whatever is known.
    """
    teacher = await _read(database, namespace, name)
    values = body.values
    slots = values.get("chunk_slots", teacher.chunk_slots)
    most = values.get("max_in_flight", teacher.max_in_flight)
    if slots > most:
        raise Invalid.at("/chunk_slots", f"should be at most max_in_flight, {most}", slots)
    if body.probe and ({"urls", "api_key"} & values.keys()):
        found = await look(
            transport,
            values.get("urls", teacher.urls),
            teacher.model,
            values.get("api_key", teacher.api_key),
            teacher.known_capabilities,
        )
        await store.set_capabilities(session, teacher.id, found)
    return TeacherView.of(await store.change(session, teacher.id, values))


@router.delete("/{namespace}/{name}", status_code=204)
async def remove_teacher(
    namespace: Name, name: Name, session: SessionDep, caller: CallerDep
) -> Response:
    """Remove a teacher that no job has used."""
    await store.remove(session, await store.get(session, Ref(namespace, name)))
    return Response(status_code=204)


@router.post("/{namespace}/{name}/probe")
@not_replayed
async def probe_teacher(
    namespace: Name,
    name: Name,
    session: SessionDep,
    database: DatabaseDep,
    transport: TransportDep,
    caller: CallerDep,
) -> TeacherView:
    """Ask a teacher again what it can do. One that answers is no longer taken to be away."""
    teacher = await _read(database, namespace, name)
    found = await look(
        transport,
        teacher.urls,
        teacher.model,
        teacher.api_key,
    )
    await store.close_circuit(session, teacher.id)
    return TeacherView.of(await store.set_capabilities(session, teacher.id, found))


@router.get("/{namespace}/{name}/health")
async def get_teacher_health(
    namespace: Name, name: Name, database: DatabaseDep, transport: TransportDep, caller: CallerDep
) -> TeacherHealth:
    """How a teacher is doing right now: asked of its servers, with their load, and how many
    requests workers have out with each and would let it have.
    """
    async with database.unit_of_work() as session:
        teacher = await store.get(session, Ref(namespace, name))
        seen = await shares.together(session, teacher.id)
    return await health(transport, teacher, seen)


async def _read(database: DatabaseDep, namespace: str, name: str) -> Teacher:
    """In a transaction of its own, over before the teacher is asked."""
    async with database.unit_of_work() as session:
        return await store.get(session, Ref(namespace, name))
