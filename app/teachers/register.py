"""Registering a teacher: asked first, then written down."""

from typing import Any

import httpx
from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import Conflict, FieldError, Invalid
from app.teachers import secret, store
from app.teachers.capabilities import Capabilities
from app.teachers.failures import TeacherFailure
from app.teachers.models import Teacher
from app.teachers.probe import probe
from app.teachers.schemas import NewTeacher

_FIELD = {
    "teacher.no_key": "/api_key",
    "teacher.bad_key": "/api_key",
    "teacher.unauthorized": "/api_key",
    "teacher.no_model": "/model",
    "teacher.which_model": "/model",
}


async def look(
    transport: httpx.AsyncBaseTransport,
    urls: list[str],
    model: str | None,
    key_ref: str | None,
    known: Capabilities | None = None,
) -> Capabilities:
    """What the teacher can do; little is asked of an engine that is `known`. Raises `Invalid`,
    naming the field that is to blame.
    """
    try:
        key = secret.resolve(key_ref) if key_ref else None
        return await probe(transport, urls, model, api_key=key, known=known)
    except TeacherFailure as failure:
        field = _FIELD.get(failure.reason, "/url")
        seen = {"/url": ", ".join(urls), "/model": model}.get(field)
        raise Invalid(
            failure.reason,
            f"{field}: {failure.message}",
            hint='Is it running? With "probe": false it is registered without being asked.',
            errors=[FieldError(field, failure.message, seen)],
        ) from failure


async def register(
    session: AsyncSession, transport: httpx.AsyncBaseTransport, new: NewTeacher
) -> tuple[Teacher, bool]:
    """The teacher, and whether this call made it. The database is not touched before the teacher
    has answered.
    """
    if not new.probe and new.model is None:
        raise Invalid.at("/model", "should be said: the server is not asked")
    found: Capabilities | None = None
    if new.probe:
        found = await look(transport, new.endpoints, new.model, new.api_key)
    model = new.model or (found.served_model if found else None)
    values: dict[str, Any] = {
        **new.model_dump(exclude={"name", "url", "urls", "model", "probe"}),
        "urls": new.endpoints,
        "model": model,
    }
    probed = {} if found is None else {"capabilities": found.model_dump(), "probed_at": func.now()}
    teacher, is_new = await store.register(session, new.name, {**values, **probed})
    if is_new:
        return teacher, True
    other = [name for name, value in values.items() if getattr(teacher, name) != value]
    if other:
        raise Conflict(
            "teacher.exists",
            f"teacher {teacher.ref} is registered with another {' and another '.join(other)}",
            hint=_hint(other),
        )
    if found is not None:
        teacher = await store.set_capabilities(session, teacher.id, found)
    return teacher, False


def _hint(other: list[str]) -> str:
    if "model" in other:
        return "Another model is another teacher: give it another name."
    return "PATCH /v1/teachers/{namespace}/{name} changes it."
