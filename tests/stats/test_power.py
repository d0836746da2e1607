"""Power: against an integral over the sampling distribution of the SD, and units_needed against its neighbours.

The integrals are good to 1e-5.
"""

import math

import numpy as np
import pytest
from scipy import integrate, stats

from auditor.stats.power import detectable_effect, equivalence_power, superiority_power, units_needed


def over_the_sd(n: int, chance_given_ratio) -> float:
    """Average over s / sigma, whose square times n - 1 is chi-square; the mean is independent of it."""
    df = n - 1
    low, high = stats.chi2.ppf([1e-9, 1 - 1e-9], df)

    def integrand(u: float) -> float:
        return stats.chi2.pdf(u, df) * chance_given_ratio(math.sqrt(u / df))

    return integrate.quad(integrand, low, high, limit=200, points=[df])[0]


@pytest.mark.parametrize(
    ("n", "effect"), [(3, 2.0), (10, 0.4), (10, 1.2), (34, 0.5), (100, 0.28), (400, 0.05)]
)
def test_superiority_power(n: int, effect: float) -> None:
    critical, shift = stats.t.ppf(0.975, n - 1), effect * math.sqrt(n)
    exact = over_the_sd(
        n, lambda s: stats.norm.sf(critical * s - shift) + stats.norm.cdf(-critical * s - shift)
    )
    assert superiority_power(n, effect, 1.0) == pytest.approx(exact, abs=1e-5)


@pytest.mark.parametrize("n", [10, 15, 20, 40, 80])
@pytest.mark.parametrize("standard_margin", [2.8, 3.0, 3.5, 4.0])
def test_equivalence_power_is_close_and_not_too_high(n: int, standard_margin: float) -> None:
    # Near the 80 % that it is used for, the shifted central t errs on the safe side, by .017 at n = 10 and below .01
    # from n = 20 up. (At low powers of small n it errs by more.)
    critical = stats.t.ppf(0.95, n - 1)
    exact = over_the_sd(n, lambda s: max(0.0, 2 * stats.norm.cdf(standard_margin - critical * s) - 1))
    approximate = equivalence_power(n, 1.0, standard_margin / math.sqrt(n))
    assert exact - (0.017 if n < 20 else 0.01) <= approximate <= exact + 1e-5


def test_power_at_no_effect_is_the_level_and_rises() -> None:
    assert superiority_power(30, 0.0, 1.0) == pytest.approx(0.05, abs=1e-9)
    assert superiority_power(30, 0.0, 1.0, alpha=0.01) == pytest.approx(0.01, abs=1e-9)
    for n in (2, 5, 50, 5000):
        powers = [superiority_power(n, effect, 1.0) for effect in (0, 0.01, 0.1, 0.3, 1, 3, 10, 40)]
        assert all(0 <= p <= 1 + 1e-12 for p in powers)
        assert powers == sorted(powers)
    assert superiority_power(20, -0.6, 1.0) == pytest.approx(superiority_power(20, 0.6, 1.0), rel=1e-12)


def test_degenerate_power() -> None:
    assert superiority_power(1, 1.0, 1.0) == equivalence_power(1, 1.0, 1.0) == 0.0
    assert superiority_power(5, 1.0, 0.0) == equivalence_power(5, 0.0, 1.0) == 1.0
    assert superiority_power(5, 0.0, 0.0) == 0.0


@pytest.mark.parametrize("power", [0.8, 0.9])
@pytest.mark.parametrize("alpha", [0.05, 0.01])
@pytest.mark.parametrize("ratio", [0.05, 0.2, 0.37, 0.5, 1.0, 1.3])
def test_units_needed_is_the_smallest_number(ratio: float, alpha: float, power: float) -> None:
    def enough(n: int) -> bool:
        both = equivalence_power(n, 2.0, 2 * ratio, alpha), superiority_power(n, 2 * ratio, 2.0, alpha)
        return min(both) >= power

    needed = units_needed(2.0, 2 * ratio, alpha=alpha, power=power)
    assert needed is not None
    assert enough(needed)
    assert needed == 10 or not enough(needed - 1)
    # Only the ratio matters.
    assert units_needed(1.0, ratio, alpha=alpha, power=power) == needed


