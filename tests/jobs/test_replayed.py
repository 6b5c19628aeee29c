"""Records made of replies that another job asked for, or that a file brought: browsed, traced,
searched and deleted like any other.
"""

from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.corpus import search
from app.db import Database
from app.jobs.loaded import Tools
from tests.jobs.conftest import Drain, spec, work_one

AT = "/v1/corpora/default/faq"


async def items(api: httpx.AsyncClient, kind: str, **asked: Any) -> list[dict[str, Any]]:
    answer = await api.get(f"{AT}/{kind}", params={"limit": 200, **asked})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def index(database: Database) -> None:
    async with database.unit_of_work() as session:
        await search.catch_up(session)


@pytest.fixture
async def rebuilt(
    ready: httpx.AsyncClient, drain: Drain, database: Database
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A corpus of twelve records, decided anew by a second job."""
    first = (await ready.post("/v1/jobs", json=spec(num_records=12))).json()
    await drain()
    await index(database)
    again = (await ready.post("/v1/jobs/reprocess", json={"from": {"corpus": "faq"}})).json()
    await drain()
    assert len(await items(ready, "records")) == 12
    return first, again


@pytest.mark.parametrize("indexed", [True, False])
async def test_a_rebuilt_corpus_is_browsed_by_who_asked_and_by_who_decided(
    ready: httpx.AsyncClient, database: Database, rebuilt: Any, *, indexed: bool
) -> None:
    first, again = rebuilt
    if indexed:
        await index(database)
    for asked, wanted in (
        ({"template": "qa@1"}, 12),
        ({"teacher": "fake"}, 12),
        ({"template": "qa@2"}, 0),
        ({"job": first["id"]}, 12),
        ({"job": again["id"]}, 12),
    ):
        assert len(await items(ready, "records", **asked)) == wanted, asked
    one = (await items(ready, "records"))[0]
    word = one["fields"]["answer"].split()[0].strip(".")
    found = await items(ready, "records", q=f'"{word}"')
    assert one["id"] in [record["id"] for record in found]


async def test_a_record_decided_anew_is_traced_to_what_was_asked_first(
    ready: httpx.AsyncClient, rebuilt: Any
) -> None:
    first, again = rebuilt
    for record in await items(ready, "records"):
        assert record["job_id"] == again["id"]
        found = (await ready.get(f"{AT}/records/{record['id']}")).json()
        assert found["lineage"]["reply"]["job_id"] == first["id"]
        assert found["lineage"]["job_digest"] == first["digest"]
        assert found["trace"]["verified"] is True


async def test_an_imported_row_says_which_file_it_is_from(
    ready: httpx.AsyncClient, drain: Drain
) -> None:
    rows = b'{"question": "Why?", "answer": "Because."}\n{"question": "When?", "answer": "Then."}\n'
    params = {"format": "jsonl", "file": "old.jsonl"}
    answer = await ready.post(f"{AT}/imports", content=rows, params=params)
    assert answer.status_code == 201, answer.text
    await drain()
    [_, second] = await items(ready, "records")
    found = (await ready.get(f"{AT}/records/{second['id']}")).json()
    assert found["lineage"]["kind"] == "import"
    assert found["lineage"]["file"]["file"] == "old.jsonl"
    assert (found["trace"]["prompt"], found["trace"]["verified"]) == (None, None)
    assert "When?" in found["trace"]["reply"]["content"]


async def test_what_is_deleted_does_not_come_back_by_deciding_anew(
    ready: httpx.AsyncClient, database: Database, drain: Drain, rebuilt: Any
) -> None:
    gone, blocked, *_ = await items(ready, "records")
    for record, more in ((gone, {"erase": True}), (blocked, {"block": True})):
        body = {"selection": {"ids": [record["id"]]}, "reason": "a test", **more}
        assert (await ready.post(f"{AT}/deletions", json=body)).status_code == 201
    async with database.unit_of_work() as session:
        erased = await session.scalar(text("SELECT count(erased_at) FROM completion"))
    assert erased == 1
    again = {"from": {"corpus": "faq"}}
    assert (await ready.post("/v1/jobs/reprocess", json=again)).status_code == 201
    await drain()
    left = await items(ready, "records")
    assert len(left) == 10
    assert {gone["id"], blocked["id"]}.isdisjoint(record["id"] for record in left)
    assert (await ready.get(AT)).json()["deleted"] == 2
    # Nor into another corpus, where there is nothing left to decide on.
    elsewhere = {"from": {"corpus": "faq"}, "corpus": "other"}
    await ready.post("/v1/jobs/reprocess", json=elsewhere)
    await drain()
    other = (await ready.get("/v1/corpora/default/other/records?limit=200")).json()["items"]
    assert gone["fields"] not in [record["fields"] for record in other]


async def test_nothing_is_deleted_from_a_corpus_that_is_being_rebuilt(
    ready: httpx.AsyncClient, tools: Tools, drain: Drain
) -> None:
    await ready.post("/v1/jobs", json=spec(num_records=6))
    await drain()
    await ready.post("/v1/jobs/reprocess", json={"from": {"corpus": "faq"}})
    body = {"selection": {"templates": ["qa"]}, "reason": "a test"}
    refused = await ready.post(f"{AT}/deletions", json=body)
    assert (refused.status_code, refused.json()["code"]) == (409, "corpus.rebuilding")
    while await work_one(tools) is not None:
        pass
    assert (await ready.post(f"{AT}/deletions", json=body)).json()["records"] == 6
