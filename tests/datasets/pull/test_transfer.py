"""Bytes on their way: all checked, none twice, however often the connection breaks."""

import asyncio
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from app.datasets.fetch.pull import pull
from app.db import Database
from app.errors import AppError
from app.settings import Settings
from tests.datasets.corpus import Grown
from tests.datasets.pull.pulled import FAQ, Wire, files_in, version_of


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
