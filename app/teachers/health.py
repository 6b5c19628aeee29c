"""How a teacher is doing right now, asked of the server itself."""

import asyncio
from typing import Any

import httpx
from pydantic import BaseModel, Field

from app.teachers import gauges, secret
from app.teachers.failures import TeacherFailure
from app.teachers.line import Line, Seen, succeeded
from app.teachers.models import Teacher
from app.teachers.schemas import Circuit
from app.teachers.shares import Together

_SECONDS = 5.0


class Load(BaseModel):
    running: int
    """Requests being answered."""
    waiting: int
    """Requests in the engine's own queue."""
    kv_cache: float = Field(examples=[0.25])
    """Share of the key-value cache in use."""
    prompt_tokens: int
    """Since the server started."""
    completion_tokens: int
    prefix_hit_rate: float | None
    """Share of prompt tokens that the prefix cache served."""


class EndpointHealth(BaseModel):
    url: str
    healthy: bool
    """Its `/health` (or, lacking that, its list of models) says so; a frozen engine still does."""
    serves_model: bool | None
    """Null where it does not list its models."""
    load: Load | None
    """Null where it does not show it."""
    problem: str | None
    """What was seen instead of health."""
    in_flight: int = 0
    """Requests that workers have out with it, as of their last signs of life."""
    limit: int | None = None
    """How many they would let it have by now, found from its load and its rate; null where no
    worker has anything for it."""
    trouble: str | None = Field(
        default=None,
        examples=["teacher.frozen: it is frozen: 8 requests run, and no token came for 60 seconds"],
    )
    """Why a worker takes it for away."""


class TeacherHealth(BaseModel):
    ref: str = Field(examples=["default/qwen-72b"])
    healthy: bool
    """At least one endpoint is."""
    circuit: Circuit
    in_flight: int = 0
    """Requests that workers have out with the teacher, as of their last signs of life."""
    limit: int | None = None
    """How many they let it have now; null where no worker has anything for it."""
    max_in_flight: int
    """How many it may have at most, over all workers."""
    endpoints: list[EndpointHealth]


async def health(
    transport: httpx.AsyncBaseTransport, teacher: Teacher, seen: Together
) -> TeacherHealth:
    """Asks every endpoint at once, each for a few seconds at most; `seen` is what the workers make
    of them. Never raises.
    """
    try:
        key = secret.resolve(teacher.api_key) if teacher.api_key else None
    except TeacherFailure as failure:
        endpoints = [_unwell(url, str(failure)) for url in teacher.urls]
    else:
        lines = [Line(transport, url, key, _SECONDS) for url in teacher.urls]
        endpoints = await asyncio.gather(*(_endpoint(line, teacher.model) for line in lines))
    return TeacherHealth(
        ref=teacher.ref,
        healthy=any(endpoint.healthy for endpoint in endpoints),
        circuit=Circuit.of(teacher),
        in_flight=seen.in_flight,
        limit=seen.limit if seen.workers else None,
        max_in_flight=teacher.max_in_flight,
        endpoints=[one.model_copy(update=seen.endpoints.get(one.url, {})) for one in endpoints],
    )


async def _endpoint(line: Line, model: str) -> EndpointHealth:
    try:
        told, models, metrics = await asyncio.gather(
            line.get("/health"), line.get("/v1/models"), line.get("/metrics")
        )
    except TeacherFailure as failure:
        return _unwell(line.base, str(failure))
    lacks_page = told.status == httpx.codes.NOT_FOUND
    wrong = next((seen for seen in (models, told) if not succeeded(seen)), None)
    if lacks_page and wrong is told:
        wrong = None
    return EndpointHealth(
        url=line.base,
        healthy=wrong is None,
        serves_model=_serves(models, model),
        load=_load(metrics),
        problem=None if wrong is None else str(line.refusal(wrong)),
    )


def _unwell(url: str, problem: str) -> EndpointHealth:
    return EndpointHealth(url=url, healthy=False, serves_model=None, load=None, problem=problem)


def _serves(seen: Seen, model: str) -> bool | None:
    rows: Any = seen.value.get("data")
    if not succeeded(seen) or not isinstance(rows, list):
        return None
    return any(isinstance(row, dict) and row.get("id") == model for row in rows)


def _load(seen: Seen) -> Load | None:
    found = gauges.read(seen.body.decode("utf-8", "replace")) if succeeded(seen) else None
    if found is None:
        return None
    asked = found.prefix_queries
    return Load(
        running=found.running,
        waiting=found.waiting,
        kv_cache=found.kv_cache,
        prompt_tokens=found.prompt_tokens,
        completion_tokens=found.completion_tokens,
        prefix_hit_rate=found.prefix_hits / asked if asked else None,
    )
