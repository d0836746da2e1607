"""Simulated power against closed forms and enumeration, inside the 99.9 % band of the number of studies."""

import math

import numpy as np
import pytest
from scipy import stats

from auditor.stats.intervals import equivalence_test, wilson_interval
from auditor.stats.power import equivalence_power, superiority_power
from auditor.stats.signflip import sign_flip_test
from auditor.stats.simulated_power import simulated_power

RUNS = 2000


def inside(share: float, truth: float, runs: int = RUNS) -> bool:
    low, high = stats.binom.ppf([0.0005, 0.9995], runs, truth) / runs
    return bool(low <= share <= high)


def test_normal_differences_against_the_noncentral_t() -> None:
    # pwr::pwr.t.test: .8078 at 34 units and half a standard deviation; the sign-flip test is within .01 of it.
    result = simulated_power(34, effect=0.5, sd=1.0, runs=RUNS, seed=1)
    assert inside(result.flips.estimate, superiority_power(34, 0.5, 1.0))
    assert result.equivalence is None
    assert (result.flips.n_units, result.flips.resamples) == (34, RUNS)
    assert result.flips.interval == wilson_interval(round(result.flips.estimate * RUNS), RUNS)
    assert result.monte_carlo_error == pytest.approx(
        math.sqrt(result.flips.estimate * (1 - result.flips.estimate) / RUNS)
    )


def test_equivalence_at_zero_and_at_the_margin() -> None:
    result = simulated_power(40, effect=0.0, sd=1.0, margin=0.5, runs=RUNS, seed=2)
    assert inside(result.equivalence.estimate, equivalence_power(40, 1.0, 0.5))
    # At the margin it errs in alpha; at zero the sign-flip test does.
    assert inside(result.flips.estimate, 0.05)
    at_margin = simulated_power(40, effect=0.5, sd=1.0, margin=0.5, runs=RUNS, seed=3)
    assert inside(at_margin.equivalence.estimate, 0.05)


def test_six_coins_by_hand() -> None:
    # Only six of a sign have p <= .05 (2 / 64): .9^6 + .1^6.
    result = simulated_power(6, values=[-1, 1], probabilities=[0.1, 0.9], runs=RUNS, seed=4)
    assert inside(result.flips.estimate, 0.9**6 + 0.1**6)
    assert result.effect == pytest.approx(0.8)
    assert result.sd == pytest.approx(0.6)
    # Five have p = 1/16 at best.
    assert simulated_power(5, values=[1], probabilities=[1], runs=50).flips.estimate == 0


def test_discrete_differences_by_enumeration() -> None:
    # 12 units of -1, 0, 1: the test sees the numbers of ups and downs, so its power is a sum over both of them.
    chances = {-1: 0.1, 0: 0.4, 1: 0.5}
    power = 0.0
    for up in range(13):
        for down in range(13 - up):
            chance = math.comb(12, up) * math.comb(12 - up, down)
            chance *= chances[1] ** up * chances[-1] ** down * chances[0] ** (12 - up - down)
            power += chance * (
                sign_flip_test([1] * up + [-1] * down + [0] * (12 - up - down)).p_value <= 0.05
            )
    result = simulated_power(12, values=[-1, 0, 1], probabilities=[0.1, 0.4, 0.5], runs=RUNS, seed=5)
    # 999 random patterns blur p-values next to .05 by .007, so half a hundredth is added to the band.
    low, high = stats.binom.ppf([0.0005, 0.9995], RUNS, power) / RUNS
    assert low - 0.005 <= result.flips.estimate <= high + 0.005


def test_the_tests_are_those_of_the_package() -> None:
    # Eight units are enumerated: each simulated study is decided as the package decides it.
    from auditor.stats.simulated_power import _flip_rejects, _is_equivalent

    rng = np.random.default_rng(6)
    drawn = rng.integers(-3, 5, (60, 8)).astype(float)
    drawn[0] = 0.0
    drawn[1] = 2.0
    flips = _flip_rejects(drawn, 0.05, rng)
    equal = _is_equivalent(drawn, 1.5, 0.05)
    for row, rejects, equivalent in zip(drawn, flips, equal, strict=True):
        assert rejects == (sign_flip_test(row).p_value <= 0.05)
        assert equivalent == equivalence_test(row, 1.5).equivalent
    assert {bool(v) for v in flips} == {bool(v) for v in equal} == {True, False}


