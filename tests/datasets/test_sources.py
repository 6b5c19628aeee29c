"""A dataset over several corpora: what goes together, what says the same, and how much of each."""

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from app.datasets.commands import commands
from app.db import Database
from tests.datasets.corpus import COLUMNS, Grown, add, grow, job
from tests.datasets.test_publish import published, rows_of
from tests.datasets.texts import essay, essays

LEVELS = {**COLUMNS, "level": "string"}


async def filled(database: Database, name: str, rows: list[dict[str, Any]], **how: Any) -> Grown:
    made = await grow(database, f"default/{name}", **how)
    await add(database, made, await job(database, made), rows)
    return made


async def defined(api: httpx.AsyncClient, *corpora: str, name: str = "both") -> str:
    answer = await api.post("/v1/datasets", json={"name": name, "corpora": list(corpora)})
    assert answer.status_code == 201, answer.text
    assert answer.json()["corpora"] == [f"default/{each}" for each in corpora]
    return f"/v1/datasets/default/{name}"


async def test_rows_of_two_corpora_make_one_version_and_each_says_where_it_is_from(
    api: httpx.AsyncClient, database: Database
) -> None:
    await filled(database, "faq", essays(4))
    await filled(database, "chat", essays(3, start=3))
    both = await defined(api, "faq", "chat")
    version = await published(api, both)
    assert await rows_of(api, both, version) == essays(6)
    assert version["corpora"] == [
        {"corpus": "default/faq", "selected": 4, "rows": 4},
        {"corpus": "default/chat", "selected": 3, "rows": 2},
    ]
    assert [each["corpus"] for each in version["sources"]] == ["default/faq", "default/chat"]
    assert version["left_out"] == {"exact": 1}
    again = {"name": "both", "corpora": ["chat", "faq"]}
    refused = await api.post("/v1/datasets", json=again)
    assert (refused.status_code, refused.json()["code"]) == (409, "dataset.other_corpus")


@pytest.mark.parametrize(
    "columns", [{"question": "string"}, {"question": "string", "answer": "integer"}]
)
async def test_corpora_that_do_not_go_together_are_refused_by_name_and_column(
    columns: dict[str, str], api: httpx.AsyncClient, database: Database
) -> None:
    await filled(database, "faq", essays(2))
    await filled(database, "odd", [{"question": "What else?"}], columns=columns)
    both = await defined(api, "faq", "odd")
    refused = await api.post(f"{both}/versions", json={})
    assert refused.status_code == 422
    assert "default/odd" in refused.json()["detail"]
    assert "'answer'" in refused.json()["detail"]
    chosen = {"layout": {"name": "records", "fields": ["question"]}}
    assert len(await rows_of(api, both, await published(api, both, **chosen))) == 3


async def test_what_is_nearly_the_same_in_another_corpus_is_left_out_and_named(
    api: httpx.AsyncClient, database: Database
) -> None:
    await filled(database, "faq", essays(3))
    twins = [essay(0, changed=1), essay(1, changed=9), essay(2, changed=2)]
    await filled(database, "chat", twins)
    both = await defined(api, "faq", "chat")
    version = await published(api, both, near=0.8)
    assert await rows_of(api, both, version) == [*essays(3), twins[1]]
    near = version["near"]
    assert near["rows_left_out"] == version["left_out"]["near"] == 2
    faq, chat = [
        [
            row["id"]
            for row in (await api.get(f"/v1/corpora/default/{name}/records")).json()["items"]
        ]
        for name in ("faq", "chat")
    ]
    assert near["left_out"][0]["record"] == chat[0]
    assert near["left_out"][0]["like"] == faq[0]
    assert near["left_out"][0]["similarity"] == pytest.approx(0.93, abs=0.01)
    assert (await published(api, both, near=False))["rows"] == 6
    assert (await published(api, both, near=0.9))["rows"] == 5


