"""The folder that a version is pulled into."""

import asyncio
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from app.datasets.fetch.folder import verify
from app.datasets.fetch.pull import pull
from app.db import Database
from app.errors import AppError
from app.names import Ref
from app.settings import Settings
from tests.datasets.corpus import Grown, add
from tests.datasets.pull.pulled import FAQ, Wire, files_in, noise, version_of


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


async def test_a_folder_with_something_else_in_it_is_left_alone(
    database: Database,
    settings: Settings,
    corpus: Grown,
    job_id: UUID,
    client: httpx.Client,
    tmp_path: Path,
) -> None:
    await version_of(database, settings, corpus)
    await version_of(database, settings, corpus, dataset="other")
    folder = tmp_path / "mine"
    for name in ("README.md", "data/train-00007-of-00008.parquet"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("mine", "ascii")
        with pytest.raises(AppError, match=f"no pull brought: {name}"):
            await asyncio.to_thread(pull, client, FAQ, folder)
        assert list(files_in(folder)) == [name]
        (folder / name).unlink()
    (folder / "notes.txt").write_text("mine", "ascii")
    await asyncio.to_thread(pull, client, FAQ, folder)
    with pytest.raises(AppError, match="holds default/faq@1, another dataset"):
        await asyncio.to_thread(pull, client, Ref("default", "other"), folder)
    assert (folder / "notes.txt").read_text("ascii") == "mine"


async def test_one_split_comes_alone_and_the_others_later(
    database: Database,
    settings: Settings,
    corpus: Grown,
    job_id: UUID,
    client: httpx.Client,
    wire: Wire,
    tmp_path: Path,
) -> None:
    splits = {"train": 0.8, "test": 0.2}
    manifest = await version_of(database, settings, corpus, splits=splits)
    folder = await asyncio.to_thread(pull, client, FAQ, tmp_path / "faq", splits=["test"])
    assert set(files_in(folder)) == {"data/test-00000-of-00001.parquet", "manifest.json"}
    assert verify(folder, ["test"])[2] == []
    with pytest.raises(AppError, match="no split 'dev'"):
        await asyncio.to_thread(pull, client, FAQ, tmp_path / "none", splits=["dev"])
    wire.asked.clear()
    await asyncio.to_thread(pull, client, FAQ, folder)
    assert "test-00000-of-00001.parquet" not in {name for name, _ in wire.asked}
    assert files_in(folder) == {file.path: file.sha256 for file in manifest.files}


async def test_a_pulled_folder_is_verified_without_the_api(
    database: Database,
    settings: Settings,
    corpus: Grown,
    job_id: UUID,
    client: httpx.Client,
    tmp_path: Path,
) -> None:
    manifest = await version_of(database, settings, corpus)
    folder = await asyncio.to_thread(pull, client, FAQ, tmp_path / "faq")
    told, commit, wrong = verify(folder)
    assert (told.version, commit, wrong) == (1, manifest.commit, [])
    shard = folder / "data" / "train-00000-of-00001.parquet"
    content = shard.read_bytes()
    shard.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    (folder / "README.md").unlink()
    (folder / "data" / "train-more.parquet").write_bytes(b"")
    assert verify(folder)[2] == [
        "README.md is missing",
        "data/train-00000-of-00001.parquet has other bytes",
        "data/train-more.parquet is not a part of the version",
    ]
    with pytest.raises(AppError, match=r"no manifest\.json"):
        verify(tmp_path)
