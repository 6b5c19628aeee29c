"""Teachers over HTTP, against a real server that is scripted."""

import asyncio
from pathlib import Path

import httpx
import pytest

from tests.fake_teacher import FakeTeacher
from tests.fake_teacher.abilities import ALL


def body_of(fake: FakeTeacher, **more: object) -> dict[str, object]:
    return {"name": "lab/local", "url": f"{fake.url}/v1", "model": fake.model, **more}


async def register(api: httpx.AsyncClient, fake: FakeTeacher, **more: object) -> httpx.Response:
    return await api.post("/v1/teachers", json=body_of(fake, **more))


async def test_a_teacher_is_asked_what_it_can_do_before_it_is_registered(
    api: httpx.AsyncClient, fake: FakeTeacher
) -> None:
    answer = await register(api, fake)
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == "/v1/teachers/lab/local"
    teacher = answer.json()
    assert teacher["urls"] == [fake.url]
    able = teacher["capabilities"]
    assert able["json_schema"]
    assert able["max_logprobs"] == 20
    assert able["context_length"] == 8192
    assert able["revision"] == "fakes/fake"
    assert teacher["circuit"]["state"] == "closed"
    assert (await api.get("/v1/teachers/lab/local")).json() == teacher


async def test_the_same_registration_again_answers_200_and_another_one_409(
    api: httpx.AsyncClient, fake: FakeTeacher
) -> None:
    first = (await register(api, fake)).json()
    again = await register(api, fake)
    assert again.status_code == 200
    assert again.json()["id"] == first["id"]
    other = await register(api, fake, max_in_flight=8)
    assert other.status_code == 409
    assert other.json()["code"] == "teacher.exists"
    assert "max_in_flight" in other.json()["detail"]


async def test_racing_registrations_make_one_teacher(
    api: httpx.AsyncClient, fake: FakeTeacher
) -> None:
    answers = await asyncio.gather(*(register(api, fake) for _ in range(5)))
    assert sorted(one.status_code for one in answers) == [200, 200, 200, 200, 201]
    assert len({one.json()["id"] for one in answers}) == 1


async def test_a_server_that_does_not_answer_is_refused_with_what_was_seen(
    api: httpx.AsyncClient, fake: FakeTeacher
) -> None:
    fake.stop()
    answer = await register(api, fake)
    assert answer.status_code == 422
    problem = answer.json()
    assert problem["code"] == "teacher.unreachable"
    assert problem["errors"][0]["field"] == "/url"
    assert "Connection refused" in problem["detail"]
    assert (await api.get("/v1/teachers")).json()["items"] == []


async def test_a_server_that_does_not_answer_can_be_registered_without_being_asked(
    api: httpx.AsyncClient, fake: FakeTeacher
) -> None:
    fake.stop()
    answer = await register(api, fake, probe=False)
    assert answer.status_code == 201
    assert answer.json()["capabilities"] is None


async def test_a_model_that_is_not_served_is_named_with_those_that_are(
    api: httpx.AsyncClient, fake: FakeTeacher
) -> None:
    answer = await register(api, fake, model="another")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "/model"
    assert "it serves fake" in answer.json()["detail"]


async def test_the_only_model_of_a_server_need_not_be_named(
    api: httpx.AsyncClient, fake: FakeTeacher
) -> None:
    answer = await api.post("/v1/teachers", json={"name": "only", "url": fake.url})
    assert answer.json()["model"] == "fake"


