"""A live API with published versions, and what was asked of it over its Hub endpoint."""

import asyncio
import base64
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.db import Database
from tests.acceptance.client import Client
from tests.acceptance.service import Service
from tests.acceptance.wire import Asked, Wire
from tests.datasets.corpus import Grown, add, grow, job, questions

FULL_SHARD = 25_000
"""Rows; see `app/datasets/shards.py`."""


class Hub:
    def __init__(self, database_url: str, folder: Path) -> None:
        self.folder = folder
        self.service = Service(database_url, folder)
        self.service.serve()
        self.wire = Wire(self.service.port)
        self._corpora: dict[str, Grown] = {}
        self._rows: dict[str, int] = {}
        self._machines = 0

    @property
    def endpoint(self) -> str:
        return f"{self.wire.url}/hf"

    def add(self, name: str, records: Sequence[dict[str, Any]]) -> None:
        """Put records into the corpus of this name."""

        async def put() -> None:
            database = Database(self.service.database_url)
            try:
                if name not in self._corpora:
                    self._corpora[name] = await grow(database, name)
                corpus = self._corpora[name]
                await add(database, corpus, await job(database, corpus), records)
            finally:
                await database.close()

        asyncio.run(put())

    def publish(self, name: str, **body: Any) -> dict[str, Any]:
        """The next version of the dataset of this name, from the corpus of this name."""
        namespace, _, short = name.partition("/")
        new = {"namespace": namespace, "name": short, "corpus": name, "description": ""}
        self.service.post("/v1/datasets", new)
        made: dict[str, Any] = self.service.post(f"/v1/datasets/{name}/versions", body)
        return made

    def published(self, name: str, rows: int = 10, **body: Any) -> dict[str, Any]:
        """The next version, with so many rows more."""
        start = self._rows.get(name, 0)
        self.add(name, questions(rows, start))
        self._rows[name] = start + rows
        return self.publish(name, **body)

    def withdraw(self, name: str, version: int, because: str) -> None:
        url = f"/v1/datasets/{name}/versions/{version}/withdraw"
        self.service.post(url, {"reason": because})

    def client(self, **changes: Any) -> Client:
        """A machine with an empty cache."""
        self._machines += 1
        return Client(self.folder / f"machine-{self._machines}", self.endpoint, **changes)

    def chapters(self) -> dict[str, list[Asked]]:
        """What was asked since a client began each chapter."""
        found: dict[str, list[Asked]] = {"": []}
        latest = found[""]
        for asked in self.wire.asked:
            _, is_mark, name = asked.path.partition("/api/telemetry/")
            if is_mark:
                latest = found.setdefault(name, [])
            else:
                latest.append(asked)
        return found

    def close(self) -> None:
        self.wire.close()
        self.service.close()


def incompressible(rows: int, characters: int) -> list[dict[str, Any]]:
    """Records that no compression makes much smaller than three quarters."""
    dice = random.Random(20261121)
    return [
        {
            "question": f"What is {n}?",
            "answer": base64.b64encode(dice.randbytes(characters * 3 // 4)).decode(),
        }
        for n in range(rows)
    ]
