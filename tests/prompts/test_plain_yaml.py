import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.prompts.plain_yaml import PlainYamlError, read, write


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("a: yes", {"a": "yes"}),
        ("a: 2024-05-01", {"a": "2024-05-01"}),
        ("a: 1:30", {"a": "1:30"}),
        ("a: 010", {"a": "010"}),
        ("a: .nan", {"a": ".nan"}),
        ("a: true\nb: ~\nc:\nd: -3\ne: 1e3", {"a": True, "b": None, "c": None, "d": -3, "e": 1e3}),
        ("- |\n  two\n  lines\n- 'quoted'", ["two\nlines\n", "quoted"]),
        ("a: {<<: {b: 1}}", {"a": {"<<": {"b": 1}}}),
    ],
)
def test_what_looks_like_text_is_text(text: str, value: Any) -> None:
    assert read(text) == value


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: &x 1\nb: *x", "line 1: anchors"),
        ("a: [1]\nb: !!python/object/apply:os.system [id]", "line 2: tags"),
        ("a: !!binary aGk=", "line 1: tags"),
        ("a: 1\na: 2", "line 2: the key 'a' is there twice"),
        ("1: x", "line 1: a key should be text"),
        ("? [a]\n: b", "line 1: a key should be text"),
        ('a: "\\0"', "line 1: should not hold the character NUL"),
        ("a: \ud800", "lone surrogates"),
        ("a: " + "9" * 30, "line 1: should fit 64 bits"),
        ("a: 1e999", "line 1: is too large"),
        ("a: [\nb", "line 3: did not find expected"),
        ("---\na\n---\nb", "line 3: should be one YAML document"),
        ("[" * 5_000, "nested at most 32 deep"),
    ],
)
def test_what_json_has_not_is_refused_with_its_line(text: str, problem: str) -> None:
    with pytest.raises(PlainYamlError) as caught:
        read(text)

    assert problem in str(caught.value)


@given(st.text() | st.text(":-[]{}'\"#&*!|> \n0ab"))
def test_any_text_gives_a_value_or_a_plain_error(text: str) -> None:
    with contextlib.suppress(PlainYamlError):
        read(text)


plain = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
looks_like = st.from_regex(r"[-+]?[0-9_:.eExo~ ]{0,8}", fullmatch=True) | st.sampled_from(
    [
        "yes",
        "no",
        "on",
        "null",
        "~",
        "<<",
        "=",
        "true",
        "- a",
        "'",
        '"',
        "#",
        "!x",
        "&a",
        "*a",
        "a\n",
    ]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False) | plain | looks_like,
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(plain | looks_like, inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(values)
def test_what_is_written_is_read_back(value: Any) -> None:
    again = read(write(value))

    assert again == value
    assert repr(again) == repr(value)
