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


async def test_a_job_that_publishes_is_refused_at_once_where_its_teacher_forbids_training(
    ready: httpx.AsyncClient,
    drain: Drain,
    tools: Tools,
    database: Database,
    tmp_path: Path,
) -> None:
    await ready.patch("/v1/teachers/default/fake", json={"training": "forbidden"})
    refused = await ready.post("/v1/jobs", json=spec(publish={"dataset": "faq"}))
    assert (refused.status_code, refused.json()["code"]) == (409, "dataset.terms")
    # Its records may be made, as long as nobody publishes them.
    assert (await ready.post("/v1/jobs", json=spec())).status_code == 201
    publish = {"dataset": "faq", "terms_override": {"reason": "Ours."}}
    job_id = (await ready.post("/v1/jobs", json=spec(publish=publish))).json()["id"]
    await drain()
    await publish_result(database, tmp_path / "data", UUID(job_id), tools.pool)
    manifest = (await ready.get("/v1/datasets/default/faq/versions/1/manifest")).json()
    assert manifest["terms_override"]["by"] == f"job {job_id}"
