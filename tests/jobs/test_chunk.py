"""The path of a sample, with a fake teacher and a real database."""

from typing import Any

import httpx
import pytest
from sqlalchemy import make_url, text

from app.db import Database
from app.jobs.chunk import Done, HandedBack, work
from app.jobs.lane import Course
from app.jobs.loaded import Tools
from tests.acceptance.severed import Severed
from tests.fake_teacher import FakeTeacher
from tests.fake_teacher.behaviour import Behaviour, fails
from tests.jobs.conftest import Drain, adds_up, claim_one, spec, work_one


async def run(ready: httpx.AsyncClient, drain: Drain, **changes: Any) -> dict[str, Any]:
    answer = await ready.post("/v1/jobs", json=spec(**changes))
    assert answer.status_code == 201, answer.text
    await drain()
    job: dict[str, Any] = (await ready.get(f"/v1/jobs/{answer.json()['id']}")).json()
    assert adds_up(job)
    return job


async def test_a_job_reaches_its_target_and_says_how(
    ready: httpx.AsyncClient, drain: Drain
) -> None:
    job = await run(ready, drain)
    assert job["state"] == "finished"
    assert job["ledger"] == {
        "planned": 20,
        "accepted": 20,
        "rejected": 0,
        "failed": 0,
        "cancelled": 0,
        "open": 0,
    }
    assert job["funnel"]["generated"] == job["funnel"]["novel"] == 20
    assert job["tokens"]["completion"] > 0
    page = (await ready.get(f"/v1/jobs/{job['id']}/records", params={"limit": 200})).json()
    assert len(page["items"]) == 20
    assert {record["fields"]["topic"] for record in page["items"]} == {"tea", "rain", "ships"}
    assert all(record["fields"]["answer"] for record in page["items"])


LONG = "Which three kinds of tea are grown on the southern slopes of the mountains, and why there"


async def test_near_duplicates_are_refused_with_their_winner_and_score(
    ready: httpx.AsyncClient, drain: Drain, fake: FakeTeacher
) -> None:
    for end in ("?", "!", "? Say"):
        fake.says_json({"question": LONG + end, "answer": "Because."})
    fake.does(Behaviour())
    job = await run(ready, drain, dedup={"on": ["question"]}, num_records=6)
    assert job["funnel"]["reasons"] == {"dedup.near": 2}
    assert job["funnel"]["filtered"] - job["funnel"]["novel"] == 2
    rejects = (await ready.get(f"/v1/jobs/{job['id']}/rejects")).json()["items"]
    records = (await ready.get(f"/v1/jobs/{job['id']}/records?limit=200")).json()["items"]
    (winner,) = (r["id"] for r in records if r["fields"]["question"].startswith(LONG))
    for reject in rejects:
        assert reject["duplicate_of"] == winner
        assert 1 > reject["value"] >= reject["threshold"] == 0.7
        assert "question" in reject["detail"]
    off = await run(ready, drain, dedup={"near": False}, corpus="other", num_records=6)
    assert off["funnel"]["reasons"] == {}


async def test_who_says_the_same_words_in_the_same_order_is_refused_where_that_is_asked_for(
    ready: httpx.AsyncClient, drain: Drain, fake: FakeTeacher
) -> None:
    for kinds in ("three", "nine", "only"):
        said = f"Name {kinds} kinds of tea that {kinds} people in Assam like to drink"
        fake.says_json({"question": said, "answer": "Because."})
    fake.does(Behaviour())
    policy = {"on": ["question"], "near": False}
    job = await run(ready, drain, dedup={**policy, "rouge": True}, num_records=6)
    assert job["funnel"]["reasons"] == {"dedup.rouge": 2}
    rejects = (await ready.get(f"/v1/jobs/{job['id']}/rejects")).json()["items"]
    records = (await ready.get(f"/v1/jobs/{job['id']}/records?limit=200")).json()["items"]
    (winner,) = (r["id"] for r in records if "Assam" in r["fields"]["question"])
    for reject in rejects:
        assert reject["duplicate_of"] == winner
        assert (reject["value"], reject["threshold"]) == (0.8462, 0.7)
    off = await run(ready, drain, dedup=policy, corpus="other", num_records=6)
    assert off["funnel"]["reasons"] == {}


