"""Layouts over HTTP: previewed, published, listed."""

import hashlib
import io
import json
from typing import Any
from uuid import UUID

import httpx
import pyarrow.parquet as pq
import pytest
from sqlalchemy import text

from app.db import Database
from tests.datasets.corpus import Grown, add, grow, job

COLUMNS = {"question": "string", "answer": "string", "worse": "string", "score": "integer"}
ROWS = [
    {"question": f"Wie heißt {n}?", "answer": f"Zahl {n}\u2028.", "worse": "Nichts.", "score": n}
    for n in range(4)
]
FIELDS = {"prompt": ["question"], "completion": ["answer"]}
URL = "/v1/datasets/default/scored"


@pytest.fixture
async def scored(api: httpx.AsyncClient, database: Database) -> UUID:
    corpus: Grown = await grow(database, "default/scored", COLUMNS)
    made = await job(database, corpus)
    await add(database, corpus, made, ROWS)
    await api.post("/v1/datasets", json={"name": "scored", "corpus": "scored"})
    return made


async def previewed(api: httpx.AsyncClient, layout: dict[str, Any], rows: int = 1) -> Any:
    answer = await api.post(f"{URL}/preview", json={"layout": layout, "rows": rows})
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize(
    ("layout", "row"),
    [
        (
            {"name": "messages", **FIELDS, "system_text": "Kurz."},
            {
                "messages": [
                    {"role": "system", "content": "Kurz."},
                    {"role": "user", "content": "Wie heißt 0?"},
                    {"role": "assistant", "content": "Zahl 0\u2028."},
                ]
            },
        ),
        (
            {"name": "sharegpt", **FIELDS},
            {
                "conversations": [
                    {"from": "human", "value": "Wie heißt 0?"},
                    {"from": "gpt", "value": "Zahl 0\u2028."},
                ]
            },
        ),
        (
            {"name": "alpaca", **FIELDS, "input": ["worse"], "system_text": "Kurz."},
            {
                "instruction": "Wie heißt 0?",
                "input": "Nichts.",
                "output": "Zahl 0\u2028.",
                "system": "Kurz.",
            },
        ),
        (
            {"name": "prompt_completion", **FIELDS, "system_text": "Kurz."},
            {"prompt": "Kurz.\n\nWie heißt 0?", "completion": "Zahl 0\u2028."},
        ),
        (
            {"name": "kto", **FIELDS, "label": "score", "at_least": 1, "as_turns": True},
            {
                "prompt": [{"role": "user", "content": "Wie heißt 0?"}],
                "completion": [{"role": "assistant", "content": "Zahl 0\u2028."}],
                "label": False,
            },
        ),
        (
            {
                "name": "preference",
                "prompt": ["question"],
                "chosen": ["answer"],
                "rejected": ["worse"],
            },
            {"prompt": "Wie heißt 0?", "chosen": "Zahl 0\u2028.", "rejected": "Nichts."},
        ),
        (
            {"name": "custom", "columns": {"b": "{{ question | upper }}", "a": "{{ score + 1 }}"}},
            {"b": "WIE HEISST 0?", "a": "1"},
        ),
        ({"name": "text", "fields": ["question", "score"]}, {"text": "Wie heißt 0?\n\n0"}),
    ],
    ids=lambda value: value.get("name", ""),
)
async def test_a_preview_shows_rows_as_they_would_be_written(
    api: httpx.AsyncClient, scored: UUID, layout: dict[str, Any], row: dict[str, Any]
) -> None:
    shown = await previewed(api, layout)
    assert shown["rows"] == [row]
    assert list(shown["features"]) == list(row)
    assert (await api.get(f"{URL}/versions")).json()["items"] == [], "nothing is stored"


async def test_a_preview_has_as_many_rows_as_there_are(
    api: httpx.AsyncClient, scored: UUID
) -> None:
    assert len((await previewed(api, {"name": "records"}, rows=20))["rows"]) == 4
    none = {"selection": {"created_after": "2999-01-01T00:00:00Z"}}
    assert (await api.post(f"{URL}/preview", json=none)).json()["rows"] == []


@pytest.mark.parametrize(
    ("layout", "field"),
    [
        ({"name": "kto", **FIELDS, "label": "score"}, "/layout/label"),
        ({"name": "kto", **FIELDS, "label": "worse", "at_least": 1}, "/layout/label"),
        (
            {"name": "prompt_completion", **FIELDS, "reasoning": "reasoning_content"},
            "/layout/reasoning",
        ),
        ({"name": "openai", **FIELDS, "reasoning": "column"}, "/layout/reasoning"),
        ({"name": "text"}, "/layout"),
        ({"name": "text", "template": "{{ nobody }}"}, "/layout/template"),
        ({"name": "text", "template": "{% user %}{{ question }}{% enduser %}"}, "/layout/template"),
        ({"name": "custom", "columns": {"a": "{{ question.__class__() }}"}}, "/layout/columns/a"),
        ({"name": "custom", "columns": {"a": "{{ "}}, "/layout/columns/a"),
        ({"name": "custom", "columns": {"a b": "x"}}, "/layout/columns/a b"),
    ],
)
async def test_a_layout_that_the_corpus_cannot_fill_is_refused_by_field(
    api: httpx.AsyncClient, scored: UUID, layout: dict[str, Any], field: str
) -> None:
    for path in ("preview", "versions"):
        refused = await api.post(f"{URL}/{path}", json={"layout": layout})
        assert refused.status_code == 422, refused.text
        assert refused.json()["errors"][0]["field"].startswith(field)


