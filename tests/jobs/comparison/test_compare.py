"""Two ways to ask about the very same rows, side by side."""

import asyncio
import json
from collections import defaultdict
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from app.corpus.item import arm_of, row_of
from app.jobs.commands import commands
from tests.fake_teacher import FakeTeacher
from tests.fake_teacher.behaviour import Behaviour, says
from tests.jobs.conftest import TEMPLATE, Drain, adds_up, spec
from tests.jobs.judged import judge, seated

EXAMPLES = [
    {"inputs": {"topic": f"t{n}"}, "response": {"question": f"Q{n}?", "answer": f"A{n}."}}
    for n in range(6)
]


def compared(**changes: Any) -> dict[str, Any]:
    document = spec(
        compare={"rows": 30, "arms": [{"template": "qa@1"}, {"template": "qa@2"}]},
        few_shot={"set": "qa", "k": 4},
        dedup={"on": ["question"], "near": False},
        **changes,
    )
    del document["num_records"], document["template"]
    return document


@pytest.fixture
async def both(ready: httpx.AsyncClient) -> httpx.AsyncClient:
    second = TEMPLATE.replace("You write questions.", "You write hard questions.")
    for path, body in (
        ("/v1/templates/default/qa/versions", {"source": second}),
        ("/v1/few-shot-sets", {"name": "qa", "examples": EXAMPLES, "template": "qa"}),
    ):
        answer = await ready.post(path, json=body)
        assert answer.status_code == 201, answer.text
    return ready


def answers(body: dict[str, Any]) -> Behaviour:
    """To a topic, each arm says what the other does; but the second says nothing of ships."""
    system, topic = (body["messages"][at]["content"] for at in (0, -1))
    if "hard" in system and "ships" in topic:
        return says("I'd rather not.")
    return says(
        json.dumps({"question": f"{topic}?", "answer": "x" * (30 if "hard" in system else 3)})
    )


async def finished(both: httpx.AsyncClient, drain: Drain, **changes: Any) -> dict[str, Any]:
    answer = await both.post("/v1/jobs", json=compared(**changes))
    assert answer.status_code == 201, answer.text
    await drain()
    job: dict[str, Any] = (await both.get(f"/v1/jobs/{answer.json()['id']}")).json()
    assert adds_up(job)
    assert job["state"] == "finished", job["reason"]
    return job


async def items(both: httpx.AsyncClient, path: str, **query: Any) -> list[dict[str, Any]]:
    params = {"limit": 200} | query
    found: list[dict[str, Any]] = (await both.get(path, params=params)).json()["items"]
    return found


async def test_every_arm_is_asked_about_the_same_rows_with_the_same_examples(
    both: httpx.AsyncClient, drain: Drain, fake: FakeTeacher
) -> None:
    job = await finished(both, drain)
    assert job["ledger"]["planned"] == 60
    assert [arm["name"] for arm in job["document"]["compare"]["arms"]] == [
        "default/qa@1",
        "default/qa@2",
    ]
    asked: dict[str, list[str]] = defaultdict(list)
    for one in fake.asked:
        system, *rest = one.body["messages"]
        asked[system["content"]].append(json.dumps(rest))
    first, second = asked.values()
    assert sorted(first) == sorted(second)
    assert len(set(first)) > 3, "examples rotate from chunk to chunk"
    made = await items(both, "/v1/corpora/default/faq/records")
    for record in (*made[:20:7], *made[-20::7]):
        found = (await both.get(f"/v1/corpora/default/faq/records/{record['id']}")).json()
        assert found["trace"]["verified"] is True
        arm = arm_of(record["item"])
        assert found["lineage"]["template"] == found["lineage"]["arm"] == f"default/qa@{arm + 1}"
        hard = "hard" in found["trace"]["prompt"][0]["content"]
        assert hard == bool(arm)


