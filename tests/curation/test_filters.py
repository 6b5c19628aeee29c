from typing import Any

import pytest
from pydantic import ValidationError

from app.curation.filter import filters
from app.curation.filters import Empty, Length, Refusal
from app.curation.finish import finish_problem
from app.curation.response import Response
from app.curation.sample import Sample
from app.curation.verdict import Flag, Verdict
from app.teachers.completion import Completion
from tests.curation.filters.replies import noted

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
    verdict = noted(Empty().bound(REPLY)(Sample(record)))

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
    length = Length(field="answer", min_words=3, max_words=5, max_characters=30)
    verdict = noted(length(Sample({"answer": f" {text} \n"})))

    assert (verdict and (verdict.reason, verdict.value, verdict.threshold)) == expected


def test_an_absent_field_is_too_short_for_any_minimum() -> None:
    verdict = Length(field="answer", min_characters=1)(Sample({}))

    assert isinstance(verdict, Verdict)
    assert (verdict.value, verdict.threshold) == (0, 1)
    assert Length(field="answer", max_words=3)(Sample({"answer": None})) is None
    assert Length(field="tags", max_characters=9)(Sample({"tags": ["a", "b"]})) is None


@pytest.mark.parametrize(
    ("completion", "tokens"),
    [
        (None, 6),  # 22 bytes, 4 to a token
        (Completion("x" * 44, "stop"), 6),
        (Completion("x" * 44, "stop", completion_tokens=8), 4),  # half of the reply
        (Completion("x" * 22, "stop", reasoning="y" * 22, completion_tokens=8), 4),
    ],
)
def test_tokens_are_the_fields_share_of_what_the_teacher_counted(
    completion: Completion | None, tokens: int
) -> None:
    sample = Sample({"answer": "twenty-two bytes long."}, completion)

    assert Length(field="answer", min_tokens=tokens, max_tokens=tokens)(sample) is None
    assert Length(field="answer", min_tokens=tokens + 1)(sample) is not None
    verdict = noted(Length(field="answer", max_tokens=tokens - 1)(sample))
    assert verdict is not None
    assert (verdict.reason, verdict.value) == ("filter.length.too_long", tokens)


def test_any_filter_may_flag_what_it_would_drop() -> None:
    drop, flag = Length(field="a", min_words=2), Length(field="a", min_words=2, action="flag")
    verdict, noted_ = drop(Sample({"a": "one"})), flag(Sample({"a": "one"}))

    assert isinstance(verdict, Verdict)
    assert isinstance(noted_, Flag)
    assert noted_.as_json() == {
        "reason": verdict.reason,
        "value": 1,
        "threshold": 2,
        "detail": "words of a",
        "revision": 1,
    }


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
    verdict = Refusal().bound(REPLY)(Sample({"answer": text}))

    assert isinstance(verdict, Verdict)
    assert verdict.reason == "filter.refusal"
    assert verdict.threshold == 60


@pytest.mark.parametrize("text", REFUSALS)
def test_a_refusal_that_goes_on_to_answer_is_kept_with_a_flag(text: str) -> None:
    flag = Refusal().bound(REPLY)(Sample({"answer": text + " However, it is so." * 30}))

    assert isinstance(flag, Flag)
    assert (flag.reason, flag.threshold) == ("filter.refusal.long", 60)


def test_only_the_beginning_of_the_reply_is_read() -> None:
    late = "A sentence about nothing. " * 12 + "I cannot help with that."
    assert Refusal(below_words=1000).bound(REPLY)(Sample({"answer": late})) is None
    assert Refusal().bound(REPLY)(Sample({"topic": REFUSALS[0], "answer": "fine"})) is None
    assert Refusal(fields=("topic",)).bound(REPLY)(Sample({"topic": REFUSALS[0]})) is not None


def test_every_text_of_the_reply_is_read_from_its_own_beginning() -> None:
    both = Refusal(fields=("topic", "answer"))
    assert both(Sample({"topic": "Tea.", "answer": REFUSALS[0]})) is not None
    assert both(Sample({"topic": "Tea.", "answer": f"It says:\n{REFUSALS[-1]}"})) is None


@pytest.mark.parametrize("text", ["", " ", "I " * 100_000, "sorry " * 60_000, "\u202e😀" * 300])
def test_no_text_hurts_the_refusal_filter(text: str) -> None:
    Refusal().bound(REPLY)(Sample({"answer": text, "note": 3}))


@pytest.mark.parametrize("name", filters.names)
def test_every_filter_says_what_it_does_and_what_each_parameter_means(name: str) -> None:
    schema = filters[name].model_json_schema()

    assert schema["description"]
    source = filters[name].__pydantic_fields__
    assert set(schema["properties"]) == set(source)
