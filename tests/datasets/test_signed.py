"""URLs that work without a header, for one file, for a while."""

import hashlib
from typing import Any

import httpx
import psycopg
import pytest
from typer.testing import CliRunner

from app.auth.signing import Signer
from app.datasets.commands import commands
from app.main import create_app
from app.settings import Settings
from tests.auth.keys import MINE, logged, make, remote, shown
from tests.conftest import running

__all__ = ["logged", "remote"]

SHARD = "data/train-00000-of-00001.parquet"


@pytest.fixture
async def wanted(api: httpx.AsyncClient, faq: str) -> str:
    """Where URLs of the only version are signed."""
    assert (await api.post(f"{faq}/versions", json={})).status_code == 201
    return f"{faq}/versions/1/signed-urls"


async def sign(
    api: httpx.AsyncClient, wanted: str, key: str | None = None, **body: Any
) -> dict[str, httpx.URL]:
    answer = await api.post(wanted, json=body, headers=shown(key) if key else {})
    assert answer.status_code == 200, answer.text
    return {each["path"]: httpx.URL(each["url"]) for each in answer.json()["files"]}


def changed(url: httpx.URL, **parts: str) -> httpx.URL:
    return url.copy_merge_params(parts)


async def test_a_signed_url_is_enough_from_anywhere(
    api: httpx.AsyncClient, remote: httpx.AsyncClient, wanted: str, faq: str
) -> None:
    key = await make(api)
    answer = await api.post(wanted, json={"expires_in": 60}, headers=shown(key["key"]))
    [entry] = [each for each in answer.json()["files"] if each["path"] == SHARD]
    url = httpx.URL(entry["url"]).copy_with(host="limbeck.example")
    whole = await remote.get(url)
    assert hashlib.sha256(whole.content).hexdigest() == entry["sha256"]
    part = await remote.get(url, headers={"Range": "bytes=4-11"})
    assert (part.status_code, part.content) == (206, whole.content[4:12])
    head = await remote.head(url)
    assert (head.status_code, int(head.headers["content-length"])) == (200, entry["size"])
    [receipt] = (await api.get(f"{faq}/pulls")).json()["items"]
    assert (receipt["via"], receipt["key_id"]) == ("url", key["id"])
    assert (receipt["address"], receipt["bytes"]) == ("203.0.113.9", entry["size"] + 8)


async def test_a_signed_url_is_for_nothing_else(
    api: httpx.AsyncClient, remote: httpx.AsyncClient, wanted: str
) -> None:
    urls = await sign(api, wanted)
    readme, shard = urls["README.md"], urls[SHARD]
    assert (await remote.get(readme)).status_code == 200
    signature = shard.params["signature"]
    later = str(int(shard.params["expires"]) + 1)
    key = await make(api)
    for forged in (
        changed(readme, signature=signature),
        changed(shard, expires=later),
        changed(shard, key=key["id"]),
        changed(shard, key="no-id"),
        changed(shard, signature=signature[:-1] + ("0" if signature[-1] != "0" else "1")),
        changed(shard, signature=""),
        shard.copy_with(path=f"/v1/signed/default/faq/2/{SHARD}"),
        shard.copy_with(path=f"/v1/signed/default/none/1/{SHARD}"),
        shard.copy_with(path="/v1/signed/default/faq/1/none"),
    ):
        answer = await remote.get(forged)
        assert (answer.status_code, answer.json()["code"]) == (403, "url.signature"), forged
    assert (await remote.get(shard.copy_with(query=None))).status_code == 422
    unknown = await api.post(wanted, json={"paths": ["README.md", "none"]})
    assert unknown.json()["errors"][0]["field"] == "/paths/1"
    mine = shown((await make(api, namespaces=[MINE]))["key"])
    assert (await api.post(wanted, json={}, headers=mine)).status_code == 404


async def test_a_signed_url_dies(
    api: httpx.AsyncClient,
    remote: httpx.AsyncClient,
    wanted: str,
    faq: str,
    database_url: str,
) -> None:
    key, other = await make(api), await make(api)
    theirs = (await sign(api, wanted, key["key"], paths=["README.md"]))["README.md"]
    others = (await sign(api, wanted, other["key"], paths=["README.md"]))["README.md"]
    await api.post(f"/v1/keys/{key['id']}/revoke")
    revoked = await remote.get(theirs)
    assert (revoked.status_code, revoked.json()["code"]) == (403, "url.revoked")
    assert (await remote.get(others)).status_code == 200
    with psycopg.connect(database_url) as reader:
        [secret] = reader.execute("SELECT secret FROM signing_secret").fetchone() or ()
    commit = (await api.get(f"{faq}/versions/1")).json()["commit"]
    past = Signer(secret, "local", 1).sign("dataset", "default/faq@1", commit, "README.md")
    brief = changed(others, key="local", expires="1", signature=past.signature)
    expired = await remote.get(brief)
    assert (expired.status_code, expired.json()["code"]) == (403, "url.expired")
    assert (await api.post("/v1/keys/signing-secret/rotate")).status_code == 204
    assert (await remote.get(others)).json()["code"] == "url.signature"
    again = (await sign(api, wanted))["README.md"]
    await api.post(f"{faq}/versions/1/withdraw", json={"reason": "Miles."})
    gone = await remote.get(again)
    assert (gone.status_code, gone.json()["code"]) == (410, "dataset.withdrawn")
    assert (await api.post(wanted, json={})).status_code == 410


async def test_no_signature_is_logged(
    served: str, logged: Any, wanted: str, settings: Settings
) -> None:
    run = CliRunner().invoke(commands, ["urls", "faq@1", "--json"])
    assert run.exit_code == 0, run.output
    plain = CliRunner().invoke(commands, ["urls", "faq"])
    url = httpx.URL(next(line for line in plain.stdout.splitlines() if "README" in line))
    assert url.host == "127.0.0.1"
    async with httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(url)).status_code == 200
        assert (await client.get(changed(url, expires="1"))).status_code == 403
    assert url.params["signature"] not in logged.getvalue()


async def test_urls_are_under_the_public_address(settings: Settings, wanted: str) -> None:
    public = settings.model_copy(update={"public_url": "https://limbeck.example/api/"})
    async with running(create_app(public)) as client:
        url = (await sign(client, wanted))["README.md"]
    assert str(url).startswith("https://limbeck.example/api/v1/signed/default/faq/1/README.md?")
