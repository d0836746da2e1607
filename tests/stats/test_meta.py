"""Random-effects meta-analysis against R's metafor and against identities.

``tests/r/meta.csv`` is written by ``tests/r/meta.R``: R 4.2.2, metafor 3.8.1. Tolerances: rma was run to 1e-14 and is
met at a relative 1e-8; rma.mv maximises numerically to a relative 1e-10 of the likelihood, whose top is flat, so that
tau2 and what rests on it are compared at 1e-6; R's t and chi-square tails below 1e-12 are not compared.
"""

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from auditor.stats.meta import MetaResult, random_effects, shared_covariance

TIGHT = 1e-8
SEARCHED = 1e-6


@pytest.fixture(scope="module")
def table() -> dict[tuple[str, str], np.ndarray]:
    found = defaultdict(list)
    with (Path(__file__).parents[1] / "r" / "meta.csv").open() as lines:
        for row in csv.DictReader(lines):
            found[row["case"], row["quantity"]].append(float(row["value"]))
    return {key: np.array(values) for key, values in found.items()}


def ends(interval) -> list[float]:
    return [interval.low, interval.high]


@pytest.mark.parametrize("case", ["bcg", "five", "four", "alike", "three", "two", "many"])
def test_independent_judges_against_metafor(table, case: str) -> None:
    want = {quantity: values for (name, quantity), values in table.items() if name == case}
    result = random_effects(want["yi"], want["vi"])
    for ours, quantity in (
        (result.estimate, "estimate"),
        (result.standard_error, "se"),
        (result.p_value, "p"),
        (result.tau2, "tau2"),
        (result.q, "q"),
        (result.i_squared, "i2"),
        (result.weights[:13], "weights"),
        (ends(result.interval), "interval"),
        ([s.estimate for s in result.shrunken[:13]], "blup"),
        ([s.interval.low for s in result.shrunken[:13]], "blup_low"),
        ([s.interval.high for s in result.shrunken[:13]], "blup_high"),
        (ends(random_effects(want["yi"], want["vi"], hold_scale=True).interval), "held_interval"),
    ):
        np.testing.assert_allclose(ours, want[quantity].squeeze(), rtol=TIGHT, atol=1e-14, err_msg=quantity)
    assert result.q_p_value == pytest.approx(want["q_p"][0], rel=TIGHT, abs=1e-12)
    # uniroot in metafor's confint was run to an absolute 1e-13, but stops at a relative 1e-8 of the end.
    np.testing.assert_allclose(ends(result.tau2_interval), want["tau2_interval"], rtol=1e-6, atol=1e-10)
    assert (result.n_units, result.df) == (want["yi"].size, want["yi"].size - 1)
    if case == "two":
        assert ends(result.prediction) == [None, None]
        assert result.codes == ("two_judges",)
        return
    np.testing.assert_allclose(ends(result.prediction), want["prediction_k2"], rtol=TIGHT)
    other = random_effects(want["yi"], want["vi"], prediction_df="k-1").prediction
    np.testing.assert_allclose(ends(other), want["prediction_k1"], rtol=TIGHT)


def test_bcg_oracle(table) -> None:
    # The values handed down with the design (R 4.2.2, metafor 3.8.1, default stopping rule: good to 1e-5). Its
    # prediction interval is t with k - 1 = 12 degrees of freedom and the scaled standard error:
    # -.714532 -+ 2.178813 sqrt(.180792^2 + .313243) = -1.99602, .56695.
    result = random_effects(table["bcg", "yi"], table["bcg", "vi"], prediction_df="k-1")
    assert result.estimate == pytest.approx(-0.714532348365101, rel=1e-5)
    assert result.standard_error == pytest.approx(0.1807917455191, rel=1e-5)
    assert result.tau2 == pytest.approx(0.313243325980895, rel=1e-5)
    assert result.i_squared == pytest.approx(0.922213860749656, rel=1e-5)
    assert result.q == pytest.approx(152.233008082373, rel=1e-5)
    assert result.p_value == pytest.approx(0.00192001508513394, rel=1e-5)
    assert ends(result.interval) == pytest.approx([-1.10844372300005, -0.320620973730153], rel=1e-5)
    assert ends(result.prediction) == pytest.approx([-1.99601696702229, 0.566952270292088], rel=1e-5)
    assert [s.estimate for s in result.shrunken[:3]] == pytest.approx(
        [-0.800233574593967, -1.25170602725994, -0.986903130526215], rel=1e-5
    )


