"""Files taken into a corpus: the same filters and dedup as for replies, all of it or nothing."""

import hashlib
import json
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.db import Database
from tests.fake_teacher import FakeTeacher
from tests.fake_teacher.replies import fresh_text
from tests.jobs.conftest import Drain, adds_up, spec

URL = "/v1/corpora/default/faq/imports"
WORDY = json.dumps({"filters": [{"name": "length", "field": "answer", "min_words": 2}]})


def row(number: int) -> dict[str, Any]:
    return {"question": f"Why {number}?", "answer": fresh_text(number)}


def jsonl(rows: list[Any]) -> bytes:
    return "".join(json.dumps(each) + "\n" for each in rows).encode()


async def taken_in(
    ready: httpx.AsyncClient, drain: Drain, content: bytes, **params: str
) -> dict[str, Any]:
    answer = await ready.post(URL, content=content, params={"format": "jsonl", **params})
    assert answer.status_code == 201, answer.text
    await drain()
    job: dict[str, Any] = (await ready.get(f"/v1/jobs/{answer.json()['id']}")).json()
    assert adds_up(job)
    return job


async def test_five_thousand_rows_with_duplicates_and_bad_ones(
    ready: httpx.AsyncClient, drain: Drain, fake: FakeTeacher
) -> None:
    rows = [row(number % 4_000) for number in range(4_900)]
    rows += [{"question": fresh_text(number), "answer": "No."} for number in range(60)]
    rows += [{"question": fresh_text(9_000 + number), "answer": "x y"} for number in range(40)]
    content = jsonl(rows)
    job = await taken_in(ready, drain, content, file="faq.jsonl", accept=WORDY)
    assert (job["kind"], job["state"]) == ("import", "finished")
    assert job["ledger"]["planned"] == 5_000
    assert job["funnel"]["reasons"] == {"dedup.exact": 900, "filter.length.too_short": 60}
    assert job["ledger"]["accepted"] == 4_040
    assert fake.asked == []
    assert job["document"]["source"] == {
        "file": "faq.jsonl",
        "sha256": hashlib.sha256(content).hexdigest(),
        "format": "jsonl",
        "rows": 5_000,
    }
    corpus = (await ready.get("/v1/corpora/default/faq")).json()
    assert corpus["columns"] == {"question": "string", "answer": "string"}
    assert corpus["records"] == 4_040
    record = (await ready.get("/v1/corpora/default/faq/records?limit=1")).json()["items"][0]
    reply = (await ready.get(f"/v1/jobs/{job['id']}/replies/{record['item']}/0")).json()
    assert json.loads(reply["content"]) == record["fields"] == rows[record["item"]]
    assert (reply["model"], reply["finish_reason"]) == (None, "stop")


async def test_what_was_imported_can_be_reprocessed_beside_what_was_generated(
    ready: httpx.AsyncClient, drain: Drain, fake: FakeTeacher
) -> None:
    fake.says_json({"question": "Why 3?", "answer": row(3)["answer"]})
    await ready.post("/v1/jobs", json=spec(num_records=1, seeds={"rows": [{"topic": "tea"}]}))
    await drain()
    rows = [{"topic": "tea", **row(number)} for number in range(50)]
    again = await taken_in(ready, drain, jsonl(rows))
    assert again["funnel"]["reasons"] == {"dedup.exact": 1}
    body = {"from": {"corpus": "faq"}, "corpus": "wordy", "accept": json.loads(WORDY)}
    answer = await ready.post("/v1/jobs/reprocess", json=body)
    assert answer.status_code == 201, answer.text
    await drain()
    job = (await ready.get(f"/v1/jobs/{answer.json()['id']}")).json()
    assert job["before"]["accepted"] == job["ledger"]["accepted"] == 50
    assert job["funnel"]["generated"] == 51
    assert len(fake.asked) == 1


async def test_columns_go_where_the_corpus_has_them(ready: httpx.AsyncClient, drain: Drain) -> None:
    await taken_in(ready, drain, jsonl([row(1)]))
    lines = [f"{row(n)['question']},,{row(n)['answer']}" for n in (2, 1)]
    alpaca = "\n".join(["instruction,input,output", *lines]).encode()
    refused = await ready.post(URL, content=alpaca, params={"format": "csv"})
    assert refused.status_code == 422
    assert "columns=" in refused.json()["hint"]
    columns = json.dumps({"instruction": "question", "output": "answer"})
    job = await taken_in(ready, drain, alpaca, format="csv", columns=columns)
    assert job["ledger"]["accepted"] == 1
    assert job["funnel"]["reasons"] == {"dedup.exact": 1}
    wrong = await taken_in(ready, drain, jsonl([{"question": 3, "answer": "A b."}]))
    assert wrong["funnel"]["reasons"] == {"parse.json.schema": 1}


@pytest.mark.parametrize(
    ("content", "params", "said"),
    [
        (jsonl([row(1)]) + b"{bad\n", {}, "line 2: is not JSON"),
        (jsonl([row(1), {"question": "?"}]), {}, "line 2: lacks the column 'answer'"),
        (jsonl([row(1), {"question": "a\0b", "answer": ""}]), {}, "line 2: holds the character"),
        (b"", {}, "there is no row"),
        (jsonl([row(1)]), {"accept": "{"}, "query.accept"),
        (
            jsonl([row(1)]),
            {"accept": '{"filters": [{"name": "length", "field": "x", "min_words": 1}]}'},
            "no field is named 'x'",
        ),
        (jsonl([row(1)]), {"dedup": '{"on": ["x"]}'}, "query.dedup/on/0: should be a field"),
        (jsonl([row(1)]), {"columns": '{"x": "question"}'}, "lacks a column"),
        (jsonl([row(1)]), {"columns": '{"question": "q", "answer": "q"}'}, "one column only"),
    ],
)
async def test_a_file_that_is_wrong_leaves_nothing_behind(
    ready: httpx.AsyncClient, database: Database, content: bytes, params: dict[str, str], said: str
) -> None:
    refused = await ready.post(URL, content=content, params={"format": "jsonl", **params})
    assert refused.status_code == 422, refused.text
    assert said in refused.json()["detail"]
    async with database.unit_of_work() as session:
        for table in ("corpus", "job", "completion", "chunk"):
            assert await session.scalar(text(f"SELECT count(*) FROM {table}")) == 0


async def test_the_same_key_takes_a_file_in_once_and_no_other_file(
    ready: httpx.AsyncClient,
) -> None:
    headers = {"Idempotency-Key": "k1"}
    params = {"format": "jsonl"}
    first = await ready.post(URL, content=jsonl([row(1)]), params=params, headers=headers)
    again = await ready.post(URL, content=jsonl([row(1)]), params=params, headers=headers)
    assert first.status_code == again.status_code == 201
    assert again.json() == first.json()
    assert again.headers["location"] == first.headers["location"]
    other = await ready.post(URL, content=jsonl([row(2)]), params=params, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency.reused")
    assert len((await ready.get("/v1/jobs")).json()["items"]) == 1
