"""How sure a figure is: 95 % confidence intervals of shares, ratios, and differences of both.

All figures of a comparison are ratios of two sums over rows: accepted to decided samples, tokens to
records. A row is one observation, however many samples it has.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Z = NormalDist().inv_cdf(0.975)

Sums = NDArray[np.float64]
"""One number for each row."""


@dataclass(frozen=True, slots=True)
class Estimate:
    value: float
    low: float | None
    """With `high`, where it truly is, 95 times out of a hundred; none where there is too little to
    say so."""
    high: float | None


def share(part: Sums, whole: Sums) -> Estimate | None:
    """Of what is counted in `whole`, how much is in `part` too: Wilson's score interval (Wilson,
    JASA 22, 1927, 209-212). Where a row counts several, they are worth as many independent ones as
    their scatter from row to row says: n divided by the design effect (Kish, Survey Sampling, 1965,
    section 8.2), which is never taken to be below 1.
    """
    total = float(whole.sum())
    if not total:
        return None
    p = float(part.sum()) / total
    n = total / max(1.0, _design_effect(part, whole, p))
    middle = (p + Z**2 / (2 * n)) / (1 + Z**2 / n)
    off = Z / (1 + Z**2 / n) * sqrt(p * (1 - p) / n + Z**2 / (4 * n**2))
    # At the ends of the scale the formula gives the ends, but for rounding.
    return Estimate(p, 0.0 if p == 0 else middle - off, 1.0 if p == 1 else middle + off)


def _design_effect(part: Sums, whole: Sums, p: float) -> float:
    rows = int(np.count_nonzero(whole))
    if rows == whole.sum() or rows < 2 or p in {0.0, 1.0}:  # noqa: PLR2004  (a scatter needs two)
        return 1.0
    of_ratio = _variance(part, whole, p)
    return of_ratio / (p * (1 - p) / float(whole.sum()))


def ratio(amount: Sums, made: Sums) -> Estimate | None:
    """How much of something for each of another: the ratio estimator with its linearised variance
    (Cochran, Sampling Techniques, 3rd ed., 1977, section 6.3) times Student's t.
    """
    found = _ratio(amount, made)
    if found is None or found.low is None:
        return found
    return replace(found, low=max(0.0, found.low))


def mean(amount: Sums, made: Sums) -> Estimate | None:
    """As `ratio`, of what each row has of its own, which may be less than nothing. A row that made
    none says nothing of it, and is no observation.
    """
    there = made > 0
    return _ratio(amount[there], made[there])


def _ratio(amount: Sums, made: Sums) -> Estimate | None:
    total = float(made.sum())
    if not total:
        return None
    value = float(amount.sum()) / total
    if len(made) < 2:  # noqa: PLR2004
        return Estimate(value, None, None)
    off = student(len(made) - 1) * sqrt(_variance(amount, made, value))
    return Estimate(value, value - off, value + off)


def _variance(amount: Sums, made: Sums, value: float) -> float:
    """Of a ratio of sums over rows."""
    rows = len(made)
    scatter = float(np.square(amount - value * made).sum()) / (rows - 1)
    return rows * scatter / float(made.sum()) ** 2


def student(freedom: int) -> float:
    """The 97.5 % quantile of Student's t, by Fisher's expansion (Abramowitz and Stegun, Handbook of
    Mathematical Functions, 26.7.5): right to 0.1 % from 6 degrees of freedom on, too small below,
    where the table is given instead.
    """
    table = (12.706, 4.303, 3.182, 2.776, 2.571)
    if freedom <= len(table):
        return table[freedom - 1]
    v, z = freedom, Z
    return (
        z
        + (z**3 + z) / (4 * v)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * v**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * v**3)
    )


def difference(one: Estimate, other: Estimate, together: float) -> Estimate:
    """`one` less `other`, from their own intervals and from how they go together from row to row:
    the square-and-add method (Newcombe, Statistics in Medicine 17, 1998, 2635-2650, method 10, for
    paired shares; Zou and Donner, Statistics in Medicine 27, 2008, 1693-1702, for any two
    estimates). It holds for shares of 0 and 1 and for few rows, where a normal interval does not.
    """
    value = one.value - other.value
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return Estimate(value, None, None)
    down, up = one.value - one.low, one.high - one.value
    others_down, others_up = other.value - other.low, other.high - other.value
    low = value - sqrt(max(0.0, down**2 - 2 * together * down * others_up + others_up**2))
    high = value + sqrt(max(0.0, up**2 - 2 * together * up * others_down + others_down**2))
    return Estimate(value, low, high)


def going_together(one: Sequence[Sums], other: Sequence[Sums]) -> float:
    """The correlation of two ratios over the same rows: of what each row has above its ratio.
    `one` and `other` are amounts and what was made. Nothing goes together with what never changes.
    """
    rests = []
    for amount, made in (one, other):
        total = float(made.sum())
        rests.append(amount - (float(amount.sum()) / total if total else 0.0) * made)
    sizes = [float(np.square(rest).sum()) for rest in rests]
    if not all(sizes):
        return 0.0
    return max(-1.0, min(1.0, float(rests[0] @ rests[1]) / sqrt(sizes[0] * sizes[1])))
