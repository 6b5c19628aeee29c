"""Layouts that publish what a teacher was really asked, and what it really said."""

import io
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pyarrow.parquet as pq
import pytest
from sqlalchemy import text

from app.db import Database
from app.jobs.loaded import Tools
from app.jobs.publication import publish_result
from tests.fake_teacher import FakeTeacher
from tests.jobs.conftest import Drain, spec

DATASET = "/v1/datasets/default/faq"
EXAMPLES = [
    {"inputs": {"topic": f"t{n}"}, "response": {"question": f"Q{n}?", "answer": f"A{n}."}}
    for n in range(4)
]
WHOLE = {"name": "messages", "system": True, "few_shot": True}


@pytest.fixture
async def made(ready: httpx.AsyncClient, drain: Drain) -> str:
    """A job over several chunks, each of which showed its examples in another order."""
    few_shot = {"name": "qa", "examples": EXAMPLES, "template": "qa"}
    assert (await ready.post("/v1/few-shot-sets", json=few_shot)).status_code == 201
    document = spec(few_shot={"set": "qa", "k": 2, "rotate": "chunk"})
    job = (await ready.post("/v1/jobs", json=document)).json()["id"]
    await drain()
    assert (await ready.post("/v1/datasets", json={"name": "faq", "corpus": "faq"})).is_success
    return str(job)


async def rows(api: httpx.AsyncClient, layout: dict[str, Any], dataset: str = DATASET) -> list[Any]:
    answer = await api.post(f"{dataset}/versions", json={"layout": layout})
    assert answer.status_code == 201, answer.text
    [file] = [file for file in answer.json()["files"] if file["split"]]
    got = await api.get(f"{dataset}/versions/{answer.json()['version']}/files/{file['path']}")
    found: list[Any] = pq.read_table(io.BytesIO(got.content)).to_pylist()
    return found


async def test_the_whole_exchange_is_published_as_it_was(
    ready: httpx.AsyncClient, fake: FakeTeacher, made: str
) -> None:
    asked = [one.body["messages"] for one in fake.asked]
    found = await rows(ready, WHOLE)
    assert len(found) == 20
    assert len({str(row["messages"][1:3]) for row in found}) > 1, "chunks show other examples"
    for row in found:
        *prompt, reply = row["messages"]
        assert prompt in asked
        assert reply["content"].startswith('{"question"')


async def test_a_short_prompt_may_get_the_reply_to_the_long_one(
    ready: httpx.AsyncClient, made: str
) -> None:
    [first, *_] = await rows(ready, {"name": "messages", "prompt": ["topic"]})
    assert [turn["role"] for turn in first["messages"]] == ["user", "assistant"]
    assert first["messages"][0]["content"] in {"tea", "rain", "ships"}
    assert first["messages"][1]["content"].startswith('{"question"')
    [first, *_] = await rows(ready, {"name": "prompt_completion", "completion": ["answer"]})
    assert first["prompt"].startswith("Topic: ")
    assert not first["completion"].startswith("{")


async def test_reasoning_goes_where_it_is_told(
    ready: httpx.AsyncClient, database: Database, made: str
) -> None:
    async with database.unit_of_work() as session:
        await session.execute(
            text("UPDATE completion SET reasoning = '\\x48 6d 6d eda080' WHERE item = 0")
        )
    plain = {"name": "messages", "prompt": ["topic"], "completion": ["answer"]}
    thought = "Hmm\N{REPLACEMENT CHARACTER}"
    by = {
        way: await rows(ready, {**plain, "reasoning": way})
        for way in ("column", "inline", "reasoning_content")
    }
    assert sorted({row["reasoning"] or "" for row in by["column"]}) == ["", thought]
    said = [row["messages"][-1] for row in by["reasoning_content"]]
    assert sorted({turn["reasoning_content"] or "" for turn in said}) == ["", thought]
    assert "reasoning_content" in by["reasoning_content"][0]["messages"][0]
    inline = [row["messages"][-1]["content"] for row in by["inline"]]
    [one] = [content for content in inline if content.startswith("<think>")]
    assert one.startswith(f"<think>\n{thought}\n</think>\n\n")
    assert all("think" not in str(row) for row in await rows(ready, plain))


async def test_what_was_decided_anew_is_traced_to_who_asked(
    ready: httpx.AsyncClient, fake: FakeTeacher, drain: Drain, made: str
) -> None:
    asked = [one.body["messages"] for one in fake.asked]
    body = {"from": {"corpus": "faq"}, "corpus": "again"}
    assert (await ready.post("/v1/jobs/reprocess", json=body)).status_code == 201
    await drain()
    await ready.post("/v1/datasets", json={"name": "again", "corpus": "again"})
    found = await rows(ready, WHOLE, "/v1/datasets/default/again")
    assert len(found) == 20
    assert all(row["messages"][:-1] in asked for row in found)


async def test_a_record_that_lacks_what_is_asked_for_is_named(
    ready: httpx.AsyncClient, database: Database, drain: Drain, made: str
) -> None:
    answer = await ready.post(
        "/v1/corpora/default/faq/imports",
        params={"format": "jsonl"},
        headers={"content-type": "application/octet-stream"},
        content=b'{"topic":"a","question":"b","answer":"c"}',
    )
    assert answer.status_code == 201, answer.text
    await drain()
    job = answer.json()["id"]
    refused = await ready.post(f"{DATASET}/versions", json={"layout": WHOLE})
    assert (refused.status_code, refused.json()["code"]) == (409, "dataset.no_exchange")
    assert f"job {job} imported it" in refused.json()["detail"]
    fields = {"name": "messages", "prompt": ["question"], "completion": ["answer"]}
    found = await rows(ready, {**fields, "reasoning": "column"})
    assert [row["reasoning"] for row in found] == [None] * 21
    async with database.unit_of_work() as session:
        await session.execute(text("UPDATE completion SET prompt_digest = '\\x00'"))
    only = {"layout": WHOLE, "selection": {"jobs": [made]}}
    refused = await ready.post(f"{DATASET}/versions", json=only)
    assert (refused.status_code, refused.json()["code"]) == (409, "dataset.no_prompt")
    async with database.unit_of_work() as session:
        await session.execute(text("UPDATE completion SET erased_at = now()"))
    refused = await ready.post(f"{DATASET}/versions", json=only)
    assert "were erased" in refused.json()["detail"]


async def test_a_job_publishes_the_exchange_and_its_templates_are_read_when_it_is_submitted(
    ready: httpx.AsyncClient, drain: Drain, tools: Tools, tmp_path: Path
) -> None:
    publish: dict[str, Any] = {"dataset": "d"}
    publish["layout"] = {"name": "text", "template": "{{ nothing }}"}
    refused = await ready.post("/v1/jobs", json=spec(publish=publish))
    assert refused.json()["errors"][0]["field"] == "/publish/layout/template"
    publish["layout"] = {"name": "messages", "system": True}
    job = (await ready.post("/v1/jobs", json=spec(publish=publish))).json()["id"]
    await drain()
    await publish_result(tools.database, tmp_path / "data", UUID(job), tools.pool)
    assert (await ready.get(f"/v1/jobs/{job}")).json()["published"] == "default/d@1"
