"""GEE against package geepack, full matrices in R (tests/r/gee.R), statsmodels and the oracle.

All of them are sums and small linear systems: compared at a relative 1e-8, p-values through R's t at 1e-6.
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

from auditor.stats.gee import GeeEstimate, gee_mean_difference
from auditor.stats.intervals import mean_interval

SUMS = 1e-8
R = 1e-6
WORKING = ("independence", "exchangeable")


def read(case: str) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    with (Path(__file__).parents[1] / "r" / "gee.csv").open() as file:
        for row in csv.DictReader(file):
            if row["case"] == case:
                found.setdefault(row["quantity"], []).append(float(row["value"]))
    return found


def ragged(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Units of one to six ratings in either arm, alike within units."""
    unit = np.repeat(np.arange(n), rng.integers(1, 7, n))
    arm = rng.integers(0, 2, unit.size)
    return rng.standard_normal(n)[unit] + 0.5 * arm + rng.standard_normal(unit.size), arm, unit


def test_oracle() -> None:
    # Oracle gee_sleep, by geepack: estimate 1.58, robust error .368998644983962. It is not bias-reduced.
    r = read("sleep")
    assert r["geepack"] == pytest.approx([1.58, 0.368998644983962], rel=1e-12)
    result = gee_mean_difference(r["y"], r["a"], r["u"])
    assert [result.estimate, result.sandwich_error] == pytest.approx([1.58, 0.368998644983962], rel=SUMS)
    # One rating in each cell: the sandwich has the divisor n^2 for n (n - 1), the reduced variance (n - 1)^2.
    d = np.array([1.2, 2.4, 1.3, 1.3, 0, 1, 1.8, 0.8, 4.6, 1.4])
    squares = float(((d - d.mean()) ** 2).sum())
    assert result.sandwich_error == pytest.approx(math.sqrt(squares) / 10, rel=SUMS)
    assert result.standard_error == pytest.approx(math.sqrt(squares) / 9, rel=SUMS)
    assert (result.n_units, result.n_ratings, result.df) == (10, 20, 9)


@pytest.mark.parametrize("case", ["sleep", "ragged", "passes"])
@pytest.mark.parametrize("working", WORKING)
def test_against_r(case: str, working: str) -> None:
    data, r = read(case), read(f"{case}_{working}")
    result = gee_mean_difference(data["y"], data["a"], data["u"], working=working)
    found = [result.estimate, result.standard_error, result.sandwich_error, result.correlation]
    assert found == pytest.approx(r["full"][:4], rel=SUMS)
    assert result.p_value == pytest.approx(r["full"][4], rel=R)
    assert [result.interval.low, result.interval.high] == pytest.approx(r["interval"], rel=R)
    if working == "independence":
        assert [result.estimate, result.sandwich_error] == pytest.approx(data["geepack"], rel=SUMS)


@pytest.mark.parametrize("working", WORKING)
def test_against_statsmodels(working: str) -> None:
    import statsmodels.api as sm

    structure = {"independence": sm.cov_struct.Independence, "exchangeable": sm.cov_struct.Exchangeable}
    for seed, n in ((0, 8), (1, 40), (2, 300)):
        values, arm, unit = ragged(np.random.default_rng(seed), n)
        model = sm.GEE(values, sm.add_constant(arm), groups=unit, cov_struct=structure[working]())
        theirs = model.fit(cov_type="bias_reduced", ctol=1e-12, maxiter=200)
        ours = gee_mean_difference(values, arm, unit, working=working)
        assert ours.estimate == pytest.approx(theirs.params[1], rel=SUMS)
        assert ours.standard_error == pytest.approx(theirs.bse[1], rel=SUMS)
        assert ours.sandwich_error == pytest.approx(math.sqrt(theirs.cov_robust[1, 1]), rel=SUMS)


