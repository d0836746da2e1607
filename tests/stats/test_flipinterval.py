"""The sign-flip interval against brute-force inversion in R (tests/r/flipinterval.R) and against the test itself.

R halves in to 1e-7, so its ends are compared at 2e-7. All else is counting, and compared with == or to rounding.
"""

import csv
import math
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from auditor.stats import flipinterval
from auditor.stats.flipinterval import flip_interval
from auditor.stats.signflip import sign_flip_test

DARWIN = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
LEVELS = st.sampled_from([0.95, 0.9, 0.75, 0.5, 0.2])
whole = st.lists(st.integers(-9, 9), min_size=1, max_size=10)


def read(case: str) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    with (Path(__file__).parents[1] / "r" / "flipinterval.csv").open() as file:
        for row in csv.DictReader(file):
            if row["case"] == case:
                found.setdefault(row["quantity"], []).append(float(row["value"]))
    return found


@pytest.mark.parametrize("case", ["tied", "whole", "real", "skewed", "sleep", "longer"])
def test_against_brute_force(case: str) -> None:
    r = read(case)
    for level in (0.95, 0.9, 0.5):
        result = flip_interval(r["d"], level)
        assert [result.interval.low, result.interval.high] == pytest.approx(r[f"interval{level}"], abs=2e-7)
        assert result.p_value == r["p"][0]
        assert (result.resamples, "all subsets" in result.method) == (None, True)


def test_darwins_maize() -> None:
    # p = 1726 / 32768 is above .05, so zero is inside; k = floor(.05 * 2^14) = 819 of the subset means lie outside.
    result = flip_interval(DARWIN)
    assert result.p_value == 0.05267333984375
    assert not result.interval.excludes_zero()
    # The ends are -1/6 and 41. In steps of 1/600, one beyond an end is rejected by the exact test, one inside is not.
    assert ends(result) == pytest.approx((-1 / 6, 41), rel=1e-12)
    for end, beyond in ((-100, -1), (24_600, 1)):
        assert sign_flip_test(600 * np.array(DARWIN) - (end + beyond)).p_value <= 0.05
        assert sign_flip_test(600 * np.array(DARWIN) - (end - beyond)).p_value > 0.05
    assert flip_interval(DARWIN, 0.9).interval.excludes_zero()


@given(whole, LEVELS)
def test_zero_lies_outside_if_and_only_if_the_test_rejects(values: list[int], level: float) -> None:
    result = flip_interval(values, level)
    p_value = sign_flip_test(values).p_value
    assert result.p_value == p_value
    assert result.interval.excludes_zero() == (p_value <= 1 - level)


@given(whole, st.integers(-30, 30), LEVELS)
def test_any_mean_lies_outside_if_and_only_if_the_test_rejects_it(
    values: list[int], shift: int, level: float
) -> None:
    # The mean shift / 2: doubled, the differences less it are whole.
    interval = flip_interval(values, level).interval
    rejected = sign_flip_test([2 * v - shift for v in values]).p_value <= 1 - level
    inside = not interval.known or interval.low - 1e-12 <= shift / 2 <= interval.high + 1e-12
    assert inside == (not rejected)


@settings(max_examples=50)
@given(st.lists(st.integers(-3, 4), min_size=19, max_size=40), LEVELS, st.integers(0, 9))
def test_random_subsets_never_contradict_the_exact_test(values: list[int], level: float, seed: int) -> None:
    # 199 flips leave a large simulation error: only moving an end keeps the two together.
    result = flip_interval(values, level, flips=199, seed=seed)
    assert result.p_value == sign_flip_test(values).p_value
    assert result.interval.known
    assert result.interval.excludes_zero() == (result.p_value <= 1 - level)
    assert result.interval.low <= result.estimate <= result.interval.high
    assert "random subsets" in result.method


def test_an_end_is_moved_only_across_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    # p lies near .05, so that 99 flips are on the wrong side now and then, by the exact test.
    values = [3] * 13 + [-2] * 6 + [1, -1, 1, -1, 0, 0, -3]
    p_value = sign_flip_test(values).p_value
    assert 0.04 < p_value < 0.1
    moved = 0
    for seed in range(40):
        results = [flip_interval(values, level, flips=99, seed=seed) for level in (0.9, 0.95)]
        with monkeypatch.context() as patch:
            patch.setattr(flipinterval, "_reconciled", lambda data, interval, *, significant: interval)
            plain = [flip_interval(values, level, flips=99, seed=seed) for level in (0.9, 0.95)]
        for result, drawn in zip(results, plain, strict=True):
            assert result.interval.high == drawn.interval.high
            if result.interval.low != drawn.interval.low:
                moved += 1
                assert result.interval.low in (0.0, pytest.approx(1 / len(values)))
    assert moved > 0


