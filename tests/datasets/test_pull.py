"""Pulling a version from the API that ships, served on loopback."""

import asyncio
import hashlib
import json
import os
import random
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
import uvicorn
from typer.testing import CliRunner

from app import shell
from app.datasets.commands import commands
from app.datasets.manifest import PublishedManifest
from app.datasets.publish import publish
from app.datasets.pull import pull
from app.datasets.spec import PublishSpec
from app.db import Database
from app.errors import AppError
from app.main import create_app
from app.names import Ref
from app.settings import Settings
from tests.datasets.corpus import Grown, add, grow, job

FAQ = Ref("default", "faq")


class Wire(httpx.HTTPTransport):
    """A connection that is watched, and cut or spoilt when a test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, str | None]] = []
        self.received = 0
        self.cuts: list[int] = []
        self.spoils = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = super().handle_request(request)
        if "/files/" in request.url.path:
            name = request.url.path.rpartition("/")[2]
            self.asked.append((name, request.headers.get("range")))
            answer.stream = Tampered(self, answer.stream, name)
        return answer


class Tampered(httpx.SyncByteStream):
    def __init__(self, wire: Wire, stream: Any, name: str) -> None:
        self.wire, self.stream, self.name = wire, stream, name

    def __iter__(self) -> Iterator[bytes]:
        left = None
        if self.wire.cuts and self.name.endswith(".parquet"):
            left = self.wire.cuts.pop(0)
        for block in self.stream:
            if left is not None and len(block) > left:
                self.wire.received += left
                yield block[:left]
                raise httpx.ReadError("cut")
            left = None if left is None else left - len(block)
            self.wire.received += len(block)
            yield block[:-1] + bytes([block[-1] ^ 1]) if self.wire.spoils else block

    def close(self) -> None:
        self.stream.close()


@pytest.fixture
def served(settings: Settings) -> Iterator[str]:
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(settings), log_config=None, lifespan="on"))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    shell.use(url)
    yield url
    server.should_exit = True
    thread.join()
    listening.close()


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def client(served: str, wire: Wire) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served, transport=wire, trust_env=False, timeout=30) as opened:
        yield opened


@pytest.fixture
async def corpus(database: Database) -> Grown:
    return await grow(database)


@pytest.fixture
async def job_id(database: Database, corpus: Grown) -> UUID:
    made = await job(database, corpus)
    await add(database, corpus, made, noise(1500))
    return made


def noise(count: int, random_seed: int = 1) -> list[dict[str, str]]:
    """Records that do not compress, so that files have some size."""
    draw = random.Random(random_seed)
    return [
        {"question": f"{random_seed}-{n}", "answer": draw.randbytes(60).hex()} for n in range(count)
    ]


async def version_of(
    database: Database, settings: Settings, corpus: Grown, **spec: Any
) -> PublishedManifest:
    wanted = PublishSpec.model_validate({"dataset": "faq", **spec})
    return (await publish(database, settings.data_dir, corpus.corpus_id, wanted)).manifest


def files_in(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


async def test_a_second_pull_transfers_nothing(
    database: Database,
    settings: Settings,
    corpus: Grown,
    job_id: UUID,
    client: httpx.Client,
    wire: Wire,
    tmp_path: Path,
) -> None:
    manifest = await version_of(database, settings, corpus)
    told: list[tuple[int, int]] = []
    folder = await asyncio.to_thread(
        pull, client, FAQ, tmp_path / "faq", report=lambda done, total: told.append((done, total))
    )
    total = sum(file.size for file in manifest.files)
    assert files_in(folder) == {file.path: file.sha256 for file in manifest.files}
    assert told[-1] == (total, total)
    assert wire.received == total
    wire.asked.clear()
    await asyncio.to_thread(pull, client, FAQ, tmp_path / "faq")
    assert wire.asked == []


async def test_a_cut_download_goes_on_where_it_was(
    database: Database,
    settings: Settings,
    corpus: Grown,
    job_id: UUID,
    client: httpx.Client,
    wire: Wire,
    tmp_path: Path,
) -> None:
    manifest = await version_of(database, settings, corpus)
    wire.cuts = [5_000, 3_000]
    folder = await asyncio.to_thread(pull, client, FAQ, tmp_path / "faq")
    assert files_in(folder) == {file.path: file.sha256 for file in manifest.files}
    shard = [asked for name, asked in wire.asked if name.endswith(".parquet")]
    assert shard == [None, "bytes=5000-", "bytes=8000-"]
    assert wire.received == sum(file.size for file in manifest.files)


async def test_the_next_pull_goes_on_where_the_last_one_gave_up(
    database: Database,
    settings: Settings,
    corpus: Grown,
    job_id: UUID,
    client: httpx.Client,
    wire: Wire,
    tmp_path: Path,
) -> None:
    await version_of(database, settings, corpus)
    wire.cuts = [4_000, 0]
    with pytest.raises(httpx.ReadError):
        await asyncio.to_thread(pull, client, FAQ, tmp_path / "faq")
    assert not (tmp_path / "faq" / "manifest.json").exists()
    wire.asked.clear()
    await asyncio.to_thread(pull, client, FAQ, tmp_path / "faq")
    assert ("train-00000-of-00001.parquet", "bytes=4000-") in wire.asked
    assert not (tmp_path / "faq" / ".parts").exists()


async def test_a_part_of_something_else_is_thrown_away(
    database: Database,
    settings: Settings,
    corpus: Grown,
    job_id: UUID,
    client: httpx.Client,
    wire: Wire,
    tmp_path: Path,
) -> None:
    manifest = await version_of(database, settings, corpus)
    wire.spoils = True
    with pytest.raises(AppError, match="arrived with sha256"):
        await asyncio.to_thread(pull, client, FAQ, tmp_path / "faq")
    wire.spoils = False
    folder = await asyncio.to_thread(pull, client, FAQ, tmp_path / "faq")
    assert files_in(folder) == {file.path: file.sha256 for file in manifest.files}


async def test_a_file_changed_by_hand_is_brought_again(
    database: Database,
    settings: Settings,
    corpus: Grown,
    job_id: UUID,
    client: httpx.Client,
    wire: Wire,
    tmp_path: Path,
) -> None:
    manifest = await version_of(database, settings, corpus)
    folder = await asyncio.to_thread(pull, client, FAQ, tmp_path / "faq")
    (folder / "README.md").write_text("mine now", "utf-8")
    wire.asked.clear()
    await asyncio.to_thread(pull, client, FAQ, tmp_path / "faq")
    assert wire.asked == [("README.md", None)]
    assert files_in(folder) == {file.path: file.sha256 for file in manifest.files}


async def test_another_version_in_the_same_folder_takes_its_place(
    database: Database,
    settings: Settings,
    corpus: Grown,
    job_id: UUID,
    client: httpx.Client,
    wire: Wire,
    tmp_path: Path,
) -> None:
    await add(database, corpus, job_id, noise(24_000, random_seed=2))
    first = await version_of(database, settings, corpus)
    await add(database, corpus, job_id, noise(26_000, random_seed=3))
    second = await version_of(database, settings, corpus)
    shards = [[f for f in made.files if f.split] for made in (first, second)]
    assert [len(each) for each in shards] == [2, 3]
    assert shards[0][0].sha256 == shards[1][0].sha256
    folder = await asyncio.to_thread(pull, client, Ref("default", "faq", 1), tmp_path / "faq")
    wire.asked.clear()
    await asyncio.to_thread(pull, client, FAQ, tmp_path / "faq")
    assert files_in(folder) == {file.path: file.sha256 for file in second.files}
    asked = {name for name, _ in wire.asked}
    assert asked == {
        "README.md",
        "lengths.svg",
        "manifest.json",
        "train-00001-of-00003.parquet",
        "train-00002-of-00003.parquet",
    }


LOAD = """
import json, sys
from datasets import load_dataset
made = load_dataset(sys.argv[1])
print(json.dumps({
    "splits": {name: len(rows) for name, rows in made.items()},
    "columns": {name: str(kind) for name, kind in made["train"].features.items()},
    "first": made["train"][0],
    "plain": len(load_dataset("parquet", data_dir=sys.argv[1], split="train")),
}))
"""


def load(folder: Path, cache: Path) -> dict[str, Any]:
    """What stock `datasets` makes of a folder, in a process of its own."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(cache)}
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(folder)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    loaded: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return loaded


