"""Restricted maximum likelihood for one mean with known sampling covariance: the arithmetic behind `meta`.

The model is y = mu 1 + u + e with cov(u) = tau2 I and cov(e) = V. With V = U diag(roots) U', every quantity of
generalised least squares with V + tau2 I is a sum over the axes U with weights 1 / (roots + tau2), so that one
decomposition serves all values of tau2. Where V is diagonal, the axes are the estimates themselves.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from auditor.stats.cells import Floats

_GRID = 160
_SMALLEST = (
    1e-12  # of the larger of the spread and the largest variance: weights beyond its inverse lose all digits
)


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """Generalised least squares at given values of tau2, a row for each.

    Parameters
    ----------
    weights, residuals : ndarray, shape (m, k)
        By axis.
    precision, mean : ndarray, shape (m,)
        1 over the variance of the mean, and the mean.
    """

    weights: Floats
    residuals: Floats
    precision: Floats
    mean: Floats

    @property
    def quadratic(self) -> Floats:
        """Generalised Q: y'Py. Falls as tau2 grows."""
        total: Floats = np.sum(self.weights * self.residuals**2, axis=1)
        return total


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """Estimates less `centre`, over `unit`, along the axes of V.

    Parameters
    ----------
    roots, ones, values : ndarray, shape (k,)
        Eigenvalues of V, and U'1 and U'y.
    axes : ndarray, shape (k, k), or None
        U; None where V is diagonal.
    centre, unit : float
    """

    roots: Floats
    ones: Floats
    values: Floats
    axes: Floats | None
    centre: float
    unit: float

    @property
    def regular(self) -> bool:
        """Whether V can be inverted, so that tau2 = 0 is possible."""
        return bool(self.roots.min() > 0)

    @property
    def spread(self) -> float:
        """Sum of squares about the plain mean; the same along any axes."""
        total = np.sum(self.values**2) - np.sum(self.ones * self.values) ** 2 / self.values.size
        return max(float(total), 0.0)

    def fit(self, tau2: float | Floats) -> Fit:
        """Fit the mean at one or several values of tau2."""
        weights = 1.0 / (self.roots + np.reshape(tau2, (-1, 1)))
        precision = np.sum(weights * self.ones**2, axis=1)
        mean = np.sum(weights * self.ones * self.values, axis=1) / precision
        return Fit(weights, self.values - mean[:, None] * self.ones, precision, mean)

    def back(self, along_axes: Floats) -> Floats:
        """From the axes to the estimates."""
        return along_axes if self.axes is None else self.axes @ along_axes


def model(values: Floats, covariance: Floats) -> Model:
    """Centre, scale and rotate the estimates.

    Parameters
    ----------
    values : ndarray, shape (k,)
    covariance : ndarray, shape (k,) or (k, k)

    Raises
    ------
    ValueError
        If the covariance is negative in some direction by more than rounding.
    """
    centre, ones = float(np.mean(values)), np.ones(values.size)
    diagonal = covariance if covariance.ndim == 1 else np.diagonal(covariance)
    size = max(float(np.var(values)), float(np.max(diagonal)))
    # A power of two, so that scaling costs no precision.
    unit = 2.0 ** round(math.log2(size) / 2) if size > 0 else 1.0
    centred, scaled = (values - centre) / unit, covariance / unit**2
    if covariance.ndim == 1:
        roots = np.where(scaled < _SMALLEST, 0.0, scaled)
        return Model(roots, ones, centred, None, centre, unit)
    roots, axes = np.linalg.eigh((scaled + scaled.T) / 2)
    largest = float(np.abs(roots).max())
    if roots[0] < -1e-9 * largest:
        raise ValueError("a covariance matrix has no negative variance in any direction")
    # Roots of zero come out as rounding of either sign.
    roots = np.where(roots < max(_SMALLEST, values.size * 1e-15 * largest), 0.0, roots)
    return Model(roots, axes.T @ ones, axes.T @ centred, axes, centre, unit)


def score(fitted: Fit, ones: Floats) -> Floats:
    """Twice the slope of the restricted log-likelihood in tau2: y'PPy - tr(P) (Viechtbauer 2005)."""
    slope: Floats = np.sum((fitted.weights * fitted.residuals) ** 2, axis=1) - _trace(fitted, ones)
    return slope