@settings(max_examples=25, deadline=None)
@given(st.integers(19, 70), st.integers(0, 5), st.floats(-0.5, 0.5), LEVELS)
def test_the_same_flips_as_the_test(n: int, seed: int, mean: float, level: float) -> None:
    # No lattice: the Monte Carlo test with this seed has the very same p-value, and the interval belongs to it.
    values = np.random.default_rng(n).standard_normal(n) + mean
    result = flip_interval(values, level, flips=999, seed=seed)
    p_value = sign_flip_test(values, flips=999, seed=seed).p_value
    assert result.p_value == p_value
    assert result.interval.excludes_zero() == (p_value <= 1 - level + 1e-12)


def test_the_same_flips_in_chunks() -> None:
    # 8,001 units and 2,500 flips come in three chunks on either side, each with a rest of random bytes.
    values = np.random.default_rng(1).standard_normal(8_001) + 0.01
    test = sign_flip_test(values, flips=2_500, seed=7)
    assert flip_interval(values, flips=2_500, seed=7).p_value == test.p_value


@pytest.mark.parametrize("n", [8, 12, 25, 60])
def test_the_last_mean_that_is_rejected(n: int) -> None:
    # At the level 1 - p the p-value is just small enough, and at a little more it is not.
    for seed in range(20):
        values = np.random.default_rng(seed).standard_normal(n) + 0.4
        p_value = flip_interval(values, flips=99, seed=seed).p_value
        for level, outside in ((1 - p_value, True), (1 - p_value + 1e-6, False)):
            if 0 < level < 1:
                interval = flip_interval(values, level, flips=99, seed=seed).interval
                assert interval.excludes_zero() == outside


@settings(max_examples=300)
@given(st.lists(st.integers(-2, 3), min_size=4, max_size=9), st.sampled_from([1 / 3, 1 / 7]), LEVELS)
def test_rounding_does_not_decide(values: list[int], factor: float, level: float) -> None:
    # Differences of means of three or seven scores, without a lattice: sums that are zero are not so in binary.
    one = flip_interval(values, level)
    other = flip_interval([(12 + v) * factor - 12 * factor for v in values], level)
    assert other.p_value == one.p_value
    assert other.interval.excludes_zero() == one.interval.excludes_zero()


