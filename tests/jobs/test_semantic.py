"""Which records mean the same: found behind the scenes, told in a report, left out on request."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import numpy as np
import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from app import migrate
from app.db import Database
from app.jobs import tickets
from app.jobs.loaded import Tools
from app.jobs.publication import publish_result
from app.jobs.semantic import take_turn
from app.main import create_app
from app.semantic import pair
from app.settings import Settings
from tests.conftest import running
from tests.fake_teacher import FakeTeacher
from tests.fake_teacher.abilities import vector
from tests.jobs.conftest import TEMPLATE, Drain, spec

ADDRESS = "/v1/corpora/default/faq/semantic"
TEA = "Which tea grows in the hills"
TEA_AGAIN = "In the hills which tea grows"
SHIP = "What do ships carry over the sea"
SHIP_AGAIN = "Over the sea what do ships carry"
ASKED = {"teacher": "fake", "fields": ["question"]}
POLICY = {"on": ["question"], "near": False}

Make = Callable[..., Awaitable[str]]


@pytest.fixture
def make(ready: httpx.AsyncClient, drain: Drain, fake: FakeTeacher) -> Make:
    """Runs a job that makes records of these questions; answers its id."""

    async def run(*questions: str, **more: Any) -> str:
        fake.forgets()
        for question in questions:
            fake.says_json({"question": question, "answer": "So."})
        wanted = spec(dedup=POLICY, num_records=len(questions), **more)
        wanted["limits"] = {"max_candidates": len(questions)}
        job = (await ready.post("/v1/jobs", json=wanted)).json()
        await drain()
        return str(job["id"])

    return run


@pytest.fixture
def turn(ready: httpx.AsyncClient, tools: Tools) -> Callable[[], Awaitable[dict[str, Any]]]:
    """A worker's turn at the report; answers what is to be seen of it then."""

    async def run() -> dict[str, Any]:
        async with tools.database.unit_of_work() as session:
            corpus_id = await session.scalar(text("SELECT corpus_id FROM semantic_report"))
        assert corpus_id is not None
        await take_turn(tools.database, tools.clients, corpus_id, asyncio.Event())
        report: dict[str, Any] = (await ready.get(f"{ADDRESS}?limit=200")).json()
        return report

    return run


Turn = Callable[[], Awaitable[dict[str, Any]]]


def said(report: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["older"]["text"], one["newer"]["text"]) for one in report["items"]]


async def ask(api: httpx.AsyncClient, **more: Any) -> dict[str, Any]:
    answer = await api.post(ADDRESS, json=ASKED | more)
    assert answer.status_code == 202, answer.text
    report: dict[str, Any] = answer.json()
    return report


async def test_what_means_the_same_is_told_with_its_cosine(
    ready: httpx.AsyncClient, make: Make, turn: Turn
) -> None:
    await make(TEA, SHIP)
    await make(TEA_AGAIN)
    asked = await ask(ready)
    assert (asked["state"], asked["records"], asked["embedded"]) == ("queued", 3, 0)
    report = await turn()
    assert (report["state"], report["embedded"], report["compared"]) == ("finished", 3, 3)
    assert (report["model"], report["dimensions"], report["pairs"]) == ("fake", 64, 1)
    assert said(report) == [(TEA, TEA_AGAIN)]
    assert report["items"][0]["cosine"] == pytest.approx(1, abs=1e-5)


async def test_a_refresh_asks_for_what_is_new_and_another_threshold_for_nothing(
    ready: httpx.AsyncClient, make: Make, turn: Turn, fake: FakeTeacher
) -> None:
    await make(TEA, SHIP)
    await ask(ready)
    await turn()
    await make(SHIP_AGAIN)
    assert (await turn())["embedded"] == 2, "nobody asked for more"
    await ask(ready)
    assert said(await turn()) == [(SHIP, SHIP_AGAIN)]
    assert [len(texts) for texts in fake.record.embedded] == [2, 1]
    await ask(ready, threshold=0.5)
    report = await turn()
    assert (report["threshold"], report["state"], report["pairs"]) == (0.5, "finished", 1)
    assert len(fake.record.embedded) == 2
    await ask(ready, fields=["question", "answer"])
    assert (await turn())["embedded"] == 3
    assert len(fake.record.embedded) == 3