async def test_the_same_reply_to_another_row_is_no_duplicate(
    ready: httpx.AsyncClient, drain: Drain, fake: FakeTeacher
) -> None:
    fake.says_json({"question": LONG, "answer": "Because."}, times=3)
    job = await run(ready, drain, num_records=3)
    assert job["ledger"]["accepted"] == job["ledger"]["planned"] == 3


async def test_duplicates_are_refused_with_their_winner_and_made_up_for(
    ready: httpx.AsyncClient, drain: Drain, fake: FakeTeacher
) -> None:
    same = {"question": "Why?", "answer": "Because."}
    fake.says_json(same, times=10)
    fake.does(Behaviour())
    job = await run(ready, drain, template="qa", dedup={"on": ["question"]})
    assert job["ledger"]["accepted"] >= 20
    assert job["funnel"]["reasons"]["dedup.exact"] >= 9
    rejects = (await ready.get(f"/v1/jobs/{job['id']}/rejects?reason=dedup")).json()["items"]
    records = (await ready.get(f"/v1/jobs/{job['id']}/records?limit=200")).json()["items"]
    winner = next(r["id"] for r in records if r["fields"]["question"] == "Why?")
    assert {reject["duplicate_of"] for reject in rejects} == {winner}


async def test_a_second_job_finds_the_corpus_full_of_what_it_would_say(
    ready: httpx.AsyncClient, drain: Drain, fake: FakeTeacher
) -> None:
    fake.says_json({"question": "Why?", "answer": "Because."})
    first = await run(ready, drain, num_records=1, dedup={"on": ["question"]})
    second = await run(ready, drain, num_records=1, dedup={"on": ["question"]})
    assert first["state"] == "finished"
    assert second["state"] == "failed"
    assert "dedup.exact" in second["reason"]
    assert second["ledger"]["rejected"] == 5


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("not json at all", "parse.json.invalid"),
        ('{"question": "Q?"}', "parse.json.schema"),
        ('{"question": "Q?", "answer": "a\\u0000b"}', "text.nul"),
        ('{"question": "Q?", "answer": "a\\ud800b"}', "text.surrogate"),
        ('{"question": "", "answer": "A."}', "filter.empty"),
        ("", "parse.json.invalid"),
    ],
)
async def test_every_bad_reply_is_a_reject_with_its_reason_and_its_raw_text(
    ready: httpx.AsyncClient, drain: Drain, fake: FakeTeacher, content: str, reason: str
) -> None:
    fake.says(content)
    job = await run(ready, drain, num_records=2, limits={"max_candidates": 2})
    assert job["state"] == "failed"
    reasons = job["funnel"]["reasons"]
    assert sum(reasons.values()) == job["ledger"]["rejected"] == 2
    assert next(iter(reasons)).startswith(reason.rpartition(".")[0]), reasons
    reject = (await ready.get(f"/v1/jobs/{job['id']}/rejects")).json()["items"][0]
    raw = await ready.get(f"/v1/jobs/{job['id']}/replies/{reject['item']}/{reject['sample']}")
    assert raw.status_code == 200


async def test_a_cut_reply_is_refused_as_cut(
    ready: httpx.AsyncClient, drain: Drain, fake: FakeTeacher
) -> None:
    fake.says('{"question": "Q?", "answer": "A', finish_reason="length")
    job = await run(ready, drain, num_records=1, limits={"max_candidates": 1})
    assert job["funnel"]["reasons"] == {"finish.length": 1}


async def test_an_oversize_reply_is_a_reject_not_an_error(
    ready: httpx.AsyncClient, drain: Drain, fake: FakeTeacher
) -> None:
    fake.says("x" * 1_000_000)
    job = await run(ready, drain, num_records=1, limits={"max_candidates": 1})
    assert job["funnel"]["reasons"] == {"finish.oversize": 1}


async def test_one_item_that_always_fails_is_charged_alone(
    ready: httpx.AsyncClient, drain: Drain, fake: FakeTeacher
) -> None:
    fake.when(lambda body: fails(500) if "rain" in str(body["messages"][-1]) else None)
    job = await run(ready, drain, num_records=6, limits={"max_candidates": 6})
    assert job["ledger"]["failed"] == 2
    assert job["ledger"]["accepted"] == 4
    assert fake.calls("rain") == 2 * 3
    failures = (await ready.get(f"/v1/jobs/{job['id']}/failures")).json()["items"]
    assert {(f["reason"], f["attempts"]) for f in failures} == {("teacher.error_500", 3)}


