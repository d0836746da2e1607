"""An anytime-valid test of symmetry: look after every unit, stop whenever you like.

If a difference of a given size is as likely to be above zero as below, a bet on its sign at the odds that the logistic
function s gives, s(2 lambda D) against s(-2 lambda D), multiplies the stake by 2 s(2 lambda D) = 1 + tanh(lambda D) and
is fair for every lambda. The product over units, averaged over a grid of lambda, is a martingale under the null
hypothesis, and the chance that it ever reaches 1 / alpha is at most alpha (Ville 1939). Bets of the form 1 + an odd
function are all that tests of symmetry can use (Ramdas, Ruf, Larsson and Koolen 2020, arXiv:2009.03167); the logistic one
is the likelihood ratio of the sign for normal differences with mean lambda times variance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special

from auditor.stats.intervals import Interval
from auditor.stats.looks import finite_differences
from auditor.stats.result import Caution, Estimate

Floats: TypeAlias = NDArray[np.float64]

#: lambda in units of 1 / spread. For normal differences the best is mean / sd, so these serve effects from about 0.1 up.
GRID = (0.125, 0.25, 0.5, 1.0)
_SMALLEST_SPREAD = 1e-100


@dataclass(frozen=True, slots=True, kw_only=True)
class EProcess(Estimate):
    """Evidence after each unit; extends `Estimate`, whose p-value and interval are those after the last unit.

    Parameters
    ----------
    log_evidence : ndarray, shape (n,)
        Natural logarithm of E_t, read-only.
    p_values : ndarray, shape (n,)
        Anytime-valid two-sided p-value after each unit, min over s <= t of 1 / E_s; never rises. Read-only.
    stopped_at : int or None
        First number of units at which the p-value is at most alpha.
    direction : int
        1 or -1: the side that the evidence at the end is on; 0 where it is on neither.
    grid : tuple of float
        lambda in units of 1 / spread.
    spread : float or None
        The unit of the grid in points of the scale; None: the running root mean square.
    """

    log_evidence: Floats = field(repr=False, compare=False)
    p_values: Floats = field(repr=False, compare=False)
    stopped_at: int | None
    direction: int
    grid: tuple[float, ...]
    spread: float | None


def e_process(
    differences: ArrayLike,
    *,
    alpha: float = 0.05,
    spread: float | None = None,
    grid: Sequence[float] = GRID,
) -> EProcess:
    """Test after every unit whether differences are symmetric about zero.

    E_t is the mean over the grid, and over +lambda and -lambda, of the product over units i <= t of
    2 s(2 lambda D_i / spread), computed in logarithms.

    Parameters
    ----------
    differences : array_like, shape (n,)
        One for each independent unit, in points of the scale, in the order in which they entered.
    alpha : float
        Level of `stopped_at` and, as 1 - alpha, of the interval.
    spread : float, optional
        The size of a typical difference (its standard deviation), in points of the scale, fixed before the data, as
        from a pilot or a twentieth of the scale's range. Any value is valid; one between half the true standard deviation
        and three times it costs little power. None: the running root mean square of the differences up to and with this
        one. It depends on sizes and not on signs, so it is valid as well, and frees the result of the scale; but it
        gives no interval.
    grid : sequence of float
        Positive; fixed before the data.

    Returns
    -------
    EProcess
        With `spread`, the interval is a confidence sequence for the centre of symmetry: the intervals after every unit
        hold together at 1 - alpha. It is the set of shifts that neither one-sided process has rejected at alpha / 2;
        where it excludes zero, p is at most alpha. Its ends are None while fewer than log2(2 / alpha) units are in.

    Raises
    ------
    ValueError
        If a difference is not finite, or alpha, spread or grid is out of range.

    Notes
    -----
    Assumes that, given their sizes and all signs before, each difference is as likely above as below zero. The sharp null
    hypothesis of exchangeable arms gives that. Differences with mean zero that are skewed do not: of exponential ones,
    some 14 % are rejected by 200 units at alpha = .05, where the sign-flip test comes close to 5 %. The interval holds
    for the centre of symmetric differences, which then is the mean.

    Examples
    --------
    >>> result = e_process([1] * 12)
    >>> result.stopped_at, round(result.p_value, 4)
    (9, 0.0079)
    """
    values = finite_differences(differences)
    _check(alpha, spread, grid)
    bets = np.asarray(grid, dtype=np.float64)[:, None] * _in_spreads(values, spread)
    above, below = _log_mean(bets), _log_mean(-bets)
    evidence = np.logaddexp(above, below) - math.log(2)
    best = np.maximum.accumulate(np.maximum(evidence, 0.0))
    p_values = np.exp(-best)
    hits = np.flatnonzero(evidence >= -math.log(alpha))
    for path in (evidence, p_values):
        path.setflags(write=False)
    lean = float(above[-1] - below[-1]) if values.size else 0.0
    return EProcess(
        method="e-process for symmetry (mixed logistic bets)",
        estimate=float(values.mean()) if values.size else None,
        interval=_confidence_sequence(values, alpha, spread, grid),
        p_value=float(p_values[-1]) if values.size else 1.0,
        n_units=int(values.size),
        assumptions=("each sign fair given the sizes and the signs before, under the null hypothesis",),
        cautions=_cautions(values, spread),
        reference="Ville 1939; Ramdas, Ruf, Larsson and Koolen 2020, arXiv:2009.03167",
        log_evidence=evidence,
        p_values=p_values,
        stopped_at=int(hits[0]) + 1 if hits.size else None,
        direction=int(np.sign(lean)),
        grid=tuple(float(step) for step in grid),
        spread=spread,
    )


def _check(alpha: float, spread: float | None, grid: Sequence[float]) -> None:
    if not 0 < alpha < 1:
        raise ValueError("alpha lies between 0 and 1")
    if spread is not None and not _SMALLEST_SPREAD <= spread < math.inf:
        raise ValueError("the spread is finite and lies above zero")
    if not len(grid) or not all(0 < step < math.inf for step in grid):
        raise ValueError("the grid holds finite numbers above zero")


def _in_spreads(values: Floats, spread: float | None) -> Floats:
    if spread is not None:
        return values / spread
    largest = float(np.max(np.abs(values), initial=0.0))
    if largest == 0.0:
        return values
    shares = values / largest  # so that no square overflows or vanishes
    running = np.sqrt(np.cumsum(shares**2) / np.arange(1, shares.size + 1))
    # Before the first difference there is nothing to bet on, and nothing to divide by.
    return np.divide(shares, running, out=np.zeros_like(shares), where=running > 0)


def _log_mean(bets: Floats) -> Floats:
    """Logarithm of the mean over the grid (rows) of the stake after each unit (columns)."""
    stakes = np.cumsum(math.log(2) - np.logaddexp(0.0, -2 * bets), axis=1)
    mean: Floats = special.logsumexp(stakes, axis=0) - math.log(bets.shape[0])
    return mean


def _confidence_sequence(
    values: Floats, alpha: float, spread: float | None, grid: Sequence[float]
) -> Interval:
    level = 1 - alpha
    if spread is None or 2.0 ** min(values.size, 1000) < 2 / alpha:
        return Interval(level, None, None)
    bets = np.asarray(grid, dtype=np.float64)[:, None] / spread
    high = _lowest(-values, bets, alpha)
    low = _lowest(values, bets, alpha)
    return Interval(level, low, None if high is None else -high)


def _lowest(values: Floats, bets: Floats, alpha: float) -> float | None:
    """The largest shift that the upward process has ever rejected; its evidence falls as the shift rises."""
    wanted = math.log(2 / alpha)

    def excess(shift: float) -> float:
        return float(np.max(_log_mean(bets * (values - shift)))) - wanted

    top = float(np.max(values))  # no difference lies above, so nothing there is evidence
    step = max(float(np.ptp(values)), 1.0 / float(np.max(bets)))
    for _ in range(60):
        if excess(top - step) >= 0:
            return float(optimize.brentq(excess, top - step, top, xtol=1e-12 * step))
        step *= 2
    return None  # the limit of many steps is log2(2 / alpha) units, all but met


def _cautions(values: Floats, spread: float | None) -> tuple[Caution, ...]:
    if not values.size:
        return (Caution("no_units", "No unit has a rating in both arms."),)
    found: tuple[Caution, ...] = ()
    if not np.any(values):
        found += (Caution("no_differences", "No unit differs between the arms."),)
    if spread is None:
        found += (Caution("no_interval", "An interval needs a spread that was fixed before the data."),)
    return found
