"""The API that ships, served on loopback, and a corpus of 1,500 records that do not compress."""

from collections.abc import Iterator
from uuid import UUID

import httpx
import pytest

from app.db import Database
from tests.datasets.corpus import Grown, add, grow, job
from tests.datasets.pull.pulled import Wire, noise


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