async def test_stock_datasets_loads_what_was_pulled(
    database: Database,
    settings: Settings,
    client: httpx.Client,
    tmp_path: Path,
) -> None:
    corpus = await grow(
        database,
        "default/mixed",
        {
            "question": "string",
            "score": "number",
            "count": "integer",
            "good": "boolean",
            "labels": "array",
        },
    )
    rows: list[dict[str, Any]] = [
        {"question": f"q{n}", "score": n / 2 if n % 3 else n, "count": n, "good": n % 2 == 0}
        for n in range(300)
    ]
    rows = [{**row, "labels": ["a", n]} if n % 5 else row for n, row in enumerate(rows)]
    await add(database, corpus, await job(database, corpus), rows)
    splits = {"train": 0.8, "validation": 0.1, "test": 0.1}
    await version_of(database, settings, corpus, splits=splits, dataset="mixed")
    await version_of(
        database,
        settings,
        corpus,
        dataset="chat",
        layout={"name": "messages", "prompt": ["question"], "completion": ["count", "labels"]},
    )
    mixed = await asyncio.to_thread(pull, client, Ref("default", "mixed"), tmp_path / "mixed")
    loaded = await asyncio.to_thread(load, mixed, tmp_path / "cache")
    assert sum(loaded["splits"].values()) == 300
    assert set(loaded["splits"]) == set(splits)
    assert loaded["plain"] == loaded["splits"]["train"]
    first = loaded["first"]
    number = int(first["question"].removeprefix("q"))
    assert (first["count"], first["good"]) == (number, number % 2 == 0)
    assert first["labels"] == (f'["a",{number}]' if number % 5 else None)
    chat = await asyncio.to_thread(pull, client, Ref("default", "chat"), tmp_path / "chat")
    loaded = await asyncio.to_thread(load, chat, tmp_path / "cache")
    assert loaded["first"]["messages"] == [
        {"role": "user", "content": "q0"},
        {"role": "assistant", "content": "0"},
    ]


