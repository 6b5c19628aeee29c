"""Files of a version, as HTTP clients ask for them."""

import hashlib
import os
from typing import Any

import httpx
import pytest

from app.settings import Settings
from app.web import download

SHARD = "data/train-00000-of-00001.parquet"


@pytest.fixture
async def manifest(api: httpx.AsyncClient, faq: str) -> dict[str, Any]:
    made: dict[str, Any] = (await api.post(f"{faq}/versions", json={})).json()
    return made


@pytest.fixture
def entry(manifest: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(f for f in manifest["files"] if f["path"] == SHARD)
    return found


@pytest.fixture
def url(faq: str, entry: dict[str, Any]) -> str:
    return f"{faq}/versions/1/files/{SHARD}"


async def test_a_file_comes_with_its_digest(
    api: httpx.AsyncClient, faq: str, url: str, entry: dict[str, Any]
) -> None:
    answer = await api.get(url)
    assert answer.status_code == 200
    assert hashlib.sha256(answer.content).hexdigest() == entry["sha256"]
    assert answer.headers["etag"] == f'"{entry["sha256"]}"'
    assert answer.headers["content-length"] == str(entry["size"])
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-disposition"].endswith('"train-00000-of-00001.parquet"')
    latest = await api.get(f"{faq}/versions/latest/files/{SHARD}")
    assert latest.content == answer.content
    assert latest.headers["cache-control"] == "private, no-cache"


async def test_head_tells_the_same_without_the_bytes(api: httpx.AsyncClient, url: str) -> None:
    head, get = await api.head(url), await api.get(url)
    assert (head.status_code, head.content) == (200, b"")
    told, same = ({**dict(each.headers), "x-request-id": ""} for each in (head, get))
    assert told == same


async def test_bytes_that_are_not_in_memory_are_waited_for(
    api: httpx.AsyncClient, url: str, entry: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def not_at_hand(*_: Any) -> int:
        raise BlockingIOError

    monkeypatch.setattr(os, "preadv", not_at_hand)
    monkeypatch.setattr(download, "_BLOCK", 100)
    answer = await api.get(url)
    assert hashlib.sha256(answer.content).hexdigest() == entry["sha256"]
    part = await api.get(url, headers={"Range": "bytes=7-310"})
    assert part.content == answer.content[7:311]


async def test_parts_add_up_to_the_whole(api: httpx.AsyncClient, url: str) -> None:
    whole = (await api.get(url)).content
    size = len(whole)
    first = await api.get(url, headers={"Range": "bytes=0-99"})
    rest = await api.get(url, headers={"Range": "bytes=100-", "If-Range": first.headers["etag"]})
    tail = await api.get(url, headers={"Range": "bytes=-8"})
    assert [part.status_code for part in (first, rest, tail)] == [206, 206, 206]
    assert first.headers["content-range"] == f"bytes 0-99/{size}"
    assert first.content + rest.content == whole
    assert tail.content == whole[-8:]


async def test_a_part_of_what_the_file_is_not_is_answered_by_the_whole(
    api: httpx.AsyncClient, url: str
) -> None:
    answer = await api.get(url, headers={"Range": "bytes=5-", "If-Range": '"other"'})
    assert answer.status_code == 200


async def test_a_range_behind_the_end_is_a_problem_with_the_size(
    api: httpx.AsyncClient, url: str, entry: dict[str, Any]
) -> None:
    answer = await api.get(url, headers={"Range": "bytes=99999999-"})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{entry['size']}"
    assert answer.json()["code"] == "download.range"


async def test_what_the_client_has_is_not_sent_again(api: httpx.AsyncClient, url: str) -> None:
    etag = (await api.head(url)).headers["etag"]
    answer = await api.get(url, headers={"If-None-Match": f'"a", {etag}'})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == etag


async def test_a_spoilt_file_is_never_served(
    api: httpx.AsyncClient, url: str, entry: dict[str, Any], settings: Settings
) -> None:
    assert (await api.get(url)).status_code == 200
    stored = settings.data_dir / "files" / entry["sha256"][:2] / entry["sha256"]
    content = bytearray(stored.read_bytes())
    content[len(content) // 2] ^= 1
    stored.chmod(0o644)
    stored.write_bytes(content)
    for headers in ({}, {"Range": "bytes=0-3"}):
        answer = await api.get(url, headers=headers)
        assert answer.status_code == 503
        assert answer.json()["code"] == "dataset.file_damaged"


@pytest.mark.parametrize(
    "path",
    [
        "../../../../etc/passwd",
        "..%2f..%2fmanifest",
        "%2e%2e/%2e%2e/etc/passwd",
        "data/../README.md",
        "/etc/passwd",
        "data",
        "readme.md",
        "%00",
        "README.md/",
        "",
    ],
)
async def test_only_listed_paths_exist(
    api: httpx.AsyncClient, faq: str, manifest: dict[str, Any], path: str
) -> None:
    request = api.build_request("GET", f"{faq}/versions/1/files/")
    # The client would tidy the dots away.
    asked = request.url._uri_reference
    request.url._uri_reference = asked._replace(path=asked.path + path)
    answer = await api.send(request)
    assert answer.status_code in {404, 422}
    assert answer.headers["content-type"] == "application/problem+json"


async def test_an_unknown_version_says_where_to_look(api: httpx.AsyncClient, faq: str) -> None:
    for version, status in (("latest", 404), ("1", 404), ("0", 422), ("v1", 422), ("9" * 12, 422)):
        answer = await api.get(f"{faq}/versions/{version}/manifest")
        assert answer.status_code == status, version
    answer = await api.get("/v1/datasets/default/none/versions/1/files/README.md")
    assert answer.json()["code"] == "dataset.not_found"
