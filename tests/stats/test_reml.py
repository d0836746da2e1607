"""The restricted likelihood against its definition: the density of the k - 1 contrasts of the estimates.

The definition is computed with a dense covariance matrix and no rotation. Sums of a dozen terms agree to 1e-10.
"""

import numpy as np
import pytest
from scipy import stats

from auditor.stats import reml


def contrast_likelihood(y: np.ndarray, V: np.ndarray, tau2: float) -> float:
    """Log-density of N'y, with N'N = I and N'1 = 0, under N(0, N'(V + tau2 I)N)."""
    k = y.size
    contrasts = np.linalg.svd(np.eye(k) - 1 / k)[0][:, : k - 1]
    covariance = contrasts.T @ (V + tau2 * np.eye(k)) @ contrasts
    return float(stats.multivariate_normal(np.zeros(k - 1), covariance).logpdf(contrasts.T @ y))


def full_covariance(rng: np.random.Generator, k: int) -> np.ndarray:
    factor = rng.normal(size=(k, k + 2))
    return factor @ factor.T / (k + 2)


def test_likelihood_score_and_q_are_what_they_say() -> None:
    rng = np.random.default_rng(5)
    for k in (2, 3, 6):
        y, V = rng.normal(0, 2, k), full_covariance(rng, k)
        model = reml.model(y, V)
        at = [0.0, 0.3, 1.7]
        ours = [float(reml.log_likelihood(model.fit(t / model.unit**2))[0]) for t in at]
        theirs = [contrast_likelihood(y, V, t) for t in at]
        # Only differences count: the constant and the unit are left out.
        assert np.diff(ours) == pytest.approx(np.diff(theirs), rel=1e-8, abs=1e-10)
        step = 1e-5
        slope = (contrast_likelihood(y, V, 0.3 + step) - contrast_likelihood(y, V, 0.3 - step)) / (
            2 * step
        )  # central difference: error of the order of step^2
        score = float(reml.score(model.fit(0.3 / model.unit**2), model.ones)[0]) / model.unit**2
        assert score / 2 == pytest.approx(slope, rel=1e-6, abs=1e-7)
        inverse = np.linalg.inv(V + 1.7 * np.eye(k))
        mean = inverse.sum(axis=0) @ y / inverse.sum()
        fitted = model.fit(1.7 / model.unit**2)
        assert model.centre + model.unit * fitted.mean[0] == pytest.approx(mean, rel=1e-10)
        assert fitted.quadratic[0] == pytest.approx((y - mean) @ inverse @ (y - mean), rel=1e-10)
        assert fitted.precision[0] / model.unit**2 == pytest.approx(inverse.sum(), rel=1e-10)


def test_the_maximum_is_the_highest_point_found_by_search() -> None:
    rng = np.random.default_rng(8)
    zeros = 0
    for k in (2, 3, 5, 9):
        for _ in range(12):
            V = full_covariance(rng, k) if rng.random() < 0.5 else np.diag(rng.gamma(1, 1, k) + 0.01)
            y = rng.normal(0, rng.choice([0.3, 1.0, 3.0]), k)
            model = reml.model(y, V)
            tau2 = reml.tau2_reml(model) * model.unit**2
            zeros += tau2 == 0
            grid = np.r_[0, np.geomspace(1e-6, 100, 150)]
            best = max(grid, key=lambda t: contrast_likelihood(y, V, t))
            assert contrast_likelihood(y, V, tau2) >= contrast_likelihood(y, V, best) - 1e-9
    assert 5 < zeros < 43  # both kinds of solution were met


def test_of_two_peaks_the_higher_is_taken() -> None:
    # Two precise judges that nearly agree (a peak at a small tau2) and three vague ones far apart (one at a large).
    for apart, expected_large in ((1.5, False), (2.0, True)):
        y = np.array([0.0, 0.003, apart, -apart, 1.5 * apart])
        V = np.array([1e-6, 1e-6, 0.5, 0.5, 0.5])
        model = reml.model(y, V)
        grid = np.geomspace(1e-7, 300, 4000)
        heights = np.array([float(reml.log_likelihood(model.fit(t / model.unit**2))[0]) for t in grid])
        peaks = np.flatnonzero((heights[1:-1] > heights[:-2]) & (heights[1:-1] > heights[2:])) + 1
        tau2 = reml.tau2_reml(model) * model.unit**2
        assert tau2 == pytest.approx(grid[np.argmax(heights)], rel=0.02)  # the grid's step is .55 %
        assert (tau2 > 1) == expected_large
        assert peaks.size == 2  # so that there was a choice


def test_q_profile_ends_solve_their_equations() -> None:
    rng = np.random.default_rng(3)
    for k in (2, 4, 10):
        y, V = rng.normal(0, 3, k), full_covariance(rng, k)
        model = reml.model(y, V)
        low, high = reml.q_profile(model, 0.9)
        if low:  # else Q is not too large even at zero
            assert model.fit(low).quadratic[0] == pytest.approx(stats.chi2.ppf(0.95, k - 1), rel=1e-8)
        assert model.fit(high).quadratic[0] == pytest.approx(stats.chi2.ppf(0.05, k - 1), rel=1e-8)


def test_a_matrix_with_a_negative_direction_is_refused() -> None:
    with pytest.raises(ValueError, match="no negative variance"):
        reml.model(np.array([1.0, 2.0]), np.array([[1.0, 2.0], [2.0, 1.0]]))  # eigenvalues 3 and -1
    # A perfect correlation is at the edge: eigenvalues 2 and 0, whatever the rounding.
    edge = reml.model(np.array([1.0, 2.0]), np.array([[1.0, 1.0], [1.0, 1.0]]))
    assert not edge.regular
    assert edge.roots.min() == 0.0
