"""Stored replies decided anew: no teacher is asked, and the corpus is what it would have been."""

import asyncio
import io
import json
from datetime import timedelta
from hashlib import sha256
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest
from sqlalchemy import text

from app.corpus import shadow
from app.db import Database
from app.jobs import chunk, lease
from app.jobs.lane import Course
from app.jobs.loaded import Tools
from app.jobs.reap import reap
from app.jobs.semantic import take_turn
from tests.fake_teacher import FakeTeacher
from tests.fake_teacher.behaviour import Behaviour, says
from tests.fake_teacher.replies import fresh_text
from tests.jobs.conftest import Drain, adds_up, claim_one, spec, work_one

STRICT = {"filters": [{"name": "length", "field": "answer", "min_words": 8}]}


AGAIN = ", once again"


def answer_to(body: dict[str, Any]) -> Behaviour:
    """Always the same to the same question: a fifth is malformed; many say the same, or nearly."""
    number = int.from_bytes(sha256(str(body["messages"][-1]).encode()).digest()[:4])
    if number % 5 == 0:
        return says("no JSON at all")
    question = fresh_text(number % 4001) + (AGAIN if number % 2 else "")
    return says(json.dumps({"question": question, "answer": fresh_text(number, 1 + number % 12)}))


async def run(ready: httpx.AsyncClient, drain: Drain, path: str, body: Any) -> dict[str, Any]:
    answer = await ready.post(path, json=body)
    assert answer.status_code == 201, answer.text
    await drain()
    job: dict[str, Any] = (await ready.get(f"/v1/jobs/{answer.json()['id']}")).json()
    assert adds_up(job)
    assert job["ledger"]["open"] == 0
    return job


async def generated(
    ready: httpx.AsyncClient, drain: Drain, count: int, **changes: Any
) -> dict[str, Any]:
    lines = "".join(f'{{"topic": "topic {n}"}}\n' for n in range(count))
    await ready.post("/v1/seeds/default/topics/versions?format=jsonl", content=lines)
    body = spec(seeds={"dataset": "topics"}, **changes)
    del body["num_records"]
    return await run(ready, drain, "/v1/jobs", body)


async def reprocessed(ready: httpx.AsyncClient, drain: Drain, **body: Any) -> dict[str, Any]:
    return await run(ready, drain, "/v1/jobs/reprocess", body)


