from typing import Any

import pytest

from app.curation.filters import Pii
from app.curation.verdict import Change, Flag, Verdict
from tests.curation.filters.replies import judge


def masked(answer: Any) -> Any:
    change = judge(Pii(), answer)
    assert isinstance(change, Change)
    return change.record["answer"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Write to ada.l+x@mail.co.uk, please.", "Write to [email], please."),
        ("Call +49 30 901820 or (212) 736-5000.", "Call [phone] or [phone]."),
        ("Call 212-736-5000 now", "Call [phone] now"),
        ("Card 4111 1111 1111 1111 ok", "Card [credit_card] ok"),
        ("Card 5500005555555559", "Card [credit_card]"),
        ("Card 3782-822463-10005", "Card [credit_card]"),
        ("Pay to DE89 3704 0044 0532 0130 00 today", "Pay to [iban] today"),
        ("GB29NWBK60161331926819.", "[iban]."),
        ("From 8.8.8.8 and 2001:4860:4860::8888", "From [ip] and [ip]"),
        ("SSN 219-09-9999", "SSN [ssn]"),
        (["a@b.org", {"to": "c@d.io"}, 3], ["[email]", {"to": "[email]"}, 3]),
        ("Größe: a@b.de, Übrigens", "Größe: [email], Übrigens"),
    ],
)
def test_personal_data_is_masked_wherever_it_stands(text: Any, expected: Any) -> None:
    assert masked(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Write to ada@example.com or info@shop.example.",
        "In 1984 there were 1 234 567 of them, in 2024-11-21 none.",
        "Card 4111 1111 1111 1112 fails its check; so does 0000 0000 0000 0000.",
        "GB30NWBK60161331926819",
        "Serve on 127.0.0.1 or 192.168.1.20 or ::1, version 999.1.2.3.",
        "Call 212-555-0123, says the film.",
        "SSN 000-12-3456, 666-12-3456, 912-12-3456",
        "def f(a): return a @ b",
        "3.14159265358979 and 10:30:45",
    ],
)
def test_what_only_looks_like_it_stays(text: str) -> None:
    assert judge(Pii(), text) is None


def test_the_flag_counts_and_never_repeats() -> None:
    change = judge(Pii(), "a@b.org, c@d.org, 8.8.8.8")

    assert isinstance(change, Change)
    assert change.flag.reason == "filter.pii.masked"
    assert change.flag.value == {"email": 2, "ip": 1}
    assert change.flag.detail == "in answer"
    assert change.record["question"] == "Why?"


def test_it_may_flag_or_drop_instead() -> None:
    flag = judge(Pii(action="flag"), "a@b.org")
    verdict = judge(Pii(action="drop", kinds=("email",)), "a@b.org")

    assert isinstance(flag, Flag)
    assert isinstance(verdict, Verdict)
    assert verdict.reason == "filter.pii"
    assert judge(Pii(kinds=("iban",)), "a@b.org") is None


@pytest.mark.parametrize("text", ["1 " * 50_000, "1-" * 50_000, "a:" * 50_000, "@" * 90_000])
def test_no_text_takes_long(text: str) -> None:
    judge(Pii(), text)
