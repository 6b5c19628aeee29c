"""A dataset with two versions, over the endpoint that ships."""

from uuid import UUID

import httpx
import pytest

from app.db import Database
from tests.datasets.conftest import corpus, faq, job_id
from tests.datasets.corpus import Grown, add, questions

__all__ = ["corpus", "faq", "job_id"]

SPLITS = {"splits": {"train": 0.5, "validation": 0.5}}


@pytest.fixture
async def commits(
    api: httpx.AsyncClient, database: Database, corpus: Grown, job_id: UUID, faq: str
) -> list[str]:
    """Of default/faq, versions 1 and 2."""
    first = (await api.post(f"{faq}/versions", json=SPLITS)).json()
    await add(database, corpus, job_id, questions(5, start=10))
    second = (await api.post(f"{faq}/versions", json={})).json()
    return [first["commit"], second["commit"]]
