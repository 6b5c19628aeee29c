"""A finished job publishes, once."""

from pathlib import Path
from uuid import UUID

import httpx

from app.db import Database
from app.jobs.loaded import Tools
from app.jobs.publication import publish_result
from tests.fake_teacher import FakeTeacher
from tests.jobs.conftest import Drain, spec


async def test_a_finished_job_publishes_its_version_once(
    ready: httpx.AsyncClient, drain: Drain, database: Database, tmp_path: Path, tools: Tools
) -> None:
    body = spec(publish={"dataset": "faq"})
    job_id = (await ready.post("/v1/jobs", json=body)).json()["id"]
    await drain()
    for _ in range(2):
        await publish_result(database, tmp_path / "data", UUID(job_id), tools.pool)
    assert (await ready.get(f"/v1/jobs/{job_id}")).json()["published"] == "default/faq@1"
    versions = (await ready.get("/v1/datasets/default/faq/versions")).json()["items"]
    assert [(version["version"], version["rows"]) for version in versions] == [(1, 20)]


async def test_what_publishing_refuses_is_noted_on_the_job(
    ready: httpx.AsyncClient,
    drain: Drain,
    database: Database,
    tmp_path: Path,
    tools: Tools,
    fake: FakeTeacher,
) -> None:
    first = (await ready.post("/v1/jobs", json=spec(publish={"dataset": "faq"}))).json()["id"]
    other = (
        await ready.post("/v1/jobs", json=spec(corpus="other", publish={"dataset": "faq"}))
    ).json()["id"]
    await drain()
    for job_id in (first, other):
        await publish_result(database, tmp_path / "data", UUID(job_id), tools.pool)
    noted = (await ready.get(f"/v1/jobs/{other}")).json()["published"]
    assert noted.startswith("not published: ")
