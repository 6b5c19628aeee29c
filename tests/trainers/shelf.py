"""Versions in every layout, published from one small corpus as a trainer would pull them."""

import itertools
from pathlib import Path
from typing import Any

import httpx
import orjson

from app.db import Database
from app.jobs.loaded import Tools
from app.main import create_app
from app.prompts.sandbox import RenderPool
from app.settings import Settings
from app.teachers.clients import Clients
from tests.conftest import running
from tests.fake_teacher import FakeTeacher
from tests.fake_teacher.behaviour import Behaviour, says
from tests.fake_teacher.replies import fresh_text
from tests.jobs.conftest import work_one

TEMPLATE = """---
description: A question with a good and a worse answer.
inputs:
  topic: {type: string}
response:
  format: json
  schema:
    type: object
    properties:
      question: {type: string}
      answer: {type: string}
      worse: {type: string}
      good: {type: boolean}
    required: [question, answer, worse, good]
    additionalProperties: false
---
{% system %}You know the weather.{% endsystem %}
{% user %}Topic: {{ topic }}{% enduser %}
"""
EXAMPLES = [
    {
        "inputs": {"topic": f"example {n}"},
        "response": {"question": f"Why {n}?", "answer": f"So {n}.", "worse": "No.", "good": True},
    }
    for n in range(4)
]
ROWS = 12
FIELDS = {"prompt": ["question"], "completion": ["answer"]}
LAYOUTS: dict[str, dict[str, Any]] = {
    "messages": {"name": "messages", "system": True, "few_shot": True},
    "distilled": {"name": "messages", "prompt": ["topic"]},
    "thoughts": {"name": "messages", **FIELDS, "reasoning": "reasoning_content"},
    "inline": {"name": "messages", **FIELDS, "reasoning": "inline"},
    "prompt_completion": {"name": "prompt_completion", **FIELDS},
    "turns": {"name": "prompt_completion", **FIELDS, "as_turns": True, "system": True},
    "text": {"name": "text", "template": "Q: {{ question }}\nA: {{ answer }}"},
    "preference": {
        "name": "preference",
        "prompt": ["question"],
        "chosen": ["answer"],
        "rejected": ["worse"],
    },
    "preference_turns": {
        "name": "preference",
        "system": True,
        "chosen": ["answer"],
        "rejected": ["worse"],
        "as_turns": True,
    },
    "preference_whole": {
        "name": "preference",
        "chosen": ["answer"],
        "rejected": ["worse"],
        "as_turns": True,
        "implicit_prompt": True,
    },
    "kto": {"name": "kto", **FIELDS, "label": "good"},
    "kto_turns": {"name": "kto", **FIELDS, "label": "good", "as_turns": True},
    "prompt_only": {"name": "prompt_only", "as_turns": True},
    "alpaca": {"name": "alpaca", **FIELDS, "input": ["topic"], "system_text": "Be brief."},
    "alpaca_plain": {"name": "alpaca", **FIELDS},
    "sharegpt": {"name": "sharegpt", **FIELDS, "system_text": "Be brief."},
    "openai": {"name": "openai", **FIELDS, "system_text": "Be brief."},
    "custom": {"name": "custom", "columns": {"text": "{{ question }} {{ answer }}"}},
}
"""By the name of the dataset that is published so."""


async def fill(settings: Settings, root: Path) -> None:
    """`root/default/<name>.v1` for each layout: what a hub would serve as `default/<name>.v1`."""
    with FakeTeacher() as fake:
        async with running(create_app(settings)) as api:
            await _make(api, fake, settings)
            for name, layout in LAYOUTS.items():
                await _publish(api, name, layout, root / "default" / f"{name}.v1")


async def _make(api: httpx.AsyncClient, fake: FakeTeacher, settings: Settings) -> None:
    numbers = itertools.count()
    fake.when(lambda asked: _reply(next(numbers)) if "messages" in asked else None)
    for path, body in (
        ("teachers", {"name": "fake", "url": fake.url, "model": fake.model}),
        ("templates", {"name": "qa", "source": TEMPLATE}),
        ("few-shot-sets", {"name": "qa", "examples": EXAMPLES, "template": "qa"}),
        (
            "jobs",
            {
                "corpus": "weather",
                "teacher": "fake",
                "template": "qa",
                "few_shot": {"set": "qa", "k": 2},
                "seeds": {"matrix": {"topic": ["rain", "snow", "fog"]}},
                "num_records": ROWS,
                "dedup": {"on": ["question"]},
            },
        ),
    ):
        answer = await api.post(f"/v1/{path}", json=body)
        assert answer.status_code == 201, answer.text
    assert settings.database_url
    tools = Tools(Database(settings.database_url), RenderPool(1), Clients(100_000), deadline=20)
    try:
        while await work_one(tools) is not None:
            pass
    finally:
        await tools.clients.close()
        await tools.pool.close()
        await tools.database.close()


def _reply(number: int) -> Behaviour:
    said = {
        "question": fresh_text(number, 6),
        "answer": fresh_text(100 + number, 8),
        "worse": fresh_text(200 + number, 4),
        "good": number % 2 == 0,
    }
    return says(orjson.dumps(said).decode(), message={"reasoning": f"Thought {number}."})


async def _publish(api: httpx.AsyncClient, name: str, layout: dict[str, Any], folder: Path) -> None:
    await api.post("/v1/datasets", json={"name": name, "corpus": "weather"})
    url = f"/v1/datasets/default/{name}/versions"
    answer = await api.post(url, json={"layout": layout})
    assert answer.status_code == 201, answer.text
    for file in answer.json()["files"]:
        path = folder / file["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((await api.get(f"{url}/1/files/{file['path']}")).content)