async def test_a_template_that_fails_for_a_record_names_it(
    api: httpx.AsyncClient, scored: UUID
) -> None:
    layout = {"name": "text", "template": "{{ question }}\n{{ question | round }}"}
    refused = await api.post(f"{URL}/versions", json={"layout": layout})
    assert (refused.status_code, refused.json()["code"]) == (409, "dataset.misfit")
    assert "cannot be published: template: line 2" in refused.json()["detail"]


async def test_an_endless_template_costs_its_publication_and_nothing_else(
    api: httpx.AsyncClient, scored: UUID
) -> None:
    grown = "{% set x = question %}" + "{% set x = x + x %}" * 8
    loop = "{% for a in x %}", "{% endfor %}"
    layout = {"name": "text", "template": grown + loop[0] * 3 + loop[1] * 3}
    refused = await api.post(f"{URL}/preview", json={"layout": layout, "rows": 1})
    assert (refused.status_code, refused.json()["code"]) == (409, "dataset.misfit")
    assert "more time or memory" in refused.json()["detail"]
    assert (await previewed(api, {"name": "records"}))["rows"]


async def test_openai_gets_lines_whose_bytes_are_always_the_same(
    api: httpx.AsyncClient, scored: UUID
) -> None:
    body = {"layout": {"name": "openai", **FIELDS, "system_text": "Kurz."}}
    made = [(await api.post(f"{URL}/versions", json=body)).json() for _ in range(2)]
    [[first], [second]] = [[f for f in one["files"] if f["split"]] for one in made]
    assert first == second
    assert first["path"] == "data/train-00000-of-00001.jsonl"
    content = (await api.get(f"{URL}/versions/1/files/{first['path']}")).content
    assert hashlib.sha256(content).hexdigest() == first["sha256"]
    lines = content.split(b"\n")
    assert lines.pop() == b""
    assert [json.loads(line)["messages"][1]["content"] for line in lines] == [
        row["question"] for row in ROWS
    ]
    assert lines[0].startswith(b'{"messages":[{"role":"system","content":"Kurz."}')


async def test_a_version_tells_llama_factory_how_to_read_it(
    api: httpx.AsyncClient, scored: UUID
) -> None:
    body = {"layout": {"name": "sharegpt", **FIELDS}, "splits": {"train": 0.5, "test": 0.5}}
    made = (await api.post(f"{URL}/versions", json=body)).json()
    assert [file["path"] for file in made["files"]][-2:] == [
        "dataset_info.json",
        "manifest.json",
    ]
    told = (await api.get(f"{URL}/versions/1/files/dataset_info.json")).json()
    entry = {
        "hf_hub_url": "default/scored.v1",
        "formatting": "sharegpt",
        "columns": {"messages": "conversations"},
    }
    assert told == {
        "scored": {**entry, "split": "train"},
        "scored_test": {**entry, "split": "test"},
    }
    body = {"layout": {"name": "records"}}
    made = (await api.post(f"{URL}/versions", json=body)).json()
    assert "dataset_info.json" not in [file["path"] for file in made["files"]]


async def test_every_layout_is_listed_with_a_row_of_its_own(api: httpx.AsyncClient) -> None:
    listed = {one["name"]: one for one in (await api.get("/v1/layouts")).json()}
    assert listed.keys() >= {"messages", "preference", "kto", "openai", "custom", "records"}
    assert listed["kto"]["row"]["label"] is True
    assert "prompt" not in listed["messages"]["row"]
    assert all(one["about"] and one["row"] for one in listed.values())


async def test_every_page_of_rows_gets_what_its_layout_takes(
    api: httpx.AsyncClient, database: Database, scored: UUID
) -> None:
    async with database.unit_of_work() as session:
        await session.execute(
            text("""
                INSERT INTO record (corpus_id, job_id, item, sample, digest, fields)
                SELECT corpus_id, job_id, n, 0, int4send(n),
                    fields || jsonb_build_object('score', n)
                FROM record, generate_series(10, 1109) AS n WHERE item = 0
            """)
        )
        await session.execute(
            text("""
                INSERT INTO completion (job_id, item, sample, corpus_id, content, reasoning,
                    finish_reason, prompt_tokens, completion_tokens, cached_tokens, size,
                    prompt_digest, inputs)
                SELECT job_id, item, 0, corpus_id, '', convert_to('because of ' || item, 'UTF8'),
                    'stop', 0, 0, 0, 0, '', '{}' FROM record WHERE item >= 10
            """)
        )
    reasoned = {"name": "prompt_completion", **FIELDS, "reasoning": "column"}
    templates = {"name": "custom", "columns": {"reasoning": "because of {{ score }}"}}
    for layout in (reasoned, templates):
        made = (await api.post(f"{URL}/versions", json={"layout": layout})).json()
        [file] = [file for file in made["files"] if file["split"]]
        got = await api.get(f"{URL}/versions/{made['version']}/files/{file['path']}")
        column = pq.read_table(io.BytesIO(got.content))["reasoning"].to_pylist()
        assert column[4:] == [f"because of {n}" for n in range(10, 1110)]
    fails = {"name": "text", "template": "{{ question | round }}"}
    refused = await api.post(f"{URL}/versions", json={"layout": fails})
    assert refused.json()["code"] == "dataset.misfit", "on the first page, and no cursor stays open"
