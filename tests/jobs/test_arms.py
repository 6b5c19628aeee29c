"""Several teachers in one job: who is asked about what, and what happens while one is away."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.corpus.item import arm_of, row_of
from app.db import Database
from app.jobs import lease
from app.jobs.chunk import HandedBack, work
from app.jobs.lane import Course
from app.jobs.loaded import Tools
from app.jobs.plan import LARGEST
from app.jobs.sweep import sweep
from app.names import Ref
from app.teachers import store as teachers
from tests.fake_teacher import FakeTeacher
from tests.jobs.conftest import LEASE, adds_up, spec

SHARED: dict[str, Any] = {"teacher": [{"name": "fake", "weight": 3}, "other"], "num_records": 64}


@pytest.fixture
def other() -> Iterator[FakeTeacher]:
    with FakeTeacher() as teacher:
        teacher._served = 1_000_000  # what it makes up is nothing that the first one does
        yield teacher


@pytest.fixture
async def two(ready: httpx.AsyncClient, other: FakeTeacher) -> httpx.AsyncClient:
    """An API that knows a second teacher."""
    body = {"name": "other", "url": other.url, "model": other.model, "max_in_flight": 8}
    assert (await ready.post("/v1/teachers", json=body)).status_code == 201
    return ready


async def work_for(tools: Tools, name: str) -> int:
    """Every chunk that is ready for a teacher; answers how many there were."""
    done = 0
    async with tools.database.unit_of_work() as session:
        teacher = await teachers.get(session, Ref.parse(name))
    while True:
        async with tools.database.unit_of_work() as session:
            claim = await lease.claim(session, teacher.id, "me", LEASE)
        if claim is None:
            return done
        end = await work(claim, tools, Course())
        done += 1
        if isinstance(end, HandedBack) and end.failure is not None:
            async with tools.database.unit_of_work() as session:
                await teachers.open_circuit(session, teacher.id, "teacher.down", None)


async def submit(api: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    answer = await api.post("/v1/jobs", json=spec(**changes))
    assert answer.status_code == 201, answer.text
    job: dict[str, Any] = answer.json()
    return job


async def records(api: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    path = "/v1/corpora/default/faq/records"
    found: list[dict[str, Any]] = (await api.get(path, params={"limit": 200} | query)).json()[
        "items"
    ]
    return found


async def test_rows_are_shared_out_by_weight_and_every_record_says_who_was_asked(
    two: httpx.AsyncClient, tools: Tools, fake: FakeTeacher, other: FakeTeacher
) -> None:
    job = await submit(two, **SHARED)
    assert job["document"]["teacher"] == [
        {"name": "default/fake", "weight": 3.0},
        {"name": "default/other", "weight": 1.0},
    ]
    assert (await work_for(tools, "fake"), await work_for(tools, "other")) == (6, 2)
    assert (len(fake.asked), len(other.asked)) == (48, 16)
    found = (await two.get(f"/v1/jobs/{job['id']}")).json()
    assert (found["state"], found["ledger"]["accepted"]) == ("finished", 64)
    made = await records(two)
    assert sorted(row_of(record["item"]) for record in made) == list(range(64))
    theirs = await records(two, teacher="other")
    assert len(theirs) == 16
    assert {arm_of(record["item"]) for record in theirs} == {1}
    seen = (await two.get(f"/v1/corpora/default/faq/records/{theirs[0]['id']}")).json()
    assert seen["lineage"]["teacher"]["name"] == "default/other"
    assert seen["trace"]["verified"] is True
    metrics = (await two.get("/metrics")).text
    spent = {
        name: f'limbeck_teacher_tokens_total{{kind="completion",teacher="default/{name}"}}'
        for name in ("fake", "other")
    }
    tokens = {
        name: float(line.rpartition(" ")[2])
        for name, label in spent.items()
        for line in metrics.splitlines()
        if line.startswith(label)
    }
    assert sum(tokens.values()) == found["tokens"]["completion"]
    assert tokens["fake"] > tokens["other"] > 0


async def test_weights_hold_from_the_first_chunks_on_and_over_later_plans(
    two: httpx.AsyncClient, database: Database
) -> None:
    await submit(two, **SHARED | {"num_records": 20 * LARGEST})
    async with database.unit_of_work() as session:
        arms = (
            await session.scalars(text("SELECT arm FROM chunk ORDER BY first_item % 1000000000000"))
        ).all()
    assert Counter(arms) == {0: 15, 1: 5}
    assert all(Counter(arms[at : at + 4]) == {0: 3, 1: 1} for at in range(0, 20, 4))


async def test_while_one_is_away_the_others_go_on_and_then_do_its_work(
    two: httpx.AsyncClient, tools: Tools, database: Database, other: FakeTeacher
) -> None:
    other.stop()
    job = await submit(two, **SHARED)
    path = f"/v1/jobs/{job['id']}"
    await work_for(tools, "other")
    assert (await two.get(path)).json()["state"] == "running"
    assert await work_for(tools, "fake") == 6
    waits = (await two.get(path)).json()
    assert waits["state"] == "waiting_for_teacher"
    assert "teacher.down" in waits["reason"]
    await sweep(database, LEASE)
    assert await work_for(tools, "fake") == 0, "it may be back in a moment"

    async with database.unit_of_work() as session:
        await session.execute(
            text(
                "UPDATE teacher SET down_since = down_since - interval '2 min' WHERE name = 'other'"
            )
        )
    await sweep(database, LEASE)
    assert (await two.get(path)).json()["state"] == "running"
    assert await work_for(tools, "fake") == 2
    ended = (await two.get(path)).json()
    assert (ended["state"], ended["ledger"]["accepted"]) == ("finished", 64)
    assert adds_up(ended)
    made = await records(two)
    assert sorted(row_of(record["item"]) for record in made) == list(range(64))
    assert {arm_of(record["item"]) for record in made} == {0}


async def test_of_a_chunk_that_was_begun_only_the_rest_is_taken_over(
    two: httpx.AsyncClient, tools: Tools, database: Database
) -> None:
    job = await submit(two, **SHARED)
    await work_for(tools, "other")
    async with database.unit_of_work() as session:
        for statement in (
            "DELETE FROM record WHERE item % 8 IN (2, 5, 6)",
            "DELETE FROM sample WHERE item % 8 IN (2, 5, 6)",
            "DELETE FROM completion WHERE item % 8 IN (2, 5, 6)",
            "UPDATE chunk SET state = 'ready', accepted = 5 WHERE arm = 1",
            "UPDATE teacher SET down_since = now() - interval '2 min' WHERE name = 'other'",
            "UPDATE teacher SET retry_at = now() + interval '1 hour' WHERE name = 'other'",
        ):
            await session.execute(text(statement))
    before = {record["item"] for record in await records(two)}
    assert len(before) == 10
    await work_for(tools, "fake")
    await sweep(database, LEASE)
    assert await work_for(tools, "fake") == 4, "two runs of each of two chunks"
    ended = (await two.get(f"/v1/jobs/{job['id']}")).json()
    assert (ended["state"], ended["ledger"]["cancelled"]) == ("finished", 6)
    assert adds_up(ended)
    made = await records(two)
    assert sorted(row_of(record["item"]) for record in made) == list(range(64))
    assert {record["item"] for record in made if arm_of(record["item"])} == before


async def test_a_claim_finds_the_work_of_its_teacher_by_index(
    two: httpx.AsyncClient, database: Database
) -> None:
    """Among thousands of jobs that have ended, and chunks of one large job."""
    await submit(two, **SHARED | {"num_records": 2_000 * LARGEST})
    await submit(two, num_records=2_000 * LARGEST)
    async with database.unit_of_work() as session:
        for statement in (
            """INSERT INTO job (namespace, document, digest, corpus_id, teacher_id,
                   template_version_id, num_records, max_candidates, samples_per_item, priority,
                   state, publishes)
               SELECT namespace, '{}', 'd', corpus_id, teacher_id, template_version_id, 1, 1, 1, 0,
                   'finished', FALSE FROM job, generate_series(1, 3000) WHERE arms = 1""",
            """INSERT INTO job_arm (job_id, arm, teacher_id, template_version_id)
               SELECT id, 0, teacher_id, template_version_id FROM job WHERE digest = 'd'""",
            "ANALYZE job, job_arm, chunk, teacher",
        ):
            await session.execute(text(statement))
        teacher = await teachers.get(session, Ref.parse("other"))
        asked = {"teacher": teacher.id, "holder": "me", "lease": LEASE}
        plan = await session.execute(text(f"EXPLAIN {lease._CLAIM.text}"), asked)
        lines = "\n".join(plan.scalars())
    assert "ix_job_live" in lines
    assert "ix_job_several" in lines
    assert "ix_chunk_ready" in lines
    assert "Seq Scan on job" not in lines
    assert "Seq Scan on chunk" not in lines
