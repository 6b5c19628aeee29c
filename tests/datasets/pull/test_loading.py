"""Stock `datasets` reads what was pulled."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

from app.datasets.fetch.pull import pull
from app.db import Database
from app.names import Ref
from app.settings import Settings
from tests.datasets.corpus import add, grow, job
from tests.datasets.pull.pulled import version_of

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
