"""What a key cannot reach: every route of the API, asked for what is another namespace's."""

from typing import Any

import httpx
import pytest

from tests.auth.keys import MINE, make, shown
from tests.evaluations.exam import ITEMS, upload
from tests.fake_teacher import FakeTeacher
from tests.jobs.conftest import Drain, spec

OPEN = {"/livez", "/readyz", "/v1/signed/{namespace}/{name}/{version}/{path}"}
OF_NO_NAMESPACE = {"/v1/layouts"}
OF_ALL = ("/v1/keys", "/metrics")
"""Not for a key that is held to some namespaces."""
READS_BY_POST = ("/signed-urls", "/preview")
TOLD_TO_FEW = ("/v1/keys", "/v1/datasets/default/faq/pulls", "/v1/recall")
"""What is read here says what others do."""

QUERIES: dict[str, dict[str, Any]] = {
    "/v1/templates/{namespace}/{name}/diff": {"from": 1, "to": 1},
    "/v1/recall": {"template": "default/faq"},
}

NOTHING_TO_SEE = ("/semantic", "/versions/1/diff", "/comparison")
"""No report was asked for, nothing is before the first version, and the job has one arm."""

World = dict[str, str]


@pytest.fixture
async def world(ready: httpx.AsyncClient, drain: Drain, fake: FakeTeacher) -> World:
    """Values for the parameters of every path, all of things in the namespace `default`."""
    assert (
        await ready.post("/v1/seeds", json={"name": "faq", "rows": [{"topic": "tea"}]})
    ).is_success
    assert (await upload(ready, ITEMS, "/v1/evaluation-sets/default/faq")).is_success
    source = (await ready.get("/v1/templates/default/qa")).json()["source"]
    assert (await ready.post("/v1/templates", json={"name": "faq", "source": source})).is_success
    shots = [
        {"inputs": {"topic": f"t{n}"}, "response": {"question": f"q{n}", "answer": f"a{n}"}}
        for n in range(4)
    ]
    made = await ready.post("/v1/few-shot-sets", json={"name": "faq", "examples": shots})
    assert made.is_success, made.text
    teacher = {"name": "faq", "url": fake.url, "model": fake.model}
    assert (await ready.post("/v1/teachers", json=teacher)).is_success
    fake.says_json({"question": "What is tea?", "answer": "A drink."})
    fake.says("no JSON")
    wanted = spec(num_records=2, limits={"max_candidates": 2})
    job = (await ready.post("/v1/jobs", json=wanted)).json()
    await drain()
    dataset = {"name": "faq", "corpus": "faq"}
    assert (await ready.post("/v1/datasets", json=dataset)).is_success
    assert (await ready.post("/v1/datasets/default/faq/versions", json={})).is_success
    schedule = {"name": "faq", "cron": "@yearly", "job": wanted}
    assert (await ready.post("/v1/schedules", json=schedule)).is_success
    [record] = (await ready.get("/v1/corpora/default/faq/records")).json()["items"]
    [reject] = (await ready.get("/v1/corpora/default/faq/rejects")).json()["items"]
    return {
        "namespace": "default",
        "name": "faq",
        "version": "1",
        "path": "README.md",
        "job_id": job["id"],
        "item": "0",
        "sample": "0",
        "record_id": record["id"],
        "reject_id": reject["id"],
        "key_id": (await make(ready))["id"],
    }


async def operations(api: httpx.AsyncClient, world: World) -> list[tuple[str, str, dict[str, Any]]]:
    """Every method and path, with the path filled in and a body that is one of its examples."""
    described = (await api.get("/openapi.json")).json()
    found = []
    for path, item in described["paths"].items():
        if path in OPEN or path in OF_NO_NAMESPACE:
            continue
        for method, operation in item.items():
            asked = _body(described, operation)
            if path in QUERIES:
                asked["params"] = QUERIES[path]
            # A parameter that is not known here needs a value of another namespace in `world`.
            found.append((method.upper(), path.format_map(world), asked))
    return found