def _trace(fitted: Fit, ones: Floats) -> Floats:
    """The trace of P: each weight times the others' share in the precision, so that no large numbers are subtracted."""
    parts = fitted.weights * ones**2
    below, above = np.zeros_like(parts), np.zeros_like(parts)
    below[:, 1:] = np.cumsum(parts[:, :-1], axis=1)
    above[:, :-1] = np.cumsum(parts[:, :0:-1], axis=1)[:, ::-1]
    total: Floats = np.sum(fitted.weights * (below + above), axis=1) / fitted.precision
    return total


def log_likelihood(fitted: Fit) -> Floats:
    """Restricted log-likelihood, less its constant (Harville 1977, J. Am. Stat. Assoc. 72:320)."""
    terms: Floats = np.sum(np.log(fitted.weights), axis=1) - np.log(fitted.precision) - fitted.quadratic
    return terms / 2


def tau2_reml(given: Model) -> float | None:
    """Find the best stationary point of the restricted likelihood, or zero; None if there is none and V is singular.

    With S the spread and L the largest root, y'PPy <= S / t^2 and tr(P) >= (k - 1) / (L + t), so that no stationary
    point lies above the solution of (k - 1) t^2 = S (L + t). Where V is singular the likelihood may grow without bound
    towards zero; only stationary points count there.
    """
    spread, largest, free = given.spread, float(given.roots.max()), given.roots.size - 1
    last = 1.01 * (spread + math.sqrt(spread**2 + 4 * free * spread * largest)) / (2 * free)
    grid = np.geomspace(1e-9 * last, last, _GRID)
    if given.regular:
        grid = np.concatenate([[0.0], grid])
    slopes = score(given.fit(grid), given.ones)
    found = [0.0] if given.regular and slopes[0] <= 0 else []
    found += [
        _root(lambda tau2: float(score(given.fit(tau2), given.ones)[0]), grid[i], grid[i + 1])
        for i in np.flatnonzero((slopes[:-1] > 0) & (slopes[1:] <= 0))
    ]
    return max(found, key=lambda tau2: float(log_likelihood(given.fit(tau2))[0])) if found else None


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    return float(optimize.brentq(function, low, high, xtol=1e-15, rtol=1e-14))


def q_profile(given: Model, level: float) -> tuple[float | None, float | None]:
    """Ends of the interval of tau2: where the generalised Q meets the quantiles of chi-square on k - 1.

    Viechtbauer (2007), with V in the place of the variances. Both None if Q is too small already at zero.
    """
    free, spread = given.values.size - 1, given.spread
    least, most = (float(stats.chi2.ppf(share, free)) for share in (0.5 - level / 2, 0.5 + level / 2))
    start = 0.0 if given.regular else 1e-12 * spread
    at_start = float(given.fit(start).quadratic[0]) if spread > 0 else 0.0
    if at_start <= least:
        return None, None

    def end(target: float) -> float:
        # Q <= spread / tau2, so that the root lies below spread / target.
        beyond = 1.01 * spread / target
        return _root(lambda tau2: float(given.fit(tau2).quadratic[0]) - target, start, beyond)

    return (end(most) if at_start > most else 0.0), end(least)


def typical_variance(given: Model) -> float:
    """The sampling variance to which I2 compares tau2: (k - 1) / tr(P) at tau2 = 0 (Higgins and Thompson 2002, eq. 9)."""
    return (given.values.size - 1) / float(_trace(given.fit(0.0), given.ones)[0])


def predictors(given: Model, tau2: float, error: float) -> tuple[Floats, Floats]:
    """Each judge's deviation from the mean, pulled in, and the standard error of mean plus deviation.

    tau2 (V + tau2 I)^-1 times the residuals; the variance is the diagonal of tau2 V (V + tau2 I)^-1, plus the mean's
    (`error` squared) times the square of V (V + tau2 I)^-1 1 (Henderson 1975, Biometrics 31:423).
    """
    fitted = given.fit(tau2)
    weights = fitted.weights[0]
    own = tau2 * weights * given.roots
    own = own if given.axes is None else given.axes**2 @ own
    rest = given.back(given.roots * weights * given.ones)
    return given.back(tau2 * weights * fitted.residuals[0]), np.sqrt(own + (rest * error) ** 2)
