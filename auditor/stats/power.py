"""How many units a design needs, and what a given number can show."""

from __future__ import annotations

import math

from scipy import optimize, stats

_MOST_UNITS = 10_000_000


def equivalence_power(n: int, sd: float, margin: float, alpha: float = 0.05) -> float:
    """Power of two one-sided t tests at a true difference of zero.

    2 F((margin / se) - t) - 1 with se = sd / sqrt(n) (Phillips 1990, J. Pharmacokinet. Biopharm. 18:137, by the
    shifted central t; exact to about 0.01 from n = 10 up).

    Examples
    --------
    >>> round(equivalence_power(60, sd=1.0, margin=0.5), 2)
    0.97
    """
    if n < 2:
        return 0.0
    if sd == 0:
        return 1.0
    shift = margin * math.sqrt(n) / sd - float(stats.t.ppf(1 - alpha, n - 1))
    return max(0.0, 2 * float(stats.t.cdf(shift, n - 1)) - 1)


def superiority_power(n: int, effect: float, sd: float, alpha: float = 0.05) -> float:
    """Power of the two-sided paired t test (and nearly that of the sign-flip test) by the noncentral t.

    Examples
    --------
    >>> round(superiority_power(34, effect=0.5, sd=1.0), 6)
    0.807778
    """
    if n < 2:
        return 0.0
    if sd == 0:
        return 1.0 if effect else 0.0
    noncentrality = effect * math.sqrt(n) / sd
    critical = float(stats.t.ppf(1 - alpha / 2, n - 1))
    near = float(stats.nct.sf(critical, n - 1, abs(noncentrality)))
    # The far tail is below 1e-11 from a noncentrality of 5 up, where scipy's noncentral t loses its footing.
    far = float(stats.nct.cdf(-critical, n - 1, abs(noncentrality))) if abs(noncentrality) < 5 else 0.0
    return near + far if abs(noncentrality) < critical + 20 else 1.0


def units_needed(
    sd: float, margin: float, *, alpha: float = 0.05, power: float = 0.8, test_alpha: float | None = None
) -> int | None:
    """Units for both questions: equivalence at a true zero, and a difference as large as the margin.

    Parameters
    ----------
    sd : float
        Standard deviation of the differences.
    margin : float
        In the same units.
    alpha, power : float
        Level of each one-sided equivalence test, and power wanted for both questions.
    test_alpha : float, optional
        Level of the two-sided test, where it is one of several; default `alpha`.

    Returns
    -------
    int or None
        The larger of both numbers, at least 10; None above ten million.

    Examples
    --------
    >>> units_needed(sd=1.0, margin=0.5)
    36
    """
    if sd < 0 or margin <= 0:
        raise ValueError("sd is not below zero and margin lies above zero")

    level = alpha if test_alpha is None else test_alpha

    def enough(n: int) -> bool:
        return (
            equivalence_power(n, sd, margin, alpha) >= power
            and superiority_power(n, margin, sd, level) >= power
        )

    low, high = 10, 10
    while not enough(high):
        if high == _MOST_UNITS:
            return None
        low, high = high, min(high * 2, _MOST_UNITS)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle + 1, high)
    return high


def detectable_effect(n: int, sd: float, *, alpha: float = 0.05, power: float = 0.8) -> float | None:
    """Smallest true difference that a paired test of `n` units finds with the given power.

    Examples
    --------
    >>> round(detectable_effect(100, sd=1.0), 4)
    0.2829
    """
    if n < 2 or sd <= 0:
        return None
    if power <= alpha:
        return 0.0  # no effect at all is found that often
    upper = 50.0 * sd
    if superiority_power(n, upper, sd, alpha) < power:
        return None
    return float(optimize.brentq(lambda effect: superiority_power(n, effect, sd, alpha) - power, 0.0, upper))