async def test_every_pair_is_found_once_however_the_vectors_are_cut_up(
    ready: httpx.AsyncClient, make: Make, turn: Turn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pair, "BLOCK", 4)
    monkeypatch.setattr(pair, "PAGE", 3)
    words = ["tea", "rain", "ships", "sea", "hills"]
    made = [f"{a} {b} {c}" for a, b, c in combinations(words, 3)]
    await make(*made[:7])
    await ask(ready, threshold=0.6)
    await turn()
    await make(*made[7:])
    await ask(ready, threshold=0.6)
    report = await turn()
    unit = {one: np.array(vector(one)) / np.linalg.norm(vector(one)) for one in made}
    alike = {
        frozenset((one, other))
        for one, other in combinations(made, 2)
        if float(unit[one] @ unit[other]) >= 0.6
    }
    assert 10 < len(alike) < 45
    assert {frozenset(one) for one in said(report)} == alike
    assert len(report["items"]) == report["pairs"] == len(alike)


async def test_a_text_that_is_refused_costs_its_neighbours_nothing(
    ready: httpx.AsyncClient, make: Make, turn: Turn, fake: FakeTeacher
) -> None:
    fake.longest_text = 100
    await make(TEA, "very " * 30 + "long", SHIP)
    await ask(ready)
    report = await turn()
    assert (report["embedded"], report["blank"], report["compared"]) == (2, 1, 3)
    assert report["state"] == "finished"


async def test_a_report_waits_for_its_teacher_and_goes_on(
    ready: httpx.AsyncClient, make: Make, turn: Turn, fake: FakeTeacher, database: Database
) -> None:
    await make(TEA, TEA_AGAIN)
    await ask(ready)
    async with database.unit_of_work() as session:
        await tickets.top_up(session)
        assert await session.scalar(text(_TICKETS)) == 1
        await session.execute(text("DELETE FROM procrastinate_jobs"))
    port = fake.port
    fake.stop()
    report = await turn()
    assert report["state"] == "running"
    assert report["reason"].startswith("teacher.unreachable")
    async with database.unit_of_work() as session:
        await tickets.top_up(session)
        assert await session.scalar(text(_TICKETS)) == 0, "not before the pause is over"
    fake.start(port)
    report = await turn()
    assert (report["state"], report["reason"], report["pairs"]) == ("finished", None, 1)


_TICKETS = "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'limbeck.semantic'"


async def test_a_version_leaves_out_the_newer_of_two_and_says_how_many(
    ready: httpx.AsyncClient, make: Make, turn: Turn
) -> None:
    await make(TEA, SHIP)
    later = await make(TEA_AGAIN)
    await ask(ready)
    await turn()
    await make("Why is there weather")
    body = {"name": "faq", "corpus": "faq"}
    assert (await ready.post("/v1/datasets", json=body)).status_code == 201
    address = "/v1/datasets/default/faq/versions"
    limit = {"semantic": {"max_similarity": 0.95}}
    manifest = (await ready.post(address, json=limit)).json()
    assert manifest["rows"] == 2
    told = {"model": "fake", "max_similarity": 0.95, "alike": 1, "not_compared": 1}
    assert manifest["semantic"] == told
    card = await ready.get(f"{address}/1/files/README.md")
    assert "1 records were left out: by the vectors of `fake`" in card.text
    alone = await ready.post(address, json=limit | {"selection": {"jobs": [later]}})
    assert (alone.json()["rows"], alone.json()["semantic"]["alike"]) == (1, 0)
    everything = (await ready.post(address, json={})).json()
    assert (everything["rows"], everything["semantic"]) == (4, None)
    low = await ready.post(address, json={"semantic": {"max_similarity": 0.6}})
    assert low.json()["errors"][0]["field"] == "/semantic/max_similarity"


