from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.errors import Invalid
from app.seeds.permute import place
from app.seeds.plan import SeedPlan
from app.seeds.spec import SeedSpec

counts = st.integers(1, 40)
seeds = st.integers(0, 2**63 - 1)
lists = st.dictionaries(
    st.sampled_from("abc"), st.lists(st.integers(0, 9), min_size=1, max_size=5, unique=True)
)


def plan(count: int = 0, columns: tuple[str, ...] = (), **spec: Any) -> SeedPlan:
    return SeedPlan.of(SeedSpec.model_validate(spec), count, columns)


@given(st.integers(1, 2000), st.text())
def test_a_shuffle_takes_every_place_once(size: int, key: str) -> None:
    assert sorted(place(index, size, key) for index in range(size)) == list(range(size))


@given(counts, lists, seeds)
def test_every_row_is_used_once_per_pass(
    count: int, matrix: dict[str, list[int]], seed: int
) -> None:
    made = plan(count, ("topic",), matrix=matrix or None, random_seed=seed)

    for passed in range(5):
        items = range(passed * count, (passed + 1) * count)
        assert sorted(made.row(item).position or 0 for item in items) == list(range(count))


@given(st.integers(1, 12), lists, seeds)
def test_every_row_meets_every_cell_once_per_cycle(
    count: int, matrix: dict[str, list[int]], seed: int
) -> None:
    made = plan(count, ("topic",), matrix=matrix or None, random_seed=seed)
    size = count * made.cells

    for cycle in range(2):
        pairs = Counter(
            (row.position, tuple(row.values.items()))
            for row in map(made.row, range(cycle * size, (cycle + 1) * size))
        )
        assert len(pairs) == size
        assert set(pairs.values()) == {1}