async def test_an_arm_is_measured_as_if_it_had_been_alone(
    both: httpx.AsyncClient, drain: Drain, fake: FakeTeacher
) -> None:
    """Three topics, said ten times each by either arm: all but the first of each is a duplicate."""
    fake.when(answers)
    prices = {"prompt_price": 1.0, "completion_price": 4.0, "currency": "EUR"}
    assert (await both.patch("/v1/teachers/default/fake", json=prices)).is_success
    job = await finished(both, drain, smoke=False)
    found = (await both.get(f"/v1/jobs/{job['id']}/comparison")).json()
    first, second = found["arms"]
    assert found["paired"] is True
    assert (first["candidates"], second["candidates"]) == (30, 30)
    assert first["accepted"] + second["accepted"] == job["ledger"]["accepted"] == 3
    assert first["accepted"] + first["elsewhere"] == 3
    assert second["accepted"] + second["elsewhere"] == 2
    assert first["figures"]["yield"]["value"] == first["figures"]["novelty"]["value"] == 0.1
    assert second["figures"]["novelty"]["value"] == 0.1, "of 20 that were compared"
    assert second["figures"]["yield"]["value"] == pytest.approx(2 / 30)
    assert second["reasons"]["parse.json.invalid"] == 10
    assert first["difference"] is None
    assert second["rows"] == 30
    assert second["difference"]["yield"]["differs"] is False
    longer = second["difference"]["completion_tokens"]
    assert longer["low"] <= longer["value"] <= longer["high"]
    job_path = f"/v1/jobs/{job['id']}"
    ended = [
        row["item"]
        for kind in ("rejects", "records")
        for row in await items(both, f"{job_path}/{kind}")
    ]
    spent = [
        (await both.get(f"{job_path}/replies/{item}/0")).json()
        for item in ended
        if arm_of(item) == 0
    ]
    assert len(spent) == 30
    tokens = sum(r["prompt_tokens"] + r["completion_tokens"] for r in spent)
    cost = sum(r["prompt_tokens"] + 4 * r["completion_tokens"] for r in spent) / 1e6
    assert first["figures"]["tokens_per_record"]["value"] == pytest.approx(tokens / 3)
    assert first["figures"]["cost_per_record"]["value"] == pytest.approx(cost / 3)
    assert found["currency"] == "EUR"


async def test_the_arms_are_scored_by_one_judge(
    both: httpx.AsyncClient, drain: Drain, fake: FakeTeacher
) -> None:
    """It gives the second arm's longer answers two points more."""
    fake.when(answers)

    def generous(body: dict[str, Any]) -> Behaviour:
        asked = str(body["messages"][-1]["content"])
        return says(
            json.dumps({"why": "", "score": (3 if "x" * 30 in asked else 1) + ("tea" in asked)})
        )

    with FakeTeacher() as bench:
        await seated(both, bench.when(generous))
        job = await finished(both, drain, smoke=False, accept=judge())
    found = (await both.get(f"/v1/jobs/{job['id']}/comparison")).json()
    first, second = (arm["figures"]["score"] for arm in found["arms"])
    # A third of the first arm's samples are about tea; nothing came of the second's about ships.
    assert first["value"] == pytest.approx(4 / 3)
    assert second["value"] == pytest.approx(7 / 2)
    assert first["low"] < first["value"] < first["high"]
    apart = found["arms"][1]["difference"]["score"]
    assert apart["value"] == pytest.approx(7 / 2 - 4 / 3)
    assert apart["differs"] is True
    assert found["arms"][0]["candidates"] == 30, "also those that lost to a duplicate have a score"


async def test_an_arms_records_are_found_and_recalled_apart(
    both: httpx.AsyncClient, drain: Drain
) -> None:
    job = await finished(both, drain)
    every = await items(both, "/v1/corpora/default/faq/records")
    theirs = await items(both, "/v1/corpora/default/faq/records", template="qa@2")
    assert {arm_of(record["item"]) for record in theirs} == {1}
    assert len(theirs) == sum(arm_of(record["item"]) == 1 for record in every) > 0
    assert await items(both, f"/v1/jobs/{job['id']}/records", arm=1) == theirs
    await both.post("/v1/datasets", json={"name": "faq", "corpus": "faq"})
    version = await both.post("/v1/datasets/default/faq/versions", json={})
    assert version.status_code == 201, version.text
    sources = version.json()["sources"]
    assert [(each["arm"], each["template"]) for each in sources] == [
        (0, "default/qa@1"),
        (1, "default/qa@2"),
    ]
    recalled = (await both.get("/v1/recall", params={"template": "qa@2"})).json()
    assert [job["arms"] for job in recalled["jobs"]] == [[1]]
    assert recalled["corpora"][0]["records"] == len(theirs)
    assert [each["rows"] for each in recalled["versions"]] == [len(theirs)]


