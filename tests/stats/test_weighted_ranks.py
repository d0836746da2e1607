"""Weighted rank statistics: an item that counts twice is an item that is there twice. Compared at 1e-12."""

import numpy as np
import pytest
from scipy import stats

from auditor.stats.discrimination import auroc
from auditor.stats.weighted_ranks import Levels, areas_of, correlations_of, resampled_changes


def test_sums_by_level() -> None:
    levels = Levels.of(np.array([3.0, 1.0, 3.0, 2.0]))
    assert levels.sums(np.array([[1.0, 2.0, 4.0, 8.0]])).tolist() == [[2.0, 8.0, 5.0]]  # at 1, 2 and 3
    assert levels.codes.tolist() == [2, 0, 2, 1]


def test_weights_are_repetitions() -> None:
    rng = np.random.default_rng(6)
    for top in (2, 5, 1000):  # many ties, few, none
        scores, quality = rng.integers(0, top, (2, 14)).astype(float), rng.integers(0, 6, 14).astype(float)
        right = np.arange(14) % 3 == 0
        weights = rng.integers(0, 4, (30, 14)).astype(float)
        areas = areas_of(scores, right)(weights)
        correlations = correlations_of(scores, quality)(weights)
        for row, area, correlation in zip(weights.astype(int), areas, correlations, strict=True):
            index = np.repeat(np.arange(14), row)
            for arm in (0, 1):
                assert area[arm] == pytest.approx(auroc(scores[arm, index], right[index]), rel=1e-12)
                if np.ptp(scores[arm, index]) == 0:
                    assert correlation[arm] == 0.0
                else:
                    expected = stats.spearmanr(scores[arm, index], quality[index]).statistic
                    assert correlation[arm] == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_draws_with_nothing_to_tell_apart() -> None:
    scores = np.array([[1.0, 2.0, 3.0], [3.0, 1.0, 2.0]])
    weights = np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 3.0], [1.0, 1.0, 1.0]])
    areas = areas_of(scores, np.array([True, True, False]))(weights)
    assert np.isnan(areas[:2]).all()  # only right items; only wrong ones
    assert areas[2].tolist() == [0.0, 0.5]  # 1 and 2 against 3; 3 and 1 against 2
    correlations = correlations_of(scores, np.array([5.0, 5.0, 7.0]))(weights)
    assert np.isnan(correlations[:2]).all()
    assert not np.isnan(correlations[2]).any()


def test_units_are_drawn_whole_and_the_rest_is_left_out() -> None:
    codes = np.array([0, 0, 1, 1, 2, 2])
    seen = []

    def spy(weights: np.ndarray) -> np.ndarray:
        seen.append(weights)
        first = np.where(weights[:, 0] == 0, np.nan, weights[:, 0])
        return np.stack([first, np.zeros_like(first)], axis=1)

    changes = resampled_changes(spy, codes, 3, 3000, seed=1)
    weights = np.concatenate(seen)
    assert weights.shape == (3000, 6)
    assert np.array_equal(weights[:, ::2], weights[:, 1::2])  # both items of a unit, as often
    assert np.all(weights[:, ::2].sum(axis=1) == 3)
    # The first unit is missing in (2/3)^3 of the draws; five binomial standard errors.
    assert changes.size / 3000 == pytest.approx(19 / 27, abs=5 * np.sqrt(19 / 27 * 8 / 27 / 3000))
    assert changes.min() == 1.0
