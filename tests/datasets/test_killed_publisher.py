"""A publisher that is killed, wherever it was, publishes nothing, and harms nothing."""

import asyncio
import sys
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from app.datasets.publish import publish
from app.datasets.spec import PublishSpec
from app.db import Database
from app.settings import Settings
from tests.datasets.corpus import Grown

PUBLISHER = """
import asyncio, sys
from pathlib import Path
from uuid import UUID
from app.datasets import publish as publishing, shards
from app.datasets.spec import PublishSpec
from app.db import Database

def halt(*given):
    print("here", flush=True)
    sys.stdin.read()

url, folder, corpus, place = sys.argv[1:]
if place == "writing":
    shards.ShardWriter.finish = halt
else:
    seal = publishing.seal
    publishing.seal = lambda *given: (seal(*given), halt())

async def main():
    database = Database(url)
    spec = PublishSpec.model_validate({"dataset": "faq"})
    await publishing.publish(database, Path(folder), UUID(corpus), spec)

asyncio.run(main())
"""


@pytest.mark.parametrize("place", ["writing", "listing"])
async def test_a_publisher_killed_halfway_lists_nothing_and_the_next_one_succeeds(
    place: str,
    api: httpx.AsyncClient,
    database: Database,
    database_url: str,
    corpus: Grown,
    job_id: UUID,
    settings: Settings,
) -> None:
    folder = str(settings.data_dir)
    command = [sys.executable, "-c", PUBLISHER, database_url, folder, str(corpus.corpus_id), place]
    publisher = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert publisher.stdout is not None
    assert await publisher.stdout.readline() == b"here\n"
    publisher.kill()
    await publisher.wait()
    assert (await api.get("/v1/datasets/default/faq/versions")).json()["items"] == []
    stored = [path for path in (Path(folder) / "files").rglob("*") if path.is_file()]
    assert len(stored) == (1 if place == "writing" else 4)
    spec = PublishSpec.model_validate({"dataset": "faq"})
    made = await publish(database, settings.data_dir, corpus.corpus_id, spec)
    assert (made.ref.version, made.rows) == (1, 10)
    for file in made.manifest.files:
        answer = await api.get(f"/v1/datasets/default/faq/versions/1/files/{file.path}")
        assert answer.status_code == 200