async def test_a_job_publishes_once_its_records_are_compared(
    ready: httpx.AsyncClient,
    make: Make,
    turn: Turn,
    database: Database,
    tmp_path: Path,
    tools: Tools,
) -> None:
    publish = {"dataset": "faq", "semantic": {"max_similarity": 0.95}}
    refused = await ready.post("/v1/jobs", json=spec(publish=publish, corpus="new"))
    assert refused.json()["errors"][0]["field"] == "/publish/semantic"
    await make(TEA)
    assert (await ready.post("/v1/jobs", json=spec(publish=publish))).status_code == 409
    await ask(ready)
    await turn()
    job = await make(TEA_AGAIN, SHIP, publish=publish)
    await publish_result(database, tmp_path / "data", UUID(job), tools.pool)
    assert (await ready.get(f"/v1/jobs/{job}")).json()["published"] is None
    assert (await turn())["state"] == "finished"
    await publish_result(database, tmp_path / "data", UUID(job), tools.pool)
    assert (await ready.get(f"/v1/jobs/{job}")).json()["published"] == "default/faq@1"
    manifest = await ready.get("/v1/datasets/default/faq/versions/1/manifest")
    assert manifest.json()["semantic"]["alike"] == 1


async def test_what_cannot_be_reported_is_refused(
    ready: httpx.AsyncClient, make: Make, fake: FakeTeacher
) -> None:
    await ready.post("/v1/corpora", json={"name": "faq"})
    assert (await ready.get(ADDRESS)).json()["code"] == "semantic.not_found"
    assert (await ready.post(ADDRESS, json=ASKED)).json()["code"] == "corpus.no_records"
    await make(TEA)
    wrong: dict[str, dict[str, Any]] = {
        "/teacher": {"teacher": "nobody"},
        "/fields/0": {"fields": ["body"]},
    }
    for field, change in wrong.items():
        answer = await ready.post(ADDRESS, json=ASKED | change)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
    with FakeTeacher("chats", abilities=frozenset({"echo"})) as chats:
        body = {"name": "chats", "url": chats.url, "model": "chats"}
        assert (await ready.post("/v1/teachers", json=body)).status_code == 201
    answer = await ready.post(ADDRESS, json=ASKED | {"teacher": "chats"})
    assert answer.json()["errors"][0]["field"] == "/teacher"


@pytest.fixture
def without_pgvector(cluster: str) -> Iterator[str]:
    name = f"bare_{uuid4().hex[:12]}"
    url = make_url(cluster).set(database=name).render_as_string(hide_password=False)
    with psycopg.connect(cluster, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}" TEMPLATE template0'.encode())
        migrate.upgrade(url)
        yield url
        admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


@pytest.fixture
async def bare(without_pgvector: str, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings(database_url=without_pgvector, data_dir=tmp_path, _env_file=None)
    async with running(create_app(settings)) as client:
        yield client


async def test_without_pgvector_it_says_what_to_do_and_all_else_works(
    bare: httpx.AsyncClient, fake: FakeTeacher
) -> None:
    await bare.post("/v1/teachers", json={"name": "fake", "url": fake.url, "model": "fake"})
    await bare.post("/v1/templates", json={"name": "qa", "source": TEMPLATE})
    assert (await bare.post("/v1/jobs", json=spec())).status_code == 201
    answer = await bare.post(ADDRESS, json=ASKED)
    assert (answer.status_code, answer.json()["code"]) == (503, "semantic.no_pgvector")
    assert "CREATE EXTENSION vector" in answer.json()["hint"]
    assert (await bare.get(ADDRESS)).status_code == 404
    assert (await bare.get("/v1/corpora/default/faq")).status_code == 200
