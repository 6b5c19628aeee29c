"""Uploads through the API: every format, and every way to get one wrong."""

import io
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.errors import Invalid
from app.main import create_app
from app.settings import Settings
from app.uploads.readers.parquet import read as read_parquet
from tests.conftest import running

ROWS = [
    {"topic": "rain", "level": "easy"},
    {"topic": 'snow, "deep"\nand white', "level": "härter \\ \t 東京"},
    {"topic": "", "level": "x"},
]
URL = "/v1/seeds/support/topics/versions"
JSONL = {"content-type": "application/x-ndjson"}
CSV = {"content-type": "text/csv; charset=utf-8"}
PARQUET = {"content-type": "application/vnd.apache.parquet"}


def jsonl(rows: list[Any]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def parquet(table: Any, **options: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out, **options)
    return out.getvalue()


AS_CSV = (
    'topic,level\r\nrain,easy\r\n\r\n"snow, ""deep""\nand white",härter \\ \t 東京\r\n"",x'
).encode()


@pytest.mark.parametrize(
    ("content", "headers", "query"),
    [
        (jsonl(ROWS), JSONL, ""),
        (b"\xef\xbb\xbf\n" + jsonl(ROWS).rstrip() + b"\n  \n", {}, "?format=jsonl"),
        (AS_CSV, CSV, ""),
        (b"\xef\xbb\xbf" + AS_CSV, {"content-type": "text/plain"}, "?format=csv"),
        (parquet(pa.Table.from_pylist(ROWS)), PARQUET, ""),
    ],
    ids=["jsonl", "jsonl with BOM and blank lines", "csv", "csv with BOM", "parquet"],
)
async def test_every_format_gives_the_same_version(
    api: httpx.AsyncClient, content: bytes, headers: dict[str, str], query: str
) -> None:
    made = await api.post(URL + query, content=content, headers=headers)

    assert made.status_code == 201, made.text
    version = made.json()
    assert version["ref"] == "support/topics@1"
    assert (version["rows"], version["columns"]) == (3, ["topic", "level"])
    assert version["source"] == "upload"
    rows = (await api.get("/v1/seeds/support/topics@1/rows")).json()
    assert [row["fields"] for row in rows["items"]] == ROWS
    again = await api.post(URL, content=jsonl(ROWS), headers=JSONL)
    assert again.status_code == 200
    assert again.json() == version


async def test_other_rows_are_the_next_version_and_the_old_one_stays(
    api: httpx.AsyncClient,
) -> None:
    for rows in (ROWS, ROWS[:1], ROWS):
        await api.post(URL, content=jsonl(rows), headers=JSONL)
    await api.post("/v1/seeds", json={"name": "other", "rows": [{"a": 1}]})

    latest = (await api.get("/v1/seeds/support/topics")).json()
    assert (latest["version"], latest["rows"]) == (2, 1)
    first = (await api.get("/v1/seeds/support/topics@1")).json()
    assert (first["version"], first["rows"]) == (1, 3)
    listed = (await api.get("/v1/seeds/support/topics/versions?limit=1")).json()
    assert [each["version"] for each in listed["items"]] == [1]
    rest = await api.get(f"/v1/seeds/support/topics/versions?cursor={listed['next']}")
    assert [each["version"] for each in rest.json()["items"]] == [2]
    everything = (await api.get("/v1/seeds")).json()["items"]
    assert [each["ref"] for each in everything] == ["support/topics@2", "default/other@1"]
    of_one = (await api.get("/v1/seeds?namespace=default")).json()["items"]
    assert [each["name"] for each in of_one] == ["other"]


async def test_rows_come_in_pages(api: httpx.AsyncClient) -> None:
    rows = [{"n": n} for n in range(25)]
    await api.post(URL, content=jsonl(rows), headers=JSONL)

    seen, cursor = [], ""
    while True:
        page = (await api.get(f"/v1/seeds/support/topics/rows?limit=10{cursor}")).json()
        seen += [(row["position"], row["fields"]["n"]) for row in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert seen == [(n, n) for n in range(25)]


async def test_parquet_values_become_json(api: httpx.AsyncClient) -> None:
    table = pa.table(
        {
            "when": pa.array([0], pa.timestamp("s")),
            "price": pa.array(["1.50"]).cast(pa.decimal128(5, 2)),
            "tags": [["a", "b"]],
            "nested": [{"x": 1.5, "y": None}],
            "missing": pa.array([float("nan")]),
        }
    )
    made = await api.post(URL, content=parquet(table), headers=PARQUET)

    assert made.status_code == 201, made.text
    rows = (await api.get("/v1/seeds/support/topics/rows")).json()["items"]
    assert rows[0]["fields"] == {
        "when": "1970-01-01T00:00:00",
        "price": "1.50",
        "tags": ["a", "b"],
        "nested": {"x": 1.5, "y": None},
        "missing": None,
    }


GOOD = '{"topic": "rain"}\n'
WRONG = [
    (GOOD * 16 + '{"topic": }\n', JSONL, "line 17", "is not JSON"),
    (GOOD + "[1]\n", JSONL, "line 2", "should be an object"),
    ("3\n", JSONL, "line 1", "should be an object"),
    ("{}\n", JSONL, "line 1", "should have 1 to 256 columns; has 0"),
    (json.dumps(dict.fromkeys(map(str, range(257)))), JSONL, "line 1", "has 257"),
    ('{"": 1}\n', JSONL, "line 1", "should name each column"),
    (GOOD + '{"topik": "snow"}\n', JSONL, "line 2", "lacks the column 'topic'"),
    (GOOD + '{"topic": "a", "b": 1}\n', JSONL, "line 2", "has the column 'b'"),
    (GOOD + '{"topic": "a\\u0000b"}\n', JSONL, "line 2", "holds the character NUL in /topic"),
    ('{"a\\u0000": 1}\n', JSONL, "line 1", "holds the character NUL"),
    (GOOD + '{"topic": "\\ud800"}\n', JSONL, "line 2", "is not JSON"),
    (GOOD + '{"topic": NaN}\n', JSONL, "line 2", "is not JSON"),
    (GOOD + '{"topic": ' + "[" * 200 + "]" * 200 + "}", JSONL, "line 2", "nests more than 64"),
    (GOOD + "[" * 100_000, JSONL, "line 2", "is not JSON"),
    (GOOD + '{"topic": "' + "x" * 300_000 + '"}', JSONL, "line 2", "has more than 262144 bytes"),
    (GOOD + "x" * 2_000_000, JSONL, "line 2", "should have at most 1048576 bytes"),
    (GOOD.encode() + b'{"topic": "\xff"}', JSONL, "line 2", "is not JSON"),
    ("a,b\n1,2\n3\n", CSV, "line 3", "has 1 cells; the header has 2"),
    ("a,b\n1,2,3\n", CSV, "line 2", "has 3 cells; the header has 2"),
    ("a,b,a\n1,2,3\n", CSV, "line 1", "the header names 'a' twice"),
    ("a,,c\n1,2,3\n", CSV, "line 1", "column 2 of the header has no name"),
    ("a;b\n1;2\n", CSV, "line 1", "separate columns by commas"),
    ('a,b\n"1\n2",x\n3,\x00\n', CSV, "line 4", "holds the character NUL in /b"),
    ('a\n"x"y\n', CSV, "line 2", "is not CSV"),
    ('a\n"x\n', CSV, "line 2", "is not CSV"),
    ("a\n" + "x" * 200_000, CSV, "line 2", "is not CSV: field larger than field limit"),
    ('a\n"' + '\n","' * 400_000, CSV, "line", "should end a row"),
    (b"a\n\xe4\n", CSV, "line 2", "is not UTF-8 at byte 1"),
    ("PAR1 is not enough", PARQUET, "file", "is not a Parquet file"),
    (parquet(pa.table({"a": [b"\xff"]})), PARQUET, "file", "row 1"),
    (parquet(pa.table({"a": ["x", "y\x00"]})), PARQUET, "row 2", "holds the character NUL in /a"),
    (parquet(pa.table({"a": ["x"]}))[:-20], PARQUET, "file", "is not a Parquet file"),
]


@pytest.mark.parametrize(("content", "headers", "where", "problem"), WRONG)
async def test_a_wrong_upload_names_its_line_and_leaves_nothing(
    api: httpx.AsyncClient,
    content: str | bytes,
    headers: dict[str, str],
    where: str,
    problem: str,
) -> None:
    refused = await api.post(URL, content=content, headers=headers)

    assert refused.status_code == 422, refused.text
    error = refused.json()["errors"][0]
    assert error["field"].startswith(where)
    assert problem in error["problem"]
    assert len(refused.content) < 2_000
    assert (await api.get("/v1/seeds")).json()["items"] == []


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        ("", JSONL, 422, "upload.empty"),
        ("\n\n", JSONL, 422, "upload.empty"),
        ("a,b\n", CSV, 422, "upload.empty"),
        ("a", {}, 415, "upload.format"),
        ("a", {"content-type": "text/html"}, 415, "upload.format"),
        ("a", {**JSONL, "content-encoding": "gzip"}, 415, "upload.encoding"),
    ],
)
async def test_what_is_not_an_upload_is_refused(
    api: httpx.AsyncClient, content: str, headers: dict[str, str], status: int, code: str
) -> None:
    refused = await api.post(URL, content=content, headers=headers)

    assert (refused.status_code, refused.json()["code"]) == (status, code)


