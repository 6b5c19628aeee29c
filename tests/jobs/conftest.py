"""A registered fake teacher, a pushed template, and a worker's tools, without a worker process."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from app.db import Database
from app.jobs import lease, store
from app.jobs.chunk import End, work
from app.jobs.lane import Course
from app.jobs.loaded import Tools
from app.prompts.sandbox import RenderPool
from app.teachers import store as teachers
from app.teachers.clients import Clients
from tests.fake_teacher import FakeTeacher

LEASE = timedelta(seconds=30)

TEMPLATE = """---
description: A question and its answer.
inputs:
  topic: {type: string}
response:
  format: json
  schema:
    type: object
    properties:
      question: {type: string, maxLength: 200}
      answer: {type: string, maxLength: 400}
    required: [question, answer]
    additionalProperties: false
---
{% system %}You write questions.{% endsystem %}
{% user %}Topic: {{ topic }}{% enduser %}
"""

SPEC: dict[str, Any] = {
    "corpus": "faq",
    "teacher": "fake",
    "template": "qa",
    "seeds": {"matrix": {"topic": ["tea", "rain", "ships"]}},
    "num_records": 20,
}


def spec(**changes: Any) -> dict[str, Any]:
    return SPEC | changes


@pytest.fixture
async def ready(api: httpx.AsyncClient, fake: FakeTeacher) -> httpx.AsyncClient:
    """An API with the teacher `fake` and the template `qa`."""
    body = {"name": "fake", "url": fake.url, "model": fake.model, "max_in_flight": 8}
    for path, wanted in (
        ("/v1/teachers", body),
        ("/v1/templates", {"name": "qa", "source": TEMPLATE}),
    ):
        answer = await api.post(path, json=wanted)
        assert answer.status_code == 201, answer.text
    return api


@pytest.fixture
async def tools(database: Database) -> AsyncIterator[Tools]:
    made = Tools(
        database=database,
        pool=RenderPool(1),
        clients=Clients(max_reply_bytes=100_000),
        deadline=20,
    )
    yield made
    await made.clients.close()
    await made.pool.close()


Drain = Callable[[], Awaitable[list[End]]]


@pytest.fixture
def drain(tools: Tools, ready: httpx.AsyncClient) -> Drain:
    """Works every chunk that is ready, until none is; answers how each ended."""

    async def run() -> list[End]:
        ends: list[End] = []
        while (end := await work_one(tools)) is not None:
            ends.append(end)
        return ends

    return run


async def claim_one(tools: Tools, holder: str = "me") -> lease.Claim | None:
    """A chunk of the teacher's jobs, or else of a job that asks nobody."""
    async with tools.database.unit_of_work() as session:
        for teacher in await teachers.page(session, namespace=None, after=None, limit=1):
            if claim := await lease.claim(session, teacher.id, holder, LEASE):
                return claim
        jobs = await store.page(session, namespace=None, state=None, before=None, limit=200)
        for job in reversed([job for job in jobs if job.teacher_id is None]):
            if claim := await lease.claim_stored(session, job.id, holder, LEASE):
                return claim
        return None


async def work_one(tools: Tools) -> End | None:
    claim = await claim_one(tools)
    if claim is None:
        return None
    return await work(claim, tools, Course())


def adds_up(job: dict[str, Any]) -> bool:
    """The promise that holds at every moment."""
    account = job["ledger"]
    parts = ("accepted", "rejected", "failed", "cancelled", "open")
    return bool(account["planned"] == sum(account[part] for part in parts))