async def test_the_commands_publish_list_and_pull(
    database: Database, corpus: Grown, job_id: UUID, served: str, tmp_path: Path
) -> None:
    def run(*arguments: str) -> Any:
        done = CliRunner().invoke(commands, [*arguments, "--json"])
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    published = await asyncio.to_thread(
        run, "publish", "faq", "--split", "train=0.9", "--split", "test=0.1", "--name", "s/numbers"
    )
    assert (published["dataset"], published["version"]) == ("s/numbers", 1)
    listed = await asyncio.to_thread(run, "list")
    assert [each["latest"] for each in listed["items"]] == [1]
    pulled = await asyncio.to_thread(run, "pull", "s/numbers@1", str(tmp_path / "out"))
    assert sorted(path.name for path in (Path(pulled["folder"]) / "data").iterdir()) == [
        "test-00000-of-00001.parquet",
        "train-00000-of-00001.parquet",
    ]
    refused = await asyncio.to_thread(CliRunner().invoke, commands, ["pull", "s/numbers@7"])
    assert refused.exit_code == 1
    assert "has no version 7" in refused.output
    refused = await asyncio.to_thread(CliRunner().invoke, commands, ["publish", "nowhere"])
    assert "there is no corpus default/nowhere" in refused.output
    wrong = await asyncio.to_thread(CliRunner().invoke, commands, ["pull", "No Such"])
    assert wrong.exit_code == 2
