"""Rows by value: what is added up shard by shard is what one would count with all at hand."""

from collections import Counter
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from app.datasets.statistics.values import MOST_VALUES, Values, added

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from(["", "1", "true", "easy"])
)
RECORDS = st.lists(st.fixed_dictionaries({"a": SCALARS}, optional={"b": SCALARS}), max_size=40)


def counted(records: list[dict[str, Any]], page: int) -> Values:
    values = Values()
    for start in range(0, len(records), page):
        values.add(records[start : start + page])
    return values


@given(st.lists(RECORDS, min_size=1, max_size=4), st.integers(1, 9))
def test_shards_add_up_to_all_of_the_rows(shards: list[list[dict[str, Any]]], page: int) -> None:
    found = added(counted(records, page).counts for records in shards)
    for name in ("a", "b"):
        wanted = Counter(
            orjson.dumps(record[name]).decode()
            for records in shards
            for record in records
            if name in record
        )
        assert found.get(name, {}) == dict(wanted)


def test_a_field_with_many_values_in_one_shard_has_no_groups() -> None:
    few = [{"level": "easy", "text": "same"}] * 10
    many = [{"level": "hard", "text": f"text {n}", "tags": []} for n in range(2 * MOST_VALUES)]
    shards = [counted(few, 10), counted(many, 50)]
    assert added(shard.counts for shard in shards) == {
        "level": {'"easy"': 10, '"hard"': 2 * MOST_VALUES}
    }


def test_what_is_kept_does_not_grow_with_the_rows() -> None:
    values = counted([{"text": f"text {n}", "long": "x" * 1_000} for n in range(5_000)], 500)
    assert values.counts == {"text": None, "long": None}
