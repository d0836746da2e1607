"""Pratt's signed-rank test, exact with ties and zeros, and the Hodges-Lehmann estimate with its interval.

The ranks of the absolute differences carry the signs; each pattern of signs is equally likely under the null
hypothesis (Pratt 1959, J. Am. Stat. Assoc. 54:655). Midranks are doubled to integers, so the count of patterns is the
same as in the sign-flip test and `sign_flip_test` does it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from auditor.stats.cells import Floats, Integers, check_level, no_units
from auditor.stats.differences import ROUNDING, as_differences, as_lattice, no_interval, unit_cautions
from auditor.stats.intervals import Interval
from auditor.stats.result import Caution, Estimate
from auditor.stats.signflip import Alternative, sign_flip_test
from auditor.stats.walsh import EXACT_UNITS, hodges_lehmann

# Differences of scores that ought to be equal are apart by rounding: 5/3 - 4/3 and 8/3 - 7/3.
_TIED = 1e-10
_REFERENCE = "Pratt 1959, J. Am. Stat. Assoc. 54:655; Hodges and Lehmann 1963, Ann. Math. Stat. 34:598"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedRank(Estimate):
    """Result of `pratt_test`; the estimate is the pseudo-median, in the units of the differences.

    Parameters
    ----------
    statistic : float
        Sum of the ranks of the positive differences, zeros ranked.
    z : float or None
        That sum standardised, without a correction for continuity; None where no unit differs.
    exact : bool
        Whether the p-value counts all patterns of signs; else it is that of `z`.
    n_zeros : int
        Units that do not differ.
    """

    statistic: float
    z: float | None
    exact: bool
    n_zeros: int


def pratt_test(
    differences: ArrayLike,
    *,
    exact: ArrayLike | None = None,
    alternative: Alternative = "two-sided",
    level: float = 0.95,
) -> SignedRank:
    """Test whether paired differences are symmetric about zero by the ranks of their sizes.

    Parameters
    ----------
    differences : array_like, shape (n,)
        One difference for each independent unit.
    exact : array_like, shape (n,), optional
        The same up to one positive factor, as integers, so that ties are found without rounding. Without it, floats
        on a decimal lattice are brought to integers; of the rest, those within 1e-10 of each other are tied, and
        those below 1e-12 of the largest are zero.
    alternative : {'two-sided', 'greater', 'less'}
        Of the p-value; the interval has two ends always.
    level : float
        Level of the interval, in (0, 1).

    Returns
    -------
    SignedRank
        Without units all is None. The p-value is exact up to 500 units that differ.

    Raises
    ------
    ValueError
        If a difference is not finite, the level is not between 0 and 1, or `exact` is not proportional to the
        differences.

    Notes
    -----
    This is robustness beside a test of the mean, never in its place: it asks about the pseudo-median (the median of
    the means of all pairs of units). With skewed differences of mean zero it rejects far above its level, and the more
    so the more units there are.

    Zeros take ranks and are then dropped (Pratt), so adding them weakens the evidence as it should. The interval is
    made of ordered Walsh averages, all units in, with the quantile of the rank sum without ties. With ties and zeros
    its closed ends cover at least as often as they say (Noether 1967, J. Am. Stat. Assoc. 62:184), but test and
    interval may then disagree (`interval_disagrees`). Beyond 500 units both come from the normal distribution, as in
    the R package coin. Neither needs more memory than a few numbers for each unit.

    `scipy.stats.wilcoxon(..., method="exact")` looks its sum up among sums of the ranks 1 to n, which is wrong where
    there are ties or zeros.

    Examples
    --------
    >>> d = [0, 0, 0, 1, 1, 1, 2, -1, 3, 0, 2, -1, 1, 4, 0, 1, -2, 0, 1, 2]
    >>> result = pratt_test(d)
    >>> result.p_value, result.estimate, result.interval.low, result.interval.high
    (0.0333251953125, 0.5, 0.0, 1.5)
    """
    check_level(level)
    values = as_differences(differences)
    n = int(values.size)
    if n == 0:
        return _without_units(alternative, level)
    lattice = as_lattice(differences, exact)
    ranks = _signed_ranks(values if lattice is None else lattice.integers)
    moving = int(np.count_nonzero(ranks))
    z = _standardised(ranks)
    counted = moving <= EXACT_UNITS
    if counted:
        p_value = sign_flip_test(ranks, alternative=alternative).p_value
    else:
        p_value = _normal_p(0.0 if z is None else z, alternative)
    estimate, interval = hodges_lehmann(values, level)
    return SignedRank(
        method="Pratt signed-rank test" + _side(alternative, counted=counted),
        estimate=estimate,
        interval=interval,
        p_value=p_value,
        n_units=n,
        assumptions=(
            "units are independent",
            "the differences are symmetric: of skewed ones this tests the pseudo-median, not the mean",
        ),
        cautions=_cautions(ranks, interval, p_value, alternative),
        reference=_REFERENCE,
        statistic=float(ranks[ranks > 0].sum()) / 2,
        z=z,
        exact=counted,
        n_zeros=n - moving,
    )


def _signed_ranks(values: Integers | Floats) -> Integers:
    """Twice the midrank of each size, with its sign; zeros take ranks, and then count nothing."""
    sizes = np.abs(values)
    order = np.argsort(sizes, kind="stable")
    ascending = sizes[order]
    if values.dtype.kind == "f":
        zero = ROUNDING * float(ascending[-1])
        apart = np.diff(ascending) > np.maximum(_TIED * ascending[1:], zero)
        signs = np.where(sizes > zero, np.sign(values), 0.0).astype(np.int64)
    else:
        apart = np.diff(ascending) > 0
        signs = np.sign(values).astype(np.int64)
    group = np.concatenate([[0], np.cumsum(apart)])
    members = np.bincount(group)
    ends = np.cumsum(members)
    doubled = np.empty(values.size, dtype=np.int64)
    # Ranks first..last of a group have the mean (first + last) / 2, and first = last - members + 1.
    doubled[order] = (2 * ends - members + 1)[group]
    return signs * doubled


def _standardised(ranks: Integers) -> float | None:
    """Rank sum less its mean over its standard deviation, each sign being +-1 with the same chance (Pratt 1959)."""
    variance = float((ranks.astype(np.float64) ** 2).sum())
    return float(ranks.sum()) / math.sqrt(variance) if variance > 0 else None


def _normal_p(z: float, alternative: Alternative) -> float:
    if alternative == "two-sided":
        return min(1.0, 2 * float(stats.norm.sf(abs(z))))
    return float(stats.norm.sf(z if alternative == "greater" else -z))


def _side(alternative: Alternative, *, counted: bool) -> str:
    side = "" if alternative == "two-sided" else f", one-sided ({alternative})"
    return (", exact" if counted else ", normal approximation") + side


def _cautions(
    ranks: Integers, interval: Interval, p_value: float, alternative: Alternative
) -> tuple[Caution, ...]:
    cautions = unit_cautions(ranks)
    if not interval.known:
        cautions += (no_interval(int(ranks.size), interval.level),)
    elif alternative == "two-sided" and (p_value <= 1 - interval.level) != interval.excludes_zero():
        sentence = "Test and interval disagree: with ties and zeros they rest on different ranks."
        cautions += (Caution("interval_disagrees", sentence),)
    return cautions


def _without_units(alternative: Alternative, level: float) -> SignedRank:
    return SignedRank(
        method="Pratt signed-rank test" + _side(alternative, counted=True),
        estimate=None,
        interval=Interval(level, None, None),
        p_value=None,
        n_units=0,
        cautions=(no_units(),),
        reference=_REFERENCE,
        statistic=0.0,
        z=None,
        exact=True,
        n_zeros=0,
    )
