"""What a server says when it refuses, in our words."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.teachers.failures import TeacherFailure
from app.teachers.refusals import failure_of, shown


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("5", 5),
        ("0", 0),
        ("-3", 0),
        ("1e9", 3600),
        ("nan", None),
        ("soon", None),
        ("", None),
        ("Sun, 06 Nov 1994 08:49:37 +0000", 0),
    ],
)
def test_retry_after_is_seconds_a_date_or_nothing(told: str, seconds: float | None) -> None:
    assert failure_of(429, {"retry-after": told}, b"").retry_after == seconds


def test_retry_after_may_be_a_date_to_come() -> None:
    told = format_datetime(datetime.now(UTC) + timedelta(seconds=30))
    wait = failure_of(503, {"retry-after": told}, b"").retry_after
    assert wait is not None
    assert 25 < wait <= 30


@given(status=st.integers(300, 599), body=st.binary(max_size=200))
def test_every_status_and_body_is_a_failure_with_one_short_line(status: int, body: bytes) -> None:
    failure = failure_of(status, {}, body)
    assert isinstance(failure, TeacherFailure)
    assert failure.reason.startswith("teacher.")
    assert failure.message
    assert failure.message.encode()
    assert "\n" not in failure.message
    assert len(failure.message) < 600


@given(before=st.text(max_size=30), after=st.text(max_size=30))
def test_a_secret_is_never_part_of_what_is_shown(before: str, after: str) -> None:
    assert "my-canary-key" not in shown(f"{before}my-canary-key{after}", "my-canary-key")


@pytest.mark.parametrize(
    "text", ["Bearer abcdefghijk", "sk-abcdefghijk", "hf_abcdefghijk", "bearer  abcdefghijk"]
)
def test_what_looks_like_a_key_is_covered(text: str) -> None:
    assert "abcdefghijk" not in shown(f"refused: {text}")
