"""Intervals of standardised effects against R (tests/r/effects.R), a published example and simulation.

R finds its roots to 1e-12 through a noncentral t that is good to about 1e-9: compared at a relative 1e-6. The delta
method there takes its derivatives by differences: 1e-6 too.
"""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from auditor.stats import effects
from auditor.stats.effects import d_z_interval, effect_sizes

R = 1e-6


def read() -> dict[str, dict[str, list[float]]]:
    found: dict[str, dict[str, list[float]]] = {}
    with (Path(__file__).parents[1] / "r" / "effects.csv").open() as file:
        for row in csv.DictReader(file):
            found.setdefault(row["case"], {}).setdefault(row["quantity"], []).append(float(row["value"]))
    return found


def test_d_z_against_r() -> None:
    cases = read()["d_z"]
    assert len(cases) == 8
    for d_z, n, level, low, high in cases.values():
        interval = d_z_interval(d_z, int(n), level)
        assert [interval.low, interval.high] == pytest.approx([low, high], rel=R)


def test_zero_effect_by_hand() -> None:
    # t = 0 has the probability Phi(-noncentrality) below it, whatever the degrees of freedom: +-1.96 / sqrt(n).
    interval = d_z_interval(0.0, 50)
    assert [interval.low, interval.high] == pytest.approx(
        [-1.959963985 / math.sqrt(50), 1.959963985 / math.sqrt(50)]
    )


def test_huge_effects_by_hand() -> None:
    # An effect so large that only the spread is uncertain: chi-square quantiles.
    interval = d_z_interval(1e9, 10)
    spread = np.sqrt(stats.chi2.ppf([0.025, 0.975], 9) / 9)
    assert [interval.low, interval.high] == pytest.approx(1e9 * spread, rel=R)


@pytest.mark.parametrize("size", [1e-9, 0.3, 1.0, 1.01, 4.0, 30.0])
@pytest.mark.parametrize("n", [2, 3, 10, 500, 100_000])
def test_noncentral_t_against_scipy(size: float, n: int) -> None:
    # Near the centre scipy is good to 1e-13; in places it is not a number, and at a t of 9,487 it is 3e-7 off, where
    # both of our forms agree to 1e-13.
    precision = 1e-11 if size * math.sqrt(n) < 5_000 else 1e-6
    error = math.sqrt(1 / n + size**2 / (2 * (n - 1)))
    for effect in size + error * np.array([-2, -1, 0, 1, 2]):
        theirs = stats.nct.cdf(size * math.sqrt(n), n - 1, effect * math.sqrt(n))
        if not np.isnan(theirs):
            assert effects._below(size, effect, n) == pytest.approx(theirs, abs=precision)


@pytest.mark.parametrize("n", [2, 3, 10, 500])
def test_both_forms_of_the_noncentral_t_meet(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    one = d_z_interval(1.5, n)
    monkeypatch.setattr(effects, "_STEEP", 2.0)
    other = d_z_interval(1.5, n)
    assert [one.low, one.high] == pytest.approx([other.low, other.high], rel=1e-9)


def test_an_effect_at_which_scipy_is_not_a_number() -> None:
    # 3 units with d_z 4.9: between the intervals of 4.8 and 5.
    below, interval, above = (d_z_interval(size, 3) for size in (4.8, 4.9, 5.0))
    assert below.low < interval.low < above.low
    assert below.high < interval.high < above.high


@given(st.floats(-20, 20), st.integers(2, 2000), st.sampled_from([0.5, 0.9, 0.95, 0.999]))
def test_d_z_interval_turns_with_its_sign(d_z: float, n: int, level: float) -> None:
    interval, turned = d_z_interval(d_z, n, level), d_z_interval(-d_z, n, level)
    assert [turned.low, turned.high] == pytest.approx([-interval.high, -interval.low], abs=1e-12)
    assert interval.low < interval.high
    assert interval.low < d_z < interval.high or (level == 0.5 and n < 6)
    # It leaves out zero when the t test rejects (both are t tails under no effect).
    p_value = 2 * stats.t.sf(abs(d_z) * math.sqrt(n), n - 1)
    if abs(p_value - (1 - level)) > 1e-9:
        assert interval.excludes_zero() == (p_value < 1 - level)


def with_moments(
    mean_x: float, mean_y: float, sd_x: float, sd_y: float, r: float, n: int
) -> list[np.ndarray]:
    """Numbers with exactly these sample moments."""
    rng = np.random.default_rng(0)
    raw = rng.standard_normal((n, 2))
    raw -= raw.mean(axis=0)
    raw = raw @ np.linalg.inv(np.linalg.cholesky(np.cov(raw.T))).T
    return [mean_x + sd_x * raw[:, 0], mean_y + sd_y * (r * raw[:, 0] + math.sqrt(1 - r**2) * raw[:, 1])]


def test_published_example_of_bonetts_interval() -> None:
    # Manual of the R package statpsych, ci.stdmean.ps(.05, 110.4, 102.1, 15.3, 14.6, .75, 25): estimate .5550319,
    # error .1609934, interval .2394905 to .8705732.
    sizes = effect_sizes(*with_moments(110.4, 102.1, 15.3, 14.6, 0.75, 25))
    assert [sizes.g_av_interval.low, sizes.g_av_interval.high] == pytest.approx(
        [0.2394905, 0.8705732], abs=5e-8
    )
    assert sizes.g_av == pytest.approx(0.5550319 * (1 - 3 / 95), abs=5e-8)  # 4 * 24 - 1


@pytest.mark.parametrize("case", ["one", "two"])
@pytest.mark.parametrize("level", [0.95, 0.8])
def test_g_av_against_the_delta_method(case: str, level: float) -> None:
    r = read()[case]
    interval = effect_sizes(r["treatment"], r["control"], level=level).g_av_interval
    assert interval.level == level
    assert [interval.low, interval.high] == pytest.approx(r[f"interval{level}"], rel=1e-5, abs=1e-7)


rows = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=3, max_size=12)


