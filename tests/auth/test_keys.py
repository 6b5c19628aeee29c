"""A key is checked on every request, and leaves by no door."""

import io

import httpx
import psycopg

from app.settings import Settings
from tests.auth.keys import make, shown


async def test_a_key_opens_the_api_from_anywhere_until_it_is_revoked(
    api: httpx.AsyncClient, remote: httpx.AsyncClient
) -> None:
    stranger = await remote.get("/v1/datasets")
    assert (stranger.status_code, stranger.json()["code"]) == (401, "auth.not_local")
    assert stranger.headers["www-authenticate"].startswith("Bearer")
    key = await make(api)
    assert (await remote.get("/v1/datasets", headers=shown(key["key"]))).status_code == 200
    [listed] = (await api.get("/v1/keys")).json()["items"]
    assert listed["last_used_at"] is not None
    assert "key" not in listed
    assert (await api.post(f"/v1/keys/{key['id']}/revoke")).json()["revoked_at"] is not None
    for client in (remote, api):
        refused = await client.get("/v1/datasets", headers=shown(key["key"]))
        assert (refused.status_code, refused.json()["code"]) == (401, "auth.key")
        assert refused.headers["www-authenticate"].startswith("Bearer")


async def test_only_the_very_key_is_one(
    api: httpx.AsyncClient, remote: httpx.AsyncClient, database_url: str
) -> None:
    key = (await make(api, expires_in_days=1))["key"]
    other = (await make(api))["key"]
    forged = other[: other.index("_", 4)] + key[key.index("_", 4) :]
    for wrong in (forged, key[:-1], f"{key}x", "lbk_", f"lbk_{'0' * 32}_{'A' * 43}", "lbk_\xe9"):
        headers = {b"Authorization": f"Bearer {wrong}".encode("latin-1")}
        for client in (api, remote):
            answer = await client.get("/v1/datasets", headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (401, "auth.key"), wrong
    assert (await remote.get("/v1/datasets", headers=shown(key))).status_code == 200
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute("UPDATE api_key SET expires_at = now() WHERE expires_at IS NOT NULL")
    assert (await remote.get("/v1/datasets", headers=shown(key))).status_code == 401


async def test_the_key_of_another_service_counts_as_none(
    api: httpx.AsyncClient, remote: httpx.AsyncClient
) -> None:
    theirs = shown("hf_abcdefghijklmnopqrstuvwxyz")
    assert (await api.get("/v1/datasets", headers=theirs)).status_code == 200
    assert (await remote.get("/v1/datasets", headers=theirs)).json()["code"] == "auth.key"


async def test_an_answer_is_replayed_to_nobody_but_its_caller(
    api: httpx.AsyncClient, remote: httpx.AsyncClient
) -> None:
    body = {"name": "faq"}
    once = {"Idempotency-Key": "k1"}
    assert (await api.post("/v1/corpora", json=body, headers=once)).status_code == 201
    assert (await remote.post("/v1/corpora", json=body, headers=once)).status_code == 401
    key = (await make(api, "write"))["key"]
    answer = await remote.post("/v1/corpora", json=body, headers=once | shown(key))
    assert answer.status_code == 200
    assert "idempotency-replayed" not in answer.headers


async def test_a_use_that_cannot_be_noted_fails_no_request(
    api: httpx.AsyncClient, remote: httpx.AsyncClient, database_url: str
) -> None:
    key = (await make(api))["key"]
    with psycopg.connect(database_url) as other:
        other.execute("SELECT FROM api_key FOR UPDATE")
        assert (await remote.get("/v1/datasets", headers=shown(key))).status_code == 200
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute("ALTER TABLE api_key ADD CHECK (last_used_at IS NULL)")
    assert (await remote.get("/v1/datasets", headers=shown(key))).status_code == 200


async def test_a_key_leaves_by_no_door(
    settings: Settings,
    api: httpx.AsyncClient,
    remote: httpx.AsyncClient,
    database_url: str,
    logged: io.StringIO,
) -> None:
    once = {"Idempotency-Key": "k1"}
    made = await api.post("/v1/keys", json={"name": "canary", "scopes": ["admin"]}, headers=once)
    key = made.json()["key"]
    secret = key[key.index("_", 4) + 1 :]
    seen = [
        await remote.get("/v1/keys", headers=shown(key)),
        await remote.post("/v1/corpora", json={"name": "x"}, headers=once | shown(key)),
        await remote.post("/v1/corpora", content=b"{", headers=shown(key)),
        await remote.get("/v1/keys", headers=shown(f"{key}x")),
        await remote.post(f"/v1/keys/{made.json()['id']}/revoke", headers=shown(key)),
        await remote.get("/v1/keys", headers=shown(key)),
    ]
    assert [answer.status_code for answer in seen] == [200, 201, 422, 401, 200, 401]
    assert not any(secret in answer.text + str(answer.headers) for answer in seen)
    assert secret not in logged.getvalue()
    with psycopg.connect(database_url) as reader:
        for table in ("api_key", "stored_answer"):
            rows = reader.execute(f"SELECT t::text FROM {table} AS t".encode()).fetchall()
            assert rows
            assert secret not in str(rows)
            assert secret.encode().hex() not in str(rows)
    shown_settings = Settings(database_url=database_url, api_key=key, _env_file=None)
    assert secret not in repr(shown_settings)
