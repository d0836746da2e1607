"""The t interval, the equivalence test and Wilson's interval: closed forms, identities, degenerate inputs.

The closed form of the t quantile with two degrees of freedom and scipy's agree to 1e-12; compared at 1e-9.
"""

import math

import numpy as np
import pytest

from auditor.stats.intervals import Interval, equivalence_test, mean_interval, wilson_interval


def quantile_2df(p: float) -> float:
    """The t quantile for two degrees of freedom, which has a closed form."""
    return (2 * p - 1) * math.sqrt(2 / (1 - (2 * p - 1) ** 2))


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.999])
def test_three_values_by_hand(level: float) -> None:
    # 1, 2, 6: mean 3; deviations -2, -1, 3: 14 / 2 = 7.
    result = mean_interval([1, 2, 6], level)
    half = quantile_2df(0.5 + level / 2) * math.sqrt(7 / 3)
    assert (result.estimate, result.n, result.interval.level) == (3.0, 3, level)
    assert result.sd == pytest.approx(math.sqrt(7), rel=1e-12)
    assert result.interval.low == pytest.approx(3 - half, rel=1e-9)
    assert result.interval.high == pytest.approx(3 + half, rel=1e-9)


def test_one_value_has_no_spread() -> None:
    result = mean_interval([4.5])
    assert (result.estimate, result.sd, result.n) == (4.5, None, 1)
    assert result.interval == Interval(0.95, None, None)
    assert not result.interval.known
    assert not result.interval.excludes_zero()
    assert not result.interval.inside(1e9)


def test_equal_values_are_a_point_without_rounding() -> None:
    result = mean_interval([0.1] * 7)  # whose float sum is not .7
    assert (result.estimate, result.sd, result.interval) == (0.1, 0.0, Interval(0.95, 0.1, 0.1))
    assert result.interval.excludes_zero()
    assert not mean_interval([0, 0, 0]).interval.excludes_zero()


def test_no_value_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        mean_interval([])


def test_an_interval_that_touches_the_margin_is_not_inside() -> None:
    assert Interval(0.9, -0.4, 0.4).inside(0.5)
    assert not Interval(0.9, -0.4, 0.5).inside(0.5)
    assert not Interval(0.9, -0.5, 0.4).inside(0.5)
    assert not Interval(0.9, 0.0, 1.0).excludes_zero()


def test_equivalence_is_the_interval_inside_the_margin() -> None:
    rng = np.random.default_rng(11)
    seen = set()
    for margin in (0.2, 0.3, 0.4, 0.5, 0.7):
        for alpha in (0.01, 0.05, 0.1):
            values = rng.normal(0.1, 1.0, 30)
            result = equivalence_test(values, margin, alpha)
            narrow = mean_interval(values, 1 - 2 * alpha)
            assert result.interval == narrow.interval
            assert result.equivalent == (result.p_value < alpha) == narrow.interval.inside(margin)
            assert result.p_value == max(result.p_lower, result.p_upper)
            seen.add(result.equivalent)
    assert seen == {True, False}


def test_turning_the_signs_exchanges_the_one_sided_tests() -> None:
    values = np.array([0.3, -0.2, 0.8, 0.1, 0.4])
    there, back = equivalence_test(values, 0.6), equivalence_test(-values, 0.6)
    assert there.p_lower == pytest.approx(back.p_upper, rel=1e-12)
    assert there.p_upper == pytest.approx(back.p_lower, rel=1e-12)


def test_equivalence_by_hand() -> None:
    # 1, 2, 6 with a margin of 10: t = 13 / sqrt(7/3) and -7 / sqrt(7/3) on two degrees of freedom, where the
    # distribution function is 1/2 + t / (2 sqrt(2 + t^2)).
    def upper_tail(t: float) -> float:
        return 0.5 - t / (2 * math.sqrt(2 + t * t))

    error = math.sqrt(7 / 3)
    result = equivalence_test([1, 2, 6], 10)
    assert result.p_lower == pytest.approx(upper_tail(13 / error), rel=1e-9)
    assert result.p_upper == pytest.approx(upper_tail(7 / error), rel=1e-9)


def test_equivalence_of_degenerate_inputs() -> None:
    single = equivalence_test([0.0], 1.0)
    assert (single.p_value, single.equivalent) == (None, False)
    assert equivalence_test([0.2] * 5, 0.5).equivalent
    assert equivalence_test([0.2] * 5, 0.5).p_value == 0.0
    outside = equivalence_test([-0.7] * 5, 0.5)
    assert (outside.p_lower, outside.p_upper, outside.p_value, outside.equivalent) == (1.0, 0.0, 1.0, False)
    assert not equivalence_test([0.5] * 5, 0.5).equivalent  # a shift of the margin itself matters


@pytest.mark.parametrize("margin", [0.0, -1.0, math.nan])
def test_a_margin_lies_above_zero(margin: float) -> None:
    with pytest.raises(ValueError, match="margin"):
        equivalence_test([1, 2, 3], margin)


@pytest.mark.parametrize("level", [0.9, 0.95])
@pytest.mark.parametrize("n", [1, 3, 20, 148])
def test_wilson_inverts_its_score_test(n: int, level: float) -> None:
    # At an end p0, |x/n - p0| = z sqrt(p0 (1 - p0) / n).
    z = {0.9: 1.6448536269514722, 0.95: 1.959963984540054}[level]  # qnorm(.95), qnorm(.975)
    for successes in range(n + 1):
        interval = wilson_interval(successes, n, level)
        for end in (interval.low, interval.high):
            if 1e-9 < end < 1 - 1e-9:  # where the square root magnifies no rounding
                assert abs(successes / n - end) == pytest.approx(z * math.sqrt(end * (1 - end) / n), abs=1e-9)
        mirrored = wilson_interval(n - successes, n, level)
        assert mirrored.high == pytest.approx(1 - interval.low, abs=1e-12)
    assert wilson_interval(0, n).low == pytest.approx(0.0, abs=1e-12)
    assert wilson_interval(n, n).high == pytest.approx(1.0, abs=1e-12)


def test_wilson_of_nothing() -> None:
    assert not wilson_interval(0, 0).known
