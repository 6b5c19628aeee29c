"""Every row is in exactly one split, and stays there."""

from collections import Counter
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.datasets.exporter import Origin, Row
from app.datasets.splits import Sorter, Splits, group, hashed

names = st.text("abcdefghij", min_size=1, max_size=8)


@st.composite
def splits(draw: st.DrawFn) -> Splits:
    weights = draw(st.dictionaries(names, st.integers(1, 1000), min_size=1, max_size=6))
    total = sum(weights.values())
    return Splits({name: weight / total for name, weight in weights.items()})


@given(splits(), st.lists(st.binary(min_size=16, max_size=16), max_size=50))
def test_a_row_has_one_split_whatever_the_order_of_its_names(
    chosen: Splits, keys: list[bytes]
) -> None:
    backwards = Splits(dict(reversed(chosen.root.items())))
    for key in keys:
        split = Sorter(chosen)(hashed(key))
        assert split in chosen.root
        assert Sorter(backwards)(hashed(key)) == split


def test_splits_get_about_what_was_asked_for() -> None:
    split_of = Sorter(Splits({"train": 0.9, "validation": 0.1}))
    counts = Counter(split_of(hashed(n.to_bytes(16))) for n in range(20_000))
    assert 0.89 < counts["train"] / 20_000 < 0.91


def test_a_share_that_grows_at_the_expense_of_the_last_split_moves_rows_only_out_of_it() -> None:
    before = Sorter(Splits({"train": 0.8, "test": 0.2}))
    after = Sorter(Splits({"train": 0.9, "test": 0.1}))
    keys = [hashed(n.to_bytes(16)) for n in range(2_000)]
    assert all(after(key) == "train" for key in keys if before(key) == "train")


def test_rows_of_one_seed_row_share_a_split_from_whichever_job() -> None:
    def row(answer: str, columns: tuple[str, ...], level: str = "easy") -> Row:
        fields = {"topic": "moss", "level": level, "answer": answer}
        origin = Origin(uuid4(), seed_columns=columns)
        return Row(uuid4(), 0, 0, answer.encode(), fields, 1, origin)

    sown = ("language", "topic")
    assert group(row("a", sown)) == group(row("b", sown, level="hard"))
    assert group(row("a", ("topic",))) == group(row("b", ("topic",)))
    assert group(row("a", ())) != group(row("b", ()))
    assert group(row("a", ("language",))) == b"a"


@pytest.mark.parametrize(
    "wrong", [{"by": "seed"}, {"train": 1, "by": "luck"}, {"train": "seed"}, {"train": 1, "by": 1}]
)
def test_what_stays_together_is_said_beside_shares(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Splits.model_validate(wrong)
    said = Splits.model_validate({"test": 0.5, "train": 0.5, "by": "row"})
    assert (said.by, said.names) == ("row", ("train", "test"))
    assert Splits.model_validate(said.model_dump(mode="json")) == said
    assert Splits().by == "seed"