async def test_a_corpus_without_a_policy_is_swept_and_one_with_its_own_is_left_alone(
    api: httpx.AsyncClient, database: Database
) -> None:
    rows = [essay(0), essay(0, changed=1), essay(1)]
    for name, near, left in (("loose", False, 2), ("strict", 0.7, 3)):
        await filled(database, name, rows, near=near)
        version = await published(api, await defined(api, name, name=name))
        assert version["rows"] == left
        assert version["near"]["guarded"] == (["default/strict"] if near else [])


async def test_equal_inputs_tell_rows_apart_that_answer_alike(
    api: httpx.AsyncClient, database: Database
) -> None:
    rows = [essay(0, level="easy"), essay(0, changed=1, level="hard")]
    await filled(database, "faq", rows, columns=LEVELS, near=False)
    dataset = await defined(api, "faq", name="levels")
    near = {"threshold": 0.8, "fields": ["answer"]}
    assert (await published(api, dataset, near=near))["rows"] == 1
    apart = await published(api, dataset, near={**near, "same": ["level"]})
    assert apart["rows"] == 2


async def test_caps_and_weights_hold_and_a_growing_corpus_reshuffles_nothing(
    api: httpx.AsyncClient, database: Database
) -> None:
    rows = [*essays(30, level="easy"), *essays(12, start=30, level="hard")]
    corpus = await filled(database, "faq", rows, columns=LEVELS)
    dataset = await defined(api, "faq", name="mixed")
    mix = [{"by": ["level"], "weights": {"easy": 1, "hard": 2}}, {"by": ["level"], "cap": 10}]
    first = await published(api, dataset, mix=mix)
    before = await rows_of(api, dataset, first)
    assert Counter(row["level"] for row in before) == {"easy": 6, "hard": 10}
    assert first["mix"][0]["strata"] == [
        {"stratum": "easy", "available": 30, "rows": 6},
        {"stratum": "hard", "available": 12, "rows": 12},
    ]
    assert first["left_out"] == {"mix": 26}
    more = [*essays(9, start=50, level="hard"), *essays(9, start=70, level="easy")]
    await add(database, corpus, await job(database, corpus), more)
    after = await rows_of(api, dataset, await published(api, dataset, mix=mix))
    assert after[: len(before)] == before
    assert Counter(row["level"] for row in after) == {"easy": 10, "hard": 10}
    refused = await api.post(f"{dataset}/versions", json={"mix": [{"by": ["colour"], "cap": 1}]})
    assert refused.json()["errors"][0]["field"] == "/mix/0/by/0"


async def test_corpora_are_mixed_by_name(api: httpx.AsyncClient, database: Database) -> None:
    await filled(database, "faq", essays(8))
    await filled(database, "chat", essays(5, start=20))
    both = await defined(api, "faq", "chat")
    weights = {"default/faq": 3, "default/chat": 1}
    version = await published(api, both, mix=[{"by": ["_corpus"], "weights": weights}])
    assert [each["rows"] for each in version["corpora"]] == [8, 2]


def test_the_shell_publishes_two_corpora_as_a_file_says(
    served: str, database_url: str, tmp_path: Path
) -> None:
    async def fill() -> None:
        database = Database(database_url)
        await filled(database, "faq", essays(8))
        await filled(database, "chat", [*essays(3, start=20), essay(0, changed=1)])
        await database.close()

    asyncio.run(fill())
    document = tmp_path / "publish.yaml"
    document.write_text("near: 0.8\nmix:\n  - {by: [_corpus], cap: 5}\n")
    asked = ["--name", "both", "--also", "chat", "--file", str(document), "--split-by", "cluster"]
    told = CliRunner().invoke(commands, ["publish", "faq", *asked, "--json"])
    made = json.loads(told.stdout)
    assert [each["rows"] for each in made["corpora"]] == [5, 3]
    assert made["left_out"] == {"mix": 3, "near": 1}
    assert made["split_by"] == "cluster"
