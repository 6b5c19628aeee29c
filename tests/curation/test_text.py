import math
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.curation.text import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_REPLY,
    canonical_text,
    for_display,
    problem,
    reply_problem,
)

any_text = st.text(st.characters(codec=None), max_size=60)  # lone surrogates too
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4),
    max_leaves=12,
)


def nested(depth: int) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "reason", "detail"),
    [
        ({"answer": "a\x00b"}, "text.nul", "in /answer"),
        ({"a\x00": 1}, "text.nul", "in /a\\u0000"),
        ({"tags": ["fine", "\ud800"]}, "text.surrogate", "in /tags/1"),
        ({"a/b": {"~": "\udfff"}}, "text.surrogate", "in /a~1b/~0"),
        ({"score": math.nan}, "text.not_finite", "in /score"),
        ({"score": -math.inf}, "text.not_finite", "in /score"),
    ],
)
def test_what_postgres_refuses_is_named_with_its_place(
    value: Any, reason: str, detail: str
) -> None:
    verdict = problem(value)

    assert verdict is not None
    assert (verdict.reason, verdict.detail) == (reason, detail)


def test_depth_is_bounded_without_recursion() -> None:
    assert problem(nested(MAX_DEPTH)) is None
    for depth in (MAX_DEPTH + 1, 100_000):
        verdict = problem(nested(depth))
        assert verdict is not None
        assert verdict.reason == "text.too_deep"
        assert verdict.threshold == MAX_DEPTH


@pytest.mark.parametrize(
    "value",
    [
        "x" * MAX_BYTES,
        "ä" * (MAX_BYTES // 2),
        {"many": [0] * MAX_BYTES},
        {str(n): None for n in range(60_000)},
        10**400_000,
    ],
    ids=["ascii", "two bytes each", "numbers", "keys", "one long number"],
)
def test_size_counts_bytes_of_everything(value: Any) -> None:
    verdict = problem(value)

    assert verdict is not None
    assert verdict.reason == "text.oversize"
    assert verdict.value > verdict.threshold == MAX_BYTES


def test_a_large_but_legal_record_passes() -> None:
    assert problem({"answer": "ä" * 100_000, "n": 2**80, "x": 1e308}) is None


@given(any_json)
def test_whatever_passes_can_be_written_as_strict_json(value: Any) -> None:
    if problem(value) is None:
        text = orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS) if small(value) else b""
        assert b"\\u0000" not in text


def small(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(small, value.values()))
    if isinstance(value, list):
        return all(map(small, value))
    return not isinstance(value, int) or -(2**63) <= value < 2**63


def test_a_reply_is_measured_before_it_is_read() -> None:
    assert reply_problem("x" * MAX_REPLY) is None
    verdict = reply_problem("x" * (MAX_REPLY + 1))
    assert verdict is not None
    assert verdict.reason == "text.oversize"


@given(any_text)
def test_canonical_text_is_stable(text: str) -> None:
    assert canonical_text(canonical_text(text)) == canonical_text(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Hello  World", "\thello\nworld "),
        ("Straße", "STRASSE"),
        ("ﬁne", "fine"),
        ("e\u0301", "É"),
        ("\uff11\uff12", "12"),
        ("a\u00a0b", "A B"),
        ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
    ],
)
def test_case_spacing_and_unicode_spelling_do_not_count(one: str, other: str) -> None:
    assert canonical_text(one) == canonical_text(other)


@given(st.text("aB \t\n\v\f\r\x1c\x1f\x85é", max_size=12))
def test_canonical_text_has_one_space_between_words(text: str) -> None:
    assert canonical_text(text) == " ".join(text.lower().split())


@given(any_text, st.integers(1, 50))
def test_any_text_can_be_shown(text: str, limit: int) -> None:
    shown = for_display(text, limit)

    shown.encode()
    assert not {"\x00", "\x1b", "\u202e", "\r"} & set(shown)
    assert len(shown) <= 10 * limit + 40


def test_short_plain_text_is_shown_as_it_is() -> None:
    assert for_display("Grüße,\n\t東京　👍") == "Grüße,\n\t東京　👍"
    assert for_display("\x1b[31m\x00\ud800") == "\\u001b[31m\\u0000\\ud800"
    assert for_display("x" * 5_000_000, 3) == "xxx… (5,000,000 characters)"
