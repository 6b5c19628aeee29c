from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.curation.parser import parsers
from app.curation.parsers import Json, Tags, Text
from app.curation.response import Response
from app.curation.verdict import Verdict

FAQ = Response.of(
    {
        "type": "object",
        "properties": {"question": {"type": "string"}, "answer": {"type": "string"}},
        "required": ["question", "answer"],
        "additionalProperties": False,
    }
)
RICH = Response.of(
    {
        "type": "object",
        "properties": {
            "label": {"type": "string", "enum": ["good", "bad"]},
            "score": {"type": "integer"},
            "sure": {"type": ["boolean", "null"]},
            "reasons": {"type": "array", "items": {"type": "string"}},
            "numbers": {"type": "array", "items": {"type": "number"}},
        },
        "required": ["label"],
    }
)
ONE = Response.of(
    {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
)
ROW = {"question": "Q?", "answer": "A."}
WRITTEN = '{"question": "Q?", "answer": "A."}'


def reason(outcome: Any) -> str:
    assert isinstance(outcome, Verdict), outcome
    return outcome.reason


@pytest.mark.parametrize(
    "content",
    [
        WRITTEN,
        f"  \n{WRITTEN}\n",
        f"```json\n{WRITTEN}\n```",
        f'Sure! Here it is:\n\n{WRITTEN}\n\nLet me know if it\'s "fine" :-}}',
        f"The set {{x | x > 0}} aside: {WRITTEN}",
        '{"question": "no", "question": "Q?", "answer": "A."}',
    ],
    ids=["whole", "spaces", "fence", "prose", "braces in prose", "last of two equal keys"],
)
def test_one_json_object_is_found(content: str) -> None:
    assert Json()(content, FAQ) == ROW


def test_braces_and_quotes_within_strings_do_not_count() -> None:
    content = r'Here: {"question": "What is \"}\" {?", "answer": "a \\"} done'

    assert Json()(content, FAQ) == {"question": 'What is "}" {?', "answer": "a \\"}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "parse.json.invalid"),
        ("I do not know.", "parse.json.invalid"),
        ('{"question": "Q?", "answer": "A', "parse.json.invalid"),
        ('{"question": "Q?", "answer": "a\nb"}', "parse.json.invalid"),
        ("{'question': 'Q?', 'answer': 'A.'}", "parse.json.invalid"),
        ("[1, 2]", "parse.json.not_object"),
        ("null", "parse.json.not_object"),
        (f"{WRITTEN}\n{WRITTEN}", "parse.json.ambiguous"),
        ('{"question": "Q?"}', "parse.json.schema"),
        ('{"question": "Q?", "answer": 3}', "parse.json.schema"),
        ('{"question": "Q?", "answer": "A.", "more": 1}', "parse.json.schema"),
        ('{"question": "Q?", "answer": "\\u0000"}', "text.nul"),
        ('{"question": "Q?", "answer": "\x00"}', "text.nul"),
        ('{"question": "Q?", "answer": "\\ud83d"}', "text.surrogate"),
        ('{"question": "Q?", "answer": "\udc00"}', "text.surrogate"),
        ('So: {"question": "Q?", "answer": "\\ud83d"}.', "text.surrogate"),
        ('{"question": "Q?", "answer": NaN}', "text.not_finite"),
        ('{"question": "Q?", "answer": 1e999}', "text.not_finite"),
        ('{"question": ' * 100_000, "text.too_deep"),
        ("[" * 100_000 + "]" * 100_000, "text.too_deep"),
        ("[" * 100_000, "text.too_deep"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, "text.too_deep"),
        ('{"question": "Q?", "answer": ' + "[" * 500 + "]" * 500 + "}", "text.too_deep"),
        ('{"question": "' + "x" * 300_000 + '", "answer": "A."}', "text.oversize"),
        ("1" * 5_000, "parse.json.invalid"),
    ],
)
def test_what_is_wrong_with_json_is_named(content: str, expected: str) -> None:
    assert reason(Json()(content, FAQ)) == expected


def test_a_misfit_says_where_and_why_without_repeating_the_text() -> None:
    verdict = Json()('{"question": "Q?", "answer": ["secret"]}', FAQ)

    assert isinstance(verdict, Verdict)
    assert verdict.value == "/answer"
    assert verdict.detail is not None
    assert "string" in verdict.detail
    assert "secret" not in verdict.detail


def test_tags_become_fields() -> None:
    content = (
        "Thinking aloud...\n<question>\n What is <b>x</b>? </question> and"
        "<answer>See <question> above.</answer>"
    )

    assert Tags()(content, FAQ) == {
        "question": "What is <b>x</b>?",
        "answer": "See <question> above.",
    }


def test_tags_follow_the_types_of_the_schema() -> None:
    content = (
        "<label>good</label><score> 4 </score><sure>null</sure><numbers>1.5</numbers>"
        "<reasons>12</reasons><reasons>[x]</reasons>"
    )

    assert Tags()(content, RICH) == {
        "label": "good",
        "score": 4,
        "sure": None,
        "numbers": [1.5],
        "reasons": ["12", "[x]"],
    }


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "parse.tags.missing"),
        ("<label></label>", "parse.tags.schema"),
        ("<score>3</score>", "parse.tags.missing"),
        ("<label>good</label><score>three</score>", "parse.tags.schema"),
        ("<label>good", "parse.tags.unclosed"),
        ("<label><label>good</label>", "parse.tags.unclosed"),
        ("<label>good</label><label>bad</label>", "parse.tags.repeated"),
        ("<label>good</label><reasons>\x00</reasons>", "text.nul"),
        ("<label>good</label><numbers>NaN</numbers>", "parse.tags.schema"),
        ("<label>" * 100_000, "parse.tags.unclosed"),
    ],
)
def test_what_is_wrong_with_tags_is_named(content: str, expected: str) -> None:
    assert reason(Tags()(content, RICH)) == expected


def test_plain_text_fills_the_one_field() -> None:
    assert Text()("\n A line.\nAnother. \n", ONE) == {"text": "A line.\nAnother."}
    assert reason(Text()("a\x00b", ONE)) == "text.nul"
    assert reason(Text()("whatever", FAQ)) == "parse.text.fields"


@pytest.mark.parametrize("name", parsers.names)
@given(content=st.text(st.characters(codec=None)) | st.binary().map(lambda b: b.decode("latin1")))
def test_no_reply_makes_a_parser_raise(name: str, content: str) -> None:
    for response in (FAQ, RICH, ONE):
        assert isinstance(parsers[name]()(content, response), dict | Verdict)


# What JSON is made of, so that chance finds structure.
json_like = st.lists(
    st.sampled_from(['{"', '"', ":", ",", "{", "}", "[", "]", "\\", "a", "1", "```", '":"', "\\u"])
).map("".join)


@given(json_like)
def test_no_json_like_reply_makes_the_parser_raise(content: str) -> None:
    assert isinstance(Json()(content, FAQ), dict | Verdict)