async def test_an_upload_that_breaks_off_leaves_nothing(api: httpx.AsyncClient) -> None:
    scope = {
        "type": "http",
        "method": "POST",
        "path": URL,
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1"), (b"content-type", b"text/csv")],
        "client": ("127.0.0.1", 1),
    }
    events = iter(
        [
            {"type": "http.request", "body": AS_CSV, "more_body": True},
            {"type": "http.disconnect"},
        ]
    )
    sent: list[Any] = []

    async def receive() -> Any:
        return next(events)

    async def send(message: Any) -> None:
        sent.append(message)

    app: Any = api._transport
    await app.app(scope, receive, send)

    assert sent[0]["status"] == 422
    assert b"request.cut_off" in sent[1]["body"]
    assert (await api.get("/v1/seeds")).json()["items"] == []


async def test_unknown_datasets_and_names_are_told(api: httpx.AsyncClient) -> None:
    assert (await api.get("/v1/seeds/support/none")).status_code == 404
    assert (await api.get("/v1/seeds/support/none@2/rows")).status_code == 404
    assert (await api.get("/v1/seeds/support/a@0")).status_code == 422
    assert (await api.get("/v1/seeds/support/NO")).status_code == 422
    assert (await api.post("/v1/seeds/support/a@1/versions", content="")).status_code == 422


