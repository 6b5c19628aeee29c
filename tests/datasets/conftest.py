"""A corpus with a few records, and a dataset over it."""

from uuid import UUID

import httpx
import pytest

from app.db import Database
from tests.datasets.corpus import Grown, add, grow, job, questions


@pytest.fixture
async def corpus(database: Database) -> Grown:
    return await grow(database)


@pytest.fixture
async def job_id(database: Database, corpus: Grown) -> UUID:
    """A job that brought ten records."""
    made = await job(database, corpus)
    await add(database, corpus, made, questions(10))
    return made


@pytest.fixture
async def faq(api: httpx.AsyncClient, job_id: UUID) -> str:
    """The address of a dataset that has no version yet."""
    body = {"name": "faq", "corpus": "faq", "description": "Numbers, asked about."}
    assert (await api.post("/v1/datasets", json=body)).status_code == 201
    return "/v1/datasets/default/faq"
