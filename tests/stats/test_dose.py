"""Dose and response against R (tests/r/dose.R) at a relative 1e-6, exact p-values at 1e-12."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from auditor.stats.dose import dose_response

R = 1e-6
NAN = math.nan
MARKS = [8, 10, 12, 15]


def read(case: str) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    with (Path(__file__).parents[1] / "r" / "dose.csv").open() as file:
        for row in csv.DictReader(file):
            if row["case"] == case:
                found.setdefault(row["quantity"], []).append(float(row["value"]))
    return found


def cube(values: list[float]) -> np.ndarray:
    """R writes by column: items fastest, then thresholds, then replicates."""
    array = np.array(values).reshape(3, 4, 12).transpose(2, 1, 0)
    return np.where(array == -1, NAN, array)


@pytest.mark.parametrize("case", ["complete", "holes"])
def test_against_r(case: str) -> None:
    data, r = read("data"), read(case)
    treatment = cube(data["treatment" if case == "complete" else "holes"])
    units = None if case == "complete" else data["unit"]
    result = dose_response(treatment, cube(data["control"]), data["marks"], units)
    assert result.estimate == pytest.approx(r["estimate"][0], rel=1e-9)
    assert [result.interval.low, result.interval.high] == pytest.approx(r["interval"], rel=R)
    assert result.p_value == pytest.approx(r["p"][0], abs=1e-12)
    assert [result.n_items, result.n_units] == r["n"]
    assert [dose.estimate for dose in result.doses] == pytest.approx(r["dose_means"], abs=1e-12)
    assert result.resamples is None  # the exact count, though the differences are thirds
    if case == "holes":
        # Items 2 and 5 lack one and two thresholds, item 9 all but one; item 7 only lacks replicates.
        assert (result.n_incomplete, "incomplete_sweep" in result.codes, "unbalanced" in result.codes) == (
            3,
            True,
            True,
        )


def test_the_order_of_thresholds_does_not_matter() -> None:
    data = read("data")
    treatment, control = cube(data["treatment"]), cube(data["control"])
    order = [2, 0, 3, 1]
    one = dose_response(treatment, control, MARKS)
    other = dose_response(treatment[:, order], control[:, order], np.array(MARKS)[order])
    assert one == other


grids = arrays(np.float64, (7, 2, 4), elements=st.one_of(st.just(NAN), st.integers(0, 20).map(float)))


@given(grids)
def test_exchange_shift_and_scale(grid: np.ndarray) -> None:
    treatment, control = grid[:, 0], grid[:, 1]
    one = dose_response(treatment, control, MARKS)
    turned = dose_response(control, treatment, MARKS)
    doubled = dose_response(2 * treatment, 2 * control, MARKS)
    stretched = dose_response(treatment, control, 2.5 * np.array(MARKS) - 4)
    raised = dose_response(treatment + 3, control, MARKS)  # inflation alike at every threshold has no slope
    results = (turned, doubled, stretched, raised)
    if one.estimate is None:
        assert all(result.estimate is None for result in results)
        assert "no_slope" in one.codes
        return
    for result, factor in zip(results, (-1, 2, 0.4, 1), strict=True):
        assert result.estimate == pytest.approx(factor * one.estimate, abs=1e-9)
        assert result.p_value == one.p_value


def test_exact_against_floats() -> None:
    # Off any lattice the same slopes go through random signs: within 4.5 standard errors of the exact share.
    rng = np.random.default_rng(1)
    control, treatment = rng.integers(0, 20, (2, 14, 4)).astype(float)
    exact = dose_response(treatment, control, MARKS)
    floats = dose_response(treatment * math.pi, control * math.pi, MARKS)
    assert floats.resamples == 100_000
    p = exact.p_value
    assert floats.p_value == pytest.approx(p, abs=4.5 * math.sqrt(p * (1 - p) / 100_000) + 1e-5)


def test_degenerate_inputs() -> None:
    empty = dose_response(np.empty((0, 3)), np.empty((0, 3)), [1, 2, 3])
    assert (empty.estimate, empty.p_value, empty.codes) == (None, None, ("no_units",))
    assert [dose.estimate for dose in empty.doses] == [None] * 3
    single = dose_response([[3], [4]], [[1], [2]], [12])
    assert (single.estimate, single.p_value, single.codes) == (None, None, ("no_slope", "few_thresholds"))
    assert single.doses[0].estimate == 2.0
    two = dose_response([[1, 3]] * 6, [[1, 1]] * 6, [10, 14])
    assert (two.estimate, two.p_value, two.interval.known) == (0.5, 2 / 2**6, False)
    assert two.codes == ("no_spread", "few_thresholds")
    flat = dose_response([[1, 1, 1]] * 8, [[1, 1, 1]] * 8, [1, 2, 3])
    assert (flat.estimate, flat.p_value) == (0.0, 1.0)
    gone = dose_response([[NAN, NAN, 2]], [[1, 1, 1]], [1, 2, 3])
    assert gone.codes == ("no_slope", "incomplete_sweep")
    fine = dose_response(np.arange(24.0).reshape(8, 3) ** 1.5, np.zeros((8, 3)), [1e-7, math.e, math.pi])
    assert fine.estimate is not None
    for arguments, message in (
        (([[1, 2]], [[1, 2]], [1, 1]), "twice"),
        (([[1, 2]], [[1, 2]], [1, NAN]), "finite"),
        (([[1, 2]], [[1, 2]], [1, 2, 3]), "column"),
        (([[1, 2]], [[1, 2], [1, 2]], [1, 2]), "same cells"),
        (([1, 2], [1, 2], [1, 2]), "row for each cell"),
        (([[1, math.inf]], [[1, 2]], [1, 2]), "finite"),
    ):
        with pytest.raises(ValueError, match=message):
            dose_response(*arguments)


def test_level_and_coverage() -> None:
    # 40 items x 4 thresholds, items with effects and slopes of their own (SD .15 about a mean of .2), rounding.
    # 500 runs: at .95 the 99.9 % binomial band is .918 to .982; at .05 it ends at .082.
    rng = np.random.default_rng(9)
    runs, items = 500, 40
    quality = rng.uniform(6, 14, (runs, items, 1))
    own = rng.normal(0.2, 0.15, (runs, items, 1))
    lift = rng.normal(0.5, 0.5, (runs, items, 1))
    doses = np.array(MARKS) - 11.25

    def rate(effect: np.ndarray | float) -> np.ndarray:
        return np.rint(quality + effect + rng.normal(0, 1, (runs, items, 4)))

    control, nothing, sloped = rate(0.0), rate(lift), rate(lift + own * doses)
    null = [dose_response(t, c, MARKS).p_value for t, c in zip(nothing, control, strict=True)]
    assert np.mean(np.array(null) <= 0.05) <= 0.082
    intervals = [dose_response(t, c, MARKS).interval for t, c in zip(sloped, control, strict=True)]
    assert 0.918 <= np.mean([i.low <= 0.2 <= i.high for i in intervals]) <= 0.982