async def test_a_key_is_read_where_the_reference_says_and_never_shown(
    api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text("a-secret-canary\n")
    monkeypatch.setenv("LAB_KEY", "a-wrong-canary")
    with FakeTeacher(api_key="a-secret-canary") as fake:
        wrong = await register(api, fake, api_key="env:LAB_KEY")
        assert wrong.status_code == 422
        assert wrong.json()["errors"][0]["field"] == "/api_key"
        missing = await register(api, fake, api_key="env:NO_SUCH_KEY_HERE")
        assert missing.json()["code"] == "teacher.no_key"
        good = await register(api, fake, api_key=f"file:{tmp_path / 'key'}")
        assert good.status_code == 201, good.text
        plain = await register(api, fake, api_key="a-secret-canary")
        assert plain.status_code == 422
        for answer in (wrong, missing, good, plain):
            assert "canary" not in answer.text


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host/v1",
        "host:8000",
        "http://",
        "http://user:password@host/v1",
        "http://host/v1?key=1",
        "http://169.254.169.254/v1",
        "http://[::ffff:169.254.169.254]/",
        "http://[fe80::1]/v1",
        "http://host:99999/v1",
        "http://ho st/v1",
    ],
)
async def test_an_address_where_no_teacher_can_be_is_refused(
    api: httpx.AsyncClient, url: str
) -> None:
    answer = await api.post("/v1/teachers", json={"name": "x", "url": url, "model": "m"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "/url"


async def test_health_shows_the_engines_load(api: httpx.AsyncClient, fake: FakeTeacher) -> None:
    await register(api, fake)
    answer = (await api.get("/v1/teachers/lab/local/health")).json()
    assert answer["healthy"]
    endpoint = answer["endpoints"][0]
    assert endpoint["serves_model"]
    assert endpoint["load"]["kv_cache"] == 0.25
    fake.stop()
    gone = (await api.get("/v1/teachers/lab/local/health")).json()
    assert not gone["healthy"]
    assert "teacher.unreachable" in gone["endpoints"][0]["problem"]


async def test_a_teacher_behind_a_router_without_gauges_is_healthy(api: httpx.AsyncClient) -> None:
    with FakeTeacher(abilities=frozenset({"echo"})) as fake:
        await register(api, fake)
        answer = (await api.get("/v1/teachers/lab/local/health")).json()
    assert answer["healthy"]
    assert answer["endpoints"][0]["load"] is None


async def test_probing_again_sees_what_changed(api: httpx.AsyncClient, fake: FakeTeacher) -> None:
    await register(api, fake)
    fake.abilities -= {"json_schema"}
    answer = await api.post("/v1/teachers/lab/local/probe")
    assert answer.status_code == 200
    assert not answer.json()["capabilities"]["json_schema"]
    fake.stop()
    away = await api.post("/v1/teachers/lab/local/probe")
    assert away.status_code == 422
    assert (await api.get("/v1/teachers/lab/local")).json()["capabilities"] is not None


async def test_limits_change_and_impossible_ones_are_refused(
    api: httpx.AsyncClient, fake: FakeTeacher
) -> None:
    await register(api, fake)
    path = "/v1/teachers/lab/local"
    changed = await api.patch(path, json={"max_in_flight": 128, "licence": "MIT"})
    assert changed.json()["max_in_flight"] == 128
    assert changed.json()["licence"] == "MIT"
    assert (await api.patch(path, json={"licence": None})).json()["licence"] is None
    terms = {"training": "forbidden", "terms_url": "https://example.com/terms?v=1"}
    assert (await api.get(path)).json()["training"] == "unknown"
    assert terms.items() <= (await api.patch(path, json=terms)).json().items()
    for bad in ({"training": None}, {"training": "no"}, {"terms_url": "https://a/> <b"}):
        assert (await api.patch(path, json=bad)).status_code == 422
    for wrong in ({"max_in_flight": 1}, {"max_in_flight": 0}, {"max_in_flight": None}):
        assert (await api.patch(path, json=wrong)).status_code == 422
    assert (await api.patch(path, json={"model": "another"})).status_code == 422
    assert (await api.get(path)).json()["max_in_flight"] == 128


async def test_an_address_changes_only_to_where_the_same_model_answers(
    api: httpx.AsyncClient, fake: FakeTeacher
) -> None:
    await register(api, fake)
    with FakeTeacher() as same, FakeTeacher("another") as other:
        moved = await api.patch("/v1/teachers/lab/local", json={"url": same.url})
        assert moved.json()["urls"] == [same.url]
        wrong = await api.patch("/v1/teachers/lab/local", json={"url": other.url})
        assert wrong.status_code == 422
    assert (await api.get("/v1/teachers/lab/local")).json()["urls"] == [same.url]


async def test_a_random_seed_is_allowed_only_where_somebody_said_so(
    api: httpx.AsyncClient, fake: FakeTeacher
) -> None:
    teacher = (await register(api, fake)).json()
    assert not teacher["capabilities"]["random_seed"]
    assert not any("seed" in probed for probed in fake.record.probed)
    changed = await api.patch("/v1/teachers/lab/local", json={"random_seed": True})
    assert changed.json()["capabilities"]["random_seed"]


async def test_teachers_are_listed_by_namespace_and_removed(
    api: httpx.AsyncClient, fake: FakeTeacher
) -> None:
    for name in ("a/one", "a/two", "b/three"):
        await register(api, fake, name=name, probe=False)
    page = (await api.get("/v1/teachers", params={"limit": 2})).json()
    rest = (await api.get("/v1/teachers", params={"cursor": page["next"]})).json()
    refs = [one["ref"] for one in page["items"] + rest["items"]]
    assert refs == ["a/one", "a/two", "b/three"]
    only = (await api.get("/v1/teachers", params={"namespace": "b"})).json()["items"]
    assert [one["ref"] for one in only] == ["b/three"]
    assert (await api.delete("/v1/teachers/b/three")).status_code == 204
    missing = await api.get("/v1/teachers/b/three")
    assert missing.status_code == 404
    assert missing.json()["code"] == "teacher.not_found"


async def test_a_repeated_registration_with_one_key_happens_once(
    api: httpx.AsyncClient, fake: FakeTeacher
) -> None:
    headers = {"Idempotency-Key": "k1"}
    first = await api.post("/v1/teachers", json=body_of(fake), headers=headers)
    again = await api.post("/v1/teachers", json=body_of(fake), headers=headers)
    assert again.status_code == 201
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == first.json()


TEMPLATE = """---
description: A word.
inputs:
  topic: {type: string}
response:
  format: json
  schema: {type: object, properties: {word: {type: string}}, required: [word]}
---
{% user %}A word about {{ topic }}.{% enduser %}
"""


async def test_a_teacher_that_a_job_uses_stays(api: httpx.AsyncClient, fake: FakeTeacher) -> None:
    await register(api, fake)
    made = await api.post("/v1/templates", json={"name": "word", "source": TEMPLATE})
    assert made.status_code == 201, made.text
    document = {
        "corpus": "words",
        "teacher": "lab/local",
        "template": "word",
        "seeds": {"matrix": {"topic": ["rain"]}},
        "num_records": 1,
    }
    submitted = await api.post("/v1/jobs", json=document)
    assert submitted.status_code == 201, submitted.text
    answer = await api.delete("/v1/teachers/lab/local")
    assert answer.status_code == 409
    assert answer.json()["code"] == "teacher.used"
    assert (await api.get("/v1/teachers/lab/local")).status_code == 200


@pytest.mark.parametrize(
    ("sampling", "lacking", "field"),
    [
        ({"random_seed": 1}, "echo", "/sampling/random_seed"),
        ({"n": 2}, "n", "/sampling/n"),
        ({"logprobs": True}, "logprobs", "/sampling/logprobs"),
        ({"top_logprobs": 2}, "logprobs", "/sampling/top_logprobs"),
        ({"top_logprobs": 21}, "echo", "/sampling/top_logprobs"),
        ({"max_tokens": 8192}, "echo", "/sampling/max_tokens"),
    ],
)
async def test_a_job_cannot_ask_for_what_its_teacher_does_not_do(
    api: httpx.AsyncClient, sampling: dict[str, object], lacking: str, field: str
) -> None:
    with FakeTeacher(abilities=ALL - {lacking}) as fake:
        await register(api, fake)
    await api.post("/v1/templates", json={"name": "word", "source": TEMPLATE})
    document = {
        "corpus": "words",
        "teacher": "lab/local",
        "template": "word",
        "seeds": {"matrix": {"topic": ["rain"]}},
        "num_records": 4,
        "sampling": sampling,
    }
    answer = await api.post("/v1/jobs", json=document)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"] == field
