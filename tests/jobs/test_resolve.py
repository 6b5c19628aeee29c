"""Everything checkable is checked before anything is queued, and pinned."""

from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.db import Database
from tests.fake_teacher import FakeTeacher
from tests.fake_teacher.abilities import ONLY_EMBEDS
from tests.jobs.conftest import TEMPLATE, spec

EXAMPLES = [
    {"inputs": {"topic": f"t{n}"}, "response": {"question": f"Q{n}?", "answer": f"A{n}."}}
    for n in range(6)
]


async def push_examples(ready: httpx.AsyncClient) -> None:
    answer = await ready.post("/v1/few-shot-sets", json={"name": "qa", "examples": EXAMPLES})
    assert answer.status_code == 201, answer.text


async def test_the_answer_is_the_resolved_document(ready: httpx.AsyncClient) -> None:
    await push_examples(ready)
    answer = await ready.post("/v1/jobs", json=spec(few_shot="qa"))
    assert answer.status_code == 201, answer.text
    job = answer.json()
    document = job["document"]
    assert document["corpus"] == "default/faq"
    assert document["template"] == "default/qa@1"
    assert document["few_shot"] == {"set": "default/qa@1", "k": 6, "rotate": "chunk"}
    assert document["sampling"]["temperature"] == 0.8
    assert document["limits"]["max_candidates"] == 100
    assert document["accept"]["parse"] == {"name": "json"}
    assert [each["name"] for each in document["accept"]["filters"]][:2] == ["empty", "refusal"]
    assert document["dedup"] == {
        "on": ["topic", "question", "answer"],
        "near": {"threshold": 0.7, "fields": ["question", "answer"], "same": ["topic"]},
        "rouge": False,
    }
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}"


async def test_a_resolved_document_submitted_again_is_the_same_job_document(
    ready: httpx.AsyncClient,
) -> None:
    first = (await ready.post("/v1/jobs", json=spec())).json()
    again = await ready.post("/v1/jobs", json=first["document"])
    assert again.status_code == 201, again.text
    assert again.json()["document"] == first["document"]
    assert again.json()["digest"] == first["digest"]


async def test_a_later_template_version_changes_the_digest_not_the_running_job(
    ready: httpx.AsyncClient,
) -> None:
    first = (await ready.post("/v1/jobs", json=spec())).json()
    changed = TEMPLATE.replace("You write questions.", "You write good questions.")
    pushed = await ready.post("/v1/templates/default/qa/versions", json={"source": changed})
    assert pushed.json()["version"] == 2
    second = (await ready.post("/v1/jobs", json=spec())).json()
    assert second["document"]["template"] == "default/qa@2"
    assert second["digest"] != first["digest"]
    same = (await ready.get(f"/v1/jobs/{first['id']}")).json()
    assert same["document"] == first["document"]


@pytest.mark.parametrize(
    ("changes", "field", "says"),
    [
        ({"teacher": "nobody"}, "/teacher", "no teacher"),
        ({"template": "qb"}, "/template", "no template"),
        ({"template": "qa@7"}, "/template", "qa"),
        ({"few_shot": "none"}, "/few_shot/set", "no few-shot set"),
        ({"few_shot": {"set": "qa", "k": 7}}, "/few_shot/k", "at most 6"),
        ({"few_shot": {"set": "qa", "k": 0}}, "/few_shot/k", "greater"),
        ({"seeds": {"dataset": "none"}}, "/seeds/dataset", "no seed dataset"),
        ({"seeds": {"matrix": {"subject": ["tea"]}}}, "/seeds", "topic"),
        ({"seeds": {"matrix": {"topic": [3]}}}, "/seeds/topic", "string"),
        ({"seeds": {"matrix": {"topic": []}}}, "/seeds/matrix", "1 to 1000"),
        ({"seeds": {}}, "/seeds", "topic"),
        ({"sampling": {"temprature": 1}}, "/sampling/temprature", "not permitted"),
        ({"sampling": {"n": 0}}, "/sampling/n", "greater"),
        ({"sampling": {"max_tokens": 9_000_000}}, "/sampling/max_tokens", "less"),
        ({"sampling": {"max_tokens": 500_000}}, "/sampling/max_tokens", "context"),
        ({"recipe": "best"}, "/recipe", "single"),
        ({"accept": {"filters": [{"name": "lenght"}]}}, "/accept/filters/0", "length"),
        (
            {"accept": {"filters": [{"name": "length", "field": "body", "min_words": 1}]}},
            "/accept/filters/0",
            "body",
        ),
        ({"dedup": {"on": ["body"]}}, "/dedup/on/0", "question"),
        ({"dedup": {"near": {"fields": ["body"]}}}, "/dedup/near/fields/0", "question"),
        ({"dedup": {"near": 0.2}}, "/dedup/near", "0.6"),
        ({"dedup": {"near": "no"}}, "/dedup/near", ""),
        ({"dedup": {"rouge": {"fields": ["body"]}}}, "/dedup/rouge/fields/0", "question"),
        ({"dedup": {"rouge": {"pool": 200_000}}}, "/dedup/rouge", "100000"),
        ({"dedup": {"on": ["topic"], "rouge": True}}, "/dedup/rouge", "free text"),
        ({"num_records": 0}, "/num_records", "greater"),
        ({"limits": {"max_candidates": 0}}, "/limits/max_candidates", "greater"),
        ({"priority": 1000}, "/priority", "less"),
        ({"on_exhausted": "cry"}, "/on_exhausted", "finish"),
        ({"publish": {"dataset": "d", "splits": {"train": 2}}}, "/publish", ""),
        ({"corpus": "a/b/c"}, "/corpus", "namespace/name"),
    ],
)
async def test_what_cannot_be_carried_out_is_refused_by_name(
    ready: httpx.AsyncClient, database: Database, changes: dict[str, Any], field: str, says: str
) -> None:
    await push_examples(ready)
    for path in ("/v1/jobs", "/v1/previews"):
        answer = await ready.post(path, json=spec(**changes))
        assert answer.status_code == 422, answer.text
        error = answer.json()["errors"][0]
        assert error["field"].startswith(field), error
        assert says in error["problem"], error
    async with database.unit_of_work() as session:
        for table in ("job", "chunk", "corpus"):
            assert await session.scalar(text(f"SELECT count(*) FROM {table}")) == 0