def correlated(table, case: str) -> tuple[np.ndarray, np.ndarray]:
    if case == "shared":
        return table["shared", "means"], table["shared", "V"].reshape(6, 6)
    variances = 0.01 + 0.002 * np.arange(1, 61)  # the rule stated in the R script
    V = 0.6 * np.sqrt(np.outer(variances, variances))
    np.fill_diagonal(V, variances)
    return table[case, "yi"], V


@pytest.mark.parametrize("case", ["shared", "rule", "alike_rule"])
def test_correlated_judges_against_metafor(table, case: str) -> None:
    want = {quantity: values for (name, quantity), values in table.items() if name == case}
    y, V = correlated(table, case)
    result = random_effects(y, V, hold_scale=False)
    for ours, quantity in (
        (result.estimate, "estimate"),
        (result.tau2, "tau2"),
        (result.q, "q"),
        (result.i_squared, "i2"),
        (result.scale, "scale"),
        (result.standard_error, "se"),
        (ends(result.interval), "interval"),
        (np.array([s.estimate for s in result.shrunken]) - result.estimate, "deviation"),
    ):
        np.testing.assert_allclose(ours, want[quantity].squeeze(), rtol=SEARCHED, atol=1e-8, err_msg=quantity)
    critical = stats.t.ppf(0.975, y.size - 1)
    errors = [(s.interval.high - s.estimate) / critical for s in result.shrunken]
    np.testing.assert_allclose(errors, want["blup_se"], rtol=SEARCHED, atol=1e-8)
    assert result.p_value == pytest.approx(want["p"][0], rel=SEARCHED, abs=1e-12)
    assert sum(result.weights) == pytest.approx(1.0, rel=1e-12)
    held = random_effects(y, V)
    assert held.standard_error == pytest.approx(
        want["plain_se"][0] * max(1.0, np.sqrt(want["scale"][0])), rel=SEARCHED
    )
    if case == "alike_rule":  # Q is below the lower quantile of chi-square: nothing fits
        assert ends(result.tau2_interval) == [None, None]
        assert result.codes == ("narrow_interval", "empty_tau2_interval")
        assert held.codes == ("empty_tau2_interval",)
    else:
        np.testing.assert_allclose(ends(result.tau2_interval), want["tau2_interval"], rtol=SEARCHED)


judges = st.lists(
    st.tuples(st.floats(-5, 5), st.floats(0.01, 4)), min_size=2, max_size=8, unique_by=lambda pair: pair[0]
)


def close(first: MetaResult, second: MetaResult, shift: float = 0.0, factor: float = 1.0) -> None:
    """Second is first, times factor, plus shift; where tau2 is zero in one it may be a rounding error in the other."""
    size = 1e-6 * (1 + abs(factor) * (abs(first.estimate) + first.standard_error) + abs(shift))
    assert second.estimate == pytest.approx(factor * first.estimate + shift, abs=size)
    assert second.standard_error == pytest.approx(abs(factor) * first.standard_error, rel=1e-5, abs=size)
    assert second.tau2 == pytest.approx(factor**2 * first.tau2, rel=1e-5, abs=1e-6 * factor**2)
    assert second.q == pytest.approx(first.q, rel=1e-6, abs=1e-9)
    for one, other in zip(first.shrunken, second.shrunken, strict=True):
        assert other.estimate == pytest.approx(factor * one.estimate + shift, abs=10 * size)


