"""Rescued and condemned against R (tests/r/bunching.R) at a relative 1e-6, exact p-values at 1e-12."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.stats.crossings import crossings
from auditor.stats.mcnemar import mcnemar
from auditor.stats.proportions import tango_interval

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
    data, r = read("data"), read("crossings")
    treatment, control, copy = (np.reshape(data[arm], (2, 14)).T for arm in ("treatment", "control", "copy"))
    result = crossings(treatment, control, 12, 2, data["unit"], second_control=copy)
    assert [result.rescued, result.condemned] == pytest.approx(r["counts"], rel=1e-12)
    assert result.estimate == pytest.approx(r["estimate"][0], rel=1e-12)
    assert [result.interval.low, result.interval.high] == pytest.approx(r["interval"], rel=R)
    assert result.p_value == pytest.approx(r["p"][0], abs=1e-12)
    assert [result.rescue_rate, result.floor_rate] == pytest.approx(r["rates"], rel=1e-12)
    floor = result.above_floor
    assert floor is not None
    seen = [floor.estimate, floor.interval.low, floor.interval.high, floor.p_value]
    assert seen == pytest.approx(r["above_floor"], rel=R)


def test_all_failures_are_mcnemars_test() -> None:
    rng = np.random.default_rng(1)
    control, treatment = rng.integers(0, 21, (2, 80))
    gained = int(np.sum((control < 12) & (treatment >= 12)))
    lost = int(np.sum((control >= 12) & (treatment < 12)))
    result = crossings(treatment, control, 12, math.inf)
    assert (result.rescued, result.condemned) == (gained, lost)
    assert result.p_value == pytest.approx(mcnemar(gained, lost).p_exact, abs=1e-12)
    assert result.interval == tango_interval(gained, lost, 80)


def test_condemned_mirrors_rescued() -> None:
    # 13 to 11 just fails now, 13 to 5 fails by far: only the first mirrors a rescue of [10, 12).
    result = crossings([11, 5, 12, 12], [13, 13, 11, 5], 12, 2)
    assert (result.rescued, result.condemned) == (1.0, 1.0)
    assert result.rescue_rate == 1.0  # the one that just failed in control passes


def test_replicates_count_pairs_of_ratings() -> None:
    # Control 11, 13: half just fails; treatment 12, 11, 15, 9: half passes, a quarter just fails. Rescued 1/2 1/2,
    # condemned 1/4 1/2 (control passes by half).
    result = crossings([[12, 11, 15, 9]], [[11, 13, NAN, NAN]], 12, 2)
    assert (result.rescued, result.condemned, result.estimate) == (0.25, 0.125, 0.125)


scores = st.lists(
    st.tuples(
        *(st.one_of(st.just(NAN), st.integers(8, 15)) for _ in range(3)),
        st.integers(0, 6),
    ),
    min_size=1,
    max_size=25,
)


@given(scores)
def test_exchanging_the_arms_turns_the_sign(rows) -> None:
    table = np.array(rows, dtype=float)
    treatment, control, copy, units = (*table[:, :3].T, table[:, 3].astype(int))
    one = crossings(treatment, control, 12, 2, units, second_control=copy)
    turned = crossings(control, treatment, 12, 2, units)
    assert (turned.rescued, turned.condemned) == (one.condemned, one.rescued)
    assert turned.p_value == one.p_value
    if one.estimate is not None:
        assert turned.estimate == pytest.approx(-one.estimate, abs=1e-12)
    same = crossings(copy, control, 12, 2, units, second_control=copy).above_floor
    assert same is not None
    assert same.estimate in {None, 0.0}
    shifted = crossings(treatment / 4 - 1, control / 4 - 1, 2, 0.5, units)
    assert (shifted.rescued, shifted.condemned, shifted.p_value) == (one.rescued, one.condemned, one.p_value)


def test_degenerate_inputs() -> None:
    empty = crossings([], [], 12, 2, second_control=[])
    assert (empty.estimate, empty.codes, empty.rescue_rate, empty.floor_rate) == (
        None,
        ("no_units",),
        None,
        None,
    )
    assert empty.above_floor is not None
    assert empty.above_floor.estimate is None
    far = crossings([15] * 8, [16] * 8, 12, 2, second_control=[15] * 8)
    assert (far.estimate, far.p_value, far.rescue_rate) == (0.0, 1.0, None)
    assert {"empty_window", "no_differences"} <= set(far.codes)
    missing = crossings([NAN, 12], [11, 11], 12, 2, second_control=[11, NAN])
    assert (missing.n_dropped, missing.rescued) == (1, 1.0)
    assert missing.above_floor is not None
    assert missing.above_floor.n_units == 0
    for arguments, message in (
        (([1], [1], 12, 0), "width"),
        (([1], [1], NAN, 1), "threshold"),
        (([1, 2], [1], 12, 1), "same cells"),
    ):
        with pytest.raises(ValueError, match=message):
            crossings(*arguments)
    with pytest.raises(ValueError, match="second control"):
        crossings([1, 2], [1, 2], 12, 1, second_control=[1])


def test_rescues_happen_under_the_null_and_both_comparisons_know_it() -> None:
    # 1,000 runs of 100 items scored by round(quality + noise of SD 1.2), no effect: some 4 to 5 % of all items are
    # rescued. Taking any rescue for an effect (a sign test of rescues against nothing) rejects nearly always. Both
    # tests of ours stay below .076, the end of the 99.9 % binomial band of 5 %.
    rng = np.random.default_rng(6)
    quality = 20 * rng.beta(5, 2, (1000, 100))
    draws = np.clip(np.rint(quality + rng.normal(0, 1.2, (3, 1000, 100))), 0, 20)
    rescued = (draws[1] < 12) & (draws[0] >= 12)
    assert 0.035 <= rescued.mean() <= 0.06
    assert np.mean(2.0 ** (1 - rescued.sum(axis=1)) <= 0.05) > 0.3
    results = [crossings(*draws[:2, run], 12, 2, second_control=draws[2, run]) for run in range(1000)]
    assert np.mean([result.p_value <= 0.05 for result in results]) <= 0.076
    assert np.mean([result.above_floor.p_value <= 0.05 for result in results]) <= 0.076
    assert np.mean([result.rescue_rate or 0 for result in results]) == pytest.approx(
        np.mean([result.floor_rate or 0 for result in results]), abs=0.02
    )
