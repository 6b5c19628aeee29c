"""Records are taken out of a corpus: what that changes, and what it leaves as it was."""

import asyncio
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from app.corpus import dedup, search
from app.corpus.candidate import Candidate, Place, Target
from app.curation import exact
from app.curation.near import Near
from app.db import Database
from tests.datasets.corpus import add, grow, job, questions
from tests.fake_teacher import FakeTeacher
from tests.jobs.conftest import Drain, adds_up, spec

AT = "/v1/corpora/default/faq"
SAME = {"question": "Why is the sky blue?", "answer": "Because short waves are scattered more."}


async def delete(api: httpx.AsyncClient, wanted: int = 201, **body: Any) -> dict[str, Any]:
    answer = await api.post(f"{AT}/deletions", json={"reason": "a test", **body})
    assert answer.status_code == wanted, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def listed(api: httpx.AsyncClient, kind: str, query: str = "") -> list[dict[str, Any]]:
    answer = await api.get(f"{AT}/{kind}?limit=200&{query}")
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def test_what_is_deleted_is_gone_and_its_job_has_accepted_it(
    ready: httpx.AsyncClient, database: Database, drain: Drain
) -> None:
    made = (await ready.post("/v1/jobs", json=spec(num_records=12))).json()
    await drain()
    async with database.unit_of_work() as session:
        await search.catch_up(session)
    before = (await ready.get(f"/v1/jobs/{made['id']}")).json()
    first, second, *rest = await listed(ready, "records")
    gone = [first["id"], second["id"]]

    dry = await delete(ready, 200, selection={"ids": gone}, dry_run=True)
    assert (dry["records"], dry["id"]) == (2, None)
    assert len(await listed(ready, "records")) == 12
    done = await delete(ready, selection={"ids": gone})
    assert done["records"] == 2
    again = await delete(ready, 200, selection={"ids": gone})
    assert again["records"] == 0

    assert await listed(ready, "records") == rest
    word = first["fields"]["question"].split()[-1].strip("?")
    assert first["id"] not in [r["id"] for r in await listed(ready, "records", f"q={word}")]
    counts = (await ready.get(AT)).json()
    assert (counts["records"], counts["deleted"]) == (10, 2)
    after = (await ready.get(f"/v1/jobs/{made['id']}")).json()
    assert after == before
    assert adds_up(after)
    problem = (await ready.get(f"{AT}/records/{first['id']}")).json()
    assert (problem["status"], problem["code"]) == (404, "record.deleted")
    assert "a test" in problem["detail"]
    [noted] = await listed(ready, "deletions")
    assert noted == done
    assert (noted["caller"], noted["selection"]) == ("local", {"ids": gone})
    async with database.unit_of_work() as session:
        for table in ("record", "record_words"):
            left = await session.scalar(text(f"SELECT count(*) FROM {table}"))
            assert left == 10, table


@pytest.mark.parametrize("block", [False, True])
async def test_the_same_text_may_come_again_unless_it_is_blocked(
    ready: httpx.AsyncClient, fake: FakeTeacher, drain: Drain, *, block: bool
) -> None:
    fake.says_json(SAME)
    one = spec(num_records=1, seeds={"matrix": {"topic": ["tea"]}})
    await ready.post("/v1/jobs", json=one)
    await drain()
    [record] = await listed(ready, "records")
    await delete(ready, selection={"q": "sky"}, block=block)
    second = (await ready.post("/v1/jobs", json=one)).json()
    await drain()
    second = (await ready.get(f"/v1/jobs/{second['id']}")).json()
    assert adds_up(second)
    if not block:
        assert second["ledger"]["accepted"] == 1
        return
    assert second["funnel"]["reasons"] == {"dedup.exact": 5}
    reject = (await listed(ready, "rejects"))[0]
    assert reject["duplicate_of"] == record["id"]
    winner = (await ready.get(f"{AT}/rejects/{reject['id']}")).json()["winner"]
    assert winner["fields"] is None
    assert winner["deleted_at"] is not None