@settings(max_examples=60)
@given(st.integers(0, 10_000), st.integers(3, 15), st.sampled_from(WORKING))
def test_swapped_moved_doubled_and_shuffled(seed: int, n: int, working: str) -> None:
    rng = np.random.default_rng(seed)
    values, arm, unit = ragged(rng, n)
    order = rng.permutation(values.size)
    one = gee_mean_difference(values, arm, unit, working=working)
    if one.standard_error is None:
        return

    def same(other: GeeEstimate, factor: float, spread: float) -> None:
        assert other.estimate == pytest.approx(factor * one.estimate, rel=1e-6, abs=1e-9)
        assert other.standard_error == pytest.approx(spread * one.standard_error, rel=1e-6)
        assert other.p_value == pytest.approx(one.p_value, rel=1e-5)

    same(gee_mean_difference(values, 1 - arm, unit, working=working), -1, 1)
    same(gee_mean_difference(values + 50, arm, unit, working=working), 1, 1)
    same(gee_mean_difference(2 * values, arm, unit, working=working), 2, 2)
    labels = [f"task {u}" for u in unit[order]]
    same(gee_mean_difference(values[order], arm[order] == 1, labels, working=working), 1, 1)


def test_complete_designs_are_the_paired_t_test() -> None:
    # Three ratings in each cell: the estimate is the mean of the units' differences, whatever the working correlation,
    # and the variance is n / (n - 1) times that of the t test.
    rng = np.random.default_rng(6)
    values = rng.standard_normal((12, 2, 3)) + rng.standard_normal((12, 1, 1))
    unit, arm = (grid.ravel() for grid in np.indices(values.shape)[:2])
    means = values.mean(axis=2)
    paired = mean_interval(means[:, 1] - means[:, 0])
    for working in WORKING:
        result = gee_mean_difference(values.ravel(), arm, unit, working=working)
        assert result.estimate == pytest.approx(paired.estimate, rel=SUMS)
        assert result.standard_error == pytest.approx(
            paired.sd / math.sqrt(12) * math.sqrt(12 / 11), rel=SUMS
        )
        assert result.codes == ()


def test_degenerate_inputs() -> None:
    def codes(
        values: list[float], arm: list[int], unit: list[int], working: str = "exchangeable"
    ) -> GeeEstimate:
        result = gee_mean_difference(values, arm, unit, working=working)
        assert not result.interval.known
        assert result.standard_error is None
        assert result.df is None
        return result

    nothing = codes([], [], [])
    assert (nothing.estimate, nothing.p_value, nothing.n_units, nothing.codes) == (
        None,
        None,
        0,
        ("no_units",),
    )
    assert codes([1, 2, 3], [1, 1, 1], [0, 1, 2]).codes == ("one_arm",)
    one = codes([1, 2, 3, 5], [0, 0, 1, 1], [0, 0, 0, 0])
    assert (one.estimate, one.p_value, one.codes) == (pytest.approx(2.5), None, ("one_unit",))
    same = codes([1, 2, 3, 4, 5, 6] * 2, [0] * 6 + [1] * 6, [*range(6)] * 2)  # units differ, arms do not
    assert (same.estimate, same.p_value) == (0.0, 1.0)
    assert "no_differences" in same.codes
    flat = codes([7] * 8, [0, 1] * 4, [0, 0, 1, 1, 2, 2, 3, 3])
    assert (flat.estimate, flat.p_value) == (0.0, 1.0)
    shifted = codes([1, 2, 3, 4, 5, 6, 7, 8], [0, 1] * 4, [0, 0, 1, 1, 2, 2, 3, 3])
    assert (shifted.estimate, shifted.p_value) == (pytest.approx(1.0), None)
    assert "no_spread" in shifted.codes
    for working in WORKING:
        # statsmodels answers .745 here: the residuals of the only unit of an arm are zero whatever it was.
        lone = codes([1, 2, 3, 4, 5, 6], [0, 0, 0, 0, 1, 1], [0, 1, 2, 3, 4, 4], working)
        assert (lone.estimate, lone.p_value) == (pytest.approx(3.0), None)
        assert {"no_overlap", "lone_unit"} <= set(lone.codes)