@given(rows, st.sampled_from([1e-3, 2.0, 1e6]))
def test_swapped_moved_and_scaled(pairs: list[tuple[int, int]], factor: float) -> None:
    treatment, control = np.array(pairs, dtype=float).T
    one, swapped = effect_sizes(treatment, control), effect_sizes(control, treatment)
    moved, scaled = (
        effect_sizes(treatment + 7, control + 7),
        effect_sizes(factor * treatment, factor * control),
    )
    for name in ("d_z_interval", "g_av_interval"):
        interval = getattr(one, name)
        if interval is None:
            assert getattr(swapped, name) is getattr(moved, name) is None
            continue
        ends = [interval.low, interval.high]
        assert [-getattr(swapped, name).high, -getattr(swapped, name).low] == pytest.approx(ends, abs=1e-9)
        for other in (moved, scaled):
            assert [getattr(other, name).low, getattr(other, name).high] == pytest.approx(
                ends, rel=1e-7, abs=1e-7
            )


def test_no_spread_no_interval() -> None:
    for treatment, control in (([2, 2, 2], [1, 1, 1]), ([2], [1])):
        sizes = effect_sizes(treatment, control)
        assert (sizes.d_z_interval, sizes.g_av_interval) == (None, None)
    shifted = effect_sizes([2, 3, 4], [1, 2, 3])  # D equal, but the arms vary: sd 1, effect 1
    assert shifted.d_z_interval is None
    # Correlation 1: the difference of the means is certain, the spread is not. 1 (1 + 1 + 2) / (8 * 2) = .25.
    assert [shifted.g_av_interval.low, shifted.g_av_interval.high] == pytest.approx(
        [1 - 0.97998, 1 + 0.97998], abs=1e-5
    )


def test_two_units_have_no_hedges_g() -> None:
    # 1 - 3 / (4 * 1 - 1) = 0: one degree of freedom says nothing of the effect's size. d_z has an interval, a wide one.
    sizes = effect_sizes([3, 5], [1, 2])
    assert (sizes.g_av, sizes.g_av_interval) == (None, None)
    assert sizes.d_z == pytest.approx(2.5 / math.sqrt(0.5))
    assert sizes.d_z_interval.low < 0
    assert sizes.d_z_interval.high > 5


@pytest.mark.parametrize(
    ("treatment", "level", "message"),
    [([1, float("nan")], 0.95, "finite"), ([1, float("inf")], 0.95, "finite"), ([1, 2], 95, "level")],
)
def test_wrong_inputs_are_refused(treatment: list[float], level: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        effect_sizes(treatment, [1, 2], level=level)


@pytest.mark.parametrize(("d_z", "n"), [(0.5, 1), (float("nan"), 9)])
def test_no_interval_of_nothing(d_z: float, n: int) -> None:
    with pytest.raises(ValueError, match="two pairs"):
        d_z_interval(d_z, n)


def test_coverage_of_normal_ratings() -> None:
    # 1,000 runs of 12 units, correlation .8, true effects d_z = .5 / sqrt(2 * .2) and .5: 99.9 % band .927 to .973.
    rng = np.random.default_rng(15)
    low, high = stats.binom.ppf([0.0005, 0.9995], 1000, 0.95) / 1000
    control = rng.standard_normal((1000, 12))
    treatment = 0.5 + 0.8 * control + 0.6 * rng.standard_normal((1000, 12))
    sizes = [effect_sizes(t, c) for t, c in zip(treatment, control, strict=True)]
    for name, true in (("d_z_interval", 0.5 / math.sqrt(0.4)), ("g_av_interval", 0.5)):
        covered = np.mean([getattr(s, name).low <= true <= getattr(s, name).high for s in sizes])
        assert low <= covered <= high