def _body(described: dict[str, Any], operation: dict[str, Any]) -> dict[str, Any]:
    content = operation.get("requestBody", {}).get("content", {})
    if "application/x-ndjson" in content:
        return {"content": b'{"topic": "x"}\n', "headers": {"Content-Type": "application/x-ndjson"}}
    if "application/json" not in content:
        return {}
    said = content["application/json"]
    schema = said["schema"]
    if "$ref" in schema:
        schema = described["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    examples = said.get("examples") or schema.get("examples")
    if isinstance(examples, dict):
        examples = [each["value"] for each in examples.values()]
    if examples:
        return {"json": examples[0]}
    fields = schema["properties"].items()
    return {"json": {name: f["examples"][0] for name, f in fields if "examples" in f}}


async def _ask(
    api: httpx.AsyncClient, method: str, url: str, asked: dict[str, Any], key: str
) -> httpx.Response:
    headers = asked.get("headers", {}) | shown(key)
    return await api.request(method, url, **(asked | {"headers": headers}))


async def test_nothing_of_another_namespace_is_there(
    ready: httpx.AsyncClient, world: World
) -> None:
    key = (await make(ready, "admin", namespaces=[MINE]))["key"]
    asked = await operations(ready, world)
    assert len(asked) > 50
    for method, url, more in asked:
        if method == "GET":
            # It is there, so that what follows means something.
            seen = await ready.get(url, **more)
            assert seen.status_code == 200 or url.endswith(NOTHING_TO_SEE), (url, seen.text)
        answer = await _ask(ready, method, url, more, key)
        if url.startswith(OF_ALL):
            assert answer.status_code == 403, url
        elif method == "GET" and answer.status_code == 200:
            assert answer.json()["items"] == [], url
            foreign = await ready.get(url, params={"namespace": "default"}, headers=shown(key))
            assert foreign.status_code == 404, url
        else:
            assert answer.status_code == 404, (method, url, answer.text)
    for url, body in (
        ("/v1/jobs/reprocess", {"from": {"jobs": [world["job_id"]]}}),
        ("/v1/jobs/reprocess", {"from": {"jobs": [world["job_id"]]}, "corpus": f"{MINE}/faq"}),
    ):
        refused = await ready.post(url, json=body, headers=shown(key))
        assert refused.status_code in {404, 422}, refused.text


async def test_a_key_that_reads_changes_nothing(ready: httpx.AsyncClient, world: World) -> None:
    key = (await make(ready, "read"))["key"]
    for method, url, more in await operations(ready, world):
        answer = await _ask(ready, method, url, more, key)
        reads = method == "GET" or url.endswith(READS_BY_POST)
        if not reads or url.startswith(TOLD_TO_FEW):
            assert (answer.status_code, answer.json()["code"]) == (403, "auth.scope"), (method, url)
        else:
            assert answer.status_code == 200 or url.endswith(NOTHING_TO_SEE), (url, answer.text)


async def test_each_scope_opens_its_own_routes(ready: httpx.AsyncClient, world: World) -> None:
    write = shown((await make(ready, "write"))["key"])
    publish = shown((await make(ready, "publish"))["key"])
    corpus = {"name": "mine"}
    assert (await ready.post("/v1/corpora", json=corpus, headers=publish)).status_code == 403
    assert (await ready.post("/v1/corpora", json=corpus, headers=write)).status_code == 201
    versions = "/v1/datasets/default/faq/versions"
    assert (await ready.post(versions, json={}, headers=write)).status_code == 403
    assert (await ready.post(versions, json={}, headers=publish)).status_code == 201
    assert (await ready.delete("/v1/teachers/default/faq", headers=write)).status_code == 403
    job = spec(publish={"dataset": "faq"})
    refused = await ready.post("/v1/jobs", json=job, headers=write)
    assert (refused.status_code, refused.json()["code"]) == (403, "auth.scope")
    both = shown((await make(ready, "write", "publish"))["key"])
    assert (await ready.post("/v1/jobs", json=job, headers=both)).status_code == 201


async def test_a_key_works_as_usual_in_its_own_namespace(
    ready: httpx.AsyncClient, world: World
) -> None:
    mine = shown((await make(ready, "write", namespaces=["default", MINE]))["key"])
    wanted = spec(corpus=f"{MINE}/faq", num_records=1)
    made = await ready.post("/v1/jobs", json=wanted, headers=mine)
    assert made.status_code == 201, made.text
    other = shown((await make(ready, "write", namespaces=[MINE]))["key"])
    [listed] = (await ready.get("/v1/jobs", headers=other)).json()["items"]
    assert listed["id"] == made.json()["id"]
    assert len((await ready.get("/v1/jobs", headers=mine)).json()["items"]) == 2
    # A document may not name what its caller does not have, wherever it stands in it.
    for part in (
        {"corpus": "faq"},
        {"template": "qa"},
        {"teacher": "fake"},
        {"publish": {"dataset": "faq"}},
        {"seeds": {"dataset": "faq"}},
        {"accept": {"decontaminate": ["faq"]}},
    ):
        refused = await ready.post("/v1/jobs", json=wanted | part, headers=other)
        assert refused.status_code == 404, (part, refused.text)
        assert refused.json()["code"] == "namespace.not_found"


async def test_a_dataset_is_read_by_whom_its_corpus_is_closed_to(
    ready: httpx.AsyncClient, world: World
) -> None:
    dataset = {"namespace": MINE, "name": "faq", "corpus": "default/faq"}
    assert (await ready.post("/v1/datasets", json=dataset)).status_code == 201
    versions = f"/v1/datasets/{MINE}/faq/versions"
    assert (await ready.post(versions, json={})).status_code == 201
    mine = shown((await make(ready, "publish", namespaces=[MINE]))["key"])
    [listed] = (await ready.get("/v1/datasets", headers=mine)).json()["items"]
    assert listed["corpus"] == "default/faq"
    assert (await ready.get(f"{versions}/1/files/README.md", headers=mine)).status_code == 200
    assert (await ready.get("/v1/corpora/default/faq", headers=mine)).status_code == 404
    assert (await ready.post(versions, json={}, headers=mine)).status_code == 404
    assert (await ready.post("/v1/datasets", json=dataset, headers=mine)).status_code == 404