def test_impossible_correlations_are_kept_in_range() -> None:
    # Ratings that alternate within units: the moment estimate is -1.32. Ratings that are alike but for an effect: 1.5.
    values, arm, unit = [1, 9, 9, 1, 2, 8, 8, 2, 1, 8], [0, 1] * 5, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    result = gee_mean_difference(values, arm, unit, working="exchangeable")
    assert result.correlation == pytest.approx(-0.999)
    # Complete pairs: nothing else depends on it. D = 8, -8, 6, -6, 7.
    assert result.estimate == pytest.approx(1.4)
    assert result.standard_error == pytest.approx(np.std([8, -8, 6, -6, 7]) * math.sqrt(5) / 4, rel=SUMS)
    near = gee_mean_difference([1, 2, 3, 5, 2, 2], [0, 1] * 3, [0, 0, 1, 1, 2, 2], working="exchangeable")
    assert near.correlation == pytest.approx(0.999)
    # Two pairs are too few for a correlation.
    assert (
        gee_mean_difference([1, 2, 3, 5], [0, 1] * 2, [0, 0, 1, 1], working="exchangeable").correlation == 0
    )


def test_units_in_one_arm_only_are_counted() -> None:
    rng = np.random.default_rng(1)
    apart = gee_mean_difference(rng.standard_normal(24), [0] * 12 + [1] * 12, range(24))
    assert apart.codes == ("no_overlap",)
    assert apart.interval.known
    # Units apart: a two-sample comparison, each arm's variance with the divisor (n - 1)^2.
    mixed = gee_mean_difference(rng.standard_normal(24), [0] * 12 + [1] * 12, [*range(12), *range(1, 13)])
    assert mixed.codes == ("unpaired_units",)
    assert "2 of 13" in mixed.cautions[0].sentence


@pytest.mark.parametrize(
    ("values", "arm", "unit", "message"),
    [
        ([1, float("nan")], [0, 1], [0, 0], "finite"),
        ([1, float("inf")], [0, 1], [0, 0], "finite"),
        ([1, 2], [0, 2], [0, 0], "0 for control"),
        ([1, 2], [0], [0, 0], "same length"),
        ([1, 2], [0, 1], [0], "one label"),
    ],
)
def test_wrong_inputs_are_refused(values, arm, unit, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gee_mean_difference(values, arm, unit)


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="working"):
        gee_mean_difference([1, 2], [0, 1], [0, 0], working="ar1")
    with pytest.raises(ValueError, match="level"):
        gee_mean_difference([1, 2], [0, 1], [0, 0], level=95)


def test_type_one_error_with_few_ragged_units() -> None:
    # 2,000 runs of 12 ragged units without a difference: the 99.9 % band of .05 ends at .0665. The reduced variance is
    # on the safe side: with complete cells the level is 2 P(t_11 > 2.201 sqrt(12 / 11)) = .042, and .0271 the lower
    # end of its band. Against the normal distribution and without the reduction (as in geepack) far more are rejected.
    rng = np.random.default_rng(8)
    low, high = stats.binom.ppf([0.0005, 0.9995], 2000, [0.0421, 0.05]) / 2000
    rejected, plain = 0, 0
    for _ in range(2000):
        unit = np.repeat(np.arange(12), 2 + rng.integers(0, 4, 12))
        arm = (np.arange(unit.size) + rng.integers(0, 2, unit.size)) % 2
        effects = rng.standard_normal((2, 12))  # each unit has a difference of its own, with a mean of zero
        values = effects[0, unit] + 0.5 * arm * effects[1, unit] + rng.standard_normal(unit.size)
        result = gee_mean_difference(values, arm, unit)
        rejected += result.p_value <= 0.05
        plain += abs(result.estimate / result.sandwich_error) > 1.96
    assert low <= rejected / 2000 <= high
    assert plain / 2000 > 0.08


def test_speed() -> None:
    values, arm, unit = ragged(np.random.default_rng(0), 20_000)
    start = time.process_time()
    gee_mean_difference(values, arm, unit, working="exchangeable")
    assert time.process_time() - start < 2
