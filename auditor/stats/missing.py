"""Missing ratings: whether they depend on the arm, and what they could hide."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auditor.stats.intervals import Interval
from auditor.stats.signflip import sign_flip_test

_DRAWS = 500


@dataclass(frozen=True, slots=True)
class MissingTest:
    """Missing shares of both arms and the paired test of their difference."""

    control: float
    treatment: float
    p_value: float
    n: int

    @property
    def differs(self) -> bool:
        """Whether missingness depends on the arm: p below .05, or more than 2 percentage points apart."""
        return self.p_value < 0.05 or abs(self.treatment - self.control) > 0.02


def missing_test(treatment: ArrayLike, control: ArrayLike, *, seed: int = 0) -> MissingTest:
    """Compare the shares of missing ratings of the same units by the sign-flip test.

    Parameters
    ----------
    treatment, control : array_like, shape (n,)
        Share of each unit's ratings that are missing in each arm.

    Examples
    --------
    >>> missing_test([1, 1, 0, 0], [0, 0, 0, 0]).p_value
    0.5
    """
    high, low = np.asarray(treatment, dtype=np.float64), np.asarray(control, dtype=np.float64)
    p_value = sign_flip_test(high - low, seed=seed, flips=20_000).p_value if high.size else 1.0
    return MissingTest(
        float(low.mean()) if low.size else 0.0,
        float(high.mean()) if high.size else 0.0,
        p_value,
        int(high.size),
    )


@dataclass(frozen=True, slots=True)
class LeeBounds:
    """Bounds on the mean difference among units that would be rated in both arms.

    `interval_low` and `interval_high` are bootstrap intervals of each bound, at the level asked for; the `narrow`
    ones at the level of the equivalence test.
    """

    low: float
    high: float
    interval_low: Interval
    interval_high: Interval
    narrow_low: Interval
    narrow_high: Interval


def lee_bounds(
    treatment: ArrayLike,
    control: ArrayLike,
    treatment_units: ArrayLike,
    control_units: ArrayLike,
    *,
    alpha: float = 0.05,
    seed: int = 0,
) -> LeeBounds | None:
    """Bound the effect under monotone missingness by trimming the arm that answered more often (Lee 2009).

    Lee, Rev. Econ. Stud. 76:1071, proposition 1a. With q the excess of answers in one arm as a share of its own, its
    lowest and its highest q are cut off in turn. Assumes that the arm can only add (or only remove) refusals.

    Parameters
    ----------
    treatment, control : array_like, shape (n,) and (m,)
        Every trial's score in each arm, NaN where missing.
    treatment_units, control_units : array_like
        Independent unit of each trial, resampled as a whole (cluster bootstrap, 500 draws).

    Returns
    -------
    LeeBounds or None
        None if an arm has no score at all.
    """
    values = (np.asarray(treatment, dtype=np.float64), np.asarray(control, dtype=np.float64))
    point = _trimmed(*values)
    if point is None:
        return None
    labels = np.concatenate([np.asarray(treatment_units).astype(str), np.asarray(control_units).astype(str)])
    _, codes = np.unique(labels, return_inverse=True)
    first, second = codes[: values[0].size], codes[values[0].size :]
    count = int(codes.max()) + 1
    by_unit = [(np.flatnonzero(first == code), np.flatnonzero(second == code)) for code in range(count)]
    rng = np.random.default_rng(seed)
    draws = []
    for _ in range(_DRAWS):
        chosen = rng.integers(0, count, count)
        bounds = _trimmed(
            values[0][np.concatenate([by_unit[i][0] for i in chosen])],
            values[1][np.concatenate([by_unit[i][1] for i in chosen])],
        )
        if bounds is not None:
            draws.append(bounds)
    sampled = np.asarray(draws)

    def interval(column: int, level: float) -> Interval:
        tail = (1 - level) / 2
        low, high = np.quantile(sampled[:, column], [tail, 1 - tail])
        return Interval(level, float(low), float(high))

    return LeeBounds(
        point[0],
        point[1],
        interval(0, 1 - alpha),
        interval(1, 1 - alpha),
        interval(0, 1 - 2 * alpha),
        interval(1, 1 - 2 * alpha),
    )


def _trimmed(treatment: NDArray[np.float64], control: NDArray[np.float64]) -> tuple[float, float] | None:
    kept_t, kept_c = np.sort(treatment[~np.isnan(treatment)]), np.sort(control[~np.isnan(control)])
    if not kept_t.size or not kept_c.size:
        return None
    rate_t, rate_c = kept_t.size / treatment.size, kept_c.size / control.size
    excess = abs(rate_t - rate_c) / max(rate_t, rate_c)
    longer = kept_t if rate_t >= rate_c else kept_c
    keep = max(longer.size - math.floor(excess * longer.size + 1e-9), 1)
    lowest, highest = float(longer[:keep].mean()), float(longer[-keep:].mean())
    if rate_t >= rate_c:
        mean = float(kept_c.mean())
        return lowest - mean, highest - mean
    mean = float(kept_t.mean())
    return mean - highest, mean - lowest


@dataclass(frozen=True, slots=True)
class WorstCase:
    """Manski's bounds: every missing rating at one end of the scale in one arm and at the other in the other."""

    low: float
    high: float


def manski_bounds(
    treatment: ArrayLike, control: ArrayLike, low: float, high: float, *, units: ArrayLike | None = None
) -> WorstCase:
    """Bound the mean difference without any assumption on the missing ratings (Manski 1990).

    Am. Econ. Rev. 80:319. NaN stands for a missing rating.

    Parameters
    ----------
    treatment, control : array_like, shape (n,)
        Paired cell means, NaN where missing.
    low, high : float
        Ends of the scale.
    units : array_like, optional
        Independent unit of each pair; the bound is the mean of the units' means.

    Examples
    --------
    >>> manski_bounds([10.0, float("nan")], [8.0, 9.0], 0, 20)
    WorstCase(low=-3.5, high=6.5)
    """
    first, second = np.asarray(treatment, dtype=np.float64), np.asarray(control, dtype=np.float64)
    labels = (
        np.arange(first.size)
        if units is None
        else np.unique(np.asarray(units).astype(str), return_inverse=True)[1]
    )

    def mean(fill_treatment: float, fill_control: float) -> float:
        differences = np.where(np.isnan(first), fill_treatment, first) - np.where(
            np.isnan(second), fill_control, second
        )
        sums, counts = np.bincount(labels, differences), np.bincount(labels)
        return float((sums / counts).mean())

    return WorstCase(mean(low, high), mean(high, low))
