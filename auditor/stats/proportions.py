"""Score interval for the difference of two paired proportions."""

from __future__ import annotations

import math
from collections.abc import Callable

from scipy import optimize, stats

from auditor.stats.intervals import Interval

_EDGE = 1e-12


def tango_interval(gained: int, lost: int, n: int, level: float = 0.95) -> Interval:
    """Asymptotic score interval for paired proportions (Tango 1998, Stat. Med. 17:891, equations 3 to 7).

    Parameters
    ----------
    gained, lost : int
        Units that pass only under treatment, and only under control.
    n : int
        All units.
    level : float
        Level of the interval.

    Notes
    -----
    Unlike the t interval it does not shrink to a point where no unit changed sides: with none of `n` the 90 %
    interval is +-z^2 / (n + z^2), so that 5 percentage points are excluded from 52 units up. Assumes independent
    units, one rating in each arm.

    Examples
    --------
    >>> interval = tango_interval(0, 0, 100, level=0.90)
    >>> round(interval.high, 4)
    0.0263
    """
    if n < 1 or gained < 0 or lost < 0 or gained + lost > n:
        raise ValueError("gained and lost are counts of different units out of n, at least one")
    critical = float(stats.norm.ppf(0.5 + level / 2))

    def excess(delta: float, sign: float) -> float:
        return sign * _score(gained, lost, n, delta) - critical

    estimate = (gained - lost) / n
    # The score statistic falls in delta: it equals +critical below the estimate and -critical above it.
    low = -1.0 if estimate <= -1 + _EDGE else _root(lambda d: excess(d, 1.0), -1 + _EDGE, estimate)
    high = 1.0 if estimate >= 1 - _EDGE else _root(lambda d: excess(d, -1.0), estimate, 1 - _EDGE)
    return Interval(level, low, high)


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    return float(optimize.brentq(function, low, high, xtol=1e-12))


def _score(gained: int, lost: int, n: int, delta: float) -> float:
    """Tango's score statistic at a hypothetical difference, with the nuisance proportion at its restricted maximum."""
    a = 2.0 * n
    b = -gained - lost + (2 * n - gained + lost) * delta
    c = -lost * delta * (1 - delta)
    q = (math.sqrt(max(b * b - 4 * a * c, 0.0)) - b) / (2 * a)
    variance = n * (2 * q + delta * (1 - delta))
    difference = gained - lost - n * delta
    if variance <= 0:
        return 0.0 if difference == 0 else math.copysign(math.inf, difference)
    return difference / math.sqrt(variance)