async def test_a_request_refused_for_good_is_not_asked_again(
    ready: httpx.AsyncClient, drain: Drain, fake: FakeTeacher
) -> None:
    fake.fails(400, message="prompt too long")
    job = await run(ready, drain, num_records=3, limits={"max_candidates": 3})
    assert job["state"] == "failed"
    assert job["ledger"]["failed"] == 3
    assert len(fake.asked) == 3


async def test_several_samples_of_one_row_are_each_accounted_for(
    ready: httpx.AsyncClient, drain: Drain
) -> None:
    job = await run(ready, drain, num_records=12, sampling={"n": 4})
    assert job["ledger"]["planned"] == 12
    assert job["ledger"]["accepted"] == 12


async def test_a_stored_reply_is_settled_without_asking_again(
    ready: httpx.AsyncClient, drain: Drain, fake: FakeTeacher, database: Database
) -> None:
    """What a crash between keeping and settling leaves behind."""
    job = await run(ready, drain, num_records=8)
    asked = len(fake.asked)
    async with database.unit_of_work() as session:
        for statement in (
            "DELETE FROM record WHERE item < 4",
            "DELETE FROM sample WHERE item < 4",
            "DELETE FROM reject WHERE item < 4",
            "UPDATE chunk SET state = 'ready', accepted = accepted - 4",
            "UPDATE job SET state = 'running'",
        ):
            await session.execute(text(statement))
    await drain()
    job = (await ready.get(f"/v1/jobs/{job['id']}")).json()
    assert adds_up(job)
    assert job["ledger"]["accepted"] == 8
    assert len(fake.asked) == asked


COMMITS = 5
"""Of a chunk: its job is read, its questions are, its batch is settled, it is closed, and its job
goes on."""


async def test_a_chunk_is_worked_whichever_of_its_commits_is_cut_off(
    ready: httpx.AsyncClient, tools: Tools, database: Database
) -> None:
    job_id = (await ready.post("/v1/jobs", json=spec(num_records=64))).json()["id"]
    url = make_url(database.url)
    assert url.port is not None
    with Severed(url.port) as way:
        tools.database = Database(url.set(port=way.port).render_as_string(hide_password=False))
        for number in range(8):
            claim = await claim_one(tools)
            assert claim is not None
            way.cut_next(number % COMMITS)
            assert isinstance(await work(claim, tools, Course()), Done)
            assert way.cuts == number + 1
        await tools.database.close()
    job = (await ready.get(f"/v1/jobs/{job_id}")).json()
    assert (job["state"], job["ledger"]["accepted"]) == ("finished", 64)


async def test_a_teacher_that_is_gone_is_waited_for(
    ready: httpx.AsyncClient, tools: Tools, fake: FakeTeacher, database: Database
) -> None:
    answer = await ready.post("/v1/jobs", json=spec(num_records=4))
    fake.stop()
    end = await work_one(tools)
    assert isinstance(end, HandedBack)
    assert end.failure is not None
    job = (await ready.get(f"/v1/jobs/{answer.json()['id']}")).json()
    assert job["ledger"]["open"] == 4
    assert job["ledger"]["failed"] == 0


async def test_a_cancelled_job_keeps_what_it_has(
    ready: httpx.AsyncClient, tools: Tools, drain: Drain
) -> None:
    answer = await ready.post("/v1/jobs", json=spec(num_records=64))
    await work_one(tools)
    cancelled = await ready.post(f"/v1/jobs/{answer.json()['id']}/cancel")
    assert cancelled.status_code == 200
    await drain()
    job = (await ready.get(f"/v1/jobs/{answer.json()['id']}")).json()
    assert job["state"] == "cancelled"
    assert job["ledger"]["accepted"] == 8
    assert job["ledger"]["cancelled"] == 56
    assert adds_up(job)
    again = await ready.post(f"/v1/jobs/{answer.json()['id']}/cancel")
    assert again.status_code == 409
