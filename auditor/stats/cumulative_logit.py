"""Maximum likelihood in the proportional-odds model of two arms, for many tables of counts at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from auditor.stats.cells import Floats

_STEPS = 100
#: The last step is taken, and what is left after it is of the order of its square.
_SMALL = 1e-5
_LONGEST = 3.0


class LogitFits(NamedTuple):
    """Result of `fit_tables`.

    Parameters
    ----------
    estimates : ndarray, shape (b,)
        Log odds ratios. Infinite where one arm lies above the other without overlap; NaN where an arm is empty, only one
        score occurs, or the steps did not converge.
    thresholds : ndarray, shape (b, k - 1)
        Those of the scores that occur come first, one less than their number; the rest is NaN.
    converged : ndarray of bool, shape (b,)
        Whether there is a finite estimate.
    """

    estimates: Floats
    thresholds: Floats
    converged: NDArray[np.bool_]


class _Tables(NamedTuple):
    """Counts with the scores that occur first, and which of them have a next one."""

    counts: Floats
    bounded: NDArray[np.bool_]


class _Information(NamedTuple):
    """Thresholds' diagonal and the numbers beside it, those between thresholds and beta, and beta's own."""

    diagonal: Floats
    beside: Floats
    border: Floats
    corner: Floats


def fit_tables(tables: ArrayLike) -> LogitFits:
    """Fit logit P(score <= j) = threshold_j - beta arm to each table.

    Parameters
    ----------
    tables : array_like, shape (b, 2, k)
        Counts of the k scores in the control and in the treatment.

    Returns
    -------
    LogitFits

    Notes
    -----
    McCullagh (1980, J. R. Stat. Soc. B 42:109). With b and a the upper and the lower bound of a score,
    log P = log F(b) + log(1 - F(a)) + log(1 - exp(a - b)), which needs no difference of nearly equal numbers and is
    concave (Pratt 1981, J. Am. Stat. Assoc. 76:103), so that there is one maximum. Newton's method starts at the pooled
    shares, which are the answer for beta = 0, and takes steps of at most 3; it converged for each of 1.7 million random
    tables of three to seven scores with counts up to some millions. Scores that do not occur in a table are
    left out of it. The estimate is finite if and only if the arms overlap: some control above some treatment, and some
    below.

    Examples
    --------
    Two scores: the log odds ratio log(3 * 3 / (1 * 1)).

    >>> round(float(fit_tables([[[3, 1], [1, 3]]]).estimates[0]), 6)
    2.197225
    """
    counts = np.asarray(tables, dtype=np.float64)
    size = counts.shape[2]
    estimates = _limits(counts)
    finite = np.flatnonzero(estimates == 0)
    thresholds = np.full((counts.shape[0], max(size - 1, 0)), np.nan)
    converged = np.zeros(counts.shape[0], dtype=bool)
    if finite.size:
        packed = _pack(counts[finite])
        solved, done = _newton(packed)
        bounded = packed.bounded[:, :-1]
        estimates[finite] = np.where(done, solved[:, -1], np.nan)
        thresholds[finite] = np.where(bounded & done[:, None], solved[:, :-1], np.nan)
        converged[finite] = done
    return LogitFits(estimates, thresholds, converged)


def _limits(counts: Floats) -> Floats:
    """Zero where a finite estimate exists; else the infinite one, or NaN."""
    size = counts.shape[2]
    seen = counts > 0
    lowest = np.argmax(seen, axis=2)
    highest = size - 1 - np.argmax(seen[:, :, ::-1], axis=2)
    above, below = highest[:, 0] <= lowest[:, 1], highest[:, 1] <= lowest[:, 0]
    limits = np.where(above, np.inf, np.where(below, -np.inf, 0.0))
    undefined = (above & below) | ~np.all(np.any(seen, axis=2), axis=1)
    return np.where(undefined, np.nan, limits)


def _pack(counts: Floats) -> _Tables:
    seen = counts.sum(axis=1) > 0
    order = np.argsort(~seen, axis=1, kind="stable")
    packed = np.take_along_axis(counts, order[:, None, :], axis=2)
    return _Tables(packed, np.arange(counts.shape[2]) < seen.sum(axis=1)[:, None] - 1)


def _newton(tables: _Tables) -> tuple[Floats, NDArray[np.bool_]]:
    """Maximise all likelihoods; thresholds and, last, beta of each table."""
    counts, bounded = tables
    totals = np.cumsum(counts.sum(axis=1), axis=1)
    shares = totals / totals[:, -1:]
    start = special.logit(np.where(bounded, shares, 0.5))[:, :-1]
    values = np.hstack([start, np.zeros((counts.shape[0], 1))])
    active = np.arange(counts.shape[0])
    done = np.zeros(counts.shape[0], dtype=bool)
    for _ in range(_STEPS):
        some = _Tables(counts[active], bounded[active])
        gradient, information = _derivatives(values[active], some)
        step = _step(gradient, information)
        values[active] += step
        finished = np.max(np.abs(step), axis=1) < _SMALL
        done[active[finished]] = True
        active = active[~finished]
        if not active.size:
            break
    gaps = np.diff(values[:, :-1], axis=1)
    return values, done & np.all((gaps > 0) | ~bounded[:, 1:-1], axis=1)


def _step(gradient: Floats, information: _Information) -> Floats:
    """Newton's step. It is cut where it is long: far out the likelihood is straight, and says nothing of the way.

    The thresholds' part is tridiagonal and dominated by its diagonal, so elimination needs no pivots; beta borders it.
    """
    diagonal, beside, border, corner = information
    right = np.stack([gradient[:, :-1], border], axis=2)
    pivots = diagonal.copy()
    for j in range(1, diagonal.shape[1]):
        ratio = beside[:, j - 1] / pivots[:, j - 1]
        pivots[:, j] -= ratio * beside[:, j - 1]
        right[:, j] -= ratio[:, None] * right[:, j - 1]
    right[:, -1] /= pivots[:, -1, None]
    for j in range(diagonal.shape[1] - 2, -1, -1):
        right[:, j] = (right[:, j] - beside[:, j, None] * right[:, j + 1]) / pivots[:, j, None]
    left = corner - np.sum(border * right[:, :, 1], axis=1)
    # What rounding leaves of nothing must not turn the step round.
    beta = (gradient[:, -1] - np.sum(border * right[:, :, 0], axis=1)) / np.maximum(left, 1e-12 * corner)
    step = np.hstack([right[:, :, 0] - beta[:, None] * right[:, :, 1], beta[:, None]])
    longest = np.max(np.abs(step), axis=1, keepdims=True)
    return np.asarray(step * np.minimum(1.0, _LONGEST / np.maximum(longest, _LONGEST)), dtype=np.float64)


def _bounds(values: Floats) -> tuple[Floats, Floats]:
    """Upper bounds of scores, shape (b, 2, k - 1), and the gaps between bounds, shape (b, k - 2)."""
    theta, beta = values[:, :-1], values[:, -1]
    return theta[:, None, :] - np.array([0.0, 1.0])[:, None] * beta[:, None, None], np.diff(theta, axis=1)


def _derivatives(values: Floats, tables: _Tables) -> tuple[Floats, _Information]:
    """Gradient and observed information of thresholds and beta."""
    counts, bounded = tables
    upper, gaps = _bounds(values)
    has_next = bounded[:, None, :-1].astype(np.float64)
    share = special.expit(upper)
    by_bound = has_next * (counts[:, :, :-1] * (1 - share) - counts[:, :, 1:] * share)
    curve = has_next * (counts[:, :, :-1] + counts[:, :, 1:]) * share * (1 - share)
    weights = np.where(bounded[:, 1:-1], counts.sum(axis=1)[:, 1:-1], 0.0)
    safe = np.where(bounded[:, 1:-1], gaps, 1.0)
    pull = weights / np.expm1(safe)
    bend = weights / (np.expm1(safe) * -np.expm1(-safe))
    gradient = np.hstack([by_bound.sum(axis=1), -by_bound[:, 1].sum(axis=1, keepdims=True)])
    gradient[:, 1:-1] += pull
    gradient[:, :-2] -= pull
    # A threshold without a next score has neither gradient nor information: the least number keeps it where it is.
    diagonal = curve.sum(axis=1) + np.finfo(float).tiny
    diagonal[:, 1:] += bend
    diagonal[:, :-1] += bend
    corner = curve[:, 1].sum(axis=1) + np.finfo(float).tiny
    return gradient, _Information(diagonal, -bend, -curve[:, 1], corner)
