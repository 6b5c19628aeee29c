"""Confidence intervals, held against published figures and against what they promise."""

import numpy as np
import pytest

from app.jobs.comparison.intervals import (
    Estimate,
    Sums,
    difference,
    going_together,
    ratio,
    share,
    student,
)


def ones(*values: float) -> Sums:
    return np.array(values, dtype=np.float64)


def test_shares_are_those_of_the_literature() -> None:
    """Newcombe, Statistics in Medicine 17 (1998), 857-872, table I: the score method."""
    for part, whole, low, high in (
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ):
        made = np.array([1.0] * part + [0.0] * (whole - part))
        found = share(made, np.ones(whole))
        assert found is not None
        assert found.low == pytest.approx(low, abs=5e-5)
        assert found.high == pytest.approx(high, abs=5e-5)


def test_students_quantiles_are_those_of_the_tables() -> None:
    for freedom, wanted in ((1, 12.706), (4, 2.776), (6, 2.447), (10, 2.228), (120, 1.980)):
        assert student(freedom) == pytest.approx(wanted, abs=2e-3)


def test_a_difference_is_surer_where_rows_go_together() -> None:
    chance = np.random.default_rng(3)
    length = chance.gamma(4, 50, size=300)  # of a row, whoever answers it
    one, other = (length + chance.normal(add, 10, size=300) for add in (0, 8))
    made = np.ones(300)
    estimates = [ratio(amount, made) for amount in (other, one)]
    assert estimates[0] is not None
    assert estimates[1] is not None
    together = going_together((other, made), (one, made))
    paired = difference(*estimates, together=together)  # type: ignore[misc, arg-type]
    apart = difference(*estimates, together=0.0)  # type: ignore[misc, arg-type]
    assert paired.low is not None
    assert apart.low is not None
    assert paired.low > 0 > apart.low


def test_three_rows_are_too_few_to_say_so() -> None:
    """A normal interval would have no width here, and be sure of anything."""
    one, other = share(ones(1, 1, 1), np.ones(3)), share(ones(0, 0, 0), np.ones(3))
    assert one is not None
    assert other is not None
    found = difference(
        one, other, going_together((ones(1, 1, 1), np.ones(3)), (ones(0, 0, 0), np.ones(3)))
    )
    assert found.value == 1
    assert found.low is not None
    assert found.low < 0.25


def test_intervals_hold_what_is_true_as_often_as_they_say() -> None:
    """Tokens for an accepted record in two arms that go together; the truth is known."""
    chance = np.random.default_rng(11)
    held = held_apart = 0
    for _ in range(600):
        hard = chance.random(120)
        sums = []
        for yield_, tokens in ((0.8, 100), (0.6, 90)):
            kept = (hard < yield_).astype(np.float64)
            sums.append((chance.normal(tokens, 20, size=120) * (1 + hard), kept))
        found = [ratio(*each) for each in sums]
        assert found[0] is not None
        assert found[1] is not None
        truth = [1.5 * 100 / 0.8, 1.5 * 90 / 0.6]
        held += _holds(found[0], truth[0])
        apart = difference(found[1], found[0], going_together(sums[1], sums[0]))
        held_apart += _holds(apart, truth[1] - truth[0])
    assert 0.93 <= held / 600 <= 0.97
    assert 0.92 <= held_apart / 600 <= 0.98


def test_samples_of_one_row_count_for_less_than_samples_of_many() -> None:
    """Four samples of a row that all share its fate are worth one."""
    whole = np.full(50, 4.0)
    alike = share(np.repeat([4.0, 0.0], 25), whole)
    apart = share(np.full(50, 2.0), whole)
    single = share(np.repeat([1.0, 0.0], 25), np.ones(50))
    assert alike is not None
    assert apart is not None
    assert single is not None
    assert (alike.low, alike.high) == pytest.approx((single.low, single.high), abs=0.005)
    assert _width(apart) < _width(alike) / 1.8


def _holds(estimate: Estimate, truth: float) -> bool:
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.low <= truth <= estimate.high


def _width(estimate: Estimate) -> float:
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.high - estimate.low
