"""Whatever a judge says, it is a score that can be stored, or none."""

import json
from math import isfinite

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.curation.judge import JudgeSpec
from app.curation.rubric import Rubric
from app.curation.verdict import Flag, Verdict
from app.names import Ref
from app.prompts.template import parse_template
from app.teachers.completion import Completion

SOURCE = """---
description: A rubric.
inputs:
  answer: {type: string}
response:
  format: json
  schema:
    type: object
    properties:
      why: {}
      score: {}
    required: []
---
{% user %}{{ answer }}{% enduser %}
"""


def rubric(least: float | None = 3) -> Rubric:
    name = Ref.parse("rubric@1")
    return Rubric.of(JudgeSpec(teacher=name, template=name, min=least), parse_template(SOURCE))


def said(content: str, finish_reason: str = "stop") -> Completion:
    return Completion(
        content=content,
        finish_reason=finish_reason,
        reasoning=None,
        prompt_tokens=3,
        completion_tokens=4,
        cached_tokens=0,
        fingerprint=None,
        model=None,
        logprobs=None,
        size=len(content),
    )


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(
    st.text()
    | st.builds(lambda score, why: json.dumps({"score": score, "why": why}), anything, anything)
)
def test_no_reply_breaks_it(content: str) -> None:
    judge = rubric()
    score = judge.read(said(content))
    assert score.value is None or isfinite(score.value)
    found = judge.weigh(score)
    orjson.dumps([found.value, found.threshold, found.detail])
    assert isinstance(found, Verdict) == (score.value is None or score.value < 3)


@pytest.mark.parametrize(
    ("reply", "value", "detail"),
    [
        ('{"score": 4, "why": "fine"}', 4, "why: fine"),
        ('{"score": 2.5}', 2.5, None),
        ('{"score": true}', None, "there is no number in score"),
        ('{"score": 1e12}', None, "there is no number in score"),
        ('{"score": "4"}', None, "there is no number in score"),
        ('{"score": 1e999}', None, "text.not_finite"),
        (f'{{"score": {10**400}}}', None, "parse.json.invalid"),
        ('{"why": "none"}', None, "there is no number in score"),
        ("Four.", None, "parse.json"),
    ],
)
def test_only_a_number_is_a_score(reply: str, value: float | None, detail: str | None) -> None:
    score = rubric().read(said(reply))
    assert score.value == value
    assert (detail or "") in (score.detail or "")


def test_a_reply_that_was_cut_off_has_no_score() -> None:
    score = rubric().read(said('{"score": 5}', "length"))
    assert score.value is None
    assert "finish.length" in str(score.detail)


def test_without_a_minimum_nothing_is_dropped() -> None:
    judge = rubric(None)
    for reply in ('{"score": -7}', "Four."):
        assert isinstance(judge.weigh(judge.read(said(reply))), Flag)


def test_a_record_shows_its_judge_what_the_rubric_takes() -> None:
    assert rubric().inputs({"answer": "a", "topic": "t"}) == {"answer": "a"}