@given(st.integers(0, 40), lists, seeds, st.integers(1, 3000))
def test_however_many_items_a_job_has_all_cells_are_used_evenly(
    count: int, matrix: dict[str, list[int]], seed: int, items: int
) -> None:
    made = plan(count, ("topic",), matrix=matrix or None, random_seed=seed)

    seen = Counter(tuple(made.stratum(item).values()) for item in range(items))
    assert max(seen.values()) <= -(-items // made.cells)
    assert min(seen.values()) >= items // made.cells


def test_a_matrix_without_rows_gives_every_cell_once_per_pass_in_shuffled_order() -> None:
    made = plan(matrix={"level": list(range(10)), "language": ["en", "de", "fr"]})

    passes = [[made.row(i) for i in range(p * 30, p * 30 + 30)] for p in range(3)]
    for rows in passes:
        assert {row.position for row in rows} == {None}
        assert len({tuple(row.values.items()) for row in rows}) == 30
    assert passes[0] != passes[1] != passes[2]
    assert [row.values["level"] for row in passes[0]] != sorted(
        row.values["level"] for row in passes[0]
    )


@given(st.integers(0, 100), lists, seeds, st.integers(0, 2**80))
def test_the_same_plan_always_says_the_same(
    count: int, matrix: dict[str, list[int]], seed: int, item: int
) -> None:
    one, other = (
        plan(count, ("topic",), matrix=matrix or None, random_seed=seed) for _ in range(2)
    )

    assert one.row(item) == other.row(item)
    assert one.stratum(item).items() <= one.row(item).values.items()


def test_plans_are_the_same_in_every_release() -> None:
    made = plan(
        1_000_000, ("topic",), matrix={"a": ["x", "y", "z"], "b": {"u": 1, "v": 3}}, random_seed=7
    )

    assert [tuple(made.row(item)) for item in (0, 1, 10**9)] == [
        (781939, {"a": "z", "b": "u"}),
        (492772, {"a": "x", "b": "v"}),
        (771925, {"a": "x", "b": "v"}),
    ]


def test_another_random_seed_gives_another_order() -> None:
    orders = {
        tuple(plan(50, ("topic",), random_seed=seed).row(item).position for item in range(50))
        for seed in range(20)
    }
    assert len(orders) == 20


@pytest.mark.parametrize("weights", [{"a": 1, "b": 3}, {"a": 0.001, "b": 0.009, "c": 0.99}])
def test_weights_are_kept_over_many_items(weights: dict[str, float]) -> None:
    made = plan(matrix={"level": weights})
    total = 40_000

    seen = Counter(made.stratum(item)["level"] for item in range(total))
    for value, weight in weights.items():
        share = weight / sum(weights.values())
        # Five standard deviations of a fair draw.
        assert abs(seen[value] / total - share) < 5 * (share * (1 - share) / total) ** 0.5


def test_weighted_axes_are_drawn_independently_of_each_other() -> None:
    made = plan(matrix={"one": {"a": 1, "b": 1}, "two": {"a": 1, "b": 1}})

    seen = Counter(tuple(made.stratum(item).values()) for item in range(20_000))
    assert all(abs(number - 5_000) < 400 for number in seen.values())


def test_rows_written_in_the_job_need_no_fetching() -> None:
    rows = [{"topic": "rain"}, {"topic": "snow"}]
    made = plan(rows=rows, matrix={"level": ["easy", "hard"]})

    got = [made.row(item) for item in range(4)]
    assert {row.position for row in got} == {None}
    assert {(row.values["topic"], row.values["level"]) for row in got} == {
        ("rain", "easy"),
        ("rain", "hard"),
        ("snow", "easy"),
        ("snow", "hard"),
    }
    assert made.inputs(made.row(0), {}, ["topic"]).keys() == {"topic"}


def test_inputs_are_taken_from_the_fetched_row_and_the_matrix() -> None:
    made = plan(3, ("topic", "id"), matrix={"level": ["easy"]})
    fetched = {n: {"topic": f"t{n}", "id": n} for n in range(3)}

    inputs = made.inputs(made.row(5), fetched, ["level", "topic"])
    assert list(inputs) == ["level", "topic"]
    assert inputs["topic"] == f"t{made.row(5).position}"


def test_no_seeds_at_all_serve_a_template_without_inputs() -> None:
    made = plan()

    made.check([])
    assert made.row(10**30) == (None, {})
    assert made.fields == ()


def test_a_plan_that_does_not_fit_the_template_is_refused_with_names() -> None:
    made = plan(3, ("topic", "id"), matrix={"lewel": ["easy"]})

    made.check(["topic", "lewel"])
    with pytest.raises(Invalid) as refused:
        made.check(["topic", "level"])
    assert [(error.field, error.problem) for error in refused.value.errors] == [
        ("/seeds", "should give the template's input 'level'; it gives topic, id, lewel"),
        ("/seeds/matrix/lewel", "the template has no input 'lewel'; its inputs: topic, level"),
    ]
    with pytest.raises(Invalid, match="the template has no input 'topik'"):
        plan(rows=[{"topik": 1}]).check([])


def test_a_column_and_an_axis_of_one_name_are_refused() -> None:
    with pytest.raises(Invalid, match="should not be named like a column"):
        plan(3, ("topic",), matrix={"topic": ["x"]})


@pytest.mark.parametrize(
    ("document", "where", "message"),
    [
        ({"dataset": "t", "rows": [{}]}, (), "a dataset or hold rows, not both"),
        ({"rows": [{"a": 1}], "matrix": {"a": [1]}}, (), "a should come from the rows or"),
        ({"rows": []}, ("rows",), "at least 1 item"),
        ({"rows": [{"a": 1}] * 1001}, ("rows",), "at most 1000 items"),
        ({"rows": [{"a": 1}, {"b": 1}]}, ("rows",), "row 1 should have the same columns"),
        ({"matrix": {}}, ("matrix",), "at least 1 item"),
        ({"matrix": {"a": []}}, ("matrix", "a"), "should be a list of 1 to 1000 values"),
        ({"matrix": {"a": "x"}}, ("matrix", "a"), "should be a list of 1 to 1000 values"),
        ({"matrix": {"a": [1, 1]}}, ("matrix", "a"), "should hold each value once"),
        ({"matrix": {"a": [[1]]}}, ("matrix", "a"), "value 0 should be text, a number"),
        ({"matrix": {"a": {"x": 0}}}, ("matrix", "a"), "a weight above 0"),
        ({"matrix": {"a": {"x": float("inf")}}}, ("matrix", "a"), "a weight above 0"),
        ({"matrix": {"a": {"x": True}}}, ("matrix", "a"), "a weight above 0"),
        ({"matrix": {" ": [1]}}, ("matrix",), "name each axis"),
        ({"random_seed": -1}, ("random_seed",), "greater than or equal to 0"),
        ({"seed": 1}, ("seed",), "Extra inputs"),
        ({"dataset": "No Such"}, ("dataset",), "should be name, namespace/name"),
    ],
)
def test_a_slip_in_the_seeds_is_named(document: Any, where: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ValidationError) as refused:
        SeedSpec.model_validate(document)

    error = refused.value.errors()[0]
    assert error["loc"] == where
    assert message in error["msg"]


def test_a_spec_survives_its_json() -> None:
    spec = SeedSpec.model_validate(
        {
            "dataset": "support/topics@1",
            "matrix": {"level": {"easy": 1, "hard": 3}, "n": [1, True, None, "x", 0.5]},
            "random_seed": 7,
        }
    )
    assert SeedSpec.model_validate_json(spec.model_dump_json()) == spec
