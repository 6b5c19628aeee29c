"""Which part of a file is asked for."""

import pytest

from app.web.ranges import Part, Unsatisfiable, matches, part_of


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=0-9", Part(0, 10)),
        ("bytes=90-", Part(90, 100)),
        ("bytes=90-9999999", Part(90, 100)),
        ("bytes=-10", Part(90, 100)),
        ("bytes=-1000", Part(0, 100)),
        ("Bytes = 5 - 5", Part(5, 6)),
        (None, None),
        ("", None),
        ("bytes=9-3", None),
        ("bytes=-", None),
        ("bytes=0-1,5-6", None),
        ("rows=0-1", None),
        ("bytes=a-b", None),
        ("bytes=" + "9" * 100 + "-", None),
    ],
)
def test_a_range_that_cannot_be_read_means_the_whole(asked: str | None, part: Part | None) -> None:
    assert part_of(100, asked, None, '"x"') == part


@pytest.mark.parametrize("asked", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_a_range_behind_the_end_is_refused(asked: str) -> None:
    with pytest.raises(Unsatisfiable):
        part_of(100, asked, None, '"x"')


def test_a_part_of_other_bytes_is_not_given() -> None:
    assert part_of(100, "bytes=1-2", '"x"', '"x"') == Part(1, 3)
    assert part_of(100, "bytes=1-2", '"y"', '"x"') is None
    assert part_of(100, "bytes=1-2", 'W/"x"', '"x"') is None


def test_a_tag_in_hand_matches() -> None:
    assert matches('"x"', '"x"')
    assert matches('"a", W/"x"', '"x"')
    assert matches("*", '"x"')
    assert not matches(None, '"x"')
    assert not matches('"y"', '"x"')
