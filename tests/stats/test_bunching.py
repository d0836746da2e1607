"""Bunching against R (tests/r/bunching.R) at a relative 1e-6, exact p-values at 1e-12, and the trap of one arm."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from auditor.stats.bunching import bunching, window_width
from auditor.stats.cells import mean_test

R = 1e-6
NAN = math.nan


def read(case: str) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    with (Path(__file__).parents[1] / "r" / "bunching.csv").open() as file:
        for row in csv.DictReader(file):
            if row["case"] == case:
                found.setdefault(row["quantity"], []).append(float(row["value"]))
    return found


def test_against_r() -> None:
    data, r = read("data"), read("bunching")
    treatment, control = (np.reshape(data[arm], (2, 14)).T for arm in ("treatment", "control"))
    result = bunching(treatment, control, 12, 2, data["unit"], step=1)
    assert [result.above_treatment, result.above_control] == pytest.approx(r["above"], rel=1e-12)
    assert [result.below_treatment, result.below_control] == pytest.approx(r["below"], rel=1e-12)
    assert result.estimate == pytest.approx(r["estimate"][0], rel=1e-12)
    assert [result.interval.low, result.interval.high] == pytest.approx(r["interval"], rel=R)
    assert result.p_value == pytest.approx(r["p"][0], abs=1e-12)
    assert (result.n_units, result.n_ratings, result.n_dropped) == (12, 56, 0)


@pytest.mark.parametrize(
    ("scale", "width"),
    [
        ((0, 20, 1), 2),  # 10 % of 20
        ((0, 100, 1), 10),
        ((0, 20, 0.5), 2),
        ((1, 5, 1), 1),  # 10 % of 4 is less than a step
        ((1, 5, 0.5), 0.5),
        ((0, 1, 1), 1),
        ((0, 17, 1), 1),  # 1.7 steps, cut to one
        ((0, 10, None), 1),
    ],
)
def test_the_default_width(scale, width: float) -> None:
    assert window_width(*scale) == pytest.approx(width, rel=1e-12)
    step = scale[2]
    assert step is None or (window_width(*scale) / step).is_integer()


def test_the_window_is_closed_below_and_open_above() -> None:
    # One unit for each score; control far away. In [12, 14): 12 and 13; in [10, 12): 10 and 11.
    for score, side in ((9, 0), (10, -1), (11, -1), (12, 1), (13, 1), (14, 0)):
        result = bunching([score, 12], [0, 12], 12, 2, step=1)
        assert result.estimate == side / 2


def test_decimals_off_by_rounding() -> None:
    # .7 in steps of .1 is 0.7000000000000001 or 0.6999999999999999 by how it was added up; both pass at .7.
    result = bunching([0.1 * 7, 0.8 - 0.1], [0.6, 0.6], 0.7, 0.1, step=0.1)
    assert (result.above_treatment, result.below_control, result.estimate) == (1.0, 1.0, 2.0)


scores = st.lists(
    st.tuples(
        st.one_of(st.just(NAN), st.integers(5, 19)),
        st.one_of(st.just(NAN), st.integers(5, 19)),
        st.integers(0, 5),
    ),
    min_size=1,
    max_size=25,
)


@given(scores)
def test_exchange_shift_and_scale(rows) -> None:
    table = np.array(rows, dtype=float)
    treatment, control, units = table[:, 0], table[:, 1], table[:, 2].astype(int)
    one = bunching(treatment, control, 12, 2, units)
    turned = bunching(control, treatment, 12, 2, units)
    moved = bunching(10 * treatment + 3, 10 * control + 3, 123, 20, units)
    if one.estimate is None:
        assert turned.estimate is moved.estimate is None
        assert set(one.codes) <= {"no_units", "empty_window"}
        return
    assert turned.estimate == pytest.approx(-one.estimate, abs=1e-12)
    assert moved.estimate == one.estimate
    assert one.p_value == turned.p_value == moved.p_value
    parts = one.above_treatment - one.above_control - one.below_treatment + one.below_control
    assert one.estimate == pytest.approx(parts, abs=1e-12)


def test_degenerate_inputs() -> None:
    assert bunching([], [], 12, 2).codes == ("no_units",)
    far = bunching([1, 2, 3], [1, 2, 4], 12, 2)
    assert (far.estimate, far.p_value, far.interval.known, far.codes) == (
        None,
        None,
        False,
        ("empty_window",),
    )
    one = bunching([12], [11], 12, 2)
    assert (one.estimate, one.p_value, one.interval.known) == (2.0, 1.0, False)
    equal = bunching([12] * 20, [12] * 20, 12, 2)
    assert (equal.estimate, equal.p_value, equal.codes) == (0.0, 1.0, ("no_spread",))
    assert "thin_window" in bunching([12, 5] * 4, [12, 6] * 4, 12, 2).codes
    missing = bunching([NAN, 12], [12, NAN], 12, 2)
    assert (missing.estimate, missing.n_dropped, missing.above_control) == (None, 2, None)
    for width, step, mark in (
        (0, None, 12),
        (-1, None, 12),
        (NAN, None, 12),
        (1.5, 1, 12),
        (2, 0, 12),
        (2, 1, NAN),
    ):
        with pytest.raises(ValueError, match=r"width|threshold"):
            bunching([1], [1], mark, width, step=step)
    with pytest.raises(ValueError, match="scale"):
        window_width(5, 5)


def heaped(
    rng: np.random.Generator, quality: np.ndarray, bumped: float = 0.0, even: float = 0.8
) -> np.ndarray:
    """Scores 0 to 20 with noise; a share is rounded to even numbers, and a share of 10 and 11 is lifted to 12."""
    score = np.clip(np.rint(quality + rng.normal(0, 1.2, quality.shape)), 0, 20)
    score = np.where(rng.random(score.shape) < even, np.clip(2 * np.rint(score / 2), 0, 20), score)
    lifted = (rng.random(score.shape) < bumped) & (score >= 10) & (score < 12)
    return np.where(lifted, 12, score)


def test_the_difference_keeps_its_level_under_heaping_where_one_arm_does_not() -> None:
    # 1,000 runs of 200 items, no effect. The 99.9 % binomial band of 5 % ends at .076 (discrete: only from above).
    rng = np.random.default_rng(3)
    quality = 20 * rng.beta(5, 2, (1000, 200))
    treatment, control = heaped(rng, quality), heaped(rng, quality)
    both = np.array([bunching(t, c, 12, 1, step=1).p_value for t, c in zip(treatment, control, strict=True)])
    above, below = (treatment == 12).sum(axis=1), (treatment == 11).sum(axis=1)
    one_arm = 2 * stats.binom.sf(above - 1, above + below, 0.5)  # a count test of one arm for smoothness
    assert np.mean(both <= 0.05) <= 0.076
    assert np.mean(one_arm <= 0.05) > 0.95


def test_it_finds_lifted_scores_that_the_mean_overlooks() -> None:
    # 30 % of just-failing scores lifted to the mark, 300 items of 3 replicates, 200 runs. Seen: .715 by bunching, .115
    # by the mean; the bounds are the 99.9 % binomial band of 200 runs around those.
    rng = np.random.default_rng(4)
    quality = np.repeat(20 * rng.beta(5, 2, (200, 300, 1)), 3, axis=2)
    treatment, control = heaped(rng, quality, bumped=0.3, even=0.3), heaped(rng, quality, even=0.3)
    pairs = list(zip(treatment, control, strict=True))
    assert np.mean([bunching(t, c, 12, 2, step=1).p_value <= 0.05 for t, c in pairs]) > 0.61
    assert (
        np.mean([mean_test((t - c).mean(axis=1), (t - c).sum(axis=1)).p_value <= 0.05 for t, c in pairs])
        < 0.20
    )


def test_the_interval_covers_the_expected_difference() -> None:
    # The truth by 4,000 draws of the same 100 items; 500 runs at .95: the 99.9 % band starts at .915.
    rng = np.random.default_rng(5)
    quality = 20 * rng.beta(5, 2, 100)

    def side(score: np.ndarray) -> np.ndarray:
        return ((score >= 12) & (score < 14)).astype(float) - ((score >= 10) & (score < 12))

    many = np.tile(quality, (4000, 1))
    truth = side(heaped(rng, many, 0.3)).mean() - side(heaped(rng, many)).mean()
    runs = np.tile(quality, (500, 1))
    treatment, control = heaped(rng, runs, 0.3), heaped(rng, runs)
    intervals = [bunching(t, c, 12, 2).interval for t, c in zip(treatment, control, strict=True)]
    assert np.mean([i.low <= truth <= i.high for i in intervals]) >= 0.915
