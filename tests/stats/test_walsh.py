"""Ordered means of pairs against all pairs formed, and intervals against R (tests/r/signedrank.R).

Halving in ends on the sum itself, so both are compared at a few units in the last place.
"""

import csv
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from auditor.stats import walsh
from auditor.stats.walsh import hodges_lehmann, walsh_average

LAST = 1e-14


def read(case: str) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    with (Path(__file__).parents[1] / "r" / "signedrank.csv").open() as file:
        for row in csv.DictReader(file):
            if row["case"] == case:
                found.setdefault(row["quantity"], []).append(float(row["value"]))
    return found


def all_pairs(values: np.ndarray) -> np.ndarray:
    first, second = np.triu_indices(values.size)
    return np.sort((values[first] + values[second]) / 2)


@given(st.lists(st.one_of(st.integers(-4, 4), st.floats(-9, 9)), min_size=1, max_size=12), st.data())
def test_each_mean_of_pairs(values: list[float], data: st.DataObject) -> None:
    ordered = np.sort(np.array(values, dtype=float))
    pairs = all_pairs(ordered)
    k = data.draw(st.integers(1, pairs.size))
    assert walsh_average(ordered, k) == pytest.approx(
        pairs[k - 1], rel=LAST, abs=1e-12 * np.abs(ordered).max()
    )


def test_rounding_leaves_no_sign_on_a_zero() -> None:
    # 0.3 and -(0.1 + 0.2) differ by 5.6e-17 in binary; their mean is zero and not above or below it.
    assert walsh_average(np.array([-(0.1 + 0.2), 0.3]), 2) == 0.0


@pytest.mark.parametrize("case", ["tied", "small", "halves", "long", "untied", "many", "big"])
def test_estimate_and_interval_against_r(case: str) -> None:
    r = read(case)
    estimate, _ = hodges_lehmann(r["d"])
    assert estimate == pytest.approx(r["estimate"][0], rel=LAST)
    for level in (0.95, 0.8):
        if f"interval{level}" in r:
            _, interval = hodges_lehmann(r["d"], level)
            assert [interval.low, interval.high] == pytest.approx(r[f"interval{level}"], rel=LAST)
    if "r" in r:  # wilcox.test itself, which has no ties or zeros here
        estimate, interval = hodges_lehmann(r["d"])
        assert [estimate, interval.low, interval.high] == pytest.approx(r["r"][:3], rel=LAST)


@pytest.mark.parametrize("n", [6, 7, 10, 50, 200, 500, 501, 800, 1000])
def test_quantile_of_the_rank_sum(n: int) -> None:
    # R's qsignrank(.025, n). From the normal distribution it may be one rank less, never more: no narrower.
    found, exact = walsh._rank_sum_quantile(n, 0.025), read("quantile")[str(n)][0]
    assert found == exact if n <= walsh.EXACT_UNITS else exact - 10 <= found <= exact


def test_five_units_have_no_interval_and_six_the_whole_range() -> None:
    # P(rank sum = 0) = 2^-5 = .031 is more than .025, 2^-6 = .016 is less.
    assert not hodges_lehmann([1, 2, 3, 4, 5])[1].known
    interval = hodges_lehmann([1, 2, 3, 4, 5, 9])[1]
    assert (interval.low, interval.high) == (1.0, 9.0)
    assert hodges_lehmann([3])[0] == 3.0
    assert hodges_lehmann([0, 0, 0]) == (0.0, hodges_lehmann([0])[1])


def test_no_differences_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        hodges_lehmann([])


def test_size_costs_neither_memory_nor_time() -> None:
    # All pairs of 100,000 units would be 40 gigabytes.
    values = np.random.default_rng(0).standard_normal(100_000)
    start = time.process_time()
    estimate, interval = hodges_lehmann(values)
    assert time.process_time() - start < 10
    # For normal values the pseudo-median is the mean, with an efficiency of 3/pi (Hodges and Lehmann 1963).
    width = 2 * stats.norm.ppf(0.975) * np.sqrt(np.pi / 3 / values.size)
    assert estimate == pytest.approx(values.mean(), abs=width / 2)
    assert interval.low is not None
    assert interval.high is not None
    assert interval.high - interval.low == pytest.approx(width, rel=0.02)


def test_coverage_with_and_without_ties() -> None:
    # 2,000 runs at .95, 99.9 % band .9345 to .9655; ties only make the closed ends cover more (Noether 1967).
    rng = np.random.default_rng(31)
    smooth = [hodges_lehmann(row)[1] for row in rng.standard_normal((2000, 15))]
    tied = [hodges_lehmann(row)[1] for row in rng.integers(-2, 3, (2000, 15))]
    assert 0.9345 <= np.mean([not interval.excludes_zero() for interval in smooth]) <= 0.9655
    assert np.mean([not interval.excludes_zero() for interval in tied]) >= 0.9345
