"""Standardised effect sizes of paired differences."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


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
        of the variances, not of the standard deviations).
    p_higher, p_tied : float
        Share of units rated higher under treatment, and of those rated the same.
    """

    d_z: float | None
    g_av: float | None
    p_higher: float
    p_tied: float


def effect_sizes(treatment: ArrayLike, control: ArrayLike) -> EffectSizes:
    """Compute effect sizes from each unit's mean in both arms.

    Parameters
    ----------
    treatment, control : array_like, shape (n,)
        Paired means of the same units, n at least 1.

    Examples
    --------
    >>> round(effect_sizes([1.9, 0.8, 1.1, 0.1], [0.7, -1.6, -0.2, -1.2]).d_z, 4)
    2.7259
    """
    high, low = np.asarray(treatment, dtype=np.float64), np.asarray(control, dtype=np.float64)
    if high.shape != low.shape or high.size == 0:
        raise ValueError("both arms need the same units, at least one")
    differences = high - low
    p_higher, p_tied = float(np.mean(differences > 1e-12)), float(np.mean(np.abs(differences) <= 1e-12))
    if high.size < 2:
        return EffectSizes(None, None, p_higher, p_tied)
    mean, spread = float(differences.mean()), float(differences.std(ddof=1))
    pooled = math.sqrt((float(high.var(ddof=1)) + float(low.var(ddof=1))) / 2)
    correction = 1 - 3 / (4 * (high.size - 1) - 1)
    return EffectSizes(
        d_z=mean / spread if spread > 1e-12 else None,
        g_av=correction * mean / pooled if pooled > 1e-12 else None,
        p_higher=p_higher,
        p_tied=p_tied,
    )