async def everything(ready: httpx.AsyncClient, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = (await ready.get(f"{path}?limit=200{cursor}")).json()
        found += page["items"]
        if page["next"] is None:
            return found
        cursor = f"&cursor={page['next']}"


async def said(ready: httpx.AsyncClient, corpus: str) -> set[str]:
    """What the corpus's records say, apart from which of the nearly same it was that won."""
    records = await everything(ready, f"/v1/corpora/default/{corpus}/records")
    return {record["fields"]["question"].removesuffix(AGAIN) for record in records}


async def test_ten_thousand_replies_are_decided_anew_without_a_call(
    ready: httpx.AsyncClient, drain: Drain, fake: FakeTeacher
) -> None:
    fake.when(answer_to)
    first = await generated(ready, drain, 10_000)
    asked = len(fake.asked)
    assert asked == 10_000

    new = {"accept": STRICT, "dedup": {"on": ["question"]}}
    again = await reprocessed(
        ready, drain, **{"from": {"corpus": "faq"}, "corpus": "strict"}, **new
    )
    assert len(fake.asked) == asked
    assert again["state"] == "finished"
    assert set(again["tokens"].values()) == {0}
    assert again["before"] == first["funnel"]
    assert again["funnel"]["generated"] == 10_000
    assert again["funnel"]["reasons"]["filter.length.too_short"] > 1_000

    afresh = await generated(ready, drain, 10_000, corpus="afresh", **new)
    assert {"dedup.exact", "dedup.near"} <= again["funnel"]["reasons"].keys()
    assert afresh["funnel"]["reasons"].keys() == again["funnel"]["reasons"].keys()
    assert await said(ready, "strict") == await said(ready, "afresh")
    assert again["ledger"]["accepted"] == afresh["ledger"]["accepted"]


async def test_a_corpus_is_rebuilt_beside_itself_and_changes_all_at_once(
    ready: httpx.AsyncClient, tools: Tools, drain: Drain, fake: FakeTeacher
) -> None:
    fake.when(answer_to)
    await generated(ready, drain, 1_500)
    old = {r["id"]: r for r in await everything(ready, "/v1/corpora/default/faq/records")}

    body = {"from": {"corpus": "faq"}, "accept": STRICT}
    job_id = (await ready.post("/v1/jobs/reprocess", json=body)).json()["id"]
    await work_one(tools)
    now = await everything(ready, "/v1/corpora/default/faq/records")
    assert {record["id"] for record in now} == old.keys()
    listed = (await ready.get("/v1/corpora")).json()["items"]
    assert [corpus["name"] for corpus in listed] == ["faq"]
    busy = await ready.post("/v1/jobs", json=spec())
    assert (busy.status_code, busy.json()["code"]) == (409, "corpus.rebuilding")

    seen: set[int] = set()
    done = asyncio.Event()
    watching = asyncio.create_task(watch(tools.database, seen, done))
    await drain()
    done.set()
    await watching
    job = (await ready.get(f"/v1/jobs/{job_id}")).json()
    assert job["state"] == "finished"
    assert adds_up(job)
    new = await everything(ready, "/v1/corpora/default/faq/records")
    assert job["ledger"]["accepted"] == len(new) < len(old)
    assert seen <= {len(old), len(new)}
    # What is decided as before stays the same record, with another job to answer for it.
    assert {r["id"] for r in new} == {
        key for key, r in old.items() if len(r["fields"]["answer"].split()) >= 8
    }
    assert all(old[r["id"]]["fields"] == r["fields"] for r in new)
    assert {r["job_id"] for r in new} == {job_id}
    reply = await ready.get(f"/v1/jobs/{job_id}/replies/{new[0]['item']}/{new[0]['sample']}")
    assert json.loads(reply.json()["content"])["question"] == new[0]["fields"]["question"]
    refused = await everything(ready, "/v1/corpora/default/faq/rejects")
    assert len(refused) == job["ledger"]["rejected"]
    async with tools.database.unit_of_work() as session:
        stones = await session.execute(text("SELECT record_id, reason FROM tombstone"))
        assert {(str(row.record_id), row.reason) for row in stones} == {
            (key, "reprocessed") for key in old.keys() - {r["id"] for r in new}
        }
        assert await session.scalar(text("SELECT count(*) FROM corpus")) == 1
    assert (await ready.post("/v1/jobs", json=spec(num_records=8))).status_code == 201


async def watch(database: Database, seen: set[int], done: asyncio.Event) -> None:
    while not done.is_set():
        async with database.unit_of_work() as session:
            named = "SELECT count(*) FROM record JOIN corpus ON corpus.id = corpus_id"
            seen.add(await session.scalar(text(f"{named} WHERE name = 'faq'")) or 0)


@pytest.mark.parametrize("end", ["cancelled", "failed"])
async def test_a_rebuilding_that_comes_to_nothing_leaves_the_corpus_as_it_was(
    ready: httpx.AsyncClient, tools: Tools, drain: Drain, database: Database, end: str
) -> None:
    first = await generated(ready, drain, 1_200)
    impossible = {"filters": [{"name": "length", "field": "answer", "min_words": 500}]}
    body = {"from": {"corpus": "faq"}} | ({"accept": impossible} if end == "failed" else {})
    job_id = (await ready.post("/v1/jobs/reprocess", json=body)).json()["id"]
    await work_one(tools)
    if end == "cancelled":
        await ready.post(f"/v1/jobs/{job_id}/cancel")
    await drain()
    job = (await ready.get(f"/v1/jobs/{job_id}")).json()
    assert job["state"] == end
    assert adds_up(job)
    while True:
        async with database.unit_of_work() as session:
            if not await shadow.clear(session):
                break
    records = await everything(ready, "/v1/corpora/default/faq/records")
    assert {record["job_id"] for record in records} == {first["id"]}
    assert len(records) == first["ledger"]["accepted"]
    assert await everything(ready, f"/v1/jobs/{job_id}/records") == []
    async with database.unit_of_work() as session:
        assert await session.scalar(text("SELECT count(*) FROM corpus")) == 1
    # What never came to be is no decision: the same replies can be decided anew.
    again = await reprocessed(ready, drain, **{"from": {"corpus": "faq"}, "corpus": "other"})
    assert again["before"] == first["funnel"]


async def test_a_corpus_with_a_job_at_work_is_not_rebuilt(
    ready: httpx.AsyncClient, drain: Drain
) -> None:
    await generated(ready, drain, 10)
    live = (await ready.post("/v1/jobs", json=spec(num_records=64))).json()["id"]
    refused = await ready.post("/v1/jobs/reprocess", json={"from": {"corpus": "faq"}})
    assert (refused.status_code, refused.json()["code"]) == (409, "corpus.busy")
    assert live in refused.json()["detail"]
    elsewhere = {"from": {"corpus": "faq"}, "corpus": "other"}
    assert (await ready.post("/v1/jobs/reprocess", json=elsewhere)).status_code == 201


async def test_a_crash_in_a_reprocess_loses_and_doubles_nothing(
    ready: httpx.AsyncClient,
    tools: Tools,
    drain: Drain,
    database: Database,
    fake: FakeTeacher,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(chunk, "LARGEST_BATCH", 128)  # so that a chunk has several
    fake.when(answer_to)
    await generated(ready, drain, 1_500)
    whole = await reprocessed(ready, drain, **{"from": {"corpus": "faq"}, "corpus": "whole"})

    body = {"from": {"corpus": "faq"}, "corpus": "broken"}
    job_id = (await ready.post("/v1/jobs/reprocess", json=body)).json()["id"]
    for batches in (1, 2):
        await die_after(tools, database, batches)
    await drain()
    job = (await ready.get(f"/v1/jobs/{job_id}")).json()
    assert adds_up(job)
    assert job["ledger"] == whole["ledger"]
    assert job["funnel"] == whole["funnel"]
    records = [
        [r["fields"] for r in await everything(ready, f"/v1/corpora/default/{name}/records")]
        for name in ("whole", "broken")
    ]
    assert records[0] == records[1]


async def die_after(tools: Tools, database: Database, batches: int) -> None:
    """A worker vanishes after so many batches; the lease runs out, somebody takes over, and the
    first one, who only seemed dead, tries to go on.
    """
    claim = await claim_one(tools)
    assert claim is not None
    assert await claim_one(tools) is None  # one chunk at a time, so that the order is kept
    job = await tools.load(claim)
    stored = chunk._stored(claim, job, tools)
    for _ in range(batches):
        assert await chunk._settle(claim, job, tools, await anext(stored), [], {}, set(), Course())
    async with database.unit_of_work() as session:
        await session.execute(text("UPDATE chunk SET lease_until = now() - interval '1 s'"))
        assert await reap(session, timedelta(0))
    with pytest.raises(lease.LeaseLost):
        await chunk._settle(claim, job, tools, await anext(stored), [], {}, set(), Course())


async def test_filters_see_again_what_the_teacher_was_asked(
    ready: httpx.AsyncClient, tools: Tools, drain: Drain, fake: FakeTeacher
) -> None:
    fake.when(answer_to)
    examples = [
        {
            "inputs": {"topic": f"example {n}"},
            "response": {"question": f"What is {n}?", "answer": fresh_text(n)},
        }
        for n in range(6)
    ]
    pushed = await ready.post("/v1/few-shot-sets", json={"name": "qa", "examples": examples})
    assert pushed.status_code == 201, pushed.text
    await generated(ready, drain, 1_100, few_shot={"set": "qa", "k": 4})
    body = {"from": {"corpus": "faq"}, "corpus": "other"}
    await ready.post("/v1/jobs/reprocess", json=body)
    claim = await claim_one(tools)
    assert claim is not None
    job = await tools.load(claim)
    async for replies in chunk._stored(claim, job, tools):
        asked = await job.prompts(tools.pool, replies, claim.seq)
        assert all(asked[r.place.item].digest == r.prompt_digest for r in replies)


async def test_what_is_published_after_a_rebuilding_still_tells_who_was_asked(
    ready: httpx.AsyncClient, drain: Drain, fake: FakeTeacher
) -> None:
    fake.when(answer_to)
    first = await generated(ready, drain, 300)
    dataset = "/v1/datasets/default/faq"
    await ready.post("/v1/datasets", json={"name": "faq", "corpus": "faq"})

    async def published(**body: Any) -> tuple[dict[str, Any], dict[str, set[str]]]:
        answer = await ready.post(f"{dataset}/versions", json=body)
        assert answer.status_code == 201, answer.text
        manifest = answer.json()
        rows: dict[str, set[str]] = {}
        for file in manifest["files"]:
            if file["split"]:
                path = f"{dataset}/versions/{manifest['version']}/files/{file['path']}"
                table = pq.read_table(io.BytesIO((await ready.get(path)).content))
                rows.setdefault(file["split"], set()).update(table["question"].to_pylist())
        return manifest, rows

    before, old = await published(splits={"train": 0.5, "validation": 0.5})
    again = await reprocessed(ready, drain, **{"from": {"corpus": "faq"}, "accept": STRICT})
    after, new = await published()
    chosen = {"jobs": [first["id"]], "templates": ["qa@1"]}
    _, of_the_asked = await published(selection=chosen)
    assert [source["job"] for source in after["sources"]] == [first["id"]]
    assert after["funnel"]["accepted"] == after["rows"] == again["ledger"]["accepted"]
    assert after["funnel"]["generated"] == before["funnel"]["generated"] == 300
    assert all(new[split] < old[split] for split in ("train", "validation"))
    assert of_the_asked == new


async def test_a_rebuilt_corpus_goes_on_with_the_new_policy_and_its_semantic_report(
    ready: httpx.AsyncClient, drain: Drain, fake: FakeTeacher, tools: Tools
) -> None:
    tea = "Name {} kinds of tea that people in Assam like to drink"
    policy = {"on": ["question"], "near": False}
    for kinds in ("three", "nine"):
        fake.says_json({"question": tea.format(kinds), "answer": "Because."})
    job = await run(ready, drain, "/v1/jobs", spec(dedup=policy, num_records=2))
    assert job["ledger"]["accepted"] == 2
    report = "/v1/corpora/default/faq/semantic"
    asked = {"teacher": "fake", "threshold": 0.5}
    assert (await ready.post(report, json=asked)).status_code == 202
    await look_for_meaning(tools)
    assert (await ready.get(report)).json()["pairs"] == 1

    again = await reprocessed(
        ready, drain, **{"from": {"corpus": "faq"}, "corpus": "faq", "dedup": policy | ROUGE}
    )
    assert again["funnel"]["reasons"] == {"dedup.rouge": 1}
    fake.forgets().says_json({"question": tea.format("many"), "answer": "So."})
    fake.does(Behaviour())
    later = await run(ready, drain, "/v1/jobs", spec(num_records=2))
    assert later["funnel"]["reasons"] == {"dedup.rouge": 1}
    assert (await ready.get(report)).json()["pairs"] == 0
    assert (await ready.post(report, json=asked)).status_code == 202
    await look_for_meaning(tools)
    told = (await ready.get(report)).json()
    assert told["state"] == "finished"
    assert told["compared"] == told["records"] > 2


ROUGE = {"rouge": 0.7}


async def look_for_meaning(tools: Tools) -> None:
    async with tools.database.unit_of_work() as session:
        corpus_id = await session.scalar(text("SELECT corpus_id FROM semantic_report"))
    assert corpus_id is not None
    await take_turn(tools.database, tools.clients, corpus_id, asyncio.Event())
