"""What the Hub's endpoints answer, where the protocol is exact about it."""

import hashlib
from typing import Any

import httpx
from fastapi.routing import APIRoute

from app.auth.dependency import caller
from app.hub.router import router
from app.main import create_app
from app.settings import Settings
from tests.auth.keys import make, shown
from tests.conftest import running

API = "/hf/api/datasets/default/faq"
FILES = "/hf/datasets/default/faq/resolve"
SHARD = "data/train-00000-of-00001.parquet"


def refusal(answer: httpx.Response, status: int, code: str | None) -> str:
    """The message of an error that a Hub client understands."""
    assert answer.status_code == status, answer.text
    assert answer.headers.get("x-error-code") == code
    message: str = answer.headers["x-error-message"]
    assert message
    assert message.isascii()
    assert answer.request.method == "HEAD" or list(answer.json()) == ["error"]
    return message


async def withdraw(api: httpx.AsyncClient, version: int, because: str) -> None:
    url = f"/v1/datasets/default/faq/versions/{version}/withdraw"
    assert (await api.post(url, json={"reason": because})).is_success


async def test_every_name_of_a_version_is_the_same_version(
    api: httpx.AsyncClient, commits: list[str]
) -> None:
    first, second = commits
    for url, commit in [
        (API, second),
        (f"{API}/revision/main", second),
        (f"{API}/revision/v2", second),
        (f"{API}/revision/v1", first),
        (f"{API}/revision/{first}", first),
        (f"{API}.v1", first),
        (f"{API}.v1/revision/main", first),
        (f"{API}.v1/revision/v1", first),
        (f"{API}.v1/revision/{first}", first),
    ]:
        assert (await api.get(url)).json()["sha"] == commit, url
    refs = (await api.get(f"{API}.v1/refs")).json()
    assert [each["targetCommit"] for each in refs["branches"] + refs["tags"]] == [first, first]


async def test_an_alias_has_one_version_and_no_other(
    api: httpx.AsyncClient, commits: list[str]
) -> None:
    for revision in ("v2", commits[1]):
        answer = await api.get(f"{API}.v1/revision/{revision}")
        refusal(answer, 404, "RevisionNotFound")
    for name in ("faq.v3", "faq.v0", "faq.v01", "faq.1", "faq.", "faq.v1.v1", "FAQ", "no"):
        refusal(await api.get(f"/hf/api/datasets/default/{name}"), 404, "RepoNotFound")


async def test_a_file_has_its_digest_for_an_etag_on_head_and_get(
    api: httpx.AsyncClient, commits: list[str]
) -> None:
    tree = (await api.get(f"{API}/tree/v1", params={"recursive": "True"})).json()
    for entry in [each for each in tree if each["type"] == "file"]:
        url = f"{FILES}/{commits[0]}/{entry['path']}"
        head, got = await api.head(url), await api.get(url, headers={"Accept-Encoding": "gzip"})
        body = got.content
        if "lfs" in entry:
            assert entry["lfs"]["oid"] == hashlib.sha256(body).hexdigest()
            pointer = (
                "version https://git-lfs.github.com/spec/v1\n"
                f"oid sha256:{entry['lfs']['oid']}\nsize {len(body)}\n"
            ).encode()
            assert entry["lfs"]["pointerSize"] == len(pointer)
            assert entry["oid"] == blob_id(pointer)
        else:
            assert entry["oid"] == blob_id(body)
        etag = entry.get("lfs", entry)["oid"]
        for answer in (head, got):
            assert answer.status_code == 200
            assert answer.headers["etag"] == f'"{etag}"'
            assert answer.headers["x-repo-commit"] == commits[0]
            assert int(answer.headers["content-length"]) == entry["size"] == len(body)
            assert "content-encoding" not in answer.headers
            assert "immutable" in answer.headers["cache-control"]
            assert answer.headers["content-disposition"].startswith("inline;")
        assert head.content == b""


def blob_id(content: bytes) -> str:
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()


