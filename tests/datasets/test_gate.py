"""A version holds no copy of an evaluation item, whenever either came."""

from uuid import UUID

import httpx
import orjson

from app.db import Database
from tests.datasets.corpus import Grown, add, questions
from tests.datasets.test_publish import published, rows_of
from tests.evaluations.exam import EXAM, ITEMS, SHIPS, TRAINS, upload

COPY = {"question": f"Well then. {TRAINS}", "answer": "At five."}
NEAR = {"question": " ".join(SHIPS.split()[:13]), "answer": "A question, so far."}
LONG = {"question": f"{SHIPS} Write down how you found it, and what you would ask the pilots."}


async def test_a_record_from_before_the_exam_is_left_out_and_the_card_says_so(
    api: httpx.AsyncClient, database: Database, corpus: Grown, job_id: UUID, faq: str
) -> None:
    await add(database, corpus, job_id, [COPY, *questions(3, start=50)])
    before = await published(api, faq)
    assert before["decontamination"] == {
        "sets": [],
        "threshold": 0.5,
        "rows_checked": 0,
        "rows_left_out": 0,
        "left_out": [],
        "rows_flagged": 0,
    }
    assert before["rows"] == 14

    await upload(api, ITEMS)
    await upload(api, [ITEMS[1]], "/v1/evaluation-sets/default/again")
    after = await published(api, faq)
    records = (await api.get("/v1/corpora/default/faq/records")).json()["items"]
    copies = [record for record in records if record["fields"] == COPY]
    checked = after["decontamination"]
    assert checked["sets"] == ["default/again@1", "default/exam@1"]
    assert (checked["rows_checked"], checked["rows_left_out"]) == (14, 1)
    [left_out] = checked["left_out"]
    assert (left_out["record"], left_out["coverage"]) == (copies[0]["id"], 1.0)
    assert left_out["why"] == "has 21 of the 21 words of default/again@1, item 0, question"
    assert after["rows"] == after["sources"][0]["rows"] == 13
    assert COPY not in await rows_of(api, faq, after)
    card = (await api.get(f"{faq}/versions/2/files/README.md")).text
    assert "14 records were checked against `default/again@1`, `default/exam@1`." in card
    assert f"| `{copies[0]['id']}` | 1 |" in card
    assert "not checked against any" in (await api.get(f"{faq}/versions/1/files/README.md")).text


async def test_sets_that_change_leave_published_versions_alone(
    api: httpx.AsyncClient, database: Database, corpus: Grown, job_id: UUID, faq: str
) -> None:
    await add(database, corpus, job_id, [COPY])
    await upload(api, [ITEMS[0]])
    first = await published(api, faq)
    rows = await rows_of(api, faq, first)
    await upload(api, ITEMS)
    second = await published(api, faq)
    await api.delete(EXAM)
    third = await published(api, faq)
    assert [each["rows"] for each in (first, second, third)] == [11, 10, 11]
    sets = [each["decontamination"]["sets"] for each in (first, second, third)]
    assert sets == [["default/exam@1"], ["default/exam@2"], []]
    assert (await api.get(f"{faq}/versions/1/manifest")).json() == first
    assert await rows_of(api, faq, first) == rows
    written = (await api.get(f"{faq}/versions/1/files/manifest.json")).content
    assert orjson.loads(written)["decontamination"] == first["decontamination"]


async def test_a_publication_names_its_own_sets_or_none(
    api: httpx.AsyncClient, database: Database, corpus: Grown, job_id: UUID, faq: str
) -> None:
    await add(database, corpus, job_id, [COPY, NEAR])
    await upload(api, [LONG])
    await upload(api, ITEMS)
    assert (await published(api, faq, decontaminate=[]))["rows"] == 12
    assert (await published(api, faq))["rows"] == 10
    old = await published(api, faq, decontaminate=["exam@1"])
    assert old["rows"] == 12
    assert old["decontamination"]["rows_flagged"] == 1
    refused = await api.post(f"{faq}/versions", json={"decontaminate": ["exam@3"]})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "/decontaminate/0"


async def test_a_version_of_copies_alone_is_refused(
    api: httpx.AsyncClient, database: Database, corpus: Grown, faq: str, job_id: UUID
) -> None:
    await upload(api, [{"question": row["answer"]} for row in questions(10)])
    refused = await api.post(f"{faq}/versions", json={})
    assert (refused.status_code, refused.json()["code"]) == (409, "dataset.empty")
    assert "copy of an evaluation item" in refused.json()["detail"]
