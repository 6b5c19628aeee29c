"""Rows over HTTP: the same rows, in the same order, whoever asks for how many."""

import io
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest
from fastapi import FastAPI

from app.datasets.files import Files
from app.datasets.publish import publish
from app.datasets.rows import router
from app.datasets.rows.read import lines
from app.datasets.shards import Sizes
from app.datasets.spec import PublishSpec
from app.db import Database
from app.main import create_app
from app.settings import Settings
from tests.conftest import running
from tests.datasets.corpus import Grown, add, job, questions

LINES = {"Accept": "application/x-ndjson"}


@pytest.fixture
async def url(api: httpx.AsyncClient, faq: str) -> str:
    """The address of the rows of a version with ten rows in two splits."""
    body = {"splits": {"train": 0.7, "test": 0.3}}
    assert (await api.post(f"{faq}/versions", json=body)).status_code == 201
    return f"{faq}/versions/1/rows"


async def in_file(api: httpx.AsyncClient, url: str, split: str) -> list[Any]:
    path = f"data/{split}-00000-of-00001.parquet"
    content = (await api.get(url.replace("/rows", f"/files/{path}"))).content
    return list(pq.read_table(io.BytesIO(content)).to_pylist())


async def test_pages_lines_and_the_stream_are_the_rows_of_the_file(
    api: httpx.AsyncClient, url: str
) -> None:
    for split in ("train", "test"):
        wanted = await in_file(api, url, split)
        streamed = await api.get(url, params={"split": split, "stream": True})
        assert streamed.headers["content-type"] == "application/x-ndjson"
        assert [json.loads(line) for line in streamed.text.splitlines()] == wanted
        walked, query = [], {"split": split, "limit": "3"}
        while True:
            page = (await api.get(url, params=query)).json()
            walked += page["items"]
            if page["next"] is None:
                break
            query["cursor"] = page["next"]
        assert walked == wanted
        following, said = f"{url}?split={split}&limit=2", ""
        while following:
            answer = await api.get(following, headers=LINES)
            said += answer.text
            following = answer.links.get("next", {}).get("url", "")
        assert said == streamed.text


async def test_rows_never_change_and_can_be_kept(api: httpx.AsyncClient, url: str) -> None:
    first = await api.get(url)
    assert "immutable" in first.headers["cache-control"]
    seen = {"If-None-Match": first.headers["etag"]}
    assert (await api.get(url, headers=seen)).status_code == 304
    assert (await api.get(url, params={"limit": 1}, headers=seen)).status_code == 200
    assert (await api.get(url, headers=seen | LINES)).status_code == 200


async def test_what_is_not_there_is_told(api: httpx.AsyncClient, url: str) -> None:
    answer = await api.get(url, params={"split": "validation"})
    assert (answer.status_code, answer.json()["code"]) == (404, "dataset.split_not_found")
    assert answer.json()["hint"] == "It has test, train."
    assert (await api.get(url.replace("/1/", "/2/"))).status_code == 404
    assert (await api.get(url, params={"cursor": "!"})).status_code == 422


@pytest.mark.parametrize("query", [{}, {"stream": True}])
async def test_rows_of_a_damaged_file_are_not_served(
    api: httpx.AsyncClient, url: str, settings: Settings, query: dict[str, Any]
) -> None:
    for stored in (settings.data_dir / "files").glob("*/*"):
        stored.chmod(0o644)
        stored.write_bytes(b"\0" + stored.read_bytes()[1:])
    answer = await api.get(url, params=query)
    assert (answer.status_code, answer.json()["code"]) == (503, "dataset.file_damaged")


async def test_no_connection_is_held_while_rows_are_read(
    settings: Settings, api: httpx.AsyncClient, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    app: FastAPI = create_app(settings)
    held: list[int] = []

    def watched(*given: Any) -> Iterator[bytes]:
        for block in lines(*given):
            held.append(app.state.database.engine.pool.checkedout())
            yield block

    monkeypatch.setattr(router, "lines", watched)
    async with running(app) as client:
        for query in ({"stream": True}, {}):
            assert (await client.get(url, params=query)).status_code == 200
    assert held == [0, 0]


async def test_any_run_of_rows_is_read_across_shards_and_row_groups(
    database: Database, corpus: Grown, settings: Settings
) -> None:
    await add(database, corpus, await job(database, corpus), questions(50))
    spec = PublishSpec.model_validate({"dataset": "faq", "decontaminate": []})
    sizes = Sizes(group_rows=7, shard_rows=20)
    made = await publish(database, settings.data_dir, corpus.corpus_id, spec, sizes)
    shards = [each for each in made.manifest.files if each.split is not None]
    assert [shard.rows for shard in shards] == [20, 20, 10]
    files = Files(settings.data_dir)
    for start in range(0, 51, 3):
        for stop in range(start, 51, 5):
            read = b"".join(lines(files, shards, start, stop)).splitlines()
            assert [json.loads(line) for line in read] == questions(50)[start:stop]
