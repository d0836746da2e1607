"""Stages combined by the inverse normal: against R, by simulation, and by identities.

tests/r/stages.R wrote the values with its own enumeration of signs, qnorm, t.test and uniroot (tolerance 1e-12), and with
rpact's combination.
"""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from auditor.stats.intervals import mean_interval
from auditor.stats.signflip import sign_flip_test
from auditor.stats.stages import combine_p_values, combine_stages

TABLE = Path(__file__).parent.parent / "r" / "stages.csv"
FIRST = [1, 0, 2, -1, 3, 0, -2, 1, 1, 0, 2, -1]
SECOND = [2, 1, 0, 1, -1, 3, 2, 1, 0, -1]
THIRD = [4, -2, 1, 1, 0, 2, 5, 1]


def value(case: str, quantity: str) -> float:
    with TABLE.open(encoding="utf-8") as file:
        (row,) = (row for row in csv.DictReader(file) if (row["case"], row["quantity"]) == (case, quantity))
    return float(row["value"])


@pytest.mark.parametrize(
    ("case", "stages", "weights"),
    [
        ("two", [FIRST, SECOND], None),
        ("three", [FIRST, SECOND, THIRD], None),
        ("weighted", [FIRST, SECOND], [1.0, 2.0]),
    ],
)
def test_combinations_of_r(case: str, stages: list[list[int]], weights: list[float] | None) -> None:
    result = combine_stages(stages, weights=weights)
    assert result.p_value == pytest.approx(value(case, "p"), rel=1e-10)
    assert result.statistic == pytest.approx(stats.norm.isf(value(case, "greater")), rel=1e-10)
    assert result.estimate == pytest.approx(value(case, "estimate"), abs=1e-9)
    assert result.interval.low == pytest.approx(value(case, "low"), abs=1e-9)
    assert result.interval.high == pytest.approx(value(case, "high"), abs=1e-9)
    assert "extended" in result.codes
    assert combine_stages(
        [[-d for d in stage] for stage in stages], weights=weights
    ).statistic == pytest.approx(-result.statistic, rel=1e-12)


def test_combination_of_rpact() -> None:
    combined = combine_p_values([value("rpact", "p1"), value("rpact", "p2")], [math.sqrt(12), math.sqrt(10)])
    assert combined == pytest.approx(value("rpact", "combined"), rel=1e-7)


def test_combined_p_values_by_hand() -> None:
    # Twice p = .05: Z = 2 * 1.644854 / sqrt(2) = 2.326175; 1 - Phi = .010005.
    assert combine_p_values([0.05, 0.05], [3, 3]) == pytest.approx(0.010005, abs=1e-6)
    assert combine_p_values([0.03, 0.6], [1, 0]) == pytest.approx(0.03, rel=1e-12)
    assert combine_p_values([0.2], [7]) == pytest.approx(0.2, rel=1e-12)
    # Certainty on opposite sides leaves a number: 0 counts as 1e-300 (Z = 37.04), 1 as 1 - 1e-15 (Z = -7.94).
    assert combine_p_values([0, 1], [1, 1]) == pytest.approx(
        stats.norm.sf((37.04 - 7.94) / math.sqrt(2)), rel=0.5
    )
    assert combine_p_values([1, 1], [1, 1]) == pytest.approx(1)


def test_one_stage_is_the_ordinary_test() -> None:
    result, t = combine_stages([FIRST]), mean_interval(FIRST)
    assert result.p_value == pytest.approx(sign_flip_test(FIRST).p_value, rel=1e-9)
    assert result.estimate == pytest.approx(t.estimate, abs=1e-10)
    assert (result.interval.low, result.interval.high) == pytest.approx(
        (t.interval.low, t.interval.high), rel=1e-9
    )
    assert (result.codes, result.overall_error) == ((), pytest.approx(0.05, abs=1e-12))


def test_testing_twice_costs() -> None:
    # Equal stages: correlation sqrt(1/2), Armitage, McPherson and Rowe (1969): .083.
    assert combine_stages([FIRST, FIRST]).overall_error == pytest.approx(0.0831, abs=5e-5)
    # A stage that adds next to nothing repeats the first test; a huge one is a test of its own: 1 - .95^2 = .0975.
    assert combine_stages([FIRST, SECOND], weights=[1, 1e-3]).overall_error == pytest.approx(0.05, abs=1e-9)
    assert combine_stages([FIRST, SECOND], weights=[1e-3, 1]).overall_error == pytest.approx(0.0975, abs=2e-3)


stage = st.lists(st.integers(-9, 12), min_size=2, max_size=15).filter(lambda d: len(set(d)) > 1)


@settings(max_examples=60, deadline=None)
@given(
    stages=st.lists(stage, min_size=1, max_size=3),
    shift=st.integers(-15, 15),
    factor=st.sampled_from([2, 10]),
)
def test_identities(stages: list[list[int]], shift: int, factor: int) -> None:
    here = combine_stages(stages)
    assert here.interval.low is not None
    assert here.interval.high is not None
    turned = combine_stages([[-d for d in stage] for stage in stages])
    moved = combine_stages([[d + shift for d in stage] for stage in stages])
    scaled = combine_stages([[d * factor for d in stage] for stage in stages])
    width = here.interval.high - here.interval.low
    assert turned.p_value == pytest.approx(here.p_value, rel=1e-9)
    assert turned.interval.low == pytest.approx(-here.interval.high, abs=1e-7 * width)
    assert moved.estimate == pytest.approx(here.estimate + shift, abs=1e-7 * width)
    assert moved.interval.low == pytest.approx(here.interval.low + shift, abs=1e-7 * width)
    assert scaled.p_value == pytest.approx(here.p_value, rel=1e-9)
    assert scaled.interval.high == pytest.approx(here.interval.high * factor, abs=1e-7 * width * factor)
    assert here.interval.low <= here.estimate <= here.interval.high
    assert 0 < here.p_value <= 1
    # Other units for weights change nothing.
    weights = [math.sqrt(len(stage)) * 5 for stage in stages]
    assert combine_stages(stages, weights=weights).p_value == pytest.approx(here.p_value, rel=1e-9)
    # The order of stages matters for what testing twice costs, and for nothing else.
    assert combine_stages(stages[::-1]).p_value == pytest.approx(here.p_value, rel=1e-9)


