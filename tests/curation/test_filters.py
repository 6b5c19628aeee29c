from typing import Any

import pytest
from pydantic import ValidationError

from app.curation.filter import filters
from app.curation.filters import Empty, Length, Refusal
from app.curation.finish import finish_problem
from app.curation.response import Response
from app.curation.verdict import Verdict
from app.teachers.completion import Completion

REPLY = Response.of(
    {
        "type": "object",
        "properties": {
            "answer": {"type": "string"},
            "note": {"type": "string"},
            "tags": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["answer", "tags"],
    }
)


@pytest.mark.parametrize("reason", ["stop", "eos", "end_turn"])
def test_a_reply_that_the_teacher_ended_passes(reason: str) -> None:
    assert finish_problem(Completion("text", reason)) is None


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        ("length", "finish.length"),
        ("oversize", "finish.oversize"),
        ("content_filter", "finish.content_filter"),
        ("tool_calls", "finish.tool_calls"),
        ("abort", "finish.abort"),
        ("", "finish.unknown"),
        ("\x00\ud800" * 100, "finish.unknown"),
    ],
)
def test_any_other_end_is_a_verdict(finish: str, reason: str) -> None:
    verdict = finish_problem(Completion("text", finish, size=7, completion_tokens=3))

    assert verdict is not None
    assert verdict.reason == reason
    str(verdict.value).encode()


@pytest.mark.parametrize(
    ("record", "field"),
    [
        ({"answer": " \n\u3000", "tags": ["a"]}, "answer"),
        ({"answer": "yes", "tags": []}, "tags"),
        ({"answer": "yes", "tags": ["a"], "note": ""}, None),
        ({"topic": "", "answer": "0", "tags": ["a"]}, None),
    ],
)
def test_empty_looks_at_what_the_reply_must_have(record: dict[str, Any], field: str | None) -> None:
    verdict = Empty().bound(REPLY)(record)

    assert (verdict and (verdict.reason, verdict.value)) == (field and ("filter.empty", field))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one two", ("filter.length.too_short", 2, 3)),
        ("one two three", None),
        ("a b c d e f", ("filter.length.too_long", 6, 5)),
        ("abcdefgh abcdefgh abcdefgh abcdefgh", ("filter.length.too_long", 35, 30)),
    ],
)
def test_length_measures_words_and_characters(
    text: str, expected: tuple[str, int, int] | None
) -> None:
    verdict = Length(field="answer", min_words=3, max_words=5, max_characters=30)(
        {"answer": f" {text} \n"}
    )

    assert (verdict and (verdict.reason, verdict.value, verdict.threshold)) == expected


def test_an_absent_field_is_too_short_for_any_minimum() -> None:
    verdict = Length(field="answer", min_characters=1)({})

    assert isinstance(verdict, Verdict)
    assert (verdict.value, verdict.threshold) == (0, 1)
    assert Length(field="answer", max_words=3)({"answer": None}) is None
    assert Length(field="tags", max_characters=9)({"tags": ["a", "b"]}) is None


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"field": "a"}, "needs a bound"),
        ({"field": "a", "min_words": 3, "max_words": 2}, "min_words should not be above max_words"),
        ({"field": "a", "min_words": -1}, "greater than or equal to 0"),
        ({"field": "a", "minimum": 1}, "Extra inputs"),
        ({"min_words": 1}, "Field required"),
    ],
)
def test_senseless_bounds_are_refused(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Length.model_validate(parameters)


REFUSALS = [
    "I'm sorry, but I can't help with that.",
    "I\u2019m sorry, but I can\u2019t assist with that request.",
    "Sorry, I cannot provide medical advice.",
    "I cannot help you with this.",
    "Unfortunately, I am not able to answer this question.",
    "As an AI language model, I do not have personal opinions.",
    "I'm just an AI, so I can't experience taste.",
    "I must respectfully decline.",
    "This request violates our content policy.",
    '"I apologize, but" - Apologies, but I can\'t create that.'[19:],
    "i won't write that",
]


@pytest.mark.parametrize("text", REFUSALS)
def test_short_refusals_are_dropped(text: str) -> None:
    verdict = Refusal().bound(REPLY)({"answer": text})

    assert verdict is not None
    assert verdict.reason == "filter.refusal"
    assert verdict.threshold == 60


@pytest.mark.parametrize("text", REFUSALS)
def test_a_refusal_that_goes_on_to_answer_is_kept(text: str) -> None:
    assert Refusal().bound(REPLY)({"answer": text + " However, it is so." * 30}) is None


def test_only_the_beginning_of_the_reply_is_read() -> None:
    late = "A sentence about nothing. " * 12 + "I cannot help with that."
    assert Refusal(below_words=1000).bound(REPLY)({"answer": late}) is None
    assert Refusal().bound(REPLY)({"topic": REFUSALS[0], "answer": "fine"}) is None
    assert Refusal(fields=("topic",)).bound(REPLY)({"topic": REFUSALS[0]}) is not None


@pytest.mark.parametrize("text", ["", " ", "I " * 100_000, "sorry " * 60_000, "\u202e😀" * 300])
def test_no_text_hurts_the_refusal_filter(text: str) -> None:
    Refusal().bound(REPLY)({"answer": text, "note": 3})


@pytest.mark.parametrize("name", filters.names)
def test_every_filter_says_what_it_does_and_what_each_parameter_means(name: str) -> None:
    schema = filters[name].model_json_schema()

    assert schema["description"]
    source = filters[name].__pydantic_fields__
    assert set(schema["properties"]) == set(source)
