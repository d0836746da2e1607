"""Tipping points against brute force in R (tests/r/tipping.R): the grid is the same, so they agree to 1e-9."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.stats.tipping import TippingArm, tipping_point

NAN = math.nan
CLOSE = 1e-9


def read(case: str) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    with (Path(__file__).parents[1] / "r" / "tipping.csv").open() as file:
        for row in csv.DictReader(file):
            if row["case"] == case:
                found.setdefault(row["quantity"], []).append(float(row["value"]))
    return found


def matrix(values: list[float]) -> np.ndarray:
    array = np.reshape(values, (-1, 13)).T
    return np.where(array == -1, NAN, array)


@pytest.mark.parametrize(
    ("case", "options", "verdict"),
    [
        ("difference", {}, "inflated"),
        ("pair", {"base": "pair"}, "inflated"),
        ("equivalence", {"margin": 1.0}, "equivalent"),
        ("null", {}, "no_difference"),
    ],
)
def test_against_brute_force(case: str, options, verdict: str) -> None:
    r = read(case)
    result = tipping_point(matrix(r["t"]), matrix(r["c"]), 0, 20, **options)
    assert result.verdict == verdict
    for name, arm in (("treatment", result.treatment), ("control", result.control)):
        seen, lower, higher = r[name]
        assert arm.seen == pytest.approx(seen, abs=CLOSE)
        assert (-1 if arm.lower is None else arm.lower) == pytest.approx(lower, abs=CLOSE)
        assert (-1 if arm.higher is None else arm.higher) == pytest.approx(higher, abs=CLOSE)
    if case == "null":  # R: at once in both directions, by at most the resolution
        assert "changes_at_zero_treatment" in result.codes


def test_by_hand() -> None:
    # Six of six up by 2: p = 2 / 64. A seventh item, control 10, without a treatment rating (seen: mean 12). Below 10
    # its D is negative: with D = -1, 3 of the 64 upper patterns of signs reach 11 of 13 (none turned, or the seventh,
    # which add up to 13 and 11): 2 of 128 on one side, p = 4/128. With D = -2.1 the sum is 9.9; patterns at or above
    # it: the seven with at most one of the twos turned reach 14.1 - 4 = 10.1, so 1 + 1 + 6 = 8 of 128, p = .125. At D
    # = -2 the sum is 10 and patterns >= 10 are all of one turned: 8 of 128. At D = -1.9: sum 10.1, >= 10.1: 2 of 128
    # (turning a two gives 9.9). So the verdict changes at v = 8.0, 4 points below 12, and never above.
    control, treatment = [10] * 7, [12] * 6 + [NAN]
    result = tipping_point(treatment, control, 0, 20)
    assert result.verdict == "inflated"
    assert result.treatment == TippingArm(1, 12.0, pytest.approx(4.0, abs=CLOSE), None)
    assert result.treatment.nearest == result.treatment.lower
    assert result.control == TippingArm(0, 10.0, None, None)
    # On the base 'pair' the seventh is 10 + 2 - delta: the same point.
    assert tipping_point(treatment, control, 0, 20, base="pair").treatment.lower == pytest.approx(
        4.0, abs=CLOSE
    )


def test_deflation_has_tipping_points_too() -> None:
    # The case by hand with the arms exchanged.
    result = tipping_point([10] * 7, [12] * 6 + [NAN], 0, 20)
    assert (result.verdict, result.control.lower) == ("deflated", pytest.approx(4.0, abs=CLOSE))


def test_nothing_on_the_scale_changes_it() -> None:
    # 11 of 11 up by 2 and one missing: even at 0, D = -10, and all the others turned it is 2 (1 + ...)/4096.
    result = tipping_point([12] * 30 + [NAN], [10] * 31, 0, 20)
    assert (result.verdict, result.treatment.nearest) == ("inflated", None)


def test_a_fill_beyond_the_scale_is_cut() -> None:
    # Control at the floor of 0: on the base 'pair' a fill of D - delta cannot go below 0, where D is 0.
    result = tipping_point([2] * 8 + [NAN], [0] * 9, 0, 20, base="pair")
    assert result.treatment.lower is None


@given(
    st.lists(
        st.tuples(*(st.one_of(st.just(NAN), st.integers(0, 20)) for _ in range(2))), min_size=1, max_size=12
    )
)
def test_exchanging_the_arms_exchanges_the_answers(rows) -> None:
    table = np.array(rows, dtype=float)
    one = tipping_point(table[:, 0], table[:, 1], 0, 20, resolution=1)
    turned = tipping_point(table[:, 1], table[:, 0], 0, 20, resolution=1)
    assert (one.treatment, one.control) == (turned.control, turned.treatment)
    opposite = {"inflated": "deflated", "deflated": "inflated"}
    assert turned.verdict == opposite.get(str(one.verdict), one.verdict)
    mirrored = tipping_point(20 - table[:, 0], 20 - table[:, 1], 0, 20, resolution=1)
    for arm, mirror in ((one.treatment, mirrored.treatment), (one.control, mirrored.control)):
        assert arm.lower == pytest.approx(mirror.higher, abs=CLOSE)
        assert arm.higher == pytest.approx(mirror.lower, abs=CLOSE)


def test_more_missing_tips_earlier() -> None:
    rng = np.random.default_rng(0)
    control = rng.integers(6, 14, 60).astype(float)
    treatment = control + rng.integers(-1, 4, 60)
    points = []
    for missing in (3, 6, 12):
        holed = treatment.copy()
        holed[:missing] = NAN
        lower = tipping_point(holed, control, 0, 20).treatment.lower
        points.append(math.inf if lower is None else lower)
    assert points == sorted(points, reverse=True)
    assert points[-1] < points[0]


def test_degenerate_inputs() -> None:
    empty = tipping_point([], [], 0, 20)
    assert (empty.verdict, empty.estimate, empty.treatment.nearest, empty.codes) == (
        None,
        None,
        None,
        ("no_units",),
    )
    silent = tipping_point([NAN, NAN], [3, 4], 0, 20)
    assert (silent.verdict, silent.treatment, silent.n_dropped) == (None, TippingArm(2, None, None, None), 2)
    complete = tipping_point([3, 4], [3, 4], 0, 20, margin=1)
    assert (complete.verdict, complete.treatment.nearest) == ("equivalent", None)
    assert complete.interval.level == pytest.approx(0.9)
    lone = tipping_point([[5, NAN]], [[5, 5]], 0, 20, margin=1)
    assert (lone.verdict, lone.treatment.nearest) == ("not_equivalent", None)
    assert "unbalanced" in lone.codes
    for arguments, options, message in (
        (([1], [1], 5, 5), {}, "scale"),
        (([21], [1], 0, 20), {}, "off the scale"),
        (([1], [1], 0, 20), {"margin": 0}, "margin"),
        (([1], [1], 0, 20), {"alpha": 0.5}, "alpha"),
        (([1], [1], 0, 20), {"resolution": 0}, "resolution"),
        (([1], [1], 0, 20), {"base": "mean"}, "base"),
        (([1], [1, 2], 0, 20), {}, "same cells"),
    ):
        with pytest.raises(ValueError, match=message):
            tipping_point(*arguments, **options)
