"""Who pulled what, and how much of it really left."""

import asyncio
import random
from typing import Any
from uuid import UUID

import httpx
import psutil
import psycopg
import pytest
from fastapi import FastAPI
from typer.testing import CliRunner

from app.datasets.commands import commands
from app.db import Database
from app.main import create_app
from app.settings import Settings
from app.web import download
from tests.auth.keys import make, shown
from tests.conftest import running
from tests.datasets.corpus import Grown, add

SHARD = "data/train-00000-of-00001.parquet"
BLOCK = 1 << 18


@pytest.fixture
async def large(
    api: httpx.AsyncClient, database: Database, corpus: Grown, faq: str, job_id: UUID
) -> int:
    """A version whose one shard is sent in several blocks; its size."""
    noise = random.Random(7)
    rows = [{"question": str(n), "answer": noise.randbytes(30_000).hex()} for n in range(20)]
    await add(database, corpus, job_id, rows)
    made = (await api.post(f"{faq}/versions", json={})).json()
    [entry] = [each for each in made["files"] if each["path"] == SHARD]
    assert entry["size"] > 2 * BLOCK
    return int(entry["size"])


async def receipts(api: httpx.AsyncClient, faq: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = (await api.get(f"{faq}/pulls")).json()["items"]
    return listed


async def test_a_receipt_adds_up_what_was_sent(
    api: httpx.AsyncClient, faq: str, large: int
) -> None:
    url = f"{faq}/versions/1/files/{SHARD}"
    key = await make(api)
    agent = {"User-Agent": "trainer/2"}
    theirs = shown(key["key"]) | agent
    part = await api.get(url, headers=theirs | {"Range": "bytes=100-199"})
    assert part.status_code == 206
    [one] = await receipts(api, faq)
    assert (one["who"], one["key_id"], one["client"]) == ("key:test", key["id"], "trainer/2")
    assert (one["requests"], one["bytes"], one["files"]) == (1, 100, 1)
    assert (one["version"], one["via"], one["complete"]) == (1, "api", False)
    whole = await api.get(url, headers=theirs)
    unchanged = await api.get(url, headers=theirs | {"If-None-Match": whole.headers["etag"]})
    assert unchanged.status_code == 304
    assert (await api.head(url, headers=theirs)).status_code == 200
    assert (await api.get(f"{faq}/versions/1/files/README.md", headers=agent)).status_code == 200
    local, one = await receipts(api, faq)
    assert (one["requests"], one["bytes"], one["files"]) == (3, 100 + large, 1)
    assert one["complete"]
    assert (local["who"], local["key_id"], local["address"]) == ("local", None, "127.0.0.1")
    assert not local["complete"]
    assert (await api.get(f"{faq}/pulls?version=2")).json()["items"] == []
    first = (await api.get(f"{faq}/pulls?limit=1")).json()
    second = (await api.get(f"{faq}/pulls?limit=1&cursor={first['next']}")).json()
    assert [*first["items"], *second["items"]] == [local, one]


async def cut(app: FastAPI, url: str, blocks: int) -> None:
    """A download by a client that takes so many blocks and hangs up."""
    left = blocks
    hung_up = asyncio.Event()

    arriving = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> dict[str, Any]:
        if request := next(arriving, None):
            return request
        await hung_up.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        nonlocal left
        if message["type"] == "http.response.body":
            if left == 0:
                hung_up.set()
                await asyncio.Event().wait()
            left -= 1

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "path": url,
        "raw_path": url.encode(),
        "root_path": "",
        "scheme": "http",
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    await app(scope, receive, send)


async def test_a_download_that_broke_off_counts_as_far_as_it_went(
    settings: Settings,
    api: httpx.AsyncClient,
    faq: str,
    large: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(download, "_BLOCK", BLOCK)
    app = create_app(settings)
    async with running(app) as client:
        await cut(app, f"{faq}/versions/1/files/{SHARD}", 2)
        stored = str(settings.data_dir / "files")
        assert not [at.path for at in psutil.Process().open_files() if at.path.startswith(stored)]
        [one] = await receipts(client, faq)
        assert (one["bytes"], one["complete"]) == (2 * BLOCK, False)


async def test_receipts_survive_the_process_and_its_death(
    settings: Settings, api: httpx.AsyncClient, faq: str, large: int, database_url: str
) -> None:
    async with running(create_app(settings)) as client:
        assert (await client.get(f"{faq}/versions/1/files/{SHARD}")).status_code == 200
        with psycopg.connect(database_url) as other:
            # Were it killed now, only the bytes would be lost.
            found = other.execute("SELECT name, address FROM dataset_pull").fetchall()
            assert found == [("local", "127.0.0.1")]
    [one] = await receipts(api, faq)
    assert (one["bytes"], one["complete"]) == (large, True)


async def test_a_receipt_that_cannot_be_written_fails_no_download_and_is_written_later(
    api: httpx.AsyncClient, faq: str, large: int, database_url: str
) -> None:
    url = f"{faq}/versions/1/files/{SHARD}"
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute("ALTER TABLE dataset_pull RENAME TO away")
        assert len((await api.get(url)).content) == large
        admin.execute("ALTER TABLE away RENAME TO dataset_pull")
    [one] = await receipts(api, faq)
    assert (one["requests"], one["bytes"]) == (1, large)


async def test_the_command_names_who_pulled(served: str, job_id: UUID, tmp_path: Any) -> None:
    for told in (["publish", "faq"], ["pull", "faq@1", str(tmp_path / "faq")]):
        assert CliRunner().invoke(commands, told).exit_code == 0
    run = CliRunner().invoke(commands, ["pulls", "faq@1", "--json"])
    assert '"client": "limbeck/' in run.stdout
    assert '"complete": true' in run.stdout
