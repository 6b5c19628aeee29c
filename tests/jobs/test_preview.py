"""A preview shows what a job would do, and leaves nothing behind."""

import httpx
from sqlalchemy import text

from app.db import Database
from tests.fake_teacher import FakeTeacher
from tests.jobs.conftest import Drain, spec

GOOD = {"question": "Why?", "answer": "Because."}
LONG = "Which kinds of tea are grown on the southern slopes of the mountains, and why there?"


async def test_a_preview_shows_prompt_reply_record_and_verdict(
    ready: httpx.AsyncClient, fake: FakeTeacher, database: Database
) -> None:
    fake.says_json(GOOD)
    answer = await ready.post("/v1/previews?rows=1", json=spec())
    assert answer.status_code == 200, answer.text
    row = answer.json()["rows"][0]
    assert [message["role"] for message in row["prompt"]] == ["system", "user"]
    assert row["prompt"][1]["content"] == f"Topic: {row['inputs']['topic']}"
    sample = row["samples"][0]
    assert sample["record"] == {**row["inputs"], **GOOD}
    assert sample["verdict"] is None
    async with database.unit_of_work() as session:
        for table in ("job", "corpus", "record", "completion"):
            assert await session.scalar(text(f"SELECT count(*) FROM {table}")) == 0


async def test_a_preview_says_what_would_be_refused_and_why(
    ready: httpx.AsyncClient, fake: FakeTeacher
) -> None:
    fake.says("no json").says('{"question": "a\\u0000b", "answer": "c"}').says_json(GOOD)
    rows = (await ready.post("/v1/previews?rows=3", json=spec())).json()["rows"]
    verdicts = [row["samples"][0]["verdict"] for row in rows]
    reasons = sorted(verdict["reason"] if verdict else "-" for verdict in verdicts)
    assert reasons == ["-", "parse.json.invalid", "text.nul"]


async def test_a_preview_knows_what_the_corpus_has(
    ready: httpx.AsyncClient, fake: FakeTeacher, drain: Drain
) -> None:
    fake.says_json({**GOOD, "question": LONG})
    one = spec(num_records=1, dedup={"on": ["question"]})
    await ready.post("/v1/jobs", json=one)
    await drain()
    row = (await ready.post("/v1/previews?rows=1", json=one)).json()["rows"][0]
    assert row["samples"][0]["verdict"]["reason"] == "dedup.exact"
    fake.says_json({**GOOD, "question": f"{LONG} Say"})
    rows = (await ready.post("/v1/previews?rows=3", json=one)).json()["rows"]
    verdicts = [row["samples"][0]["verdict"] for row in rows]
    assert "dedup.near" in {verdict["reason"] for verdict in verdicts if verdict}


async def test_a_preview_knows_who_says_the_same_words(
    ready: httpx.AsyncClient, fake: FakeTeacher, drain: Drain
) -> None:
    fake.says_json({**GOOD, "question": "Name three kinds of tea that grow in Assam"})
    one = spec(num_records=1, dedup={"on": ["question"], "near": False, "rouge": True})
    await ready.post("/v1/jobs", json=one)
    await drain()
    fake.says_json({**GOOD, "question": "Name seven kinds of tea that grow in Assam"})
    rows = (await ready.post("/v1/previews?rows=3", json=one)).json()["rows"]
    verdicts = [row["samples"][0]["verdict"] for row in rows]
    assert ("dedup.rouge", 0.8889) in {(one["reason"], one["value"]) for one in verdicts}


async def test_a_preview_of_a_teacher_that_is_gone_says_so(
    ready: httpx.AsyncClient, fake: FakeTeacher
) -> None:
    fake.stop()
    answer = await ready.post("/v1/previews", json=spec())
    assert answer.status_code == 503
    assert "default/fake" in answer.json()["detail"]


async def test_at_most_twenty_rows(ready: httpx.AsyncClient) -> None:
    answer = await ready.post("/v1/previews?rows=21", json=spec())
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "query.rows"