def test_a_pilot_is_moved_to_the_effect() -> None:
    pilot = np.random.default_rng(7).normal(3, 1, 400)
    result = simulated_power(34, effect=0.5, pilot=pilot, runs=RUNS, seed=8)
    assert result.sd == pytest.approx(pilot.std())
    assert inside(result.flips.estimate, superiority_power(34, 0.5, float(pilot.std())))
    assert simulated_power(34, effect=0.5, pilot=pilot + 5, runs=200, seed=8).flips.estimate == pytest.approx(
        simulated_power(34, effect=0.5, pilot=pilot, runs=200, seed=8).flips.estimate, abs=0.01
    )
    few = simulated_power(20, effect=0.0, pilot=[1, 2, 3], runs=10)
    assert [caution.code for caution in few.cautions] == ["few_pilot_units"]


def test_the_observed_pattern_counts() -> None:
    # No random pattern of 30 equal differences is as extreme as the observed one, and still p is 1 / 1000, not 0.
    sure = {"values": [1], "probabilities": [1], "runs": 20}
    assert simulated_power(30, alpha=0.001, **sure).flips.estimate == 1
    assert simulated_power(30, alpha=0.0009, **sure).flips.estimate == 0


def test_identities() -> None:
    first = simulated_power(30, effect=0.4, sd=1.0, margin=0.8, runs=300, seed=9)
    assert simulated_power(30, effect=0.4, sd=1.0, margin=0.8, runs=300, seed=9) == first
    assert simulated_power(30, effect=0.4, sd=1.0, margin=0.8, runs=300, seed=10) != first
    doubled = simulated_power(30, effect=0.8, sd=2.0, margin=1.6, runs=300, seed=9)
    assert (doubled.flips, doubled.equivalence) == (first.flips, first.equivalence)
    states = {"probabilities": [0.2, 0.3, 0.5], "runs": 300, "seed": 9, "margin": 1.0}
    up, down = (simulated_power(20, values=sign * np.array([-1.0, 0, 1]), **states) for sign in (1, -1))
    assert (up.flips, up.equivalence, up.effect) == (down.flips, down.equivalence, -down.effect)


def test_no_spread() -> None:
    still = simulated_power(20, effect=0.0, sd=0.0, margin=1.0, runs=10)
    assert (still.flips.estimate, still.equivalence.estimate, still.monte_carlo_error) == (0.0, 1.0, 0.0)
    moved = simulated_power(20, effect=2.0, sd=0.0, margin=1.0, runs=10)
    assert (moved.flips.estimate, moved.equivalence.estimate) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({}, "one of sd, pilot and values"),
        ({"sd": 1, "pilot": [1, 2], "effect": 0}, "one of sd, pilot and values"),
        ({"sd": 1}, "state the effect"),
        ({"pilot": [1, 2]}, "state the effect"),
        ({"pilot": [], "effect": 0}, "finite differences"),
        ({"pilot": [1, math.nan], "effect": 0}, "finite differences"),
        ({"sd": -1, "effect": 0}, "not below zero"),
        ({"sd": 1, "effect": math.nan}, "effect is finite"),
        ({"values": [1, 2]}, "belong together"),
        ({"values": [1, 2], "probabilities": [0.5, 0.6]}, "sum is one"),
        ({"values": [1, 2], "probabilities": [1.0]}, "one probability"),
        ({"sd": 1, "effect": 0, "n": 1}, "two units"),
        ({"sd": 1, "effect": 0, "runs": 0}, "at least one study"),
        ({"sd": 1, "effect": 0, "margin": 0}, "margin"),
        ({"sd": 1, "effect": 0, "alpha": 1}, "level"),
    ],
)
def test_wrong_input(arguments, sentence) -> None:
    with pytest.raises(ValueError, match=sentence):
        simulated_power(**{"n": 10, **arguments})
