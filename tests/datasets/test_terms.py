"""What a teacher's owner forbids is not published unless somebody answers for it."""

from typing import Any
from uuid import UUID

import httpx
import orjson
import pytest

from app.db import Database
from app.settings import Settings
from tests.datasets.corpus import Grown, add, job, questions


@pytest.fixture
async def closed(api: httpx.AsyncClient, database: Database, corpus: Grown, job_id: UUID) -> UUID:
    """A job of five records beside the ten others, by a teacher that forbids training."""
    body = {"name": "closed", "url": "http://127.0.0.1:1", "model": "closed-1", "probe": False}
    terms = {"training": "forbidden", "terms": "No training.", "licence": "proprietary"}
    assert (await api.post("/v1/teachers", json=body | terms)).status_code == 201
    made = await job(database, corpus, document={"teacher": "default/closed"})
    await add(database, corpus, made, questions(5, start=100))
    return made


async def publish(api: httpx.AsyncClient, dataset: str, **body: Any) -> httpx.Response:
    return await api.post(f"{dataset}/versions", json=body)


async def card(api: httpx.AsyncClient, dataset: str, version: int) -> str:
    return (await api.get(f"{dataset}/versions/{version}/files/README.md")).text


async def test_a_teacher_that_forbids_training_keeps_its_records_from_being_published(
    api: httpx.AsyncClient, faq: str, closed: UUID, job_id: UUID, settings: Settings
) -> None:
    refused = await publish(api, faq)
    assert (refused.status_code, refused.json()["code"]) == (409, "dataset.terms")
    assert "default/closed" in refused.json()["detail"]
    assert not (settings.data_dir / "files").exists()
    without = await publish(api, faq, selection={"jobs": [str(job_id)]})
    assert without.json()["rows"] == 10
    assert without.json()["terms_override"] is None
    assert "terms of `default/local` allow" in await card(api, faq, 1)


async def test_an_override_is_stated_with_its_reason_and_who_gave_it(
    api: httpx.AsyncClient, faq: str, closed: UUID
) -> None:
    made = await publish(api, faq, terms_override={"reason": "Our <b>own</b> model."})
    assert made.status_code == 201, made.text
    said = {"reason": "Our <b>own</b> model.", "by": "local", "teachers": ["default/closed"]}
    assert made.json()["terms_override"] == said
    stored = await api.get(f"{faq}/versions/1/files/manifest.json")
    assert orjson.loads(stored.content)["terms_override"] == said
    page = await card(api, faq, 1)
    assert "**Published against terms of use.**" in page
    assert "by local, for this reason: Our \\<b\\>own\\</b\\> model." in page
    assert (await publish(api, faq, terms_override={})).status_code == 422


async def test_replies_decided_anew_keep_the_terms_of_who_gave_them(
    api: httpx.AsyncClient, database: Database, corpus: Grown, faq: str, closed: UUID
) -> None:
    async with database.unit_of_work() as session:
        connection = await session.connection()
        again = await job(database, corpus, document={"from": {"jobs": [str(closed)]}})
        for statement in (
            f"UPDATE job SET kind = 'reprocess', teacher_id = NULL WHERE id = '{again}'",
            f"UPDATE record SET job_id = '{again}' WHERE job_id = '{closed}'",
            f"""
                INSERT INTO replayed (job_id, item, source_job_id, source_item, source_sample)
                SELECT '{again}', n, '{closed}', n, 0 FROM generate_series(0, 4) AS n
            """,
        ):
            await connection.exec_driver_sql(statement)
    assert (await publish(api, faq)).json()["code"] == "dataset.terms"
    assert (await api.patch("/v1/teachers/default/closed", json={"training": "allowed"})).is_success
    assert (await publish(api, faq)).json()["rows"] == 15