async def test_main_sends_on_to_the_commit_without_naming_a_host(
    api: httpx.AsyncClient, commits: list[str]
) -> None:
    for method in ("HEAD", "GET"):
        answer = await api.request(method, f"{FILES}/main/{SHARD}?download=true")
        assert answer.status_code == 307
        assert answer.headers["location"] == f"{FILES}/{commits[1]}/{SHARD}?download=true"
    alias = await api.get(f"/hf/datasets/default/faq.v1/resolve/main/{SHARD}")
    assert alias.status_code == 200
    assert alias.headers["cache-control"] == "private, no-cache"


async def test_a_range_is_answered_with_just_that(
    api: httpx.AsyncClient, commits: list[str]
) -> None:
    url = f"{FILES}/v1/{SHARD}"
    whole = (await api.get(url)).content
    for asked, start, stop in [
        ("bytes=4-9", 4, 10),
        ("bytes=10-", 10, len(whole)),
        ("bytes=-8", len(whole) - 8, len(whole)),
        (f"bytes=-{1 << 18}", 0, len(whole)),
        (f"bytes=0-{1 << 30}", 0, len(whole)),
    ]:
        answer = await api.get(url, headers={"Range": asked})
        assert answer.status_code == 206, asked
        assert answer.content == whole[start:stop]
        assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(whole)}"
    beyond = await api.get(url, headers={"Range": f"bytes={len(whole)}-"})
    refusal(beyond, 416, None)
    assert beyond.headers["content-range"] == f"bytes */{len(whole)}"


async def test_a_listing_is_read_page_by_page(api: httpx.AsyncClient, commits: list[str]) -> None:
    assert (await api.post("/v1/datasets", json={"name": "two", "corpus": "faq"})).is_success
    assert (await api.post("/v1/datasets/default/two/versions", json={})).is_success
    assert (await api.post("/v1/datasets", json={"name": "none", "corpus": "faq"})).is_success
    tree, listing, history = (
        f"{API}/tree/v1?recursive=true&limit=1",
        "/hf/api/datasets?limit=1",
        f"{API}/commits/main?limit=1",
    )
    whole = (await api.get(f"{API}/tree/v1?recursive=true")).json()
    assert {"README.md", "data", SHARD, "manifest.json"} <= {each["path"] for each in whole}
    assert await walk(api, tree) == whole
    assert [each["id"] for each in await walk(api, listing)] == ["default/faq", "default/two"]
    assert [each["id"] for each in await walk(api, history)] == commits[::-1]
    assert (await api.get(f"{API}/commits/v1")).json()[0]["id"] == commits[0]
    assert (await api.get("/hf/api/datasets?filter=language:en")).json() == []


async def walk(api: httpx.AsyncClient, url: str | None) -> list[Any]:
    found: list[Any] = []
    while url is not None:
        answer = await api.get(url)
        assert len(answer.json()) == 1
        found += answer.json()
        url = answer.links.get("next", {}).get("url")
        assert url is None or url.startswith("http://127.0.0.1/hf/api/"), url
    return found


async def test_named_paths_are_told_and_unknown_ones_left_out(
    api: httpx.AsyncClient, commits: list[str]
) -> None:
    for expand in ("true", "True"):
        form = {"paths": ["data", "README.md", "no.md", SHARD], "expand": expand}
        told = (await api.post(f"{API}/paths-info/v1", data=form)).json()
        assert [each["path"] for each in told] == ["README.md", "data", SHARD]
        for each in told:
            assert each["lastCommit"]["id"] == commits[0]
            assert each["lastCommit"]["date"].endswith("Z")
    listed = (await api.get(f"{API}/tree/v1/data%2F?expand=false")).json()
    assert [each["path"] for each in listed][:1] == [SHARD]
    assert "lastCommit" not in listed[0]


