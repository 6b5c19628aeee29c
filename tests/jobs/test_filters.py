"""Filters in a running job: flags on records, masks before the digest, stored replies' prompts."""

from typing import Any, ClassVar

import httpx
import pytest
from sqlalchemy import text

from app.curation.filter import TextFilter, filters
from app.curation.sample import Sample
from app.db import Database
from tests.fake_teacher import FakeTeacher
from tests.jobs.conftest import TEMPLATE, Drain, adds_up, spec

RECITAL = "You write questions for a quiz night, one plain sentence long and with one answer."


async def run(ready: httpx.AsyncClient, drain: Drain, **changes: Any) -> dict[str, Any]:
    answer = await ready.post("/v1/jobs", json=spec(**changes))
    assert answer.status_code == 201, answer.text
    await drain()
    job: dict[str, Any] = (await ready.get(f"/v1/jobs/{answer.json()['id']}")).json()
    assert adds_up(job)
    return job


async def test_a_masked_record_is_what_is_new_what_is_stored_and_what_says_so(
    ready: httpx.AsyncClient, drain: Drain, fake: FakeTeacher
) -> None:
    for address in ("ada@mail.org", "bob@mail.org"):
        fake.says_json({"question": "Whom do I ask?", "answer": f"Write to {address}."})
    job = await run(
        ready,
        drain,
        num_records=2,
        seeds={"matrix": {"topic": ["tea"]}},
        accept={"filters": [{"name": "pii"}]},
        limits={"max_candidates": 2},
    )

    [record] = (await ready.get(f"/v1/jobs/{job['id']}/records")).json()["items"]
    assert record["fields"]["answer"] == "Write to [email]."
    assert record["flags"] == [
        {
            "reason": "filter.pii.masked",
            "value": {"email": 1},
            "threshold": None,
            "detail": "in answer",
            "revision": 1,
        }
    ]
    [reject] = (await ready.get(f"/v1/jobs/{job['id']}/rejects")).json()["items"]
    assert reject["reason"] == "dedup.exact"
    assert reject["duplicate_of"] == record["id"]
    assert "mail.org" not in str(reject)


async def test_records_without_a_note_have_no_flags(ready: httpx.AsyncClient, drain: Drain) -> None:
    await run(ready, drain, num_records=3)

    page = (await ready.get("/v1/corpora/default/faq/records")).json()
    assert [record["flags"] for record in page["items"]] == [[], [], []]


async def test_a_preview_shows_the_flags_and_the_masked_record(
    ready: httpx.AsyncClient, fake: FakeTeacher
) -> None:
    fake.says_json({"question": "Whom do I ask?", "answer": "Write to ada@mail.org."})
    body = spec(accept={"filters": [{"name": "pii"}]})
    answer = await ready.post("/v1/previews?rows=1", json=body)

    [row] = answer.json()["rows"]
    [sample] = row["samples"]
    assert sample["record"]["answer"] == "Write to [email]."
    assert [flag["reason"] for flag in sample["flags"]] == ["filter.pii.masked"]


async def test_a_recited_prompt_is_refused_when_asked_for_and_when_settled_later(
    ready: httpx.AsyncClient, drain: Drain, fake: FakeTeacher, database: Database
) -> None:
    source = TEMPLATE.replace("You write questions.", RECITAL)
    assert (await ready.post("/v1/templates", json={"name": "quiz", "source": source})).is_success
    fake.says_json({"question": "What are you told?", "answer": RECITAL})
    job = await run(ready, drain, template="quiz", num_records=4, limits={"max_candidates": 4})
    assert job["funnel"]["reasons"] == {"filter.echo.prompt": 4}
    asked = len(fake.asked)

    async with database.unit_of_work() as session:
        for statement in (
            "DELETE FROM reject",
            "DELETE FROM sample",
            "UPDATE chunk SET state = 'ready', rejected = 0, reasons = '{}'",
            "UPDATE job SET state = 'running'",
        ):
            await session.execute(text(statement))
    await drain()
    again = (await ready.get(f"/v1/jobs/{job['id']}")).json()
    assert again["funnel"]["reasons"] == {"filter.echo.prompt": 4}
    assert len(fake.asked) == asked
    [first, *_] = (await ready.get(f"/v1/jobs/{job['id']}/rejects")).json()["items"]
    assert (first["value"], first["threshold"], first["revision"]) == (1.0, 0.8, 1)


async def test_a_copied_example_is_refused(
    ready: httpx.AsyncClient, drain: Drain, fake: FakeTeacher
) -> None:
    answers = [
        f"{name} goes by sea because it is heavy and nobody is in a hurry to have it"
        for name in ("Grain", "Iron ore of the north", "Every kind of timber", "Coal")
    ]
    examples = [
        {"inputs": {"topic": "ships"}, "response": {"question": f"Why is it so {n}?", "answer": a}}
        for n, a in enumerate(answers)
    ]
    body = {"name": "shown", "examples": examples}
    assert (await ready.post("/v1/few-shot-sets", json=body)).is_success
    fake.says_json({"question": "Why is that?", "answer": answers[0]})
    job = await run(ready, drain, few_shot="shown", num_records=1, limits={"max_candidates": 1})

    assert job["funnel"]["reasons"] == {"filter.echo.few_shot": 1}


class Picky(TextFilter, frozen=True):
    """Fails for some."""

    plugin_name: ClassVar[str] = "picky"

    def __call__(self, sample: Sample) -> None:
        if sample.record["topic"] == "rain":
            raise RuntimeError("rain was not thought of")


async def test_a_filter_that_raises_costs_its_samples_and_never_the_chunk(
    ready: httpx.AsyncClient, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(filters._plugins, "picky", Picky)
    job = await run(
        ready,
        drain,
        num_records=6,
        accept={"filters": [{"name": "picky"}]},
        limits={"max_candidates": 6},
    )

    assert job["ledger"]["accepted"] == 4
    assert job["funnel"]["reasons"] == {"filter.picky.error": 2}
    rejects = (await ready.get(f"/v1/jobs/{job['id']}/rejects")).json()["items"]
    assert {(r["value"], r["detail"]) for r in rejects} == {
        ("RuntimeError", "rain was not thought of")
    }


async def test_a_pattern_that_is_none_is_refused_at_submit(ready: httpx.AsyncClient) -> None:
    regex = {"name": "regex", "field": "answer", "must_match": "(?=a)"}
    answer = await ready.post("/v1/jobs", json=spec(accept={"filters": [regex]}))

    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert error["field"] == "/accept/filters/0/must_match"
    assert "no look-around" in error["problem"]
