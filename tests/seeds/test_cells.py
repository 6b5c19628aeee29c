"""The cells of a matrix, how a number is divided over them, and which of their items is which."""

from collections import Counter
from fractions import Fraction
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from app.seeds.cells import Cells, divided, shares
from app.seeds.plan import SeedPlan
from app.seeds.spec import SeedSpec
from app.seeds.wave import Wave

MATRIX = {"topic": ["tea", "rain"], "level": {"easy": 1, "hard": 3}}


def test_cells_are_numbered_as_they_are_written() -> None:
    cells = Cells.of(MATRIX)
    assert list(cells) == [
        {"topic": topic, "level": level}
        for topic, level in product(("tea", "rain"), ("easy", "hard"))
    ]
    assert cells.count == 4
    assert Cells.of({}).count == 1


@given(st.integers(0, 10**8), st.lists(st.floats(1e-9, 1e12), min_size=1, max_size=60))
def test_shares_add_up_and_none_is_a_whole_one_off(total: int, weights: list[float]) -> None:
    exact = [Fraction(weight) for weight in weights]
    found = divided(total, exact)
    assert sum(found) == total
    assert all(abs(n - total * w / sum(exact)) < 1 for n, w in zip(found, exact, strict=True))


def test_what_is_left_over_goes_to_the_largest_remainders() -> None:
    assert shares(10, MATRIX) == [1, 4, 1, 4]
    assert shares(3, MATRIX) == [1, 1, 0, 1]
    assert shares(2, {"a": [1, 2, 3]}) == [1, 1, 0]


@given(
    st.lists(
        st.dictionaries(st.integers(0, 5), st.integers(1, 30), min_size=1), min_size=1, max_size=4
    ),
    st.integers(1, 7),
    st.integers(0, 2**63 - 1),
)
def test_each_cell_has_the_items_that_were_planned_and_meets_all_rows_before_any_again(
    planned: list[dict[int, int]], rows: int, random_seed: int
) -> None:
    matrix = {"topic": list("abc"), "level": {"easy": 1, "hard": 3}}
    spec = SeedSpec(matrix=matrix, random_seed=random_seed)
    waves, first, before = [], 0, Counter[int]()
    for items in planned:
        runs = [(cell, before[cell], count) for cell, count in sorted(items.items())]
        waves.append(Wave.of(first, runs))
        before.update(items)
        first = waves[-1].end
    plan = SeedPlan.of(spec, rows, ("row",)).within(waves)
    met: Counter[tuple[str, int | None]] = Counter()
    seen: Counter[str] = Counter()
    for item in range(first):
        row = plan.row(item)
        assert row.values == plan.stratum(item)
        met[str(row.values), row.position] += 1
        seen[str(row.values)] += 1
    assert seen == Counter({str(plan.grid.cell(cell)): n for cell, n in before.items()})
    for name, count in seen.items():
        often = [met[name, position] for position in range(rows)]
        assert max(often) == -(-count // rows)
        assert min(often) == count // rows


def test_cells_of_a_wave_are_mixed() -> None:
    plan = SeedPlan.of(SeedSpec(matrix={"topic": list("abcd")})).within(
        [Wave.of(0, [(cell, 0, 25) for cell in range(4)])]
    )
    first = Counter(plan.stratum(item)["topic"] for item in range(20))
    assert min(first[topic] for topic in "abcd") >= 2
