"""Lee's and Manski's bounds against hand arithmetic. Means of a few small integers: compared at 1e-12."""

import math

import numpy as np
import pytest

from auditor.stats.missing import WorstCase, lee_bounds, manski_bounds, missing_test

NAN = math.nan
CLOSE = 1e-12


def items(n: int) -> list[str]:
    return [f"i{i}" for i in range(n)]


def test_lee_trims_the_arm_that_answered_more() -> None:
    # Treatment 10, 12, 14 of four trials (3/4), control all four of 8..11: the control's excess is
    # (1 - 3/4) / 1 = 1/4, one rating. Without its highest it has mean 9, without its lowest 10; treatment has 12.
    bounds = lee_bounds([10, 12, 14, NAN], [8, 9, 10, 11], items(4), items(4))
    assert (bounds.low, bounds.high) == pytest.approx((12 - 10, 12 - 9), rel=CLOSE)
    # The arms exchanged: the same bounds, turned.
    turned = lee_bounds([8, 9, 10, 11], [10, 12, 14, NAN], items(4), items(4))
    assert (turned.low, turned.high) == pytest.approx((9 - 12, 10 - 12), rel=CLOSE)


def test_lee_takes_the_excess_as_a_share_of_the_arm_that_answered_more() -> None:
    # Treatment 6 of 10 trials, control 3 of 10: the excess is (.6 - .3) / .6 = 1/2 of the six, three ratings.
    # Lowest three of 1..6: 2; highest: 5; control 4, 4, 4.
    treatment = [6, 1, 4, 2, 3, 5, NAN, NAN, NAN, NAN]
    control = [NAN] * 7 + [4, 4, 4]
    bounds = lee_bounds(treatment, control, items(10), items(10))
    assert (bounds.low, bounds.high) == pytest.approx((2 - 4, 5 - 4), rel=CLOSE)


def test_lee_without_a_difference_in_answers_is_a_point() -> None:
    bounds = lee_bounds([5, NAN, 7, 9], [4, 4, NAN, 7], items(4), items(4))
    assert bounds.low == bounds.high == pytest.approx(7 - 5, rel=CLOSE)


def test_lee_without_any_score_in_an_arm() -> None:
    assert lee_bounds([NAN, NAN], [1, 2], items(2), items(2)) is None
    assert lee_bounds([1, 2], [NAN, NAN], items(2), items(2)) is None


def test_lee_keeps_at_least_one_rating() -> None:
    bounds = lee_bounds([3], [9, NAN, NAN, NAN], ["a"], items(4))  # excess 3/4 of one rating: nothing to cut
    assert (bounds.low, bounds.high) == (-6.0, -6.0)


def test_lee_intervals_enclose_their_bounds_are_nested_and_repeat() -> None:
    rng = np.random.default_rng(2)
    control = rng.integers(5, 16, 60).astype(float)
    treatment = np.where(rng.random(60) < 0.2, NAN, control + 1)
    first = lee_bounds(treatment, control, items(60), items(60), seed=4)
    assert first == lee_bounds(treatment, control, items(60), items(60), seed=4)
    assert first != lee_bounds(treatment, control, items(60), items(60), seed=5)
    for point, wide, narrow in (
        (first.low, first.interval_low, first.narrow_low),
        (first.high, first.interval_high, first.narrow_high),
    ):
        assert wide.low <= narrow.low < point < narrow.high <= wide.high
        assert (wide.level, narrow.level) == (0.95, 0.90)


def test_lee_resamples_units_as_a_whole() -> None:
    # Ten copies of each item's ratings carry no more information than one: the intervals stay as wide.
    rng = np.random.default_rng(8)
    control, names = rng.normal(10, 3, 40), np.array(items(40))
    treatment = np.where(np.arange(40) % 8 == 0, NAN, rng.normal(11, 3, 40))
    once = lee_bounds(treatment, control, names, names)
    tenfold = lee_bounds(
        np.repeat(treatment, 10), np.repeat(control, 10), np.repeat(names, 10), np.repeat(names, 10)
    )
    width = once.interval_low.high - once.interval_low.low
    assert tenfold.interval_low.high - tenfold.interval_low.low == pytest.approx(width, rel=0.15)  # 500 draws


def test_manski_by_hand() -> None:
    # Pair 1: 2 whatever is missing. Pair 2: treatment at 0 or 20, less 9. Means (2 - 9) / 2 and (2 + 11) / 2.
    assert manski_bounds([10, NAN], [8, 9], 0, 20) == WorstCase(-3.5, 6.5)
    # Missing in the control: 5 - 20 and 5 - 0. Missing in both: -20 and 20.
    assert manski_bounds([5, NAN], [NAN, NAN], 0, 20) == WorstCase(-17.5, 12.5)


def test_manski_without_missing_ratings_is_the_estimate() -> None:
    assert manski_bounds([3, 5, 10], [2, 6, 4], 0, 10) == WorstCase(2.0, 2.0)


def test_manski_weighs_units_the_same() -> None:
    # Unit a: differences 1 and 3, mean 2. Unit b: -4 or 6 with the missing one at 0 or 10. (2 - 4)/2, (2 + 6)/2.
    bounds = manski_bounds([2, 5, NAN], [1, 2, 4], 0, 10, units=["a", "a", "b"])
    assert bounds == WorstCase(-1.0, 4.0)


def test_manski_width_is_the_missing_share_times_the_range() -> None:
    rng = np.random.default_rng(1)
    treatment, control = rng.integers(0, 21, 50).astype(float), rng.integers(0, 21, 50).astype(float)
    treatment[:5], control[40:] = NAN, NAN  # 5 + 10 of 50
    bounds = manski_bounds(treatment, control, 0, 20)
    assert bounds.high - bounds.low == pytest.approx(15 / 50 * 20, rel=CLOSE)


def test_missing_shares_and_their_test() -> None:
    # Differences 1, 1, 0, 0: two of four patterns reach a sum of 2.
    result = missing_test([1, 1, 0, 0], [0, 0, 0, 0])
    assert (result.treatment, result.control, result.p_value, result.n) == (0.5, 0.0, 0.5, 4)
    assert result.differs  # by 50 points, whatever the p-value


def test_missing_that_differs_by_the_test_alone_and_not_at_all() -> None:
    six = np.r_[np.full(6, 0.2), np.zeros(94)]  # 1.2 points apart, p = 2 / 2^6 = .031
    small = missing_test(six, np.zeros(100))
    assert (small.p_value, small.treatment) == (1 / 32, pytest.approx(0.012))
    assert small.differs
    same = missing_test([0.5, 0, 1], [0.5, 0, 1])
    assert (same.p_value, same.differs) == (1.0, False)
    five = missing_test(np.r_[np.full(5, 0.2), np.zeros(95)], np.zeros(100))  # one point, p = .0625
    assert not five.differs


def test_missing_of_nothing() -> None:
    result = missing_test([], [])
    assert (result.treatment, result.control, result.p_value, result.n, result.differs) == (0, 0, 1, 0, False)
