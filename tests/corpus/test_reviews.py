"""What reviewers, filters and fields say of records selects them, to look at or to publish."""

from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text

from app.db import Database
from tests.datasets.corpus import COLUMNS, add, grow, job, questions

RECORDS = "/v1/corpora/default/faq/records"


@pytest.fixture
async def ids(database: Database) -> list[str]:
    """Ten records, of which the numbers score what they are; the last two are flagged."""
    corpus = await grow(database, columns={**COLUMNS, "score": "number"})
    rows = [{**row, "score": n or None} for n, row in enumerate(questions(10))]
    await add(database, corpus, await job(database, corpus), rows)
    async with database.unit_of_work() as session:
        found = list(await session.scalars(text("SELECT id FROM record ORDER BY id")))
        flag = '[{"reason": "filter.refusal.long", "value": 84, "threshold": 60, "detail": null}]'
        await session.execute(
            text("UPDATE record SET flags = CAST(:flag AS jsonb) WHERE id = ANY(:ids)"),
            {"flag": flag.replace("}", ', "revision": 1}'), "ids": found[8:]},
        )
    return [str(each) for each in found]


async def say(api: httpx.AsyncClient, record: str, verdict: str, **more: Any) -> dict[str, Any]:
    answer = await api.put(f"{RECORDS}/{record}/review", json={"verdict": verdict, **more})
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    return said


async def places(api: httpx.AsyncClient, ids: list[str], **asked: Any) -> list[int]:
    answer = await api.get(RECORDS, params=asked)
    assert answer.status_code == 200, answer.text
    return [ids.index(row["id"]) for row in answer.json()["items"]]


async def test_the_latest_review_counts_and_the_earlier_ones_are_kept(
    api: httpx.AsyncClient, ids: list[str]
) -> None:
    first = await say(api, ids[0], "needs_work", note="Which one?", reviewer="ada")
    assert await say(api, ids[0], "needs_work", note="Which one?", reviewer="ada") == first
    await say(api, ids[0], "approved")
    history = (await api.get(f"{RECORDS}/{ids[0]}/review")).json()["items"]
    assert [(each["verdict"], each["reviewer"]) for each in history] == [
        ("needs_work", "ada"),
        ("approved", "local"),
    ]
    shown = (await api.get(RECORDS)).json()["items"]
    assert [row["review"] and row["review"]["verdict"] for row in shown[:2]] == ["approved", None]
    assert await places(api, ids, review="approved") == [0]
    assert await places(api, ids, review="needs_work") == []
    missing = await api.put(f"{RECORDS}/{uuid4()}/review", json={"verdict": "approved"})
    assert (missing.status_code, missing.json()["code"]) == (404, "record.not_found")


async def test_records_are_chosen_by_flags_and_by_what_their_fields_hold(
    api: httpx.AsyncClient, ids: list[str]
) -> None:
    assert await places(api, ids, flag="filter.refusal") == [8, 9]
    assert await places(api, ids, flag="filter.ref") == []
    assert await places(api, ids, where='{"score": {"min": 3, "max": 4.5}}') == [3, 4]
    assert await places(api, ids, where='{"score": {"one_of": [7, null, "7"]}}') == [0, 7]
    for wrong in (
        "{",
        '{"colour": {"min": 1}}',
        '{"score": {}}',
        '{"score": {"min": 2, "max": 1}}',
    ):
        answer = await api.get(RECORDS, params={"where": wrong})
        assert answer.status_code == 422, wrong
        assert answer.json()["errors"][0]["field"] == "query.where"


@pytest.mark.parametrize(
    ("selection", "rows"),
    [
        ({"reviews": {"only": ["approved"]}}, [1]),
        ({"reviews": {"exclude": ["rejected"]}}, [0, 1, 3, 4, 5, 6, 7, 8, 9]),
        ({"flags": {"exclude": ["filter"]}}, list(range(8))),
        ({"where": {"score": {"min": 8}}, "flags": {"only": ["filter.refusal.long"]}}, [8, 9]),
        ({"teachers": ["local"], "where": {"score": {"max": 1}}}, [1]),
        ({"teachers": ["another"]}, []),
    ],
)
async def test_a_version_is_made_of_what_the_same_selection_means(
    selection: dict[str, Any], rows: list[int], api: httpx.AsyncClient, ids: list[str]
) -> None:
    await say(api, ids[1], "approved")
    await say(api, ids[2], "rejected")
    await api.post("/v1/datasets", json={"name": "faq", "corpus": "faq"})
    body = {"selection": selection, "layout": {"name": "records", "lineage": True}}
    answer = await api.post("/v1/datasets/default/faq/versions", json=body)
    assert answer.status_code == (201 if rows else 409), answer.text
    doomed = {"selection": selection, "reason": "tried", "dry_run": True}
    deleted = await api.post("/v1/corpora/default/faq/deletions", json=doomed)
    assert deleted.json()["records"] == len(rows)
    if rows:
        assert answer.json()["rows"] == len(rows)


async def test_a_deleted_record_takes_its_reviews_with_it(
    api: httpx.AsyncClient, ids: list[str], database: Database
) -> None:
    await say(api, ids[3], "rejected", note="Wrong.")
    rejected = {"selection": {"reviews": {"only": ["rejected"]}}, "reason": "rejected"}
    assert (await api.post("/v1/corpora/default/faq/deletions", json=rejected)).json()[
        "records"
    ] == 1
    assert (await api.get(f"{RECORDS}/{ids[3]}/review")).json()["code"] == "record.deleted"
    async with database.unit_of_work() as session:
        assert await session.scalar(text("SELECT count(*) FROM review")) == 0
