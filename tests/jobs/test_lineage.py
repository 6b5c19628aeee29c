"""From a record or a reject back to all that it was made from."""

from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text

from app.db import Database
from tests.fake_teacher import FakeTeacher
from tests.jobs.conftest import Drain, spec

AT = "/v1/corpora/default/faq"
EXAMPLES = [
    {"inputs": {"topic": f"t{n}"}, "response": {"question": f"Q{n}?", "answer": f"A{n}."}}
    for n in range(6)
]


@pytest.fixture
async def shown(ready: httpx.AsyncClient) -> dict[str, Any]:
    """A job document with few-shot examples that rotate, over rows of a dataset and a matrix."""
    few_shot = {"name": "qa", "examples": EXAMPLES, "template": "qa"}
    assert (await ready.post("/v1/few-shot-sets", json=few_shot)).status_code == 201
    rows = b"".join(b'{"topic": "topic %d"}\n' % n for n in range(40))
    answer = await ready.post(
        "/v1/seeds/default/topics/versions",
        params={"format": "jsonl"},
        content=rows,
        headers={"content-type": "application/octet-stream"},
    )
    assert answer.status_code == 201, answer.text
    return spec(
        seeds={"dataset": "topics", "random_seed": 3},
        few_shot={"set": "qa", "k": 4, "rotate": "chunk"},
        num_records=30,
    )


async def items(api: httpx.AsyncClient, path: str) -> list[dict[str, Any]]:
    answer = await api.get(path)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def test_every_record_is_traced_to_the_very_prompt_it_answers(
    ready: httpx.AsyncClient, fake: FakeTeacher, drain: Drain, shown: dict[str, Any]
) -> None:
    job = (await ready.post("/v1/jobs", json=shown)).json()
    await drain()
    orders = set()
    for record in (await items(ready, f"{AT}/records"))[::7]:
        answer = await ready.get(f"{AT}/records/{record['id']}")
        assert answer.status_code == 200, answer.text
        found = answer.json()
        assert {key: found[key] for key in record} == record
        lineage, trace = found["lineage"], found["trace"]
        assert lineage["template"] == "default/qa@1"
        assert lineage["teacher"]["name"] == "default/fake"
        assert lineage["reply"]["job_id"] == job["id"]
        assert lineage["job_digest"] == job["digest"]
        assert lineage["seed"]["dataset"] == "default/topics@1"
        assert lineage["few_shot"]["set"] == "default/qa@1"
        assert lineage["inputs"] == {"topic": found["fields"]["topic"]}
        assert trace["verified"] is True
        sent = [message["content"] for message in trace["prompt"]]
        asked = [m["content"] for one in fake.asked for m in one.body["messages"][-1:]]
        assert sent[-1] in asked
        examples = lineage["few_shot"]["examples"]
        assert all(example in EXAMPLES for example in examples)
        assert [e["response"]["answer"] in "".join(sent) for e in examples] == [True] * 4
        assert found["fields"]["answer"] in trace["reply"]["content"]
        orders.add(str(examples))
    assert len(orders) > 1, "chunks show other examples"


async def test_a_prompt_that_is_not_the_one_sent_is_called_so(
    ready: httpx.AsyncClient, database: Database, drain: Drain
) -> None:
    await ready.post("/v1/jobs", json=spec(num_records=1))
    await drain()
    [record] = await items(ready, f"{AT}/records")
    async with database.unit_of_work() as session:
        await session.execute(text("UPDATE completion SET prompt_digest = '\\x00'"))
    found = (await ready.get(f"{AT}/records/{record['id']}")).json()
    assert found["trace"]["verified"] is False
    assert found["trace"]["prompt"]


async def test_a_duplicate_shows_who_was_first_and_a_record_how_many_came_after(
    ready: httpx.AsyncClient, fake: FakeTeacher, drain: Drain
) -> None:
    fake.says_json({"question": "Why?", "answer": "Because."})
    one = spec(num_records=2, dedup={"on": ["question"]}, limits={"max_candidates": 4})
    await ready.post("/v1/jobs", json=one)
    await drain()
    [record] = await items(ready, f"{AT}/records")
    rejects = await items(ready, f"{AT}/rejects?reason=dedup")
    assert len(rejects) == 3
    found = (await ready.get(f"{AT}/rejects/{rejects[0]['id']}")).json()
    first = {"id": record["id"], "fields": record["fields"], "deleted_at": None}
    assert found["winner"] == first
    assert found["trace"]["verified"] is True
    first = (await ready.get(f"{AT}/records/{record['id']}")).json()
    assert first["duplicates"] == 3


async def test_what_is_not_in_the_corpus_is_not_shown(
    ready: httpx.AsyncClient, drain: Drain
) -> None:
    for number, name in enumerate(("faq", "other")):
        changed = {"seeds": {"matrix": {"topic": [f"only {number}"]}}}
        await ready.post("/v1/jobs", json=spec(corpus=name, num_records=1, **changed))
    await drain()
    [elsewhere] = await items(ready, "/v1/corpora/default/other/records")
    for path in (f"records/{elsewhere['id']}", f"records/{uuid4()}", f"rejects/{uuid4()}"):
        answer = await ready.get(f"{AT}/{path}")
        assert answer.status_code == 404
        assert answer.json()["code"] == f"{path.partition('s/')[0]}.not_found"