def test_error_and_coverage_with_an_extension_sized_by_the_spread() -> None:
    # 400 studies of 20 units, extended whatever they show by a number that the standard deviation gives (10 to 60), with
    # weights fixed by it. Bands: rejections up to .0859, coverage from .9141.
    rng = np.random.default_rng(60)
    rejected = covered = 0
    for _ in range(400):
        first = np.rint(rng.normal(0, 4, 20)).astype(int)
        more = int(np.clip(first.std(ddof=1) ** 2 * 2, 10, 60))
        second = np.rint(rng.normal(0, 4, more)).astype(int)
        result = combine_stages([first, second], weights=[math.sqrt(20), math.sqrt(more)])
        rejected += result.p_value <= 0.05
        covered += result.interval.low <= 0 <= result.interval.high
    assert rejected / 400 <= 0.05 + 3.29 * math.sqrt(0.05 * 0.95 / 400)
    assert abs(covered / 400 - 0.95) <= 3.29 * math.sqrt(0.05 * 0.95 / 400)


def test_what_the_caution_says_of_testing_twice() -> None:
    # 20,000 studies by normal scores: tested after 12 units, extended by 10 where not significant, tested again.
    rng = np.random.default_rng(61)
    one, two = rng.normal(size=(2, 20_000))
    combined = (math.sqrt(12) * one + math.sqrt(10) * two) / math.sqrt(22)
    share = np.mean((np.abs(one) >= 1.959964) | (np.abs(combined) >= 1.959964))
    error = combine_stages([FIRST, SECOND]).overall_error
    assert abs(share - error) < 3.29 * math.sqrt(error * (1 - error) / 20_000)
    assert f"{100 * error:.1f} %" in combine_stages([FIRST, SECOND]).cautions[0].sentence


def test_silent_stages() -> None:
    # Nobody moves in the added stage: Z = 0 there, and half of the weight is gone.
    result = combine_stages([FIRST, [0] * 12])
    p = sign_flip_test(FIRST, alternative="greater").p_value
    assert result.p_value == pytest.approx(2 * stats.norm.sf(stats.norm.isf(p) / math.sqrt(2)), rel=1e-9)
    assert "silent_stage" in result.codes
    assert result.interval.known
    alone = mean_interval(FIRST).interval
    assert result.interval.low < alone.low < alone.high < result.interval.high
    # All equal but not zero: evidence for the test, none for the spread.
    steady = combine_stages([FIRST, [1] * 12])
    assert steady.p_value < 0.01
    assert "silent_stage" in steady.codes
    # Nothing was rated in the added stage: all as before.
    empty = combine_stages([FIRST, []])
    assert empty.p_value == pytest.approx(2 * p, rel=1e-9)
    assert empty.weights == (1.0, 0.0)
    assert "extended" not in empty.codes
    # With weights fixed before, the empty stage keeps its weight.
    assert combine_stages([FIRST, []], weights=[1, 1]).p_value > empty.p_value


def test_degenerate_inputs() -> None:
    nothing = combine_stages([[], []])
    assert (nothing.estimate, nothing.p_value, nothing.n_units, nothing.codes) == (
        None,
        None,
        0,
        ("no_units",),
    )
    zeros = combine_stages([[0, 0, 0], [0, 0]])
    assert (zeros.p_value, zeros.estimate, zeros.statistic) == (1.0, 0.0, 0.0)
    assert (zeros.interval.low, zeros.interval.high) == (0.0, 0.0)
    ones = combine_stages([[5], [3]])
    assert (ones.estimate, ones.interval.known, ones.p_value) == (
        4.0,
        False,
        1.0,
    )  # each stage's p is 1/2: Z = 0
    assert "no_interval" in ones.codes
    mixed = combine_stages([[5, 6], [3]])
    assert mixed.interval.known
    assert mixed.estimate == pytest.approx(5.5)  # the only stage that knows a spread


def test_errors() -> None:
    for p, w in (([0.1], [1, 1]), ([1.1], [1]), ([-0.1], [1]), ([math.nan], [1])):
        with pytest.raises(ValueError, match="p-value"):
            combine_p_values(p, w)
    for w in ([0, 0], [-1, 1], [math.inf, 1], [math.nan, 1]):
        with pytest.raises(ValueError, match="weights"):
            combine_p_values([0.1, 0.1], w)
    for stages, weights in (([], None), ([FIRST], [1.0, 1.0])):
        with pytest.raises(ValueError, match="at least one stage"):
            combine_stages(stages, weights=weights)
    with pytest.raises(ValueError, match="alpha"):
        combine_stages([FIRST], alpha=1.0)
    with pytest.raises(ValueError, match="finite"):
        combine_stages([[1, math.nan]])
