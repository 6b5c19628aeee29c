"""What the tests of pulling share: a watched connection, and versions with some bytes to them."""

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from app.datasets.manifest import PublishedManifest
from app.datasets.publish import publish
from app.datasets.spec import PublishSpec
from app.db import Database
from app.names import Ref
from app.settings import Settings
from tests.datasets.corpus import Grown

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
