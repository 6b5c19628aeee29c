"""Looking through a corpus: filters, pages and full text, over the API."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.corpus import search, store
from app.corpus.candidate import Place, Rejected
from app.curation.verdict import Verdict
from app.db import Database
from tests.datasets.corpus import Grown, add, grow, job

AT = "/v1/corpora/default/faq"


@dataclass(frozen=True, slots=True)
class Two:
    """A corpus of two jobs, ten records and four rejects each."""

    corpus: Grown
    old: UUID
    new: UUID


@pytest.fixture
async def two(database: Database) -> Two:
    corpus = await grow(database)
    old = await job(database, corpus, template="default/qa@1")
    new = await job(database, corpus, template="default/qa@2", document={"teacher": "lab/big"})
    for number, each in enumerate((old, new)):
        await add(
            database,
            corpus,
            each,
            [
                {"question": f"Who is number {n + 10 * number}?", "answer": f"Nobody_{n} said so."}
                for n in range(10)
            ],
        )
        await refuse(database, corpus, each, number)
    return Two(corpus, old, new)


async def refuse(database: Database, corpus: Grown, job_id: UUID, number: int) -> None:
    rejects = [
        Rejected(
            Place(job_id, 100 + n, 0),
            Verdict("filter.length.too_short", value=n + 4 * number, threshold=9),
            {"question": f"Short {n}?", "answer": "Yes."},
        )
        for n in range(3)
    ]
    rejects.append(Rejected(Place(job_id, 200, 0), Verdict("parse.json.invalid", value="no")))
    async with database.unit_of_work() as session:
        await store.reject(session, corpus.corpus_id, rejects)
        places = [Place(job_id, n, 0) for n in (*range(10), 100, 101, 102, 200)]
        await search.enqueue(session, places)


async def walk(api: httpx.AsyncClient, kind: str, limit: int = 3, **asked: Any) -> list[str]:
    """The ids of every page, however small."""
    seen: list[str] = []
    cursor = None
    while True:
        more: dict[str, str] = {} if cursor is None else {"cursor": cursor}
        answer = await api.get(f"{AT}/{kind}", params={**asked, **more, "limit": limit})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        seen += [row["id"] for row in page["items"]]
        cursor = page["next"]
        if cursor is None:
            return seen


async def counted(api: httpx.AsyncClient, kind: str, **asked: Any) -> int:
    ids = await walk(api, kind, **asked)
    assert ids == sorted(set(ids)), "each once, oldest first"
    return len(ids)


async def test_every_filter_takes_what_fits_and_pages_meet_each_row_once(
    api: httpx.AsyncClient, two: Two
) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    for kind, all_, half in (("records", 20, 10), ("rejects", 8, 4)):
        for asked, wanted in (
            ({}, all_),
            ({"job": str(two.old)}, half),
            ({"job": [str(two.old), str(two.new)]}, all_),
            ({"template": "qa"}, all_),
            ({"template": "qa@2"}, half),
            ({"template": ["qa@1", "qa@2"]}, all_),
            ({"template": "qa@3"}, 0),
            ({"teacher": "lab/big"}, half),
            ({"teacher": "local", "template": "qa@2"}, 0),
            ({"created_before": soon.isoformat()}, all_),
            ({"created_after": soon.isoformat()}, 0),
        ):
            assert await counted(api, kind, **asked) == wanted, (kind, asked)


async def test_rejects_are_found_by_reason_and_by_what_was_measured(
    api: httpx.AsyncClient, two: Two
) -> None:
    for asked, wanted in (
        ({"reason": "filter"}, 6),
        ({"reason": "filter.length.too_short"}, 6),
        ({"reason": "filter.len"}, 0),
        ({"reason": "parse", "job": str(two.new)}, 1),
        ({"min_value": 2}, 4),
        ({"min_value": 1, "max_value": 4}, 3),
    ):
        assert await counted(api, "rejects", **asked) == wanted, asked
        for each in (two.old, two.new):
            own = {name: value for name, value in asked.items() if name != "job"}
            answer = await api.get(f"/v1/jobs/{each}/rejects", params=own)
            assert answer.status_code == 200


@pytest.mark.parametrize("indexed", [False, True], ids=["while new", "once indexed"])
async def test_words_are_found_whether_they_are_indexed_yet_or_not(
    api: httpx.AsyncClient, database: Database, two: Two, *, indexed: bool
) -> None:
    await grow(database, "default/other")
    if indexed:
        async with database.unit_of_work() as session:
            assert await search.catch_up(session) == 2
            assert await search.catch_up(session) == 0
    for kind, asked, wanted in (
        ("records", {"q": "NUMBER nobody"}, 20),
        ("records", {"q": '"number 7"'}, 1),
        ("records", {"q": '"7 number"'}, 0),
        ("records", {"q": "7 or 18"}, 3),
        ("records", {"q": "nobody -3"}, 18),
        ("records", {"q": "nobody_3", "job": str(two.old)}, 1),
        ("records", {"q": "short"}, 0),
        ("rejects", {"q": "short"}, 6),
        ("rejects", {"q": "short", "reason": "parse"}, 0),
    ):
        assert await counted(api, kind, **asked) == wanted, asked
    own = (await api.get(f"/v1/jobs/{two.new}/records", params={"q": "17"})).json()["items"]
    assert [row["fields"]["question"] for row in own] == ["Who is number 17?"]


async def test_a_text_made_to_stop_the_index_does_not(database: Database, two: Two) -> None:
    hostile = [{"question": part * (200_000 // len(part))} for part in ("a_", "~/", "<!--", "é_")]
    slow = await job(database, two.corpus)
    await add(database, two.corpus, slow, hostile)
    async with database.unit_of_work() as session:
        await search.enqueue(session, [Place(slow, n, 0) for n in range(4)])
    before = datetime.now(UTC)
    async with database.unit_of_work() as session:
        await search.catch_up(session)
    assert datetime.now(UTC) - before < timedelta(seconds=5)


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"job": "not-an-id"}, "query.job.0"),
        ({"job": str(UUID(int=5))}, "query.job"),
        ({"template": "Not A Name"}, "query.template"),
        ({"teacher": "local@3"}, "query"),
        ({"created_after": "yesterday"}, "query.created_after"),
        ({"created_after": "2026-11-21T00:00:00"}, "query.created_after"),
        (
            {"created_after": "2026-11-22T00:00:00Z", "created_before": "2026-11-21T00:00:00Z"},
            "query",
        ),
        ({"q": ""}, "query.q"),
        ({"q": "!?"}, "query.q"),
        ({"min_value": "much"}, "query.min_value"),
        ({"min_value": "nan"}, "query.min_value"),
        ({"min_value": "2", "max_value": "1"}, "query"),
    ],
)
async def test_a_filter_that_cannot_be_is_named(
    api: httpx.AsyncClient, two: Two, asked: dict[str, Any], field: str
) -> None:
    answer = await api.get(f"{AT}/rejects", params=asked)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"] == field


async def test_the_ends_of_time_are_moments_too(api: httpx.AsyncClient, two: Two) -> None:
    assert await counted(api, "records", created_after="0001-01-01T00:00:00+10:00") == 20
    assert await counted(api, "records", created_before="9999-12-31T23:59:59-10:00") == 20
