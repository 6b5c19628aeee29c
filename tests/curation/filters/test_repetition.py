import pytest

from app.curation.filters import Repetition
from tests.curation.filters.replies import ANSWER, judge, noted

LOOP = "and then the man went to the shop to buy some more bread "
CODE = "".join(
    f"def test_{n}():\n    assert f({n}) == [{n}]\n    return None\n\n" for n in range(9)
)
LIST = "\n".join(f"{n}. A thing that differs, number {n}" for n in range(20))
SONG = """The mill stands still, the wheel is dry,
oh, carry me down to the river.
My father's boat has drifted by,
oh, carry me down to the river.
The reeds are grey, the heron gone,
the lamps along the quay are lit,
and I walk on, and I walk on
with only bread and half of it."""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (ANSWER, None),
        (LIST, None),
        (SONG, None),
        (CODE, None),
        (f"```python\n{LOOP * 9}\n```", None),
        ("yes\nyes", None),
        (LOOP * 3, None),  # 36 words: too few to tell
        (LOOP * 9, "filter.repetition.runs"),
        (f"{ANSWER} {ANSWER} It ends here. " * 2, "filter.repetition.runs"),
        ("I do not know.\n" * 9, "filter.repetition.lines"),
        (["fine", "No.\n\nNo.\n\nNo.\n\nNo.\n"], "filter.repetition.lines"),
    ],
)
def test_loops_are_dropped_and_refrains_lists_and_code_are_not(
    text: object, reason: str | None
) -> None:
    verdict = noted(judge(Repetition(), text))

    assert (verdict and verdict.reason) == reason
    if verdict:
        assert verdict.value > verdict.threshold


def test_the_share_is_of_characters_in_runs_of_ten_that_stand_twice() -> None:
    once = " ".join(f"word{n:02}" for n in range(60))
    again = f"{once} {' '.join(f'word{n:02}' for n in range(10))}"
    verdict = noted(judge(Repetition(), f"{again} {again[:90]}"))
    assert judge(Repetition(max_duplicate_runs=0.5), again) is None
    assert verdict is not None
    assert 0.1 < verdict.value < 0.6


@pytest.mark.parametrize("text", ["", "\n" * 100_000, "a " * 100_000, "a\n" * 90_000, "`" * 9_999])
def test_no_text_takes_long(text: str) -> None:
    judge(Repetition(), text)
