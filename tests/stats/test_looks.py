"""One look: decisions, levels, exact p-values far out, and degenerate data."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from auditor.stats.intervals import equivalence_test, mean_interval
from auditor.stats.looks import look, sign_flip_p, to_normal
from auditor.stats.sequential import plan_looks, sequential_design
from auditor.stats.signflip import sign_flip_test

# Integers, as scores times replicates are; halves and thirds reach the same lattice.
whole = st.lists(st.integers(-20, 20), min_size=40, max_size=40)


def test_a_single_look_is_the_ordinary_test() -> None:
    rng = np.random.default_rng(1)
    data = np.rint(rng.normal(1, 3, 30)).astype(int)
    seen = look(sequential_design([30], margin=2.0), 1, data)
    t = mean_interval(data)
    assert seen.nominal == pytest.approx(0.05, abs=1e-10)
    assert seen.p_value == sign_flip_test(data).p_value
    assert (seen.interval.low, seen.interval.high) == pytest.approx(
        (t.interval.low, t.interval.high), rel=1e-8
    )
    narrow = equivalence_test(data, 2.0).interval
    assert seen.equivalence_interval.level == 0.9
    assert (seen.equivalence_interval.low, seen.equivalence_interval.high) == pytest.approx(
        (narrow.low, narrow.high), rel=1e-8
    )
    assert seen.decision != "continue"


def test_the_level_of_a_look_decides() -> None:
    # Ten differences of +1 and m zeros: p = 2 / 2^10 = .00195. The third of five levels is .00845, the second .00126.
    design = sequential_design(plan_looks(100))
    data = np.zeros(60, dtype=int)
    data[:10] = 1
    second, third = look(design, 2, data[:40]), look(design, 3, data)
    assert second.p_value == third.p_value == 2 / 2**10
    assert (second.decision, third.decision) == ("continue", "inflated")
    assert second.nominal < 2 / 2**10 < third.nominal
    assert look(design, 3, -data).decision == "deflated"
    assert look(design, 5, np.r_[data, np.zeros(40, dtype=int)]).stops
    assert second.statistic == pytest.approx(stats.norm.isf(1 / 2**10), rel=1e-12)


def test_equivalence_at_a_look_by_hand() -> None:
    # 40 units, half +1 and half -1: mean 0, sd sqrt(40/39), se = sqrt(1/39) = .160128. The last of two one-sided
    # boundaries at .05 is about 1.68; whatever it is, the interval is +- t_39 at its tail times se.
    design = sequential_design([20, 40], margin=0.3)
    data = np.array([1, -1] * 20)
    seen = look(design, 2, data)
    half = stats.t.isf(stats.norm.sf(design.equivalence_boundaries[1]), 39) * math.sqrt(1 / 39)
    assert seen.equivalence_interval.high == pytest.approx(half, rel=1e-9)
    assert 0.26 < half < 0.3
    assert (seen.decision, seen.significant, seen.p_value) == ("equivalent", False, 1.0)
    assert look(sequential_design([20, 40], margin=0.26), 2, data).decision == "inconclusive"
    assert look(sequential_design([20, 40]), 2, data).decision == "inconclusive"
    early = look(design, 1, data[:20])  # .47 wide by then
    assert early.decision == "continue"


def test_a_real_difference_within_the_margin_is_equivalent_and_significant() -> None:
    rng = np.random.default_rng(2)
    data = np.rint(rng.normal(1, 1, 200)).astype(int)
    seen = look(sequential_design([200, 400], margin=3.0), 1, data)
    assert (seen.decision, seen.significant) == ("equivalent", True)


@settings(max_examples=60, deadline=None)
@given(data=whole, factor=st.sampled_from([2, 0.5, 7]))
def test_signs_and_scales(data: list[int], factor: float) -> None:
    design = sequential_design([40, 100], margin=2.0)
    scaled = sequential_design([40, 100], margin=2.0 * factor)
    ahead, back = look(design, 1, data), look(design, 1, [-d for d in data])
    other = look(scaled, 1, np.array(data) * factor)
    assert ahead.p_value == back.p_value == other.p_value
    assert ahead.statistic == -back.statistic
    assert ahead.mean == pytest.approx(-back.mean, abs=1e-12)
    turned = {"inflated": "deflated", "deflated": "inflated"}
    assert back.decision == turned.get(ahead.decision, ahead.decision)
    assert other.decision == ahead.decision
    if ahead.interval.known:
        assert other.interval.low == pytest.approx(ahead.interval.low * factor, rel=1e-9, abs=1e-12)
        assert (
            ahead.interval.low <= ahead.equivalence_interval.low
        )  # two-sided at .05 is wider than one-sided at .05


@settings(max_examples=40, deadline=None)
@given(data=whole)
def test_units_of_thirds_and_of_floats_give_the_exact_p(data: list[int]) -> None:
    exact = sign_flip_test(data).p_value
    for denominator in (1.0, 3.0, 7.0, 12.0, 45.0):
        assert sign_flip_p(np.array(data) / denominator) == exact
    for side in ("greater", "less"):
        assert sign_flip_p(np.array(data) / 3, side) == sign_flip_test(data, alternative=side).p_value


def test_values_on_no_lattice_are_tested_exactly_far_out() -> None:
    # 2^18 patterns enumerated: the share of those at least as extreme, for values without any ties among sums.
    rng = np.random.default_rng(3)
    data = rng.normal(0.6, 1, 18)
    signs = 1 - 2 * ((np.arange(2**18)[:, None] >> np.arange(18)) & 1)
    sums = np.abs(signs @ data)
    share = np.mean(sums >= abs(data.sum()) - 1e-9)
    # Rounding to 400,000 steps moves sums by some 1e-5 of their range and passes a handful of the 262,144 by.
    assert sign_flip_p(data) == pytest.approx(share, abs=20 / 2**18)
    # Forty positive values: 2 patterns of 2^40, which no count of random flips would show.
    assert sign_flip_p(rng.uniform(1, 2, 40)) == 2.0**-39
    assert sign_flip_p(np.array([10**12, 3 * 10**12, 2 * 10**12])) == 0.25


def test_quantiles_of_t() -> None:
    # qt(.975, 9) of R 4.2 is 2.262157162798205 and qnorm(.975) 1.959963984540054; qt(1e-7, 5, lower = FALSE) is
    # 39.34181961689958 and qnorm(1e-7, lower = FALSE) 5.199338.
    assert to_normal(2.262157162798205, 9) == pytest.approx(1.959963984540054, rel=1e-12)
    assert to_normal(-2.262157162798205, 9) == pytest.approx(-1.959963984540054, rel=1e-12)
    assert to_normal(39.34181961689958, 5) == pytest.approx(5.199338, abs=1e-6)
    assert to_normal(1.3, math.inf) == 1.3
    assert to_normal(math.inf, 5) == math.inf
    assert to_normal(0.0, 5) == 0.0


def test_degenerate_looks() -> None:
    design = sequential_design([1, 2, 40, 80], margin=1.0)
    one = look(design, 1, [3])
    assert (one.decision, one.p_value, one.interval.known) == ("continue", 1.0, False)
    assert {c.code for c in one.cautions} == {"one_unit", "few_moving"}
    two = look(design, 2, [3, 4])
    assert (two.decision, two.p_value) == ("continue", 0.5)
    assert two.interval.known
    zeros = look(design, 3, [0] * 40)
    assert (zeros.decision, zeros.p_value, zeros.statistic) == ("continue", 1.0, 0.0)
    assert (zeros.interval.low, zeros.interval.high) == (0.0, 0.0)
    assert "no_spread" in {c.code for c in zeros.cautions}
    assert look(design, 4, [0] * 80).decision == "equivalent"  # as the fixed test would have it
    assert look(design, 3, [2] * 40).decision == "inflated"  # the sign-flip test needs no spread
    assert look(design, 3, [-2] * 40).decision == "deflated"
    assert (
        look(sequential_design([3, 8, 9], margin=5), 3, [0, 1, -1] * 3).decision == "inconclusive"
    )  # under ten units


def test_a_look_with_nothing_to_spend() -> None:
    design = sequential_design([1, 1000], method="obrien-fleming-spending")
    seen = look(design, 1, [5])
    assert (seen.nominal, seen.decision, seen.interval.known) == (0.0, "continue", False)
    assert "nothing_to_spend" in {c.code for c in seen.cautions}


def test_errors() -> None:
    design = sequential_design([4, 8])
    for k in (0, 3):
        with pytest.raises(ValueError, match="looks 1 to 2"):
            look(design, k, [1, 2, 3, 4])
    with pytest.raises(ValueError, match="reschedule"):
        look(design, 1, [1, 2, 3])
    for bad in ([1, 2, 3, math.nan], [1, 2, 3, math.inf], [1, 2, 3, 1e200], [[1, 2], [3, 4]]):
        with pytest.raises(ValueError, match="finite"):
            look(design, 1, bad)
        with pytest.raises(ValueError, match="finite"):
            sign_flip_p(bad)
    with pytest.raises(ValueError, match="at least one"):
        sign_flip_p([])