def test_random_subsets_approach_all_subsets(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(9).standard_normal(16)
    exact = flip_interval(values)
    monkeypatch.setattr(flipinterval, "ENUMERATED_UNITS", 5)
    drawn = flip_interval(values, flips=100_000)
    # A share of .05 from 100,000 has the standard error .0007; where p falls from .1 to .05 that is .0007 / .05 of the
    # way between those ends; four times, and the steeper outer part doubled.
    way = [abs(a - b) for a, b in zip(ends(exact), ends(flip_interval(values, 0.9)), strict=True)]
    for end, other, length in zip(ends(exact), ends(drawn), way, strict=True):
        assert other == pytest.approx(end, abs=0.11 * length)
    assert drawn.p_value == pytest.approx(exact.p_value, abs=4 * math.sqrt(exact.p_value / 100_000))


def ends(result) -> tuple[float, float]:
    return result.interval.low, result.interval.high


@given(st.lists(st.integers(-9, 9), min_size=6, max_size=10), st.integers(-5, 5))
def test_swapped_moved_and_doubled(values: list[int], shift: int) -> None:
    one = flip_interval(values)
    assert ends(flip_interval([-v for v in values])) == (-one.interval.high, -one.interval.low)
    assert ends(flip_interval([2 * v for v in values])) == pytest.approx([2 * e for e in ends(one)])
    assert ends(flip_interval([v + shift for v in values])) == pytest.approx(
        [e + shift for e in ends(one)], abs=1e-12
    )
    assert ends(flip_interval(values[::-1])) == ends(one)
    thirds = flip_interval([v / 3 for v in values], exact=values)
    assert ends(thirds) == pytest.approx([e / 3 for e in ends(one)], abs=1e-12)
    assert thirds.p_value == one.p_value


def test_swapped_with_random_subsets() -> None:
    values = np.random.default_rng(3).integers(-5, 7, 60)
    one, swapped = flip_interval(values, flips=500), flip_interval(-values, flips=500)
    assert ends(swapped) == (-one.interval.high, -one.interval.low)


def test_ties_hidden_by_rounding() -> None:
    # 0.1 + 0.2 - 0.3 is 5.6e-17 in binary. As decimals, and as thirds without a lattice, zero is inside.
    decimals = [0.1, 0.2, -0.3, 0.1, 0.2, -0.3]
    assert ends(flip_interval(decimals)) == pytest.approx((-0.3, 0.2))
    thirds = np.array([1, 2, -3, 1, 2, -3, 0, 0]) / 3
    plain, exact = (
        flip_interval(thirds, 0.3),
        flip_interval(thirds, 0.3, exact=np.rint(3 * thirds).astype(int)),
    )
    assert ends(plain) == pytest.approx(ends(exact), abs=1e-12)
    assert plain.p_value == exact.p_value == 1.0


def test_sums_too_large_for_floats() -> None:
    # Their sums pass 2^53; then the tolerance of rounding holds and nothing overflows.
    huge = flip_interval([2**60, 2**60 - 1, -(2**59), 2**58, 3, 2**57 + 1])
    assert huge.interval.low == float(-(2**59))  # k = 1: the smallest mean of a subset is the smallest value
    assert flip_interval([1e99, 5e98, -1e97, 2e98, 3e98, 7e97]).interval.known


def test_degenerate_inputs() -> None:
    nothing = flip_interval([])
    assert (nothing.estimate, nothing.p_value, nothing.codes) == (None, None, ("no_units",))
    one = flip_interval([4])
    assert (one.estimate, one.p_value, one.interval.known) == (4.0, 1.0, False)
    five = flip_interval([1, 2, 3, 4, 5])
    assert (five.p_value, five.interval.known) == (2 / 32, False)  # the smallest p of five units
    assert {"few_units", "no_interval"} <= set(five.codes)
    assert flip_interval([1, 2, 3, 4, 5], 0.9).interval.low == 1.0  # k = floor(.1 * 16) = 1
    zeros = flip_interval([0] * 30)
    assert (ends(zeros), zeros.p_value, zeros.codes) == ((0.0, 0.0), 1.0, ("no_differences",))
    same = flip_interval([2] * 7)
    assert (ends(same), same.p_value, same.codes) == ((2.0, 2.0), 2 / 2**7, ("no_spread",))
    rare = flip_interval([1] + [0] * 39)
    assert (rare.p_value, rare.interval.low, rare.codes) == (1.0, 0.0, ("few_moving",))
    few = flip_interval(range(-9, 21), flips=9)  # (9 + 1) * .05 is half a flip
    assert (few.interval.known, few.codes) == (False, ("few_draws",))


@pytest.mark.parametrize("wrong", [{"level": 0}, {"flips": 0}, {"exact": [2, 1]}])
def test_wrong_settings_are_refused(wrong) -> None:
    with pytest.raises(ValueError, match=r"level|flip|exact"):
        flip_interval([1, 2], **wrong)
    with pytest.raises(ValueError, match="finite"):
        flip_interval([1, float("inf")])


def test_coverage() -> None:
    # Symmetric differences whose shapes differ by unit. All subsets of 9: k = floor(.05 * 256) = 12, so 1 - 24/512 =
    # .953 are covered; 199 random subsets of 25: .95 exactly, however few. 99.9 % band of 2,000 runs: .9345 to .9655.
    rng = np.random.default_rng(12)
    low, high = stats.binom.ppf([0.0005, 0.9995], 2000, 0.95) / 2000
    for n, flips in ((9, 1), (25, 199)):
        runs = rng.standard_t(3, size=(2000, n)) * np.arange(1, n + 1)
        results = [flip_interval(row, flips=flips, seed=i) for i, row in enumerate(runs)]
        covered = np.mean([not result.interval.excludes_zero() for result in results])
        assert low <= covered <= high + (0.003 if n == 9 else 0)


def test_five_thousand_units_take_less_than_a_second() -> None:
    for values in (
        np.random.default_rng(0).integers(-5, 6, 5_000),
        np.random.default_rng(0).standard_normal(5_000),
    ):
        start = time.process_time()
        result = flip_interval(values)
        assert time.process_time() - start < 1
        # With so many units it is the t interval but for simulation error.
        half = stats.t.ppf(0.975, 4_999) * values.std(ddof=1) / math.sqrt(5_000)
        assert ends(result) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.03 * half)
