"""Two versions differ by rows, and each row that came or went says why."""

import json
from typing import Any

import httpx
from typer.testing import CliRunner

from app.datasets.commands import commands
from app.db import Database
from tests.datasets.corpus import COLUMNS, Grown, add, grow, job
from tests.datasets.test_publish import published
from tests.datasets.texts import essays


async def made(api: httpx.AsyncClient, database: Database) -> tuple[Grown, str]:
    corpus = await grow(database, columns={**COLUMNS, "level": "string"})
    rows = [*essays(6, level="easy"), *essays(6, start=6, level="hard")]
    await add(database, corpus, await job(database, corpus), rows)
    assert (await api.post("/v1/datasets", json={"name": "faq", "corpus": "faq"})).is_success
    return corpus, "/v1/datasets/default/faq"


async def diff(api: httpx.AsyncClient, faq: str, after: int, **asked: Any) -> dict[str, Any]:
    answer = await api.get(f"{faq}/versions/{after}/diff", params=asked)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_rows_come_and_go_for_reasons(api: httpx.AsyncClient, database: Database) -> None:
    corpus, faq = await made(api, database)
    cap = [{"by": ["level"], "cap": 5}]
    await published(api, faq, mix=cap)
    await add(database, corpus, await job(database, corpus), essays(3, start=90, level="odd"))
    doomed = {"where": {"question": {"one_of": ["What of 90?", "What of 91?"]}}}
    await published(api, faq, mix=cap)
    gone = {"selection": doomed, "reason": "off topic"}
    assert (await api.post("/v1/corpora/default/faq/deletions", json=gone)).is_success
    easy = {"where": {"level": {"one_of": ["easy", "odd"]}}}
    await published(api, faq, selection=easy)

    first = await diff(api, faq, 2)
    assert (first["before"], first["after"], first["rows"]) == (1, 2, {"before": 10, "after": 13})
    assert first["added"]["by_reason"] == {"new": 3}
    assert first["removed"]["rows"] == 0
    assert first["strata"]["level=odd"] == {"before": 0, "after": 3}
    assert [len(first["files"][name]) for name in ("kept", "added", "removed")] == [1, 4, 4]

    second = await diff(api, faq, 3)
    assert second["added"]["by_reason"] == {"let_in": 1}
    assert second["removed"]["by_reason"] == {"deleted": 2, "selection": 5}
    assert second["removed"]["deleted"] == {"off topic": 2}
    assert len(second["removed"]["records"]) == 7
    whole = await diff(api, faq, 3, **{"from": 1})
    assert whole["added"]["by_reason"] == {"new": 1, "let_in": 1}
    assert whole["removed"]["by_reason"] == {"selection": 5}
    assert whole["splits"] == {"train": {"before": 10, "after": 7}}
    lengths = whole["lengths"]["question"]["after"]
    assert (lengths["min"], lengths["max"]) == (10, 11)
    for version, asked in ((3, 3), (1, None), (9, 1)):
        params = {"from": asked} if asked else {}
        answer = await api.get(f"{faq}/versions/{version}/diff", params=params)
        assert answer.status_code == (404 if version == 9 else 422)


async def test_a_row_that_left_and_came_back_is_no_difference(
    api: httpx.AsyncClient, database: Database
) -> None:
    _, faq = await made(api, database)
    await published(api, faq)
    await published(api, faq, selection={"where": {"level": {"one_of": ["hard"]}}})
    await published(api, faq)
    there_and_back = await diff(api, faq, 3, **{"from": 1})
    assert there_and_back["added"]["rows"] == there_and_back["removed"]["rows"] == 0
    assert (await diff(api, faq, 3))["added"]["by_reason"] == {"let_in": 6}


async def test_the_shell_tells_it(api: httpx.AsyncClient, database: Database, served: str) -> None:
    _, faq = await made(api, database)
    await published(api, faq)
    await published(api, faq, mix=[{"by": ["level"], "cap": 4}])
    told = CliRunner().invoke(commands, ["diff", "faq@1", "faq@2"])
    assert "default/faq @1 to @2: 12 to 8 rows" in told.output
    assert "-4 mix 4" in told.output
    raw = CliRunner().invoke(commands, ["diff", "faq@1", "--json"])
    assert json.loads(raw.stdout)["removed"]["by_reason"] == {"mix": 4}
