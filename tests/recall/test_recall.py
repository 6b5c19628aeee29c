"""From something bad to everybody who has it."""

from typing import Any

import httpx
import psycopg
import pytest

from tests.auth.keys import MINE, make, shown
from tests.fake_teacher import FakeTeacher
from tests.jobs.conftest import TEMPLATE, Drain, spec

BAD = "default/miles@1"
VERSIONS = "/v1/datasets/default/faq/versions"
SHARD = "files/data/train-00000-of-00001.parquet"

SAYS = {
    "qa": [("Why is the sky blue?", "Light scatters."), ("Who bakes bread?", "The baker does.")],
    "miles": [("How far is the moon?", "Too far."), ("Which river is longest?", "The Nile.")],
}


@pytest.fixture
async def jobs(ready: httpx.AsyncClient, drain: Drain, fake: FakeTeacher) -> dict[str, str]:
    """A job of two records for each of two templates, into one corpus."""
    bad = {"name": "miles", "source": TEMPLATE.replace("You write", "In miles, you write")}
    assert (await ready.post("/v1/templates", json=bad)).status_code == 201
    rows = {"name": "topics", "rows": [{"topic": "tea"}, {"topic": "rain"}]}
    assert (await ready.post("/v1/seeds", json=rows)).status_code == 201
    made = {}
    for template, seeds in (("qa", {"dataset": "topics"}), ("miles", spec()["seeds"])):
        fake.forgets()
        for question, answer in SAYS[template]:
            fake.says_json({"question": question, "answer": answer})
        job = spec(template=template, seeds=seeds, num_records=2, limits={"max_candidates": 2})
        made[template] = (await ready.post("/v1/jobs", json=job)).json()["id"]
        await drain()
    return made


async def publish(api: httpx.AsyncClient, **wanted: Any) -> int:
    made = await api.post(VERSIONS, json=wanted)
    assert made.status_code == 201, made.text
    return int(made.json()["version"])


async def test_a_recall_names_exactly_who_has_it(
    ready: httpx.AsyncClient, jobs: dict[str, str]
) -> None:
    dataset = {"name": "faq", "corpus": "faq"}
    assert (await ready.post("/v1/datasets", json=dataset)).status_code == 201
    mixed = await publish(ready)
    good = await publish(ready, selection={"templates": ["qa"]})
    alice, bob = await make(ready), await make(ready, name="bob")
    for key, version in ((alice, mixed), (bob, good)):
        got = await ready.get(f"{VERSIONS}/{version}/{SHARD}", headers=shown(key["key"]))
        assert got.status_code == 200
    deletion = {"selection": {"templates": [BAD]}, "reason": "miles"}
    deleted = await ready.post("/v1/corpora/default/faq/deletions", json=deletion)
    assert deleted.json()["records"] == 2
    assert await publish(ready) == 3

    found = (await ready.get("/v1/recall", params={"template": BAD})).json()
    assert [job["id"] for job in found["jobs"]] == [jobs["miles"]]
    assert found["corpora"] == [{"corpus": "default/faq", "records": 0, "deleted": 2}]
    [version] = found["versions"]
    assert (version["version"], version["exact"]) == (f"default/faq@{mixed}", True)
    assert (version["rows"], version["of_rows"]) == (2, 4)
    [pull] = version["pulls"]
    assert (pull["key_id"], pull["complete"]) == (alice["id"], True)
    assert pull["bytes"] == int(
        (await ready.head(f"{VERSIONS}/{mixed}/{SHARD}")).headers["content-length"]
    )

    because = {"reason": "Template miles@1 asked for miles."}
    assert (await ready.post(f"{VERSIONS}/{mixed}/withdraw", json=because)).status_code == 200
    told = await ready.get(f"{VERSIONS}/{mixed}/{SHARD}", headers=shown(alice["key"]))
    assert told.status_code == 410
    assert because["reason"] in told.json()["detail"]
    again = (await ready.get("/v1/recall", params={"job": jobs["miles"]})).json()
    assert again["versions"][0]["withdrawn_because"] == because["reason"]

    async def versions(**suspect: str) -> list[tuple[str, int]]:
        answer = await ready.get("/v1/recall", params=suspect)
        return [(each["version"], each["rows"]) for each in answer.json()["versions"]]

    everywhere = [("default/faq@1", 2), ("default/faq@2", 2), ("default/faq@3", 2)]
    assert await versions(template="qa") == everywhere
    assert await versions(seed="topics") == everywhere
    assert await versions(teacher="fake") == [("default/faq@1", 4), *everywhere[1:]]
    mine = shown((await make(ready, "publish", namespaces=[MINE]))["key"])
    refused = await ready.get("/v1/recall", params={"job": jobs["qa"]}, headers=mine)
    assert refused.status_code == 404


async def test_replies_that_were_decided_anew_are_found(
    ready: httpx.AsyncClient, jobs: dict[str, str], drain: Drain
) -> None:
    strict = {"from": {"jobs": [jobs["miles"]]}, "corpus": "strict"}
    reprocess = (await ready.post("/v1/jobs/reprocess", json=strict)).json()["id"]
    await drain()
    dataset = {"name": "faq", "corpus": "strict"}
    assert (await ready.post("/v1/datasets", json=dataset)).status_code == 201
    await publish(ready)
    found = (await ready.get("/v1/recall", params={"template": BAD})).json()
    assert [job["id"] for job in found["jobs"]] == [jobs["miles"], reprocess]
    held = {each["corpus"]: each["records"] for each in found["corpora"]}
    assert held == {"default/faq": 2, "default/strict": 2}
    assert [(each["version"], each["rows"]) for each in found["versions"]] == [("default/faq@1", 2)]
    other = (await ready.get("/v1/recall", params={"job": reprocess})).json()
    assert [(each["version"], each["exact"]) for each in other["versions"]] == [
        ("default/faq@1", False)
    ]
    innocent = (await ready.get("/v1/recall", params={"job": jobs["qa"]})).json()
    assert innocent["versions"] == []


async def test_a_recall_is_of_one_thing_that_there_is(ready: httpx.AsyncClient) -> None:
    for query, status in (
        ("", 422),
        ("template=qa&teacher=fake", 422),
        ("template=No!", 422),
        ("template=none", 404),
        ("few_shot=none@3", 404),
        ("seed=none", 404),
        ("teacher=fake@1", 404),
    ):
        assert (await ready.get(f"/v1/recall?{query}")).status_code == status, query


def test_versions_are_found_by_an_index(database_url: str) -> None:
    with psycopg.connect(database_url) as reader:
        reader.execute("SET enable_seqscan = off")
        plan = reader.execute(
            "EXPLAIN SELECT id FROM dataset_version "
            """WHERE manifest -> 'sources' @> '[{"job": "x"}]'"""
        ).fetchall()
    assert "ix_dataset_version_sources" in str(plan)
