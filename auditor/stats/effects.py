"""Standardised effect sizes of paired differences, with their intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, special, stats

from auditor.stats.cells import Floats, check_level
from auditor.stats.differences import LARGEST
from auditor.stats.intervals import Interval

_NO_SPREAD = 1e-12
# Up to this d_z the noncentral t is averaged over the spread, beyond it over the mean.
_STEEP = 1.0
_NODES = 400


@dataclass(frozen=True, slots=True)
class EffectSizes:
    """Effect sizes of a contrast; None where a spread is zero or unknown.

    Parameters
    ----------
    d_z : float or None
        Mean difference over the standard deviation of the differences (Cohen 1988, section 2.3.5).
    g_av : float or None
        Mean difference over the root mean square of both arms' standard deviations, with Hedges' small-sample
        correction (Lakens 2013, Front. Psychol. 4:863, equation 10 with his correction factor; the average is that
        of the variances, not of the standard deviations). None below three units, where the correction is zero.
    p_higher, p_tied : float
        Share of units rated higher under treatment, and of those rated the same.
    d_z_interval : Interval or None
        By the noncentral t: exact for normal differences (Steiger and Fouladi 1997; Cumming and Finch 2001).
    g_av_interval : Interval or None
        Of the same parameter as g_av, for normal ratings (Bonett 2008, Psychol. Methods 13:99). Its middle is the
        uncorrected effect, so g_av lies off it, toward zero.
    """

    d_z: float | None
    g_av: float | None
    p_higher: float
    p_tied: float
    d_z_interval: Interval | None = None
    g_av_interval: Interval | None = None


def effect_sizes(treatment: ArrayLike, control: ArrayLike, *, level: float = 0.95) -> EffectSizes:
    """Compute effect sizes from each unit's mean in both arms.

    Parameters
    ----------
    treatment, control : array_like, shape (n,)
        Paired means of the same units, n at least 1.
    level : float
        Level of the intervals, in (0, 1).

    Returns
    -------
    EffectSizes

    Raises
    ------
    ValueError
        If the arms differ in length, are empty or not finite, or the level is not between 0 and 1.

    Notes
    -----
    Both intervals assume normal ratings. With strongly skewed or nearly constant ones they are rough, and tests and
    intervals of the mean difference itself should be read.

    Examples
    --------
    >>> sizes = effect_sizes([1.9, 0.8, 1.1, 0.1], [0.7, -1.6, -0.2, -1.2])
    >>> round(sizes.d_z, 4), round(sizes.d_z_interval.low, 4), round(sizes.d_z_interval.high, 4)
    (2.7259, 0.4443, 4.997)
    """
    check_level(level)
    high, low = np.asarray(treatment, dtype=np.float64), np.asarray(control, dtype=np.float64)
    if high.shape != low.shape or high.size == 0:
        raise ValueError("both arms need the same units, at least one")
    if not (np.all(np.abs(high) <= LARGEST) and np.all(np.abs(low) <= LARGEST)):
        raise ValueError("every mean of a unit is finite and below 1e100")
    differences = high - low
    p_higher, p_tied = float(np.mean(differences > 1e-12)), float(np.mean(np.abs(differences) <= 1e-12))
    if high.size < 2:
        return EffectSizes(None, None, p_higher, p_tied)
    d_z = _standardised(differences)
    g_av, g_av_interval = _averaged(high, low, level)
    return EffectSizes(
        d_z=d_z,
        g_av=g_av,
        p_higher=p_higher,
        p_tied=p_tied,
        d_z_interval=None if d_z is None else d_z_interval(d_z, high.size, level),
        g_av_interval=g_av_interval,
    )


def d_z_interval(d_z: float, n: int, level: float = 0.95) -> Interval:
    """Interval of a standardised mean difference of `n` pairs (Cumming and Finch 2001, Educ. Psychol. Meas. 61:532).

    The ends are the effects for which the observed t = d_z sqrt(n) lies on either tail of the noncentral t with
    n - 1 degrees of freedom and noncentrality effect sqrt(n).

    Parameters
    ----------
    d_z : float
    n : int
        Pairs, 2 or more.
    level : float

    Raises
    ------
    ValueError
        For fewer than two pairs or an effect that is not finite.

    Examples
    --------
    >>> interval = d_z_interval(0.5, 34)
    >>> round(interval.low, 4), round(interval.high, 4)
    (0.1397, 0.8536)
    """
    check_level(level)
    if n < 2 or not math.isfinite(d_z):
        raise ValueError("the interval of an effect needs two pairs or more and a finite effect")
    # The distribution turned over belongs to the effect with the other sign.
    tails = ((1 + level) / 2, (1 - level) / 2)
    low, high = (_effect_with_tail(abs(d_z), n, tail) for tail in tails)
    return Interval(level, low, high) if d_z >= 0 else Interval(level, -high, -low)


def _effect_with_tail(size: float, n: int, tail: float) -> float:
    """Find the effect under which an observed effect of at most `size` has the probability `tail`."""

    def excess(effect: float) -> float:
        return _below(size, effect, n) - tail

    step = 4 * math.sqrt(1 / n + size**2 / (2 * (n - 1)))
    low, high = size - step, size + step
    while excess(low) < 0:
        low -= step
    while excess(high) > 0:
        high += step
    return float(optimize.brentq(excess, low, high, xtol=1e-12 * step, rtol=1e-14))


def _below(size: float, effect: float, n: int) -> float:
    """Probability that t is at most size sqrt(n), of n - 1 degrees and noncentrality effect sqrt(n).

    t = (Z + noncentrality) / S with Z normal and (n - 1) S^2 chi-square: the probability given one of them, averaged
    over the other. Each form is smooth where the other is steep. scipy's noncentral t is not a number in places that
    the search passes through (3 units, d_z 4.9), and slow at large effects.
    """
    df, observed, shift = n - 1, size * math.sqrt(n), effect * math.sqrt(n)
    if size <= _STEEP:
        half = 12 / math.sqrt(2 * df)
        spread, weights = _nodes(max(0.0, 1 - half), 1 + half)
        density = np.log(spread) * (df - 1) - df * (spread**2 - 1) / 2
        weights = weights * np.exp(density - density.max())
        return float(weights @ special.ndtr(observed * spread - shift) / weights.sum())
    # Below -shift the numerator is negative, and t with it.
    start = min(max(-shift, -12.0), 12.0)
    z, weights = _nodes(start, 12.0)
    reached = special.chdtrc(df, df * ((z + shift) / observed) ** 2)
    return float(special.ndtr(start) + weights @ (np.exp(-(z**2) / 2) * reached) / math.sqrt(2 * math.pi))


def _nodes(low: float, high: float) -> tuple[Floats, Floats]:
    """Gauss-Legendre nodes and weights between two ends."""
    at, weights = _legendre()
    return low + (high - low) * (at + 1) / 2, weights * (high - low) / 2


@cache
def _legendre() -> tuple[Floats, Floats]:
    at, weights = np.polynomial.legendre.leggauss(_NODES)
    return at, weights


def _standardised(differences: Floats) -> float | None:
    mean, spread = float(differences.mean()), float(differences.std(ddof=1))
    return mean / spread if spread > _NO_SPREAD else None


def _averaged(high: Floats, low: Floats, level: float) -> tuple[float | None, Interval | None]:
    """Hedges' g over the average variance, and the interval for unequal variances of Bonett (2008).

    Bonett's standard error is the delta method's, with n - 1 for n. His interval is kept around the uncorrected
    effect: shrunk with it, it covers .92 of 10 units and .75 of 3 where it says .95.
    """
    n, df = high.size, high.size - 1
    mean, (first, joint, _, second) = float((high - low).mean()), np.cov(high, low).ravel().tolist()
    square = (first + second) / 2
    if n < 3 or not math.sqrt(square) > _NO_SPREAD:
        return None, None
    effect = mean / math.sqrt(square)
    first, joint, second = first / square, joint / square, second / square
    of_spread = effect**2 * (first**2 + second**2 + 2 * joint**2) / (8 * df)
    of_mean = max(first + second - 2 * joint, 0.0) / df
    half = float(stats.norm.ppf(0.5 + level / 2)) * math.sqrt(of_spread + of_mean)
    return (1 - 3 / (4 * df - 1)) * effect, Interval(level, effect - half, effect + half)