async def test_what_does_not_exist_is_refused_by_its_kind(
    api: httpx.AsyncClient, commits: list[str]
) -> None:
    for url, code in [
        ("/hf/api/datasets/default/no", "RepoNotFound"),
        ("/hf/api/datasets/squad", "RepoNotFound"),
        ("/hf/datasets/squad/resolve/main/README.md", "RepoNotFound"),
        ("/hf/api/models/org/model", "RepoNotFound"),
        ("/hf/org/model/resolve/main/config.json", "RepoNotFound"),
        ("/hf/api/spaces/org/space", "RepoNotFound"),
        ("/hf", "RepoNotFound"),
        (f"{API}/revision/v3", "RevisionNotFound"),
        (f"{API}/revision/{'0' * 40}", "RevisionNotFound"),
        (f"{API}/revision/refs%2Fconvert%2Fparquet", "RevisionNotFound"),
        (f"{API}/tree/refs%2Fconvert%2Fparquet/data", "RevisionNotFound"),
        (f"{API}/commits/v3", "RevisionNotFound"),
        (f"{FILES}/v3/README.md", "RevisionNotFound"),
        (f"{API}/tree/v1/no", "EntryNotFound"),
        (f"{API}/tree/v1/README.md", "EntryNotFound"),
        (f"{FILES}/v1/faq.py", "EntryNotFound"),
        (f"{FILES}/v1/data", "EntryNotFound"),
        (f"{FILES}/v1/..%2Fv2%2FREADME.md", "EntryNotFound"),
    ]:
        for method in ("GET", "HEAD"):
            answer = await api.request(method, url, follow_redirects=True)
            refusal(answer, 404, code)
            if code == "EntryNotFound":
                assert answer.headers["x-repo-commit"] == commits[0]


async def test_nothing_can_be_written(api: httpx.AsyncClient, commits: list[str]) -> None:
    for method, url in [
        ("POST", "/hf/api/repos/create"),
        ("POST", f"{API}/commit/main"),
        ("PUT", f"{API}/settings"),
        ("DELETE", "/hf/api/repos/delete"),
    ]:
        refusal(await api.request(method, url, json={}), 405, None)


async def test_a_withdrawn_version_says_why_and_main_is_another(
    api: httpx.AsyncClient, commits: list[str]
) -> None:
    await withdraw(api, 2, "a seed held a name:\nZoë's")
    for url in (
        f"{API}/revision/v2",
        f"{API}/revision/{commits[1]}",
        f"{API}.v2",
        f"{API}.v2/revision/main",
        f"{API}.v2/tree/main",
        f"{FILES}/v2/{SHARD}",
        f"{FILES}/{commits[1]}/{SHARD}",
        f"/hf/datasets/default/faq.v2/resolve/main/{SHARD}",
    ):
        said = refusal(await api.get(url), 404, "RevisionNotFound")
        assert said == r"version v2 of default/faq was withdrawn: a seed held a name: Zo\xeb's"
    assert (await api.get(API)).json()["sha"] == commits[0]
    refs = (await api.get(f"{API}/refs")).json()
    assert [each["name"] for each in refs["tags"]] == ["v1"]
    assert [each["sha"] for each in (await api.get("/hf/api/datasets")).json()] == commits[:1]
    await withdraw(api, 1, "the same")
    assert "withdrawn" in refusal(await api.get(API), 404, "RevisionNotFound")
    assert (await api.get("/hf/api/datasets")).json() == []


async def test_damaged_bytes_are_never_served(
    api: httpx.AsyncClient, settings: Settings, commits: list[str]
) -> None:
    url = f"{FILES}/v1/{SHARD}"
    intact = await api.get(url)
    [stored] = settings.data_dir.glob(f"files/*/{intact.headers['etag'].strip(chr(34))}")
    stored.chmod(0o644)
    stored.write_bytes(intact.content[:-1] + b"?")
    for method in ("GET", "HEAD"):
        answer = await api.request(method, url)
        assert "changed on the disk" in refusal(answer, 503, None)
        assert "x-repo-commit" not in answer.headers


