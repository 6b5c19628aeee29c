"""Records are scored by a judge: who drops what, who is asked how often, and what is lost."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.db import Database
from app.jobs import chunk
from app.jobs.chunk import Done, HandedBack
from app.jobs.lane import Course
from app.jobs.loaded import Tools
from tests.fake_teacher import FakeTeacher
from tests.fake_teacher.behaviour import Behaviour, Gate, fails
from tests.jobs.conftest import Drain, adds_up, claim_one, spec, work_one
from tests.jobs.judged import RUBRIC, asked_again, judge, score_of, scores, seated

RECORDS = "/v1/corpora/default/faq/records?limit=200"
REJECTS = "/v1/corpora/default/faq/rejects?limit=200"


@pytest.fixture
def bench() -> Iterator[FakeTeacher]:
    with FakeTeacher() as server:
        yield server.when(scores)


@pytest.fixture
async def court(ready: httpx.AsyncClient, bench: FakeTeacher) -> httpx.AsyncClient:
    await seated(ready, bench)
    return ready


async def submitted(court: httpx.AsyncClient, items: int, **changes: Any) -> str:
    rows = [{"topic": f"topic {number}."} for number in range(items)]
    body = spec(seeds={"rows": rows}, num_records=items, limits={"max_candidates": items})
    answer = await court.post("/v1/jobs", json=body | {"smoke": False} | changes)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def seen(court: httpx.AsyncClient, job_id: str) -> dict[str, Any]:
    job: dict[str, Any] = (await court.get(f"/v1/jobs/{job_id}")).json()
    assert adds_up(job)
    return job


async def items(court: httpx.AsyncClient, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await court.get(path)).json()["items"]
    return found


async def away(database: Database) -> list[str]:
    async with database.unit_of_work() as session:
        found = text("SELECT name FROM teacher WHERE down_since IS NOT NULL")
        return list(await session.scalars(found))


def stuck_after_four(bench: FakeTeacher) -> Gate:
    """What it is asked after that waits for the gate."""
    gate = Gate()
    bench.forgets()
    bench.when(lambda _: Behaviour(gate=gate) if len(bench.asked) > 3 else None)
    bench.when(scores)
    return gate


def flag(record: dict[str, Any]) -> dict[str, Any]:
    [found] = [one for one in record["flags"] if one["reason"].startswith("judge.")]
    return dict(found)


async def test_what_scores_too_low_is_dropped_and_every_record_keeps_its_score(
    court: httpx.AsyncClient, drain: Drain, fake: FakeTeacher, bench: FakeTeacher
) -> None:
    job_id = await submitted(court, 40, accept=judge(min=3))
    await drain()
    job = await seen(court, job_id)
    pinned = job["document"]["accept"]["judge"]
    assert pinned["template"] == "default/rubric@1"
    assert (pinned["sampling"]["temperature"], pinned["field"]) == (0, "score")

    kept, dropped = await items(court, RECORDS), await items(court, REJECTS)
    assert len(kept) > 5
    for record in kept:
        given = score_of(record["fields"]["question"])
        assert given >= 3
        found = flag(record)
        assert (found["reason"], found["value"], found["threshold"]) == ("judge.score", given, 3)
        assert found["detail"] == "why: So it seems."
    low = [one for one in dropped if one["reason"] == "judge.low_score"]
    assert len(low) > 5
    for one in low:
        assert one["value"] == score_of(one["fields"]["question"]) < 3
    funnel = job["funnel"]
    assert funnel["judged"] == funnel["filtered"] - len(low)
    assert funnel["accepted"] == len(kept) == 40 - len(dropped)

    # One question for each record that had passed the filters, and all of it is paid for.
    assert len(bench.asked) == funnel["filtered"]
    assert asked_again(bench) == asked_again(fake) == 0
    tokens = job["tokens"]
    assert tokens["judge_prompt"] > 0 < tokens["judge_completion"]
    assert job["spent"]["tokens"] == sum(
        tokens[kind] for kind in ("prompt", "completion", "judge_prompt", "judge_completion")
    )
    assert await items(court, f"{RECORDS}&flag=judge.score") == kept


async def test_without_a_minimum_all_is_kept_with_the_score_that_it_has(
    court: httpx.AsyncClient, drain: Drain
) -> None:
    job_id = await submitted(court, 8, accept=judge())
    await drain()
    job = await seen(court, job_id)
    assert job["ledger"]["accepted"] == 8
    assert all(flag(record)["threshold"] is None for record in await items(court, RECORDS))


@pytest.mark.parametrize("least", [None, 1])
async def test_a_score_that_cannot_be_read_drops_only_what_has_to_have_one(
    court: httpx.AsyncClient, drain: Drain, bench: FakeTeacher, least: int | None
) -> None:
    bench.forgets()
    bench.says("It is fine, I think.")
    job_id = await submitted(court, 4, accept=judge(min=least))
    await drain()
    job = await seen(court, job_id)
    if least is None:
        assert job["ledger"]["accepted"] == 4
        found = [flag(record) for record in await items(court, RECORDS)]
    else:
        assert job["funnel"]["reasons"] == {"judge.unreadable": 4}
        found = await items(court, REJECTS)
    assert {one["reason"] for one in found} == {"judge.unreadable"}
    assert all("parse.json" in one["detail"] and one["value"] is None for one in found)


async def test_a_judge_that_refuses_fails_the_sample_and_a_retry_asks_nobody_else(
    court: httpx.AsyncClient, drain: Drain, fake: FakeTeacher, bench: FakeTeacher
) -> None:
    bench.forgets()
    bench.does(fails(400), times=2).says('{"why": "good", "score": 5}')
    job_id = await submitted(court, 6, accept=judge(min=1))
    await drain()
    job = await seen(court, job_id)
    assert (job["ledger"]["accepted"], job["ledger"]["failed"]) == (4, 2)
    assert job["funnel"]["reasons"] == {"judge.refused_request": 2}
    assert job["funnel"]["filtered"] == 6
    answers = len(fake.asked)
    assert (await court.post(f"/v1/jobs/{job_id}/retry")).json()["samples"] == 2
    await drain()
    assert (await seen(court, job_id))["ledger"]["accepted"] == 6
    assert len(fake.asked) == answers == 6


async def test_a_judge_that_is_away_costs_nothing_but_time(
    court: httpx.AsyncClient,
    tools: Tools,
    fake: FakeTeacher,
    bench: FakeTeacher,
    database: Database,
) -> None:
    gate = stuck_after_four(bench)
    job_id = await submitted(court, 8, accept=judge(min=0))

    async def dies() -> None:
        await bench.until(lambda record: record.in_flight == 4 == len(record.asked) - 4)
        bench.dies()

    end, _ = await asyncio.gather(work_one(tools), dies())
    assert end == HandedBack(None)
    job = await seen(court, job_id)
    assert job["state"] == "waiting_for_teacher"
    assert job["reason"].startswith("judge: teacher.")
    assert job["ledger"]["failed"] == 0
    # Nobody takes it while the judge is away, and the teacher is not blamed.
    assert await claim_one(tools) is None
    assert await away(database) == ["judge"]

    bench.revives()
    gate.open()
    async with database.unit_of_work() as session:
        await session.execute(text("UPDATE teacher SET retry_at = now() WHERE name = 'judge'"))
    assert isinstance(await work_one(tools), Done)
    job = await seen(court, job_id)
    assert (job["state"], job["ledger"]["accepted"]) == ("finished", 8)
    assert asked_again(fake) == 0
    assert asked_again(bench) == 4  # those that were in flight
    assert await away(database) == []


async def test_what_a_judge_said_outlives_who_asked(
    court: httpx.AsyncClient, tools: Tools, fake: FakeTeacher, bench: FakeTeacher
) -> None:
    gate = stuck_after_four(bench)
    job_id = await submitted(court, 8, accept=judge(min=0))
    claim = await claim_one(tools)
    assert claim is not None
    working = asyncio.create_task(chunk.work(claim, tools, Course()))
    await bench.until(lambda record: record.in_flight == 4 == len(record.asked) - 4)
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    assert (await seen(court, job_id))["ledger"]["accepted"] == 0

    gate.open()
    assert isinstance(await work_one(tools), Done)
    job = await seen(court, job_id)
    assert job["ledger"]["accepted"] == 8
    assert asked_again(fake) == 0
    assert asked_again(bench) == 4  # those that were in flight


async def test_a_pause_leaves_no_answer_without_its_score(
    court: httpx.AsyncClient, tools: Tools, bench: FakeTeacher
) -> None:
    gate = stuck_after_four(bench)
    few = {"max_in_flight": 2}
    assert (await court.patch("/v1/teachers/default/judge", json=few)).is_success
    job_id = await submitted(court, 8, accept=judge(min=0))
    claim = await claim_one(tools)
    assert claim is not None
    course = Course()
    working = asyncio.create_task(chunk.work(claim, tools, course))
    await bench.until(lambda record: record.in_flight == 2 == len(record.asked) - 4)
    assert (await court.post(f"/v1/jobs/{job_id}/pause")).is_success
    course.stop.set()  # as the worker does once it hears of it
    gate.open()
    await working
    job = await seen(court, job_id)
    assert (job["ledger"]["accepted"], job["ledger"]["open"]) == (8, 0)


async def test_stored_replies_are_decided_by_the_scores_that_they_have(
    court: httpx.AsyncClient, drain: Drain, fake: FakeTeacher, bench: FakeTeacher
) -> None:
    await submitted(court, 30, accept=judge(min=2))
    await drain()
    kept = {record["fields"]["question"] for record in await items(court, RECORDS)}
    asked, said = len(bench.asked), len(fake.asked)

    async def again(**changes: Any) -> set[str]:
        answer = await court.post("/v1/jobs/reprocess", json={"from": {"corpus": "faq"}, **changes})
        assert answer.status_code == 201, answer.text
        await drain()
        job = await seen(court, answer.json()["id"])
        assert job["state"] == "finished", job["reason"]
        # It pays for what was asked for it, not for what was there.
        assert (job["tokens"]["judge_prompt"] > 0) == (len(bench.asked) > asked)
        return {record["fields"]["question"] for record in await items(court, RECORDS)}

    assert await again() == kept
    strict = await again(accept=judge(min=4))
    assert strict == {question for question in kept if score_of(question) >= 4}
    assert await again(accept=judge(min=2)) == kept
    assert len(bench.asked) == asked
    # Another rubric asks another question.
    harsher = {"source": RUBRIC.replace("How well", "Honestly, how well")}
    assert (await court.post("/v1/templates/default/rubric/versions", json=harsher)).is_success
    await again(accept=judge(min=0))
    assert len(bench.asked) == asked + 30
    assert len(fake.asked) == said


async def test_a_preview_shows_what_the_judge_thinks(
    court: httpx.AsyncClient, database: Database
) -> None:
    answer = await court.post("/v1/previews?rows=12", json=spec(accept=judge(min=3)))
    assert answer.status_code == 200, answer.text
    low = 0
    for row in answer.json()["rows"]:
        [sample] = row["samples"]
        given = score_of(sample["record"]["question"])
        if sample["verdict"] and sample["verdict"]["reason"] == "judge.low_score":
            low += 1
            assert sample["verdict"]["value"] == given < 3
        else:
            assert flag(sample)["value"] == given >= 3
    assert 0 < low < 12
    async with database.unit_of_work() as session:
        assert await session.scalar(text("SELECT count(*) FROM judgement")) == 0


@pytest.mark.parametrize(
    ("wrong", "field", "problem"),
    [
        ({"teacher": "nobody"}, "/accept/judge/teacher", "there is no teacher default/nobody"),
        ({"template": "nothing"}, "/accept/judge/template", "there is no template"),
        ({"template": "qa"}, "/accept/judge/field", "should be a number"),
        ({"template": "code"}, "/accept/judge/template", "needs program"),
        ({"field": "why"}, "/accept/judge/field", "these are: score"),
        ({"sampling": {"n": 2}}, "/accept/judge/sampling", "would all be the same"),
        ({"sampling": {"n": 2, "temperature": 1}}, "/accept/judge/sampling/n", "should be 1"),
        ({"min": "high"}, "/accept/judge/min", "number"),
    ],
)
async def test_a_judge_that_could_not_score_is_refused_before_anything_is_asked(
    court: httpx.AsyncClient,
    fake: FakeTeacher,
    bench: FakeTeacher,
    wrong: dict[str, Any],
    field: str,
    problem: str,
) -> None:
    source = RUBRIC.replace("question", "program")
    assert (await court.post("/v1/templates", json={"name": "code", "source": source})).is_success
    body = spec(accept=judge(**wrong))
    for path in ("/v1/jobs", "/v1/previews?rows=1"):
        answer = await court.post(path, json=body)
        assert answer.status_code == 422, answer.text
        [error] = answer.json()["errors"]
        assert error["field"] == field
        assert problem in error["problem"]
    assert not fake.asked
    assert not bench.asked


async def test_a_judge_is_paid_and_a_limit_of_cost_holds_for_it(
    court: httpx.AsyncClient, drain: Drain
) -> None:
    of_teacher = {"prompt_price": 1, "completion_price": 1, "currency": "EUR"}
    assert (await court.patch("/v1/teachers/default/fake", json=of_teacher)).is_success
    limited = spec(accept=judge(), limits={"cost": 1})
    answer = await court.post("/v1/jobs", json=limited)
    assert answer.status_code == 422
    assert "the judge default/judge has a price by the token" in answer.json()["detail"]
    dear = {"prompt_price": 10, "completion_price": 100, "currency": "EUR"}
    assert (await court.patch("/v1/teachers/default/judge", json=dear)).is_success
    job_id = await submitted(court, 10, accept=judge())
    await drain()
    job = await seen(court, job_id)
    tokens = job["tokens"]
    cost = (
        tokens["prompt"] + tokens["completion"]
        + 10 * tokens["judge_prompt"] + 100 * tokens["judge_completion"]
    )  # fmt: skip
    assert job["spent"]["cost"] == pytest.approx(cost / 1e6)
    page = (await court.get("/metrics")).text
    for kind in ("judge_prompt", "judge_completion"):
        labels = f'kind="{kind}",teacher="default/judge"'
        assert f"limbeck_teacher_tokens_total{{{labels}}} {float(tokens[kind])}\n" in page


async def test_what_is_erased_takes_along_what_was_said_of_it(
    court: httpx.AsyncClient, drain: Drain, database: Database
) -> None:
    await submitted(court, 6, accept=judge())
    await drain()
    gone = (await items(court, RECORDS))[0]["id"]
    body = {"reason": "asked to", "selection": {"ids": [gone]}, "erase": True}
    assert (await court.post("/v1/corpora/default/faq/deletions", json=body)).is_success
    async with database.unit_of_work() as session:
        rows = await session.execute(text("SELECT content, detail, score FROM judgement"))
        emptied = [row.score is not None for row in rows if not row.content and not row.detail]
        assert emptied == [True]


async def test_a_bad_rubric_or_judge_leads_to_the_records_that_it_let_in(
    court: httpx.AsyncClient, drain: Drain
) -> None:
    job_id = await submitted(court, 5, accept=judge())
    await submitted(court, 5, corpus="other")
    await drain()
    for suspect in ("template=rubric", "teacher=judge"):
        answer = await court.get(f"/v1/recall?{suspect}")
        assert answer.status_code == 200, answer.text
        assert [job["id"] for job in answer.json()["jobs"]] == [job_id]
