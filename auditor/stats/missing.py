"""Missing ratings: whether they depend on the arm, and what they could hide."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auditor.stats.intervals import Interval
from auditor.stats.signflip import sign_flip_test

_DRAWS = 500
_MOST_CELLS = 4_000_000


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
    sampled = _resampled(values, (first, second), count, seed)

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


def _resampled(
    values: tuple[NDArray[np.float64], NDArray[np.float64]],
    codes: tuple[NDArray[np.intp], NDArray[np.intp]],
    n_units: int,
    seed: int,
) -> NDArray[np.float64]:
    """Both bounds in draws of units; draws that leave an arm without a score are left out.

    Scores of an arm enter as counts at each level by unit, so that a draw is a sum of rows.
    """
    arms = []
    for scores, units in zip(values, codes, strict=True):
        rated = ~np.isnan(scores)
        levels, level = np.unique(_coarse(scores[rated], n_units), return_inverse=True)
        table = np.zeros((n_units, levels.size + 1))
        np.add.at(table, (units[rated], level), 1.0)
        table[:, -1] = np.bincount(units, minlength=n_units)  # what was asked
        arms.append((levels, table))
    rng = np.random.default_rng(seed)
    rows = max(1, _MOST_CELLS // max(n_units, *(table.shape[1] for _, table in arms)))
    found = []
    for start in range(0, _DRAWS, rows):
        here = min(rows, _DRAWS - start)
        times = np.stack(
            [np.bincount(rng.integers(0, n_units, n_units), minlength=n_units) for _ in range(here)]
        ).astype(np.float64)
        found.append(_bounds_of_counts(*[(levels, times @ table) for levels, table in arms]))
    joined = np.concatenate(found)
    usable: NDArray[np.float64] = joined[~np.isnan(joined).any(axis=1)]
    return usable


def _coarse(scores: NDArray[np.float64], n_units: int) -> NDArray[np.float64]:
    """Scores on no lattice by the thousandth of their range, where their counts by unit would not fit."""
    if np.unique(scores).size * n_units <= _MOST_CELLS:
        return scores
    low, step = scores.min(), np.ptp(scores) / 1000
    rounded: NDArray[np.float64] = low + np.rint((scores - low) / step) * step
    return rounded


_Counts: TypeAlias = tuple[NDArray[np.float64], NDArray[np.float64]]


def _bounds_of_counts(treatment: _Counts, control: _Counts) -> NDArray[np.float64]:
    """Trimmed differences of many draws, from counts at each level; the last column is what was asked."""
    sizes = [table[:, :-1].sum(axis=1) for _, table in (treatment, control)]
    able = (sizes[0] > 0) & (sizes[1] > 0)
    rates = [
        np.divide(size, table[:, -1], out=np.zeros_like(size), where=table[:, -1] > 0)
        for size, (_, table) in zip(sizes, (treatment, control), strict=True)
    ]
    most = np.maximum(np.maximum(rates[0], rates[1]), 1e-300)
    excess = np.abs(rates[0] - rates[1]) / most
    more = rates[0] >= rates[1]
    ends = []
    for (levels, table), size in zip((treatment, control), sizes, strict=True):
        keep = np.maximum(size - np.floor(excess * size + 1e-9), 1.0)
        counts = table[:, :-1]
        low, high = (
            _kept_mean(side, values, keep, np.maximum(size, 1.0))
            for side, values in ((counts, levels), (counts[:, ::-1], levels[::-1]))
        )
        ends.append((low, high, counts @ levels / np.maximum(size, 1.0)))
    lower = np.where(more, ends[0][0] - ends[1][2], ends[0][2] - ends[1][1])
    upper = np.where(more, ends[0][1] - ends[1][2], ends[0][2] - ends[1][0])
    return np.where(able[:, None], np.stack([lower, upper], axis=1), np.nan)


def _kept_mean(
    counts: NDArray[np.float64],
    levels: NDArray[np.float64],
    keep: NDArray[np.float64],
    size: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Mean of the first `keep` ratings of each row, in the order of its columns."""
    before = np.cumsum(counts, axis=1) - counts
    taken = np.clip(np.minimum(keep, size)[:, None] - before, 0.0, counts)
    mean: NDArray[np.float64] = taken @ levels / np.maximum(taken.sum(axis=1), 1.0)
    return mean


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
