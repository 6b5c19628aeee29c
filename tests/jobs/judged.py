"""A judge beside the teacher: a second server, a rubric, and who can say what it was asked."""

import json
from collections import Counter
from hashlib import sha256
from typing import Any

import httpx

from tests.fake_teacher import FakeTeacher
from tests.fake_teacher.behaviour import Behaviour, says

RUBRIC = """---
description: How good an answer is.
inputs:
  question: {type: string}
  answer: {type: string}
response:
  format: json
  schema:
    type: object
    properties:
      why: {type: string, maxLength: 400}
      score: {type: integer, minimum: 0, maximum: 5}
    required: [why, score]
    additionalProperties: false
sampling: {temperature: 0, max_tokens: 200}
---
{% user %}How well does this answer it? {{ question }} - {{ answer }}{% enduser %}
"""


def judge(**more: Any) -> dict[str, Any]:
    return {"judge": {"teacher": "judge", "template": "rubric", **more}}


async def seated(api: httpx.AsyncClient, server: FakeTeacher, **more: Any) -> None:
    """Registers the server as the teacher `judge`, and the template `rubric`."""
    teacher = {"name": "judge", "url": server.url, "model": server.model, "max_in_flight": 4}
    for path, body in (
        ("/v1/teachers", teacher | more),
        ("/v1/templates", {"name": "rubric", "source": RUBRIC}),
    ):
        answer = await api.post(path, json=body)
        assert answer.status_code == 201, answer.text


def score_of(question: str) -> int:
    """Always the same of the same question, 0 to 5."""
    return sha256(question.encode()).digest()[0] % 6


def scores(body: dict[str, Any]) -> Behaviour:
    asked = str(body["messages"][-1]["content"])
    question = asked.removeprefix("How well does this answer it? ").partition(" - ")[0]
    return says(json.dumps({"why": "So it seems.", "score": score_of(question)}))


def asked_again(server: FakeTeacher) -> int:
    """Requests for what had been asked already, of those that reached a living engine."""
    alive = Counter(one.question for one in server.asked if one.behaviour == "says")
    return sum(n - 1 for n in alive.values())