async def test_rows_that_unpack_beyond_the_limit_are_refused_with_memory_bounded(
    api: httpx.AsyncClient,
) -> None:
    word = pa.array(["x" * 200_000])
    many = pa.DictionaryArray.from_arrays(pa.array([0] * 10_000, pa.int32()), word)
    content = parquet(pa.table({"a": many}), compression="zstd")
    assert len(content) < 1_000  # of 2 GB

    peak = Peak()
    refused = await api.post(URL, content=content, headers=PARQUET)

    assert refused.status_code == 413, refused.text
    assert "the rows have more than" in refused.json()["detail"]
    assert peak.now < 64


@pytest.mark.parametrize("times", [1, 200], ids=["one value", "one page of values"])
def test_a_page_of_parquet_that_unpacks_to_too_much_is_refused(times: int) -> None:
    table = pa.table({"a": ["y" * (200_000_000 // times)] * times})
    bomb = parquet(table, use_dictionary=False, compression="zstd", data_page_size=2**30)
    assert len(bomb) < 100_000

    with TemporaryFile() as file:
        file.write(bomb)
        file.seek(0)
        peak = Peak()
        with pytest.raises(Invalid, match="a part of the file unpacks to more than 400 MiB"):
            list(read_parquet(file, memory=400 * 1024 * 1024))
    assert peak.now < 64


async def test_a_large_upload_does_not_grow_memory(api: httpx.AsyncClient) -> None:
    line = json.dumps({"topic": "x" * 1_000}).encode() + b"\n"

    async def content() -> AsyncIterator[bytes]:
        for number in range(60):
            yield line * 1_000 + json.dumps({"topic": str(number)}).encode() + b"\n"

    peak = Peak()
    made = await api.post(URL, content=content(), headers=JSONL)

    assert made.status_code == 201, made.text
    assert made.json()["rows"] == 60 * 1_001
    assert peak.now < 40  # of 60 MB


class Peak:
    """The most memory that this process had above what it had when this was made, in MB."""

    def __init__(self) -> None:
        Path("/proc/self/clear_refs").write_text("5", "ascii")
        self._before = self._of("VmRSS")

    @property
    def now(self) -> float:
        return self._of("VmHWM") - self._before

    @staticmethod
    def _of(kind: str) -> float:
        found = re.search(rf"{kind}:\s+(\d+) kB", Path("/proc/self/status").read_text("ascii"))
        assert found
        return int(found[1]) / 1024


async def test_an_upload_over_the_limit_is_refused(settings: Settings) -> None:
    small = settings.model_copy(update={"max_upload_bytes": 1024})
    async with running(create_app(small)) as api:
        declared = await api.post(URL, content=b"x" * 1025, headers=JSONL)
        streamed = await api.post(URL, content=pieces(b"x" * 500, 3), headers=JSONL)
        fitting = await api.post(URL, content=jsonl(ROWS), headers=JSONL)

    assert (declared.status_code, streamed.status_code, fitting.status_code) == (413, 413, 201)


async def pieces(piece: bytes, times: int) -> AsyncIterator[bytes]:
    for _ in range(times):
        yield piece
