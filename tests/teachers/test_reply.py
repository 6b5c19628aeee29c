"""Nothing in a reply is trusted."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.teachers import reply
from app.teachers.failures import AttemptFailed

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=10,
)
LIKELY = st.fixed_dictionaries(
    {},
    optional={
        "id": JSON,
        "model": JSON,
        "system_fingerprint": st.text(st.characters(), max_size=400) | JSON,
        "usage": JSON
        | st.fixed_dictionaries(
            {"prompt_tokens": JSON, "completion_tokens": st.integers(0, 2**40) | JSON},
            optional={"prompt_tokens_details": JSON},
        ),
        "choices": st.lists(
            st.fixed_dictionaries(
                {"message": st.fixed_dictionaries({"content": st.text() | st.none()}) | JSON},
                optional={
                    "index": st.integers(-1, 3),
                    "finish_reason": JSON,
                    "logprobs": JSON | st.fixed_dictionaries({"content": JSON}),
                    "token_ids": JSON,
                },
            )
            | JSON,
            max_size=3,
        ),
    },
)


@given(value=LIKELY, n=st.integers(1, 3))
def test_any_json_at_all_is_completions_or_a_failed_attempt(value: Any, n: int) -> None:
    try:
        got = reply.completions(reply.decode(json.dumps(value).encode()), n, 10)
    except AttemptFailed:
        return
    assert len(got) == n
    for one in got:
        for label in (one.finish_reason, one.model, one.fingerprint):
            assert label is None or ("\0" not in label and len(label.encode()) <= 800)
        assert 0 <= one.completion_tokens < 2**31
        assert 0 <= one.prompt_tokens < 2**31


@given(body=st.binary(max_size=60))
def test_any_bytes_at_all_are_an_object_or_a_failed_attempt(body: bytes) -> None:
    try:
        assert isinstance(reply.decode(body), dict)
    except AttemptFailed:
        return


@given(
    total=st.integers(0, 10_000),
    texts=st.lists(st.text(max_size=40), min_size=1, max_size=8),
)
def test_tokens_shared_between_choices_always_add_up(total: int, texts: list[str]) -> None:
    choices = [{"message": {"content": text}} for text in texts]
    told = {"choices": choices, "usage": {"completion_tokens": total}}
    got = reply.completions(told, len(texts), 0)
    assert sum(one.completion_tokens for one in got) == total


def test_tokens_are_exact_where_they_are_listed() -> None:
    choices = [
        {"message": {"content": "a" * 50}, "token_ids": [1]},
        {"message": {"content": "b"}, "token_ids": [1, 2, 3]},
    ]
    got = reply.completions({"choices": choices, "usage": {"completion_tokens": 4}}, 2, 0)
    assert [one.completion_tokens for one in got] == [1, 3]


@pytest.mark.parametrize("indexes", [(0, 0), (1, 2), (-1, 0), ("0", "1"), (True, 0), (0.0, 1)])
def test_choices_that_are_not_numbered_from_0_are_refused(indexes: tuple[Any, Any]) -> None:
    choices = [{"index": at, "message": {"content": "a"}} for at in indexes]
    with pytest.raises(AttemptFailed, match="numbered"):
        reply.completions({"choices": choices}, 2, 0)


def test_nan_in_a_reply_is_nothing_and_not_an_error() -> None:
    body = (
        b'{"choices": [{"message": {"content": "a"}, "logprobs": {"content": [{"logprob": NaN}]}}]}'
    )
    (got,) = reply.completions(reply.decode(body), 1, 0)
    assert got.logprobs == [{"logprob": None}]
    orjson.dumps(got.logprobs)


def test_the_older_name_of_thinking_is_read_too() -> None:
    choices = [{"message": {"content": "a", "reasoning_content": "b"}}]
    assert reply.completions({"choices": choices}, 1, 0)[0].reasoning == "b"
