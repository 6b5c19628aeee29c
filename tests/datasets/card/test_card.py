"""The card as a reader sees it: everything is there, and nobody's text becomes a part of it."""

import re
from typing import Any

import httpx
import pytest
import yaml
from markdown_it import MarkdownIt

from app.db import Database
from tests.datasets.corpus import add, grow, job

HOSTILE = "</details>\n# Owned\n<script>alert(1)</script> ![x](http://evil/x.png) `|` ````\n---"
TEMPLATE = """---
description: "Asks. <img src=http://evil/a.png> | a `cell` more"
inputs:
  topic: {{type: string}}
response:
  format: json
  schema: {{properties: {{answer: {{type: string}}}}}}
---
{{% user %}}About {{{{ topic }}}}. {hostile}{{% enduser %}}
""".format(hostile=HOSTILE.replace("---", "***"))


@pytest.fixture
async def page(api: httpx.AsyncClient, database: Database) -> str:
    """The card of the second version of a dataset whose every text is hostile."""
    teacher = {"name": "wise", "url": "http://127.0.0.1:1", "model": HOSTILE, "probe": False}
    terms = {"licence": "MIT", "terms": HOSTILE, "terms_url": "https://example.com/t?a=b"}
    assert (await api.post("/v1/teachers", json=teacher | terms)).status_code == 201
    made = await api.post("/v1/templates", json={"name": "ask", "source": TEMPLATE})
    assert made.status_code == 201, made.text
    corpus = await grow(
        database, "default/ask", {"topic": "string", "level": "string", "answer": "string"}
    )
    document = {
        "teacher": "default/wise",
        "seeds": {"matrix": {"topic": [HOSTILE, "rain"]}, "random_seed": 7},
        "sampling": {"temperature": 0.5, "stop": [HOSTILE]},
    }
    first = await job(database, corpus, template="default/ask@1", document=document)
    rows = [
        {
            "topic": HOSTILE if n % 3 == 0 else "rain",
            "level": ["easy", "hard"][n % 2],
            "answer": f"The rain in the mountains falls {n} times. {HOSTILE}",
        }
        for n in range(40)
    ]
    await add(database, corpus, first, rows[:30])
    body = {"name": "ask", "corpus": "ask", "description": f"*Rain* ```\n{HOSTILE}\n```"}
    assert (await api.post("/v1/datasets", json=body)).status_code == 201
    layout = {"name": "messages", "prompt": ["topic"], "completion": ["answer"]}
    for version in (1, 2):
        answer = await api.post("/v1/datasets/default/ask/versions", json={"layout": layout})
        assert answer.status_code == 201, answer.text
        if version == 1:
            await add(database, corpus, first, rows[30:])
    return (await api.get("/v1/datasets/default/ask/versions/2/files/README.md")).text


def split(page: str) -> tuple[dict[str, Any], str]:
    _, head, body = page.split("---\n", 2)
    return yaml.safe_load(head), body


def test_nobodys_text_becomes_a_part_of_the_page(page: str) -> None:
    _, body = split(page)
    shown = MarkdownIt("commonmark", {"html": True}).enable("table").render(body)
    # What is left without code is what a browser would act upon.
    acted = re.sub(r"<(code|pre)[^>]*>.*?</\1>", "", shown, flags=re.DOTALL)
    assert "<script" not in acted
    # The description is its owner's Markdown, which stays within its quotation.
    acted = re.sub(r"<blockquote>.*?</blockquote>", "", acted, count=1, flags=re.DOTALL)
    assert "Owned</h1>" not in acted
    pictures = re.findall(r'<img src="([^"]*)"', shown)
    assert pictures == ["plots/strata.svg", "plots/lengths.svg"]
    assert acted.count("<details>") == acted.count("</details>")
    titles = re.findall(r"<h2>(.*?)</h2>", acted)
    assert titles == [
        "Since version 1",
        "Load it",
        "What is in it",
        "How it was made",
        "Limits",
        "Cite it",
    ]


def test_the_card_tells_how_the_rows_were_made(page: str) -> None:
    for told in (
        "30 rows became 40 (+10)",
        'load_dataset("default/ask.v2", split="train")',
        "trl sft --dataset_name ./ask-v2",
        "_component_: torchtune.datasets.chat_dataset",
        "not said: read its terms (<https://example.com/t?a=b>)",
        "`default/ask@1`",
        "seed 7",
        "{% user %}About {{ topic }}.",
        "`temperature=0.5`",
        "| `rain` | 26 |",
        "| `easy` | 20 |",
        "Whether the terms of `default/wise` allow training on its output was not said",
        "Languages, as found in a sample: en",
    ):
        assert told in page, told


def test_the_head_says_exactly_what_the_files_hold(page: str) -> None:
    head, _ = split(page)
    assert head["license"] == "mit"
    assert head["language"] == ["en"]
    assert head["size_categories"] == ["n<1K"]
    assert head["task_categories"] == ["text-generation"]
    assert {"synthetic", "sft"} <= set(head["tags"])
    assert head["configs"][0]["data_files"] == [
        {"split": "train", "path": "data/train-*-of-00002.parquet"}
    ]
    assert head["dataset_info"]["splits"][0]["num_examples"] == 40


async def test_what_was_left_out_is_told_with_its_reason(
    api: httpx.AsyncClient, database: Database
) -> None:
    for number in (1, 2):
        corpus = await grow(database, f"default/part{number}")
        rows = [
            {"question": f"q{n}", "answer": f"Answer {n}, of the same to {number * (n > 5)}."}
            for n in range(10)
        ]
        await add(database, corpus, await job(database, corpus), rows)
    body = {"name": "parts", "corpora": ["part1", "part2"]}
    assert (await api.post("/v1/datasets", json=body)).status_code == 201
    mix = [{"by": ["_corpus"], "cap": 7}]
    answer = await api.post("/v1/datasets/default/parts/versions", json={"mix": mix})
    assert answer.status_code == 201, answer.text
    page = (await api.get("/v1/datasets/default/parts/versions/1/files/README.md")).text
    for told in (
        "from the corpora `default/part1` and `default/part2`",
        "| `default/part1` | 10 | 7 |",
        "beyond its share of the mix",
        "By `_corpus`, at most 7 each",
        "No two rows have a Jaccard similarity of 0.7 or more in",
    ):
        assert told in page, told
