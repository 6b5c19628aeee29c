"""Filters of one field's value: equals, one_of, range, regex, json_schema."""

from typing import Any

import pytest
from pydantic import ValidationError

from app.curation.accept import AcceptSpec
from app.curation.filter import filters
from app.curation.sample import Sample
from app.curation.verdict import Verdict
from tests.curation.filters.replies import noted

RECORD = {
    "answer": "Yes, at  noon",
    "known": "yes, at Noon",
    "label": "Positive",
    "score": 4,
    "text": "3.5",
    "flag": True,
    "list": ["a", "B"],
    "call": '{"name": "f", "n": 3}',
    "huge": 1e300,
}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ({"name": "equals", "field": "answer", "other": "known"}, None),
        ({"name": "equals", "field": "answer", "other": "known", "exact": True}, "filter.equals"),
        ({"name": "equals", "field": "list", "value": ["A", "b"]}, None),
        ({"name": "equals", "field": "score", "value": 4.0}, None),
        ({"name": "equals", "field": "flag", "value": 1}, "filter.equals"),
        ({"name": "equals", "field": "absent", "value": None}, "filter.equals"),
        ({"name": "equals", "field": "label", "value": "negative"}, "filter.equals"),
        ({"name": "one_of", "field": "label", "values": ["positive", "negative"]}, None),
        ({"name": "one_of", "field": "label", "values": ["neutral"]}, "filter.one_of"),
        ({"name": "one_of", "field": "score", "values": [True, "4"]}, "filter.one_of"),
        ({"name": "range", "field": "score", "minimum": 4, "maximum": 4}, None),
        ({"name": "range", "field": "text", "minimum": 4}, "filter.range.too_low"),
        ({"name": "range", "field": "huge", "maximum": 9}, "filter.range.too_high"),
        ({"name": "range", "field": "flag", "minimum": 0}, "filter.range.not_number"),
        ({"name": "range", "field": "label", "minimum": 0}, "filter.range.not_number"),
        ({"name": "regex", "field": "label", "must_match": "(?i)^pos"}, None),
        ({"name": "regex", "field": "label", "must_match": "^pos"}, "filter.regex.unmatched"),
        ({"name": "regex", "field": "list", "must_not_match": "B"}, "filter.regex.matched"),
        ({"name": "regex", "field": "absent", "must_not_match": "."}, None),
        ({"name": "json_schema", "field": "call", "fits": {"type": "object"}}, None),
        (
            {
                "name": "json_schema",
                "field": "call",
                "fits": {"$ref": "#/$defs/c", "$defs": {"c": {"required": ["to"]}}},
            },
            "filter.json_schema.misfit",
        ),
        (
            {"name": "json_schema", "field": "label", "fits": {"type": "object"}},
            "filter.json_schema.invalid",
        ),
        (
            {
                "name": "json_schema",
                "field": "label",
                "fits": {"type": "string", "maxLength": 3},
                "as_text": False,
            },
            "filter.json_schema.misfit",
        ),
        (
            {
                "name": "json_schema",
                "field": "list",
                "fits": {"type": "array", "items": {"type": "string"}},
            },
            None,
        ),
    ],
)
def test_a_field_is_held_against_what_the_job_says(
    written: dict[str, Any], expected: str | None
) -> None:
    verdict = noted(filters.read(written)(Sample(RECORD)))

    assert (verdict and verdict.reason) == expected


def test_a_verdict_says_what_was_found_and_what_was_wanted() -> None:
    verdict = filters.read({"name": "equals", "field": "label", "value": "x" * 999})(Sample(RECORD))

    assert isinstance(verdict, Verdict)
    assert verdict.value == "Positive"
    assert len(verdict.threshold) < 300
    misfit = filters.read(
        {
            "name": "json_schema",
            "field": "call",
            "fits": {"type": "object", "properties": {"n": {"type": "string"}}},
        }
    )(Sample(RECORD))
    assert isinstance(misfit, Verdict)
    assert misfit.value == "/n"


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"name": "equals", "field": "a"}, "needs a value, or the name of an other field"),
        ({"name": "equals", "field": "a", "value": 1, "other": "b"}, "not both"),
        ({"name": "one_of", "field": "a", "values": []}, "at least 1 item"),
        ({"name": "one_of", "field": "a", "values": ["\x00"]}, "text.nul"),
        ({"name": "range", "field": "a"}, "needs a bound"),
        ({"name": "range", "field": "a", "minimum": 2, "maximum": 1}, "not be above"),
        ({"name": "range", "field": "a", "minimum": "NaN"}, "finite"),
        ({"name": "regex", "field": "a"}, "needs a pattern"),
        ({"name": "regex", "field": "a", "must_match": "(?<=a)b"}, "no look-around"),
        ({"name": "regex", "field": "a", "must_match": "("}, "missing \\)"),
        ({"name": "regex", "field": "a", "must_match": "((a{99}){9}){99}"}, "RE2"),
        ({"name": "regex", "field": "a", "must_match": "(a|b)*a(a|b){900}c"}, "too large"),
        ({"name": "json_schema", "field": "a", "fits": {"type": "text"}}, "/type: should be"),
        ({"name": "json_schema", "field": "a", "fits": {"$ref": "#/x"}}, "/\\$ref: should be"),
        ({"name": "json_schema", "field": "a", "fits": {"maximun": 3}}, "/maximun: is not a key"),
        ({"name": "code", "field": "a", "language": "perl"}, "'python' or 'json'"),
        ({"name": "length", "field": "a", "min_tokens": 3, "max_tokens": 2}, "min_tokens"),
    ],
)
def test_what_cannot_be_meant_is_refused_when_the_job_is_submitted(
    written: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        AcceptSpec.model_validate({"filters": [written]})