async def test_a_corpus_keeps_to_one_record_schema(ready: httpx.AsyncClient) -> None:
    assert (await ready.post("/v1/jobs", json=spec())).status_code == 201
    other = TEMPLATE.replace("answer", "reply")
    await ready.post("/v1/templates", json={"name": "other", "source": other})
    refused = await ready.post("/v1/jobs", json=spec(template="other"))
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "/corpus"
    assert "reply (string)" in refused.json()["detail"]


async def test_without_a_target_every_seed_row_is_asked_once(ready: httpx.AsyncClient) -> None:
    body = {key: value for key, value in spec().items() if key != "num_records"}
    job = (await ready.post("/v1/jobs", json=body)).json()
    assert job["num_records"] == 3
    assert job["ledger"]["planned"] == 3


async def test_a_huge_job_is_planned_in_few_rows(
    ready: httpx.AsyncClient, database: Database
) -> None:
    job = await ready.post("/v1/jobs", json=spec(num_records=1_000_000))
    assert job.status_code == 201
    assert job.json()["ledger"]["planned"] == 1_000_000
    async with database.unit_of_work() as session:
        assert await session.scalar(text("SELECT count(*) FROM chunk")) == 977


async def test_a_corpus_keeps_to_one_dedup_policy(ready: httpx.AsyncClient) -> None:
    made = await ready.post("/v1/corpora", json={"name": "faq", "dedup": {"near": 0.8}})
    assert made.status_code == 201
    refused = await ready.post("/v1/jobs", json=spec(dedup={"near": False}))
    assert refused.json()["errors"][0]["field"] == "/dedup"
    first = (await ready.post("/v1/jobs", json=spec(dedup={"on": ["question"]}))).json()
    policy: dict[str, Any] = {"on": ["question"], "rouge": False}
    policy["near"] = {"threshold": 0.8, "fields": ["question"], "same": []}
    assert first["document"]["dedup"] == policy
    assert (await ready.get("/v1/corpora/default/faq")).json()["dedup"] == policy
    refused = await ready.post("/v1/jobs", json=spec(dedup={"on": ["answer"]}))
    assert refused.status_code == 422
    for agreeing in ({}, {"dedup": {"near": 0.8}}, {"dedup": policy}):
        later = (await ready.post("/v1/jobs", json=spec(**agreeing))).json()
        assert later["document"]["dedup"] == policy
    again = await ready.post("/v1/corpora", json={"name": "faq", "dedup": {"near": 0.8}})
    assert again.status_code == 200
    other = await ready.post("/v1/corpora", json={"name": "faq", "dedup": {"near": 0.9}})
    assert (other.status_code, other.json()["code"]) == (409, "corpus.exists")


async def test_what_is_no_free_text_is_not_compared(ready: httpx.AsyncClient) -> None:
    source = TEMPLATE.replace("answer: {type: string, maxLength: 400}", "answer: {enum: [yes, no]}")
    await ready.post("/v1/templates", json={"name": "label", "source": source})
    document = (await ready.post("/v1/jobs", json=spec(template="label"))).json()["document"]
    assert document["dedup"]["near"]["fields"] == ["question"]
    only = spec(template="label", corpus="labels", dedup={"on": ["topic", "answer"]})
    document = (await ready.post("/v1/jobs", json=only)).json()["document"]
    assert document["dedup"]["near"] is False


async def test_rouge_is_settled_with_the_rest_of_the_policy(ready: httpx.AsyncClient) -> None:
    asked = spec(dedup={"on": ["question"], "rouge": 0.6})
    settled = {"threshold": 0.6, "pool": 50_000, "fields": ["question"]}
    for body in (asked, spec(), spec(dedup={"rouge": {"threshold": 0.6}})):
        document = (await ready.post("/v1/jobs", json=body)).json()["document"]
        assert document["dedup"]["rouge"] == settled
    refused = await ready.post("/v1/jobs", json=spec(dedup={"rouge": False}))
    assert refused.json()["errors"][0]["field"] == "/dedup"


async def test_a_teacher_that_only_embeds_gets_no_jobs(ready: httpx.AsyncClient) -> None:
    with FakeTeacher("vectors", abilities=ONLY_EMBEDS) as vectors:
        body = {"name": "vectors", "url": vectors.url}
        assert (await ready.post("/v1/teachers", json=body)).status_code == 201
    refused = await ready.post("/v1/jobs", json=spec(teacher="vectors"))
    assert refused.json()["errors"][0]["field"] == "/teacher"


async def test_sampling_that_does_not_go_with_the_templates_is_refused(
    ready: httpx.AsyncClient,
) -> None:
    """Each of the two is right by itself: the template's temperature, the document's n."""
    cold = TEMPLATE.replace("response:", "sampling: {temperature: 0}\nresponse:", 1)
    assert (await ready.post("/v1/templates", json={"name": "cold", "source": cold})).is_success
    answer = await ready.post("/v1/jobs", json=spec(template="cold", sampling={"n": 2}))
    assert answer.status_code == 422, answer.text
    [error] = answer.json()["errors"]
    assert error["field"] == "/sampling"
    assert "temperature 0" in error["problem"]