@settings(max_examples=60, deadline=None)
@given(judges, st.floats(-50, 50))
def test_shift_turn_scale_and_order(pairs, shift: float) -> None:
    y, v = np.array(pairs).T
    if np.ptp(y) < 1e-3:
        y = y + np.arange(y.size)  # equal estimates have a test of their own
    plain = random_effects(y, v)
    close(plain, random_effects(y + shift, v), shift=shift)
    close(plain, random_effects(-y, v), factor=-1.0)
    close(plain, random_effects(8 * y, 64 * v), factor=8.0)
    close(plain, random_effects(3 * y, 9 * v), factor=3.0)
    turned = random_effects(y[::-1], v[::-1])
    assert turned.estimate == pytest.approx(plain.estimate, rel=1e-6, abs=1e-6)
    assert turned.shrunken[0].estimate == pytest.approx(plain.shrunken[-1].estimate, rel=1e-6, abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(judges)
def test_a_diagonal_matrix_is_a_list_of_variances(pairs) -> None:
    y, v = np.array(pairs).T
    assert random_effects(y, np.diag(v)) == random_effects(y, v)
    # A rotation by hardly any covariance takes the other path and arrives at the same place.
    if np.ptp(y) > 1e-3:
        V = np.diag(v)
        V[0, 1] = V[1, 0] = 1e-13
        close(random_effects(y, v, hold_scale=True), random_effects(y, V))


def test_equal_variances_have_a_closed_form() -> None:
    # With v for all, tau2 = max(0, s^2 - v), the mean is plain, and q brings back the t interval of the estimates.
    rng = np.random.default_rng(2)
    for k in (2, 3, 8, 40):
        y = rng.normal(0, 1, k)
        for v in (0.1 * y.var(ddof=1), 5 * y.var(ddof=1)):
            result = random_effects(y, np.full(k, v))
            assert result.tau2 == pytest.approx(max(0.0, y.var(ddof=1) - v), rel=1e-9, abs=1e-12)
            test = stats.ttest_1samp(y, 0.0)
            assert result.p_value == pytest.approx(test.pvalue, rel=1e-9)
            assert ends(result.interval) == pytest.approx(list(test.confidence_interval()), rel=1e-9)


@pytest.mark.parametrize(
    ("d", "v"), [(3.0, (1e-10, 1.0)), (3.0, (0.5, 2.0)), (1e3, (1e-5, 1.0)), (1.0, (0.5, 2.0))]
)
def test_two_judges_have_a_closed_form(d: float, v: tuple[float, float]) -> None:
    # (y1 - y2)^2 / (v1 + v2 + 2 tau2) = 1 at the solution, however uneven the variances are.
    result = random_effects([0.0, d], v)
    tau2 = max(0.0, (d**2 - sum(v)) / 2)
    assert result.tau2 == pytest.approx(tau2, rel=1e-9)
    assert result.q == pytest.approx(d**2 / sum(v), rel=1e-9)
    first = (v[1] + tau2) / (sum(v) + 2 * tau2)  # the precise judge weighs more
    assert result.weights == pytest.approx((first, 1 - first), rel=1e-9)
    assert result.estimate == pytest.approx((1 - first) * d, rel=1e-9)


def test_absurdly_uneven_variances_count_as_zero() -> None:
    result = random_effects([1.0, 2.0, 4.0], [1e-30, 1.0, 1.0])
    assert result.codes == ("zero_variance",)
    assert random_effects([1.97, -0.35], [1e90, 1.0]).codes[-1] == "zero_variance"


def test_an_error_that_all_share_widens_the_mean_and_not_the_differences() -> None:
    y, v = np.array([0.4, 1.1, 0.2, 1.9]), np.full(4, 0.1)
    alone, shared = random_effects(y, v), random_effects(y, np.diag(v) + 0.5)
    assert shared.tau2 == pytest.approx(alone.tau2, rel=1e-8)
    assert shared.estimate == pytest.approx(alone.estimate, rel=1e-8)
    # Equal variances: q = 1 at the solution, so that the variance of the mean grows by the shared .5 alone.
    assert shared.standard_error**2 == pytest.approx(alone.standard_error**2 + 0.5, rel=1e-8)


def test_no_judge_and_one() -> None:
    none = random_effects([], [])
    assert (none.estimate, none.p_value, none.n_units, none.codes) == (None, None, 0, ("no_judges",))
    for variances in ([0.2], [[0.2]]):
        one = random_effects([1.5], variances)
        assert (one.estimate, one.p_value, one.tau2, one.codes) == (1.5, None, None, ("one_judge",))
        assert ends(one.interval) == ends(one.prediction) == ends(one.tau2_interval) == [None, None]
        assert one.shrunken[0].estimate == 1.5


@pytest.mark.parametrize("y", [[0.0, 0.0, 0.0], [0.7, 0.7, 0.7], [0.3, 0.1 + 0.2, 0.3]])
def test_equal_estimates(y) -> None:
    # tau2 = 0, q set to 1: the mean of three with variance 1 / (1/.1 + 1/.2 + 1/.4) = .4 / 7 by itself.
    result = random_effects(y, [0.1, 0.2, 0.4])
    assert (result.tau2, result.scale) == (0.0, 1.0)
    assert result.standard_error == pytest.approx(np.sqrt(0.4 / 7), rel=1e-12)
    assert result.codes == ("no_spread", "empty_tau2_interval")
    assert result.p_value == pytest.approx(2 * stats.t.sf(y[0] / np.sqrt(0.4 / 7), 2), rel=1e-9)
    # So small a difference is nothing next to the sampling errors, and its square not a number that can be held.
    assert random_effects([0.0, 2.9e-224], [1.0, 1.0]).codes == (
        "two_judges",
        "no_spread",
        "empty_tau2_interval",
    )
    assert random_effects([0.0, 2.9e-224], [0.0, 0.0]).codes == ("zero_variance",)
    assert random_effects(y, np.diag([0.1, 0.2, 0.4]) + 0.05).codes == ("no_spread", "empty_tau2_interval")


def test_variances_of_zero() -> None:
    # All zero: the estimates are the true values, and what is left is their t interval (here mean 1, sd 1, n 3).
    result = random_effects([0.0, 1.0, 2.0], [0, 0, 0])
    assert (result.estimate, result.q, result.i_squared, result.codes) == (
        pytest.approx(1.0), None, None, ("zero_variance",),
    )  # fmt: skip
    assert result.tau2 == pytest.approx(1.0, rel=1e-9)
    assert result.interval.high == pytest.approx(1 + stats.t.ppf(0.975, 2) / np.sqrt(3), rel=1e-9)
    # Two judges that never moved among others that did: a solution above zero, not the endless peak at zero.
    result = random_effects([0.0, 0.0, 1.2, 0.8, 2.0], [0, 0, 0.01, 0.01, 0.01])
    assert result.codes == ("zero_variance",)
    assert result.tau2 == pytest.approx(np.var([0, 0, 1.2, 0.8, 2.0], ddof=1), rel=0.02)
    # Nothing asks for tau2 > 0, and a judge with variance zero would count for all of the mean.
    result = random_effects([0.0, 0.1, -0.1, 0.05], [0, 1, 1, 1])
    assert (result.estimate, result.p_value, result.codes) == (None, None, ("zero_variance",))
    result = random_effects([0.5, 0.5], [0, 0])
    assert (result.estimate, result.interval.low, result.codes) == (0.5, None, ("zero_variance",))


def test_the_same_judge_under_two_names() -> None:
    # The covariance is singular, and the third judge decides how far judges differ.
    V = np.array([[0.04, 0.04, 0.0], [0.04, 0.04, 0.0], [0.0, 0.0, 0.04]])
    result = random_effects([1.0, 1.0, 3.0], V)
    assert "zero_variance" in result.codes
    assert result.estimate is not None
    assert result.tau2 > 0.5
    same = random_effects([1.0, 1.0], V[:2, :2])
    assert (same.estimate, same.interval.low) == (1.0, None)


def test_huge_and_tiny_numbers() -> None:
    y, v = np.array([1.0, 2.0, 4.0]), np.array([0.1, 0.2, 0.1])
    for factor in (2.0**-200, 2.0**160):
        result, plain = random_effects(factor * y, factor**2 * v), random_effects(y, v)
        assert result.estimate == pytest.approx(factor * plain.estimate, rel=1e-12)
        assert result.tau2 == pytest.approx(factor**2 * plain.tau2, rel=1e-9)


@pytest.mark.parametrize(
    ("y", "v", "message"),
    [
        ([1.0, np.nan], [1, 1], "finite"),
        ([1.0, np.inf], [1, 1], "finite"),
        ([1.0, 2.0], [1, np.inf], "finite"),
        ([1.0, 2.0], [1, -1], "below zero"),
        ([1.0, 2.0], [[1, 0.5], [0.5, -1]], "below zero"),
        ([1.0, 2.0], [1], "one variance for each"),
        ([1.0, 2.0], [[1, 0.5], [0.2, 1]], "symmetric"),
        ([1.0, 2.0], [[1, 3], [3, 1]], "no negative variance"),
    ],
)
def test_what_is_refused(y, v, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        random_effects(y, v)
    with pytest.raises(ValueError, match="level"):
        random_effects([1, 2], [1, 1], level=1.0)
    with pytest.raises(ValueError, match="prediction_df"):
        random_effects([1, 2], [1, 1], prediction_df="k")


@pytest.mark.parametrize(("k", "seed"), [(3, 103), (5, 105), (10, 110)])
def test_coverage(k: int, seed: int) -> None:
    # Standard errors of .1 to .2 and tau = .3; the design's own simulation has .948/.951/.956. 2,000 runs, 99.9 % band.
    rng, runs = np.random.default_rng(seed), 2000
    covered = predicted = 0
    for _ in range(runs):
        errors = np.exp(rng.uniform(np.log(0.1), np.log(0.2), k))
        y = rng.normal(1.0, np.sqrt(0.09 + errors**2))
        result = random_effects(y, errors**2)
        covered += result.interval.low < 1.0 < result.interval.high
        predicted += result.prediction.low < rng.normal(1.0, 0.3) < result.prediction.high
    low, high = stats.binom.interval(0.999, runs, 0.95) / np.array(runs)
    assert low <= covered / runs <= high
    # The prediction is a rougher affair: with k - 2 about .98/.93/.94 (with k - 1 .89/.91/.94).
    assert predicted / runs > 0.91


def test_judges_that_share_items_are_not_independent() -> None:
    # Ten judges, 60 shared items, correlation .8, tau = .1: the full covariance covers, its diagonal does not.
    rng, runs, k, n = np.random.default_rng(60), 400, 10, 60
    full = diagonal = 0
    for _ in range(runs):
        scale = np.exp(rng.uniform(-0.5, 0.5, k))
        noise = np.sqrt(0.8) * rng.normal(size=(n, 1)) + np.sqrt(0.2) * rng.normal(size=(n, k))
        shared = shared_covariance(list((rng.normal(0, 0.1, k) + scale * noise).T), [range(n)] * k)
        result = random_effects(shared.estimates, shared.covariance)
        full += result.interval.low < 0 < result.interval.high
        naive = random_effects(shared.estimates, np.diag(shared.covariance))
        diagonal += naive.interval.low < 0 < naive.interval.high
    low, _ = stats.binom.interval(0.999, runs, 0.95)
    assert full >= low  # from below only: the factor q is held at 1
    assert diagonal / runs < 0.7


def test_five_hundred_judges_with_shared_items() -> None:
    rng = np.random.default_rng(500)
    D = rng.normal(0.4, 0.3, 500) + rng.normal(size=(700, 1)) + rng.normal(size=(700, 500))
    shared = shared_covariance(list(D.T), [range(700)] * 500)
    result = random_effects(shared.estimates, shared.covariance)
    assert result.tau2 == pytest.approx(
        0.09, abs=0.03
    )  # five standard errors of a variance of 500: .09 sqrt(2/499) 5
    assert len(result.shrunken) == len(result.weights) == 500
    # Each judge's value is known to about sqrt(2/700) = .053; all are off together by the shared items' part.
    assert result.shrunken[0].estimate == pytest.approx(shared.estimates[0], abs=0.1)