def test_units_needed_at_its_ends() -> None:
    assert units_needed(0.0, 0.5) == 10  # the fewest for which equivalence may be claimed
    assert units_needed(1.0, 1e-5) is None
    # ((z(.95) + z(.9)) / .001)^2 = (1.6449 + 1.2816)^2 10^6 = 8.56 million: below the ten million looked at.
    assert units_needed(1.0, 1e-3) == pytest.approx(8.56e6, rel=1e-3)
    for sd, margin in ((-1.0, 1.0), (1.0, 0.0), (1.0, -1.0)):
        with pytest.raises(ValueError, match="above zero"):
            units_needed(sd, margin)


@pytest.mark.parametrize("n", [2, 5, 30, 100, 3000])
@pytest.mark.parametrize(("alpha", "power"), [(0.05, 0.8), (0.05, 0.95), (0.005, 0.5)])
def test_detectable_effect_is_the_inverse_of_power(n: int, alpha: float, power: float) -> None:
    effect = detectable_effect(n, 3.0, alpha=alpha, power=power)
    if effect is None:  # beyond fifty standard deviations
        assert superiority_power(n, 150.0, 3.0, alpha) < power
        return
    assert superiority_power(n, effect, 3.0, alpha) == pytest.approx(power, abs=1e-8)
    assert detectable_effect(n, 1.0, alpha=alpha, power=power) == pytest.approx(effect / 3, rel=1e-8)


def test_no_effect_is_detectable_with_one_unit_or_without_a_spread() -> None:
    assert detectable_effect(1, 1.0) is None
    assert detectable_effect(10, 0.0) is None


def test_the_promise_of_units_needed_holds_for_the_tests_themselves() -> None:
    # 36 units for a margin of half a standard deviation: both t tests on 4,000 samples; 99.9 % binomial band of .8
    # is +-.021.
    n = units_needed(1.0, 0.5)
    assert n == 36
    draws = np.random.default_rng(3).normal(0, 1, (4000, n))
    mean, error = draws.mean(axis=1), draws.std(axis=1, ddof=1) / math.sqrt(n)
    within = np.abs(mean) + stats.t.ppf(0.95, n - 1) * error < 0.5
    found = np.abs(mean + 0.5) / error >= stats.t.ppf(0.975, n - 1)
    assert min(within.mean(), found.mean()) >= 0.8 - 0.021


def test_a_stricter_level_of_the_test_alone_asks_for_more_units() -> None:
    # ((z(.995) + z(.8)) / .5)^2 = (2.5758 + .8416)^2 4 = 46.7, and the t adds z^2 / 2 = 3.3: 50.
    assert units_needed(1.0, 0.5, test_alpha=0.01) == pytest.approx(50, abs=1)
    assert units_needed(1.0, 0.5, test_alpha=0.05) == units_needed(1.0, 0.5) == 36


@pytest.mark.parametrize("n", [10**6, 10**9])
def test_very_many_units(n: int) -> None:
    # From a million units up the t is the normal: at an effect of one standard error, P(|Z + 1| > 1.96).
    normal = stats.norm.sf(stats.norm.ppf(0.975) - 1) + stats.norm.cdf(-stats.norm.ppf(0.975) - 1)
    assert superiority_power(n, 1 / math.sqrt(n), 1.0) == pytest.approx(normal, abs=1e-5)
    assert superiority_power(n, 0.5, 1.0) == equivalence_power(n, 1.0, 0.5) == 1.0
    effect = detectable_effect(n, 1.0)
    assert effect == pytest.approx((stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) / math.sqrt(n), rel=1e-4)


def test_a_power_no_higher_than_the_level_needs_no_effect() -> None:
    assert detectable_effect(100, 1.0, power=0.04) == detectable_effect(100, 1.0, power=0.05) == 0.0
    smallest = detectable_effect(100, 1.0, power=0.051)
    assert smallest is not None
    assert 0 < smallest < 0.05  # far below the .28 of 80 % power
