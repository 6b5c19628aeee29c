"""The stored records most like a text."""

from typing import Any

import httpx
import pytest

from app.corpus import dedup, store
from app.corpus.candidate import Candidate, Place, Target
from app.curation.exact import digest
from app.curation.novelty import DedupSpec
from app.db import Database
from app.names import Ref
from tests.corpus import truth
from tests.datasets.corpus import Grown, job

AT = "/v1/corpora/default/faq/neighbours"
WHOLE: dict[str, Any] = {"on": ["text"], "near": {"fields": ["text"], "threshold": 1.0}}


async def fill(database: Database, policy: dict[str, Any], records: list[dict[str, Any]]) -> None:
    async with database.unit_of_work() as session:
        spec = DedupSpec.model_validate(policy)
        corpus, _ = await store.get_or_create(session, Ref("default", "faq"), spec)
    job_id = await job(database, Grown(corpus.id, "default/faq"))
    target = Target(corpus.id, corpus.salt, spec.rule)
    made = [
        Candidate(Place(job_id, number, 0), record, digest(record))
        for number, record in enumerate(records)
    ]
    async with database.unit_of_work() as session:
        await dedup.add(session, target, target.signed(made))


async def find(api: httpx.AsyncClient, **body: Any) -> list[dict[str, Any]]:
    answer = await api.post(AT, json=body)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_what_is_known_to_be_alike_is_found_best_first(
    api: httpx.AsyncClient, database: Database
) -> None:
    docs = truth.docs()[:600]
    await fill(database, WHOLE, [{"text": one} for one in docs])
    pairs = [pair for pair in sorted(truth.pairs(0.7)) if max(pair) < len(docs)]
    assert len(pairs) > 20
    for i, j in pairs[:20]:
        found = await find(api, text=docs[i].upper(), limit=50, min_similarity=0.6)
        assert found[0]["similarity"] == 1.0
        assert docs[i] == found[0]["record"]["fields"]["text"]
        assert docs[j] in [each["record"]["fields"]["text"] for each in found]
        scores = [each["similarity"] for each in found]
        assert scores == sorted(scores, reverse=True)
        assert scores[-1] >= 0.6
    assert len(await find(api, text=docs[pairs[0][0]], limit=1)) == 1
    assert await find(api, text="nothing that anybody has said here") == []


async def test_records_are_alike_only_where_the_corpus_compares_them(
    api: httpx.AsyncClient, database: Database
) -> None:
    policy = {"on": ["text"], "near": {"fields": ["text"], "same": ["topic"], "threshold": 1.0}}
    said = "How do I get my money back for a broken kettle?"
    await fill(database, policy, [{"topic": "tea", "text": said}])
    close = said.replace("kettle", "kettles")
    assert len(await find(api, fields={"topic": "TEA", "text": close})) == 1
    assert await find(api, fields={"topic": "rain", "text": close}) == []
    answer = await api.post(AT, json={"text": close})
    assert answer.status_code == 422
    assert "topic" in answer.json()["errors"][0]["problem"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"text": "a", "fields": {"text": "a"}},
        {"text": " "},
        {"fields": {"other": "a"}},
        {"fields": {"text": {}}, "limit": 51},
        {"text": "a", "min_similarity": 1.1},
    ],
)
async def test_what_cannot_be_compared_is_refused(
    api: httpx.AsyncClient, database: Database, body: dict[str, Any]
) -> None:
    await fill(database, WHOLE, [{"text": "a"}])
    assert (await api.post(AT, json=body)).status_code == 422
    deep = '{"fields": {"text": ' + "[" * 500 + "]" * 500 + "}}"
    answer = await api.post(AT, content=deep, headers={"content-type": "application/json"})
    assert answer.status_code == 422


async def test_a_corpus_that_does_not_compare_says_so(
    api: httpx.AsyncClient, database: Database
) -> None:
    await fill(database, {"on": ["text"], "near": False}, [{"text": "a"}])
    answer = await api.post(AT, json={"text": "a"})
    assert (answer.status_code, answer.json()["code"]) == (409, "corpus.no_signatures")
