"""Rates by arm against R (tests/r/rates.R) at a relative 1e-6, and exact p-values at 1e-12."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from auditor.stats.cells import mean_test
from auditor.stats.intervals import wilson_interval
from auditor.stats.mcnemar import mcnemar
from auditor.stats.proportions import tango_interval
from auditor.stats.rates import arm_rate, rate_difference, with_tango

R = 1e-6
NAN = math.nan


def read(case: str) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    with (Path(__file__).parents[1] / "r" / "rates.csv").open() as file:
        for row in csv.DictReader(file):
            if row["case"] == case:
                found.setdefault(row["quantity"], []).append(float(row["value"]))
    return found


def ends(interval) -> list[float]:
    return [interval.low, interval.high]


def test_one_outcome_a_unit_against_r() -> None:
    r = read("single")
    result = rate_difference(r["treatment"], r["control"])
    assert ends(result.treatment.interval) == pytest.approx(r["wilson"], rel=R)
    assert [result.gained, result.lost] == r["counts"]
    assert result.p_value == pytest.approx(r["p"][0], abs=1e-12)
    assert result.interval == tango_interval(int(r["counts"][0]), int(r["counts"][1]), 20)
    assert result.p_mid == mcnemar(int(r["counts"][0]), int(r["counts"][1])).p_mid
    assert result.estimate == pytest.approx(result.treatment.estimate - result.control.estimate, abs=1e-15)


def test_several_outcomes_a_unit_against_r() -> None:
    r = read("clustered")
    units = [f"u{unit:g}" for unit in r["unit"]]
    treatment, control = (np.reshape(r[arm], (3, 12)).T for arm in ("treatment", "control"))
    rate, result = arm_rate(treatment, units), rate_difference(treatment, control, units)
    assert rate.estimate == pytest.approx(r["rate"][0], rel=1e-12)
    assert ends(rate.interval) == pytest.approx(r["interval"], rel=R)
    assert (rate.n_units, rate.n_ratings, rate.df) == (8, 36, 7)
    assert result.treatment == rate
    assert result.estimate == pytest.approx(r["difference"][0], abs=1e-12)
    assert ends(result.interval) == pytest.approx(r["difference_interval"], rel=R)
    assert result.p_value == pytest.approx(r["p"][0], abs=1e-12)
    assert (result.gained, result.lost, result.p_mid) == (None, None, None)


def test_the_oracle_of_wilson() -> None:
    # prop.test(15, 148, correct = FALSE), as in test_oracles.py.
    assert arm_rate([1] * 15 + [0] * 133).interval == wilson_interval(15, 148)


def test_outcomes_that_repeat_within_units_count_once() -> None:
    # 3 equal outcomes a unit: the variance of the unit rates .3 .7 10/9 / 10 gives an effective number of 9, kept at
    # the 10 units, with t on 9 degrees of freedom in the place of z. Independent outcomes would give 30.
    interval = arm_rate([[1, 1, 1]] * 3 + [[0, 0, 0]] * 7).interval
    t = stats.t.ppf(0.975, 9)
    centre = (0.3 + t * t / 20) / (1 + t * t / 10)
    half = t * math.sqrt(0.3 * 0.7 / 10 + t * t / 400) / (1 + t * t / 10)
    assert ends(interval) == pytest.approx([centre - half, centre + half], rel=1e-12)


def test_equal_rates_strictly_between_are_no_point() -> None:
    # No variance between units, so the 20 outcomes count. At one half Wilson's half-width is t / 2 / sqrt(20 + t^2).
    t = stats.t.ppf(0.975, 9)
    half = t / 2 / math.sqrt(20 + t * t)
    assert ends(arm_rate([[1, 0]] * 10).interval) == pytest.approx([0.5 - half, 0.5 + half], rel=1e-12)


binary = st.lists(
    st.tuples(st.sampled_from([0, 1, NAN]), st.sampled_from([0, 1, NAN]), st.integers(0, 4)),
    min_size=1,
    max_size=30,
)


@given(binary)
def test_exchanging_the_arms_and_the_outcomes_turns_the_sign(rows) -> None:
    table = np.array(rows)
    treatment, control, units = table[:, 0], table[:, 1], table[:, 2].astype(int)
    one, turned = rate_difference(treatment, control, units), rate_difference(control, treatment, units)
    negated = rate_difference(1 - treatment, 1 - control, units)
    if one.estimate is None:
        assert "no_units" in one.codes
        return
    for other in (turned, negated):
        assert other.estimate == pytest.approx(-one.estimate, abs=1e-12)
        assert other.p_value == one.p_value
        if one.interval.known:
            assert ends(other.interval) == pytest.approx([-one.interval.high, -one.interval.low], abs=1e-9)


@given(st.lists(st.sampled_from([0, 1, NAN]), max_size=40))
def test_a_rate_lies_in_its_interval_and_turns_with_the_outcomes(outcomes) -> None:
    one, turned = arm_rate(outcomes), arm_rate([1 - value for value in outcomes])
    if one.estimate is None:
        assert one.codes == ("no_units",)
        return
    assert 0 <= one.interval.low <= one.estimate + 1e-12
    assert one.estimate - 1e-12 <= one.interval.high <= 1
    assert ends(turned.interval) == pytest.approx([1 - one.interval.high, 1 - one.interval.low], abs=1e-12)


def test_none_differs() -> None:
    # Tango with no discordant pair: +-z^2 / (n + z^2).
    z2 = stats.norm.ppf(0.975) ** 2
    for rows in ([1] * 20, [[1, 0]] * 20):
        result = rate_difference(rows, rows)
        assert (result.estimate, result.p_value, result.codes) == (0.0, 1.0, ("no_differences",))
        assert result.interval.high == pytest.approx(z2 / (20 + z2), rel=1e-6)


def test_degenerate_inputs() -> None:
    empty = rate_difference([], [])
    assert (empty.estimate, empty.p_value, empty.interval.known, empty.codes) == (
        None,
        None,
        False,
        ("no_units",),
    )
    missing = rate_difference([NAN, 1], [0, NAN])
    assert (missing.estimate, missing.n_dropped, missing.treatment.estimate) == (None, 2, None)
    one = rate_difference([1], [0])
    assert (one.estimate, one.p_value, one.codes) == (1.0, 1.0, ("few_units",))
    assert one.interval.known
    lone = arm_rate([[1, 0, 1]])
    assert (lone.interval.known, lone.codes) == (False, ("one_unit",))
    assert arm_rate([[1, 1], [1, 1]]).interval.high == 1.0
    with pytest.raises(ValueError, match="0, 1, or NaN"):
        arm_rate([0.5])
    with pytest.raises(ValueError, match="level"):
        arm_rate([1], level=0)
    assert with_tango(mean_test([]), []) == mean_test([])


def test_unequal_replicates_are_flagged() -> None:
    assert "unbalanced" in rate_difference([[1, 0], [1, NAN]], [[1, 0], [1, 0]]).codes


@pytest.mark.parametrize(("n", "rate"), [(30, 0.02), (30, 0.3), (100, 0.1)])
def test_the_interval_of_clustered_outcomes_covers(n: int, rate: float) -> None:
    # 3 outcomes a unit that share the unit's own rate, beta with intraclass correlation .5. Of 1,000 runs at .95 the
    # 99.9 % binomial band is .9273 to .9727; only the lower end binds, for discrete rates cover more.
    rng = np.random.default_rng(17)
    own = rng.beta(rate, 1 - rate, (1000, n))
    counts = rng.binomial(3, own)
    covered = naive = 0
    for row in counts:
        interval = arm_rate((np.arange(3) < row[:, None]).astype(float)).interval
        covered += interval.low <= rate <= interval.high
        wilson = wilson_interval(int(row.sum()), 3 * n)
        naive += wilson.low <= rate <= wilson.high
    assert covered / 1000 >= 0.9273
    assert naive / 1000 < 0.9273 or rate < 0.1  # outcomes taken as independent cover too little


def test_the_paired_test_keeps_its_level() -> None:
    # 60 units of 3 outcomes, the same rate in both arms: of 1,000 runs at most 7.6 % may reject (99.9 % band of 5 %).
    rng = np.random.default_rng(18)
    own = rng.beta(1, 2, (1000, 60, 1))
    draws = rng.random((2, 1000, 60, 3)) < own
    rejected = sum(
        rate_difference(*draws[:, run].astype(float)).p_value <= 0.05 for run in range(draws.shape[1])
    )
    assert 0.02 <= rejected / 1000 <= 0.076