async def test_a_caller_who_is_not_known_is_refused_in_words_that_clients_read(
    settings: Settings, commits: list[str]
) -> None:
    nobody_is_local = settings.model_copy(update={"local_networks": []})
    async with running(create_app(nobody_is_local)) as stranger:
        for url in (API, f"{FILES}/v1/README.md", f"{API}/refs", "/hf/api/datasets"):
            refusal(await stranger.get(url), 401, "RepoNotFound")
        said = refusal(await stranger.get("/hf/api/whoami-v2"), 401, None)
        assert said == "Invalid credentials in Authorization header"
        assert (await stranger.get("/hf/api/agent-harnesses")).json()["harnesses"] == {}
        assert (await stranger.head("/hf/api/telemetry/datasets/load")).status_code == 204


async def test_a_key_pulls_what_is_in_its_namespaces_until_it_is_revoked(
    api: httpx.AsyncClient, commits: list[str]
) -> None:
    ours, theirs = await make(api, namespaces=["default"]), await make(api, namespaces=["theirs"])
    for url in (API, f"{FILES}/v1/README.md", f"{API}/refs", f"{API}/auth-check"):
        assert (await api.get(url, headers=shown(ours["key"]))).status_code == 200
        refusal(await api.get(url, headers=shown(theirs["key"])), 404, "RepoNotFound")
    paths = await api.post(
        f"{API}/paths-info/v1", data={"paths": "README.md"}, headers=shown(ours["key"])
    )
    assert len(paths.json()) == 1
    assert (await api.get("/hf/api/datasets", headers=shown(theirs["key"]))).json() == []
    me = (await api.get("/hf/api/whoami-v2", headers=shown(ours["key"]))).json()
    assert me["name"] == me["auth"]["accessToken"]["displayName"] == "key:test"
    assert (await api.post(f"/v1/keys/{ours['id']}/revoke")).is_success
    for url in (API, f"{FILES}/v1/README.md", "/hf/api/datasets"):
        said = refusal(await api.get(url, headers=shown(ours["key"])), 401, "RepoNotFound")
        assert "revoked" in said


async def test_behind_a_proxy_every_address_is_one_that_clients_can_reach(
    settings: Settings, commits: list[str]
) -> None:
    told = settings.model_copy(update={"public_url": "https://data.example/limbeck"})
    async with running(create_app(told)) as behind:
        page = await behind.get(f"{API}/tree/v1?limit=1")
        assert page.links["next"]["url"].startswith(f"https://data.example/limbeck{API}/tree/v1?")
        moved = await behind.get(f"{FILES}/main/{SHARD}")
        assert moved.headers["location"] == f"/limbeck{FILES}/{commits[1]}/{SHARD}"


async def test_a_pull_leaves_a_receipt(api: httpx.AsyncClient, commits: list[str]) -> None:
    agent = {"User-Agent": "datasets/5.2.0; hf_hub/2.4.0"}
    await api.head(f"{FILES}/v1/{SHARD}", headers=agent)
    assert (await api.get("/v1/datasets/default/faq/pulls")).json()["items"] == []
    whole = await api.get(f"{FILES}/v1/{SHARD}", headers=agent)
    part = await api.get(f"{FILES}/v1/{SHARD}", headers=agent | {"Range": "bytes=-9"})
    [receipt] = (await api.get("/v1/datasets/default/faq/pulls")).json()["items"]
    assert (receipt["via"], receipt["client"]) == ("hub", agent["User-Agent"])
    assert receipt["bytes"] == len(whole.content) + len(part.content)
    assert receipt["version"] == 1


async def test_a_host_that_is_not_ours_is_refused_as_a_closed_door(
    api: httpx.AsyncClient, commits: list[str]
) -> None:
    answer = await api.get(API, headers={"Host": "evil.example"})
    assert "host name" in refusal(answer, 403, "GatedRepo")


def test_every_route_but_the_public_ones_learns_who_is_calling() -> None:
    deaf = {
        route.path
        for route in router.routes
        if isinstance(route, APIRoute)
        and caller not in [each.call for each in route.dependant.dependencies]
    }
    assert deaf == {"/api/agent-harnesses", "/api/telemetry/{path:path}", "/{path:path}"}
