"""McNemar's test of paired pass and fail: exact, and its mid-p."""

from __future__ import annotations

from dataclasses import dataclass

from scipy import stats


@dataclass(frozen=True, slots=True)
class McNemarResult:
    """Counts of discordant pairs with the exact and the mid-p value."""

    rescued: int
    condemned: int
    p_exact: float
    p_mid: float


def mcnemar(rescued: int, condemned: int) -> McNemarResult:
    """Compare how many units pass only under treatment with how many pass only under control.

    Parameters
    ----------
    rescued, condemned : int
        Discordant pairs: failed in control and passed in treatment, and the reverse.

    Notes
    -----
    Exact: binomial(rescued + condemned, 1/2), two-sided (McNemar 1947). Mid-p: the exact p less the probability of
    the observed count (Fagerland, Lydersen and Laake 2013, BMC Med. Res. Methodol. 13:91, equation 6). The exact
    test is conservative: at 30 items its type I error is about .002 to .04.

    Examples
    --------
    >>> round(mcnemar(150, 86).p_exact, 10)
    3.71594e-05
    """
    n = rescued + condemned
    if n == 0:
        return McNemarResult(0, 0, 1.0, 1.0)
    exact = min(1.0, 2 * float(stats.binom.cdf(min(rescued, condemned), n, 0.5)))
    point = float(stats.binom.pmf(min(rescued, condemned), n, 0.5))
    mid = 1 - point / 2 if rescued == condemned else exact - point
    return McNemarResult(rescued, condemned, exact, mid)
