"""Rates of a binary property by arm: each arm's own, and the paired difference."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from auditor.stats.cells import (
    Floats,
    MeanTest,
    as_cells,
    check_level,
    mean_test,
    pair_cells,
    unbalanced_cells,
    unit_codes,
    unit_means,
)
from auditor.stats.intervals import Interval, wilson_interval
from auditor.stats.mcnemar import mcnemar
from auditor.stats.proportions import tango_interval
from auditor.stats.result import Caution, Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class RateDifference(Estimate):
    """Result of `rate_difference`.

    Parameters
    ----------
    treatment, control : Estimate
        The rate of each arm among the pairs, with its own interval.
    gained, lost : int or None
        Units with the property only under treatment, and only under control; None with several ratings a unit.
    p_mid : float or None
        McNemar's mid-p, for one rating a unit.
    n_dropped : int
        Cells without a rating in both arms.
    """

    treatment: Estimate
    control: Estimate
    gained: int | None
    lost: int | None
    p_mid: float | None
    n_dropped: int


def arm_rate(outcomes: ArrayLike, units: ArrayLike | None = None, *, level: float = 0.95) -> Estimate:
    """Estimate how often a binary property occurs in one arm, with an interval that knows of clusters.

    Parameters
    ----------
    outcomes : array_like, shape (n_cells,) or (n_cells, n_replicates)
        1 or 0, NaN where unknown.
    units : array_like, shape (n_cells,), optional
        Label of each cell's independent unit; default each cell is one.
    level : float
        Level of the interval.

    Returns
    -------
    Estimate
        The rate is the mean of the units' rates, all units alike; there is no p-value.

    Raises
    ------
    ValueError
        For outcomes other than 0, 1 and NaN.

    Notes
    -----
    One outcome a unit: Wilson's interval (Wilson 1927). Several: Wilson's interval with the effective number of
    outcomes p (1 - p) / se^2 in the place of n and a t quantile on units - 1 degrees of freedom for z (Korn and
    Graubard 1998, Surv. Methodol. 24:193, give the effective number; Dean and Pagano 2015, J. Surv. Stat. Methodol.
    3:484, put it into Wilson's). The effective number is kept between the units and the outcomes; with a rate of 0
    or 1 it is the units. The t interval on the units' rates is not used: at 30 units of 3 outcomes and a rate of .02
    the 95 % interval covered .53 to .82, this one .96. Assumes independent units; a wrong grouping makes the
    interval too short.

    Examples
    --------
    >>> rate = arm_rate([[1, 0, 1], [0, 0, 0], [0, 1, 0], [0, 0, 0]])
    >>> round(rate.estimate, 2), round(rate.interval.low, 3), round(rate.interval.high, 3)
    (0.25, 0.035, 0.755)
    """
    check_level(level)
    array = _binary(outcomes, "outcomes")
    codes = unit_codes(units, array.shape[0])[1]
    counts = np.count_nonzero(~np.isnan(array), axis=1)
    kept = counts > 0
    codes = np.unique(codes[kept], return_inverse=True)[1]
    rates = unit_means(np.nansum(array[kept], axis=1) / counts[kept], codes)
    n, total = int(rates.size), int(counts.sum())
    single = total == n
    interval = Interval(level, None, None)
    cautions: tuple[Caution, ...] = ()
    if n == 0:
        cautions = (Caution("no_units", "No outcome is known."),)
    elif single:
        interval = wilson_interval(round(float(rates.sum())), n, level)
    elif n == 1:
        cautions = (Caution("one_unit", "One unit does not show how far units differ."),)
    else:
        interval = _clustered_wilson(rates, total, level)
    return Estimate(
        method="rate, Wilson interval" + ("" if single else " with the effective number of outcomes"),
        estimate=float(rates.mean()) if n else None,
        interval=interval,
        p_value=None,
        n_units=n,
        n_ratings=total,
        df=None if single or n == 1 else float(n - 1),
        assumptions=("units are independent",),
        cautions=cautions,
        reference="Wilson 1927" if single else "Wilson 1927; Korn and Graubard 1998; Dean and Pagano 2015",
    )


def _clustered_wilson(rates: Floats, total: int, level: float) -> Interval:
    n, share = rates.size, float(rates.mean())
    variance = float(rates.var(ddof=1)) / n
    effective = float(n) if share in (0.0, 1.0) else float(total)
    if 0 < share < 1 and variance > 0:
        effective = min(max(share * (1 - share) / variance, float(n)), float(total))
    t = float(stats.t.ppf(0.5 + level / 2, n - 1))
    centre = (share + t * t / (2 * effective)) / (1 + t * t / effective)
    half = (
        t * math.sqrt(share * (1 - share) / effective + t * t / (4 * effective**2)) / (1 + t * t / effective)
    )
    return Interval(level, max(0.0, centre - half), min(1.0, centre + half))


def with_tango(test: MeanTest, signs: ArrayLike) -> MeanTest:
    """Put Tango's interval in the place of the t interval: for units that differ by -1, 0 or 1, or not at all.

    Parameters
    ----------
    test : MeanTest
    signs : array_like, shape (n,)
        The units' differences, up to a factor.

    Examples
    --------
    >>> round(with_tango(mean_test([0] * 100, level=0.9), [0] * 100).interval.high, 4)
    0.0263
    """
    array = np.asarray(signs)
    if array.size == 0:
        return test
    gained, lost = int(np.count_nonzero(array > 0)), int(np.count_nonzero(array < 0))
    cautions = tuple(c for c in test.cautions if c.code not in {"no_spread", "few_moving"})
    if gained + lost == 0:
        cautions += (Caution("no_differences", "No unit differs between the arms."),)
    interval = tango_interval(gained, lost, int(array.size), test.interval.level)
    return replace(test, interval=interval, cautions=cautions)


def rate_difference(
    treatment: ArrayLike,
    control: ArrayLike,
    units: ArrayLike | None = None,
    *,
    level: float = 0.95,
    seed: int = 0,
) -> RateDifference:
    """Compare how often a binary property occurs in two arms, paired by unit.

    Parameters
    ----------
    treatment, control : array_like, shape (n_cells,) or (n_cells, n_replicates)
        1 or 0, NaN where unknown; the same cells in both.
    units : array_like, shape (n_cells,), optional
        Label of each cell's independent unit; default each cell is one.
    level : float
        Level of the intervals.
    seed : int
        Of the random signs where the exact count is not possible.

    Returns
    -------
    RateDifference

    Raises
    ------
    ValueError
        For outcomes other than 0, 1 and NaN, or arms with different cells.

    Notes
    -----
    The p-value is the sign-flip test's on the units' differences (Fisher 1935); with one outcome a unit in each arm
    that is the exact McNemar test. The interval is Tango's (1998) then, else the t interval over units. Where no
    unit differs, Tango's with no discordant pair stands in: with several outcomes a unit it is the wider one.
    Interval and test can disagree near the level, and the test decides.

    Examples
    --------
    >>> result = rate_difference([1] * 8 + [0] * 12, [0] * 7 + [1] + [0] * 12)
    >>> result.estimate, result.p_value, round(result.interval.low, 3)
    (0.35, 0.015625, 0.132)
    """
    high, low = _binary(treatment, "treatment"), _binary(control, "control")
    paired = pair_cells(high, low, units)
    test = mean_test(paired.differences, paired.exact, level=level, seed=seed)
    counted = bool(paired.units) and paired.single
    if counted or not np.any(paired.exact):
        test = with_tango(test, paired.exact)
    gained, lost = (int(np.count_nonzero(sign * paired.exact > 0)) for sign in (1, -1))
    both = ~(np.all(np.isnan(high), axis=1) | np.all(np.isnan(low), axis=1))
    labels = None if units is None else np.asarray(units)[both]
    return RateDifference(
        method="exact McNemar test, Tango interval" if counted else "sign-flip test, t interval over units",
        estimate=test.estimate,
        interval=test.interval,
        p_value=test.p_value,
        n_units=len(paired.units),
        n_ratings=paired.n_ratings,
        resamples=test.resamples,
        assumptions=(
            "units are independent",
            "under the null hypothesis the arms are exchangeable in each unit",
        ),
        cautions=test.cautions + unbalanced_cells(paired),
        reference="Fisher 1935, section 21; McNemar 1947; Tango 1998",
        treatment=arm_rate(high[both], labels, level=level),
        control=arm_rate(low[both], labels, level=level),
        gained=gained if counted else None,
        lost=lost if counted else None,
        p_mid=mcnemar(gained, lost).p_mid if counted else None,
        n_dropped=paired.n_dropped,
    )


def _binary(outcomes: ArrayLike, name: str) -> Floats:
    array = as_cells(outcomes, name)
    if not np.all(np.isnan(array) | (array == 0) | (array == 1)):
        raise ValueError(f"{name}: an outcome is 0, 1, or NaN where it is not known")
    return array