async def test_a_preview_shows_each_row_in_every_arm(both: httpx.AsyncClient) -> None:
    answer = await both.post("/v1/previews?rows=2", json=compared())
    assert answer.status_code == 200, answer.text
    rows = answer.json()["rows"]
    assert [(row_of(row["item"]), row["arm"]) for row in rows] == [
        (n, f"default/qa@{arm}") for n in (0, 1) for arm in (1, 2)
    ]
    assert rows[0]["inputs"] == rows[1]["inputs"] != rows[2]["inputs"]


@pytest.mark.parametrize(
    ("changes", "field", "problem"),
    [
        ({"num_records": 5}, "/num_records", "compare.rows"),
        ({"limits": {"min_novelty": 0.2}}, "/limits/min_novelty", "very same rows"),
        ({"limits": {"max_candidates": 59}}, "/limits/max_candidates", "at least 60"),
        ({"teacher": ["fake", "local"]}, "/teacher", "one name"),
        ({"compare": {"arms": [{}, {"template": "qa@9"}]}}, "/compare/arms/1/template", "qa@9"),
        ({"compare": {"arms": [{}, {"teacher": "who"}]}}, "/compare/arms/1/teacher", "who"),
        ({"compare": {"arms": [{}]}}, "/compare/arms", "at least 2"),
        (
            {"compare": {"arms": [{}, {"sampling": {"n": 2, "temperature": 1}}]}},
            "/compare/arms/1/sampling/n",
            "as in the first arm",
        ),
        (
            {"compare": {"arms": [{"name": "a"}, {"name": "a"}]}},
            "/compare/arms/1/name",
            "no other arm's",
        ),
        (
            {"compare": None, "num_records": 4, "teacher": [{"name": "fake", "weight": 0}, "x"]},
            "/teacher/0/weight",
            "greater than 0",
        ),
        (
            {"compare": None, "num_records": 4, "teacher": ["fake", "default/fake"]},
            "/teacher/1/name",
            "once",
        ),
    ],
)
async def test_what_cannot_be_compared_is_refused_by_name(
    both: httpx.AsyncClient, changes: dict[str, Any], field: str, problem: str
) -> None:
    answer = await both.post("/v1/jobs", json={"template": "qa"} | compared() | changes)
    assert answer.status_code == 422, answer.text
    [error] = [each for each in answer.json()["errors"] if each["field"] == field]
    assert problem in error["problem"]


async def test_arms_differ_in_what_they_say_and_in_nothing_else(
    both: httpx.AsyncClient, drain: Drain, fake: FakeTeacher
) -> None:
    arms = [{}, {"sampling": {"temperature": 0.1}}, {"few_shot": None, "name": "bare"}]
    document = {"template": "qa@1"} | compared(sampling={"max_tokens": 99})
    document["compare"] = {"rows": 8, "arms": arms}
    job = (await both.post("/v1/jobs", json=document)).json()
    pinned = job["document"]["compare"]["arms"]
    assert [arm["name"] for arm in pinned] == [
        "default/qa@1, 4 shown, temperature=0.8",
        "default/qa@1, 4 shown, temperature=0.1",
        "bare",
    ]
    assert [arm["few_shot"] is None for arm in pinned] == [False, False, True]
    assert {arm["sampling"]["max_tokens"] for arm in pinned} == {99}
    again = (await both.post(f"/v1/jobs/{job['id']}/clone")).json()
    assert again["digest"] == job["digest"]
    await drain()
    shown = {(one.body["temperature"], len(one.body["messages"])) for one in fake.asked}
    assert shown == {(0.8, 10), (0.1, 10), (0.8, 2)}
    refused = await both.patch(f"/v1/jobs/{again['id']}", json={"num_records": 9})
    assert refused.status_code in {409, 422}


async def test_a_comparison_is_a_table_on_a_terminal(
    both: httpx.AsyncClient, served: str, drain: Drain
) -> None:
    job = await finished(both, drain)
    done = await asyncio.to_thread(CliRunner().invoke, commands, ["compare", job["id"]])
    assert done.exit_code == 0, done.output
    for part in ("default/qa@2", "yield", "to the first arm", "paired"):
        assert part in done.stdout
    plain = (await both.post("/v1/jobs", json=spec())).json()["id"]
    answer = await both.get(f"/v1/jobs/{plain}/comparison")
    assert (answer.status_code, answer.json()["code"]) == (409, "job.not_compared")
