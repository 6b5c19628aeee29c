"""Bad requests of every kind get a 4xx that names the field and what would be right."""

import json
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app import main
from app.db import Database
from app.settings import Settings
from tests.conftest import running

JSON = {"content-type": "application/json"}


async def post(api: httpx.AsyncClient, body: bytes | str, path: str = "/v1/corpora") -> Any:
    return await api.post(path, content=body, headers=JSON)


def problem_of(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == status
    assert problem["code"]
    assert problem["detail"]
    return problem


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        ("{}", "/name", "required"),
        ('{"name": 3}', "/name", "string"),
        ('{"name": "Has Space"}', "/name", "pattern"),
        ('{"name": "a", "colour": "red"}', "/colour", "not permitted"),
        ('{"name": "a", "dedup": {"on": []}}', "/dedup/on", "at least 1"),
        ('{"name": "a\\u0000b"}', "/name", "NUL"),
        ("[]", "/", "object"),
        ('"text"', "/", "object"),
    ],
)
async def test_a_wrong_field_is_named_with_what_would_be_right(
    api: httpx.AsyncClient, body: str, field: str, says: str
) -> None:
    problem = problem_of(await post(api, body), 422)
    assert [e["field"] for e in problem["errors"]] == [field]
    assert says.lower() in problem["errors"][0]["problem"].lower()


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"",
        b'{"name": NaN}',
        b'{"name": Infinity}',
        b'{"name": "\\ud800"}',
        b'{"name": "\xff\xfe"}',
        b"[" * 100_000,
        b'{"name": 1e400}',
    ],
)
async def test_what_is_not_json_is_refused(api: httpx.AsyncClient, body: bytes) -> None:
    problem_of(await post(api, body), 422)


async def test_a_wrong_value_is_shown_shortened(api: httpx.AsyncClient) -> None:
    answer = await post(api, json.dumps({"name": "x" * 500_000}))
    problem = problem_of(answer, 422)
    assert problem["errors"][0]["value"].startswith("xxx")
    assert len(answer.content) < 1_000


async def test_a_body_over_the_limit_is_refused(api: httpx.AsyncClient) -> None:
    problem = problem_of(await post(api, b" " * (1024 * 1024 + 1)), 413)
    assert "1048576" in problem["detail"]


async def test_a_body_without_a_declared_length_is_counted_as_it_comes(
    api: httpx.AsyncClient,
) -> None:
    async def endless() -> Any:
        while True:
            yield b" " * 65_536

    answer = await api.post("/v1/corpora", content=endless(), headers=JSON)
    problem_of(answer, 413)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/nothing", 404),
        ("DELETE", "/v1/corpora", 405),
        ("GET", "/v1/corpora/default/none", 404),
        ("GET", "/v1/corpora/default/%00", 422),
        ("GET", "/v1/corpora?limit=0", 422),
        ("GET", "/v1/corpora?limit=9999999999999999999999", 422),
        ("GET", "/v1/corpora?cursor=nonsense", 422),
        ("GET", "/v1/corpora?cursor=bnVsbA", 200),
        ("GET", "/v1/corpora?namespace=%00", 422),
        ("GET", "/v1/jobs/not-a-uuid", 422),
        ("GET", "/v1/jobs/00000000-0000-7000-8000-000000000000", 404),
        ("GET", "/v1/jobs?state=bored", 422),
    ],
)
async def test_every_wrong_address_is_a_problem(
    api: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await api.request(method, path)
    if status == 200:
        assert answer.status_code == 200
    else:
        problem_of(answer, status)


async def test_a_foreign_host_name_is_refused(api: httpx.AsyncClient) -> None:
    answer = await api.get("/v1/corpora", headers={"host": "evil.example:8000"})
    assert problem_of(answer, 403)["code"] == "auth.host"


async def test_a_page_of_another_site_may_not_change_anything(api: httpx.AsyncClient) -> None:
    headers = JSON | {"sec-fetch-site": "cross-site"}
    answer = await api.post("/v1/corpora", json={"name": "a"}, headers=headers)
    assert problem_of(answer, 403)["code"] == "auth.cross_site"


async def test_what_another_holds_for_long_is_not_waited_for(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(main, "LOCK_SECONDS", 0.2)
    async with running(main.create_app(settings)) as api:
        async with database.unit_of_work() as frozen:
            await frozen.execute(text("LOCK TABLE corpus IN EXCLUSIVE MODE"))
            answer = await api.post("/v1/corpora", json={"name": "a"})
        assert answer.status_code == 503
        assert answer.json()["code"] == "database.busy"
        assert answer.headers["retry-after"] == "5"
        assert (await api.post("/v1/corpora", json={"name": "a"})).status_code == 201