async def test_erasing_leaves_nothing_of_the_text(
    ready: httpx.AsyncClient, fake: FakeTeacher, database: Database, drain: Drain
) -> None:
    fake.says_json(SAME)
    one = spec(num_records=2, seeds={"matrix": {"topic": ["tea"]}}, limits={"max_candidates": 3})
    made = (await ready.post("/v1/jobs", json=one)).json()
    await drain()
    async with database.unit_of_work() as session:
        await search.catch_up(session)
    [record] = await listed(ready, "records")
    await delete(ready, selection={"ids": [record["id"]]}, erase=True)
    async with database.unit_of_work() as session:
        for table in (
            "record",
            "reject",
            "completion",
            "tombstone",
            "record_words",
            "reject_words",
        ):
            rows = await session.scalars(text(f"SELECT CAST(t AS text) FROM {table} AS t"))
            held = "".join(rows)
            assert "sky" not in held, table
            assert b"sky".hex() not in held, table
    reply = (await ready.get(f"/v1/jobs/{made['id']}/replies/{record['item']}/0")).json()
    assert reply["erased_at"] is not None
    assert reply["completion_tokens"] > 0


@pytest.mark.parametrize("near", [None, Near(("answer",), (), 0.7)], ids=["exact", "near"])
async def test_records_that_come_and_go_at_once_are_counted_once(
    api: httpx.AsyncClient, database: Database, near: Near | None
) -> None:
    corpus = await grow(database)
    jobs = [await job(database, corpus) for _ in range(3)]
    target = Target(corpus.corpus_id, 0, near)
    ended = asyncio.Event()

    async def insert(job_id: UUID) -> int:
        kept = 0
        for step in range(0, 200, 20):
            made = [
                Candidate(Place(job_id, step + n, 0), fields, exact.digest(fields))
                for n, fields in enumerate(questions(20, step))
            ]
            async with database.unit_of_work() as session:
                lost = await dedup.add(session, target, target.signed(made))
            kept += len(made) - len(lost)
        return kept

    async def take_out() -> int:
        total = 0
        while not ended.is_set():
            answer = await api.post(
                f"{AT}/deletions", json={"selection": {"jobs": [str(jobs[0])]}, "reason": "race"}
            )
            assert answer.status_code in {200, 201}, answer.text
            total += answer.json()["records"]
        return total

    async def insert_all() -> int:
        kept = await asyncio.gather(*map(insert, jobs))
        ended.set()
        return sum(kept)

    kept, *gone = await asyncio.gather(insert_all(), take_out(), take_out())
    left = (await api.get(AT)).json()
    assert kept == left["records"] + left["deleted"]
    assert sum(gone) == left["deleted"] > 0


async def test_a_version_keeps_its_rows_and_the_next_is_made_of_what_is_left(
    api: httpx.AsyncClient, database: Database
) -> None:
    corpus = await grow(database)
    await add(database, corpus, await job(database, corpus), questions(10))
    await api.post("/v1/datasets", json={"name": "faq", "corpus": "faq"})
    dataset = "/v1/datasets/default/faq"
    first = (await api.post(f"{dataset}/versions", json={})).json()
    records = await listed(api, "records")
    await delete(api, selection={"ids": [row["id"] for row in records[:4]]})
    second = (await api.post(f"{dataset}/versions", json={})).json()
    assert (first["rows"], second["rows"]) == (10, 6)
    again = (await api.get(f"{dataset}/versions/1")).json()
    assert again["rows"] == 10


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"selection": {}}, "/selection"),
        ({}, "/selection"),
        ({"selection": {"ids": None}}, "/selection"),
        ({"selection": {"jobs": [str(UUID(int=9))]}}, "/selection/jobs/0"),
        ({"selection": {"q": "?"}}, "/selection/q"),
        ({"selection": {"q": "a"}, "reason": ""}, "/reason"),
        ({"selection": {"what": 1}}, "/selection/what"),
    ],
)
async def test_a_deletion_must_say_of_what(
    api: httpx.AsyncClient, database: Database, body: dict[str, Any], field: str
) -> None:
    corpus = await grow(database)
    await add(database, corpus, await job(database, corpus), questions(3))
    refused = await delete(api, 422, **body)
    assert refused["errors"][0]["field"] == field
    assert len(await listed(api, "records")) == 3
