"""Datasets over the shell."""

import asyncio
import json
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from typer.testing import CliRunner

from app.datasets.commands import commands
from app.datasets.fetch.pull import pull
from app.db import Database
from app.settings import Settings
from tests.datasets.corpus import Grown
from tests.datasets.pull.pulled import FAQ, noise, version_of


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


async def test_rows_are_printed_one_a_line_and_progress_beside_them(
    database: Database, corpus: Grown, job_id: UUID, served: str, settings: Settings
) -> None:
    await version_of(database, settings, corpus)
    done = await asyncio.to_thread(CliRunner().invoke, commands, ["rows", "faq"])
    assert done.exit_code == 0, done.stderr
    assert [json.loads(line) for line in done.stdout.splitlines()] == noise(1500)
    assert "1500/1500" in done.stderr
    refused = await asyncio.to_thread(
        CliRunner().invoke, commands, ["rows", "faq@1", "--split", "dev"]
    )
    assert refused.exit_code == 1
    assert "has no split 'dev'" in refused.stderr


async def test_verify_is_an_exit_code(
    database: Database,
    settings: Settings,
    corpus: Grown,
    job_id: UUID,
    client: httpx.Client,
    tmp_path: Path,
) -> None:
    await version_of(database, settings, corpus)
    folder = await asyncio.to_thread(pull, client, FAQ, tmp_path / "faq")
    assert CliRunner().invoke(commands, ["verify", str(folder)]).exit_code == 0
    (folder / "README.md").write_text("mine", "ascii")
    wrong = CliRunner().invoke(commands, ["verify", str(folder)])
    assert (wrong.exit_code, "README.md has other bytes" in wrong.output) == (1, True)
    assert CliRunner().invoke(commands, ["verify", str(tmp_path)]).exit_code == 1
