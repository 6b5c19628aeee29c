"""What a teacher says of an exam never becomes a record, and why is told."""

from typing import Any

import httpx
import pytest

from tests.evaluations.exam import EXAM, ITEMS, SHIPS, TRAINS, upload
from tests.fake_teacher import FakeTeacher
from tests.jobs.conftest import Drain, spec

COPY = {"question": f"Tell me: {TRAINS.upper()}", "answer": "At five."}
OWN = {"question": "Why is the sea salt?", "answer": "Rivers bring it."}
ONE = {"seeds": {"rows": [{"topic": "tea"}]}, "num_records": 2, "limits": {"max_candidates": 2}}


async def submitted(api: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    answer = await api.post("/v1/jobs", json=spec(**ONE, **changes))
    assert answer.status_code == 201, answer.text
    job: dict[str, Any] = answer.json()
    return job


async def test_a_reply_that_copies_an_item_is_refused_with_the_item_it_copies(
    ready: httpx.AsyncClient, fake: FakeTeacher, drain: Drain
) -> None:
    await upload(ready, ITEMS)
    fake.says_json(COPY).says_json(OWN)
    job = await submitted(ready)
    assert job["document"]["accept"]["decontaminate"] == ["default/exam@1"]
    await drain()

    funnel = (await ready.get(f"/v1/jobs/{job['id']}")).json()["funnel"]
    assert funnel["reasons"] == {"filter.contamination.covered": 1}
    assert (funnel["parsed"], funnel["filtered"], funnel["accepted"]) == (2, 1, 1)
    [reject] = (await ready.get("/v1/corpora/default/faq/rejects")).json()["items"]
    assert (reject["value"], reject["threshold"]) == (1.0, 0.5)
    assert reject["detail"] == "has 21 of the 21 words of default/exam@1, item 1, question"
    assert reject["fields"]["question"] == COPY["question"]


async def test_a_preview_says_what_a_job_would(ready: httpx.AsyncClient, fake: FakeTeacher) -> None:
    await upload(ready, ITEMS)
    fake.says_json(COPY)
    for accept, reason in (
        ({}, "filter.contamination.covered"),
        ({"decontaminate": ["exam"]}, "filter.contamination.covered"),
        ({"decontaminate": []}, None),
    ):
        answer = (await ready.post("/v1/previews?rows=1", json=spec(accept=accept))).json()
        verdict = answer["rows"][0]["samples"][0]["verdict"]
        assert (verdict and verdict["reason"]) == reason


async def test_a_job_keeps_the_versions_it_was_submitted_with(
    ready: httpx.AsyncClient, fake: FakeTeacher, drain: Drain
) -> None:
    await upload(ready, [ITEMS[0]])
    fake.says_json(COPY).says_json({"question": SHIPS, "answer": "Eight."})
    job = await submitted(ready)
    await upload(ready, ITEMS)
    await ready.delete(EXAM)
    await drain()
    done = (await ready.get(f"/v1/jobs/{job['id']}")).json()
    assert done["ledger"]["accepted"] == 1
    [reject] = (await ready.get("/v1/corpora/default/faq/rejects")).json()["items"]
    assert "default/exam@1, item 0" in reject["detail"]


async def test_thirteen_words_in_a_row_flag_a_record_that_is_kept(
    ready: httpx.AsyncClient, fake: FakeTeacher, drain: Drain
) -> None:
    await upload(
        ready, [{"question": f"{TRAINS} Say how you found it and draw both of the lines."}]
    )
    fake.says_json({"question": " ".join(TRAINS.split()[:13]), "answer": "At five."}).says_json(OWN)
    await submitted(ready)
    await drain()
    records = (await ready.get("/v1/corpora/default/faq/records")).json()["items"]
    flags = {record["fields"]["answer"]: record["flags"] for record in records}
    assert flags["Rivers bring it."] == []
    assert [flag["reason"] for flag in flags["At five."]] == ["filter.contamination.run"]


async def test_sets_of_other_namespaces_and_retired_ones_count_only_where_they_are_named(
    ready: httpx.AsyncClient,
) -> None:
    elsewhere = "/v1/evaluation-sets/elsewhere/exam"
    await upload(ready, ITEMS, elsewhere)
    await upload(ready, ITEMS)
    await ready.delete(EXAM)
    assert (await submitted(ready))["document"]["accept"]["decontaminate"] == []
    named = {"accept": {"decontaminate": ["elsewhere/exam", "exam@1", "exam"]}}
    pinned = (await submitted(ready, **named))["document"]["accept"]["decontaminate"]
    assert pinned == ["elsewhere/exam@1", "default/exam@1"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"accept": {"decontaminate": ["exam", "nowhere/exam@7"]}}, "/accept/decontaminate/1"),
        ({"accept": {"decontaminate": ["exam"] * 101}}, "/accept/decontaminate"),
        (
            {"publish": {"dataset": "faq", "decontaminate": ["exam@2"]}},
            "/publish/decontaminate/0",
        ),
    ],
)
async def test_a_set_that_is_not_there_is_refused_before_anything_is_queued(
    ready: httpx.AsyncClient, changes: dict[str, Any], field: str
) -> None:
    await upload(ready, ITEMS)
    refused = await ready.post("/v1/jobs", json=spec(**changes))
    assert refused.status_code == 422
    assert [error["field"] for error in refused.json()["errors"]] == [field]
    assert (await ready.get("/v1/jobs")).json()["items"] == []
