import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.curation.funnel import Stage, count, reached

reasons = st.sampled_from(
    (
        None,
        "finish.length",
        "parse.json.invalid",
        "text.nul",
        "filter.empty",
        "judge.low",
        "dedup.exact",
        "teacher.timeout",
    )
)


@pytest.mark.parametrize(
    ("reason", "last"),
    [
        (None, "accepted"),
        ("finish.length", "generated"),
        ("text.nul", "generated"),
        ("parse.json.schema", "generated"),
        ("filter.length.too_short", "parsed"),
        ("judge.below", "filtered"),
        ("dedup.exact", "judged"),
        ("teacher.timeout", None),
    ],
)
def test_a_reason_says_how_far_a_sample_came(reason: str | None, last: str | None) -> None:
    assert reached(reason) == last


@given(st.dictionaries(reasons, st.integers(0, 10**9)))
def test_the_funnel_only_narrows_and_adds_up(by_reason: dict[str | None, int]) -> None:
    funnel = count(by_reason)

    numbers = [funnel[stage] for stage in Stage]
    assert numbers == sorted(numbers, reverse=True)
    assert funnel[Stage.ACCEPTED] == by_reason.get(None, 0)
    refused = sum(n for reason, n in by_reason.items() if reason and reached(reason))
    assert funnel[Stage.GENERATED] == funnel[Stage.ACCEPTED] + refused
