"""What is counted while rows pass is what one would count with all of them at hand."""

from collections import Counter
from statistics import mean, median
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.datasets.exporter import Origin, Row
from app.datasets.statistics.entries import LENGTHS
from app.datasets.statistics.tally import MOST_VALUES, SAMPLED, Tally

ORIGIN = Origin(UUID(int=1))


def row(number: int, **fields: Any) -> Row:
    return Row(
        id=UUID(int=number),
        item=number,
        sample=0,
        digest=hash((number, "digest")).to_bytes(8, signed=True) * 4,
        fields=fields,
        size=sum(len(str(value)) for value in fields.values()),
        origin=ORIGIN,
    )


def tallied(rows: list[Row], page: int) -> Tally:
    tally = Tally()
    for start in range(0, len(rows), page):
        tally.add(rows[start : start + page])
    return tally


@given(
    st.lists(st.integers(0, 300), min_size=1, max_size=60),
    st.integers(1, 20),
)
def test_lengths_are_counted_whatever_the_pages(lengths: list[int], page: int) -> None:
    rows = [row(n, text="x" * length) for n, length in enumerate(lengths)]
    told = tallied(rows, page).characters["text"]
    assert (told.rows, told.minimum, told.maximum) == (len(lengths), min(lengths), max(lengths))
    assert told.mean == pytest.approx(mean(lengths), abs=0.01)
    assert told.histogram.below == lengths.count(0)
    for begin, count in zip(told.histogram.begins, told.histogram.counts, strict=True):
        end = next(edge for edge in LENGTHS if edge > begin)
        assert count == sum(begin <= length < end for length in lengths)


def test_the_median_is_right_to_a_bin() -> None:
    lengths = [n * n % 997 + 3 for n in range(2_000)]
    told = tallied([row(n, text="x" * length) for n, length in enumerate(lengths)], 500)
    assert told.characters["text"].median == pytest.approx(median(lengths), rel=0.15)


def test_fields_with_few_values_are_counted_by_value() -> None:
    rows = [
        row(n, level=["easy", "hard"][n % 2], ok=n % 4 == 0, count=int(n % 4 == 0), text=f"t{n}")
        for n in range(500)
    ]
    strata = tallied(rows, 70).strata(["level"])
    assert list(strata) == ["level", "count", "ok"]
    assert strata["level"] == {"easy": 250, "hard": 250}
    assert strata["ok"] == {"false": 375, "true": 125}
    assert strata["count"] == {"0": 375, "1": 125}


def test_memory_does_not_grow_with_the_rows() -> None:
    tally = Tally()
    for start in range(0, 20_000, 500):
        tally.add([row(n, text=f"text {n}", other=[n]) for n in range(start, start + 500)])
    assert len(tally.sample) == SAMPLED
    assert all(len(counted) <= MOST_VALUES for counted in tally._values.values())
    assert not tally.strata([])


def test_the_sample_is_the_same_in_any_order_and_not_the_first_rows() -> None:
    rows = [row(n, text=str(n)) for n in range(3 * SAMPLED)]
    sample = tallied(rows, 100).sample
    assert sample == tallied(rows[::-1], 37).sample
    assert Counter(each.item >= SAMPLED for each in sample)[True] > SAMPLED // 3
