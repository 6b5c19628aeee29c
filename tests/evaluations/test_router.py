"""Evaluation sets through the API: what is kept of an upload, and what is refused."""

import io
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.evaluations import push
from tests.evaluations.exam import EXAM, ITEMS, SHIPS, upload


async def test_an_upload_is_a_version_and_the_same_again_is_the_same(
    api: httpx.AsyncClient,
) -> None:
    made = await upload(api, ITEMS)
    assert made.status_code == 201, made.text
    version = made.json()
    assert version["ref"] == "default/exam@1"
    assert version["fields"] == ["id", "question", "answer"]
    assert (version["items"], version["texts"], version["too_short"]) == (2, 2, 4)

    table = pa.Table.from_pylist(ITEMS)
    out = io.BytesIO()
    pq.write_table(table, out)
    again = await api.post(f"{EXAM}/versions?format=parquet", content=out.getvalue())
    assert (again.status_code, again.json()) == (200, version)
    other = await upload(api, ITEMS[:1])
    assert (other.status_code, other.json()["version"]) == (201, 2)

    assert (await api.get(f"{EXAM}@1")).json() == version
    assert (await api.get(EXAM)).json() == other.json()
    listed = (await api.get("/v1/evaluation-sets")).json()["items"]
    assert [each["ref"] for each in listed] == ["default/exam@2"]
    versions = (await api.get(f"{EXAM}/versions")).json()["items"]
    assert [each["items"] for each in versions] == [2, 1]
    items = (await api.get(f"{EXAM}@1/items?limit=1")).json()
    assert items["items"] == [{"position": 0, "fields": ITEMS[0]}]


async def test_only_the_fields_that_are_named_are_kept(api: httpx.AsyncClient) -> None:
    ragged: list[dict[str, Any]] = [{**ITEMS[0], "notes": "a"}, ITEMS[1]]
    query = "?fields=question&fields=id&fields=question"
    version = (await upload(api, ragged, query=query)).json()
    assert version["fields"] == ["question", "id"]
    items = (await api.get(f"{EXAM}/items")).json()["items"]
    assert items[0]["fields"] == {"id": "1", "question": SHIPS}
    refused = await upload(api, ragged, query="?fields=notes")
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "line 2"
    assert "lacks the field 'notes'" in refused.json()["detail"]


@pytest.mark.parametrize(
    ("items", "status", "code"),
    [
        ([], 422, "upload.empty"),
        ([{"n": 1}], 422, "evaluation.no_text"),
        ([{"answer": "none of the above"}], 422, "evaluation.no_text"),
        ([{"question": "x " * 60}], 413, "evaluation.too_large"),
        ([{"question": SHIPS}, {"q": SHIPS}], 422, "upload.row"),
        ([{"question": "\0" + SHIPS}], 422, "upload.row"),
    ],
)
async def test_what_cannot_be_compared_with_is_refused_and_leaves_nothing(
    api: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    items: list[dict[str, Any]],
    status: int,
    code: str,
) -> None:
    monkeypatch.setattr(push, "MOST_WORDS", 50)
    refused = await upload(api, items)
    assert (refused.status_code, refused.json()["code"]) == (status, code), refused.text
    assert (await api.get("/v1/evaluation-sets")).json()["items"] == []


async def test_a_set_that_is_not_there_is_told_as_such(api: httpx.AsyncClient) -> None:
    await upload(api, ITEMS)
    for at in ("/v1/evaluation-sets/default/other", f"{EXAM}@2"):
        missing = await api.get(at)
        assert (missing.status_code, missing.json()["code"]) == (404, "evaluation.not_found")
    assert (await api.delete("/v1/evaluation-sets/default/other")).status_code == 404


async def test_uploading_brings_a_retired_set_back(api: httpx.AsyncClient) -> None:
    await upload(api, ITEMS)
    assert (await api.delete(EXAM)).status_code == 204
    since = (await api.get(EXAM)).json()["retired_at"]
    assert since is not None
    assert (await api.delete(EXAM)).status_code == 204
    assert (await api.get(EXAM)).json()["retired_at"] == since
    assert (await upload(api, ITEMS)).json()["retired_at"] is None
