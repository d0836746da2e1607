"""Inflation against the distance from the threshold, freed of regression to the mean.

Work that the control happened to score low scores higher when it is asked again, whatever the arm. So the control's own
score must not be both what work is sorted by and what the inflation is measured from.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from auditor.stats.cells import (
    Floats,
    Integers,
    as_cells,
    check_level,
    few_units,
    mean_test,
    no_units,
    pair_cells,
    unit_codes,
)
from auditor.stats.intervals import Interval
from auditor.stats.result import Caution, Estimate

Condition: TypeAlias = Literal["average", "split"]
_CLOSE = 1e-9


@dataclass(frozen=True, slots=True)
class DistanceBin:
    """Mean difference of the work whose distance lies in [low, high), in points; exploratory, not adjusted."""

    low: float
    high: float
    estimate: float | None
    interval: Interval
    p_value: float | None
    n_units: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DistanceSlope(Estimate):
    """Result of `distance_slope`: points of inflation for each point of distance from the threshold.

    Parameters
    ----------
    condition : {'average', 'split'}
        What the work was sorted by.
    absolute : bool
        Whether the distance is without a sign.
    bins : tuple of DistanceBin
        Those that hold any work, from the lowest distance to the highest.
    n_dropped : int
        Cells without a pair, or, for 'split', with a single control rating.
    """

    condition: Condition
    absolute: bool
    bins: tuple[DistanceBin, ...]
    n_dropped: int


def distance_slope(
    treatment: ArrayLike,
    control: ArrayLike,
    threshold: float,
    width: float,
    units: ArrayLike | None = None,
    *,
    condition: Condition = "average",
    absolute: bool = False,
    level: float = 0.95,
    seed: int = 0,
) -> DistanceSlope:
    """Estimate how the difference between arms changes with the distance of the work from the threshold.

    Parameters
    ----------
    treatment, control : array_like, shape (n_cells,) or (n_cells, n_replicates)
        Scores, NaN where there is none; the same cells in both.
    threshold : float
        The pass mark, in points.
    width : float
        Width of the bins in points, counted from the threshold both ways.
    units : array_like, shape (n_cells,), optional
        Label of each cell's independent unit; default each cell is one.
    condition : {'average', 'split'}
        'average' sorts by the mean of all ratings of a cell, of both arms. 'split' needs two control ratings or more:
        it sorts by each in turn, and measures the difference from the others.
    absolute : bool
        Take the distance without its sign: whether inflation is largest at the threshold, on either side.
    level : float
        Level of the intervals.
    seed : int
        Of the random signs in bins where the exact count is not possible.

    Returns
    -------
    DistanceSlope
        Without a spread of distances there is no slope, and below three units no interval.

    Raises
    ------
    ValueError
        For a width that is not above zero, an unknown condition, or arms with different cells.

    Notes
    -----
    *Average*: with the variance of a rating the same in both arms, the mean of all ratings and the difference of the
    arms' means are uncorrelated (Oldham 1962, J. Chronic Dis. 15:969), and under the null hypothesis the difference
    is symmetric about zero whatever the mean. The mean counts ratings and not arms, for else unequal replicates would
    correlate them. An arm that spreads ratings more, as beside the end of a scale, makes a slope without any pull to
    the threshold; and inflation enters the distance itself, by half.
    *Split*: given one control rating, treatment and the other control ratings are exchangeable under the null
    hypothesis. It needs no equal variances; noise in the one rating flattens the slope.
    The slope is least squares, each cell weighing the same. Its variance is the jackknife's over units, (n - 1) / n
    times the sum of (slope without the unit - slope)^2, with t on n - 1 degrees of freedom (CV3 in MacKinnon, Nielsen
    and Webb 2023, J. Appl. Econom. 38:671). Bins: the mean over units with sign flips for 'average', as elsewhere; for
    'split' the mean over control ratings with that jackknife. A unit's mean there would be wrong: how many of its
    ratings fall into a bin depends on the very ratings that the treatment is compared with.

    Examples
    --------
    Only the work around the mark of 12 is inflated.

    >>> control = [6, 7, 8, 9, 10, 11, 11, 12, 13, 14, 15, 16]
    >>> treatment = [6, 7, 8, 9, 11, 13, 12, 13, 14, 14, 15, 16]
    >>> result = distance_slope(treatment, control, threshold=12, width=2, absolute=True)
    >>> round(result.estimate, 3), round(result.p_value, 3)
    (-0.288, 0.01)
    >>> [(b.low, b.estimate) for b in result.bins]
    [(0.0, 1.2), (2.0, 0.0), (4.0, 0.0), (6.0, 0.0)]
    """
    check_level(level)
    if not (math.isfinite(threshold) and math.isfinite(width) and width > 0):
        raise ValueError("threshold and width are finite numbers, the width above zero")
    if condition not in {"average", "split"}:
        raise ValueError("the condition is 'average' or 'split'")
    high, low = as_cells(treatment, "treatment"), as_cells(control, "control")
    if high.shape[0] != low.shape[0]:
        raise ValueError("both arms need the same cells")
    codes = unit_codes(units, high.shape[0])[1]
    rows = _by_average(high, low) if condition == "average" else _by_halves(high, low)
    distance = rows.place - threshold
    if absolute:
        distance = np.abs(distance)
    differences = np.nanmean(rows.high, axis=1) - np.nanmean(rows.low, axis=1)
    fit = _fit(distance, differences, rows.weights, codes[rows.cells], level)
    used = np.unique(rows.cells)
    return DistanceSlope(
        method=f"least-squares slope on the distance ({condition}), jackknife over units",
        estimate=fit.estimate,
        interval=fit.interval,
        p_value=fit.p_value,
        n_units=fit.n_units,
        n_ratings=int(np.count_nonzero(~np.isnan(np.c_[high, low][used]))),
        df=float(fit.n_units - 1) if fit.p_value is not None else None,
        assumptions=("units are independent", _ASSUMED[condition]),
        cautions=fit.cautions,
        reference="Oldham 1962; MacKinnon, Nielsen and Webb 2023",
        condition=condition,
        absolute=absolute,
        bins=_bins(rows, distance, differences, codes[rows.cells], width, condition, level, seed),
        n_dropped=int(high.shape[0] - used.size),
    )


_ASSUMED: dict[str, str] = {
    "average": "a rating has the same variance in both arms",
    "split": "control ratings of a cell are exchangeable",
}


@dataclass(frozen=True, slots=True)
class _Rows:
    """What is compared: ratings of both arms, where the work is placed, its cell, and the weight in that cell."""

    high: Floats
    low: Floats
    place: Floats
    cells: Integers
    weights: Floats


def _by_average(high: Floats, low: Floats) -> _Rows:
    kept = np.flatnonzero(~np.all(np.isnan(high), axis=1) & ~np.all(np.isnan(low), axis=1))
    place = np.nanmean(np.c_[high, low][kept], axis=1)
    return _Rows(high[kept], low[kept], place, kept, np.ones(kept.size))


def _by_halves(high: Floats, low: Floats) -> _Rows:
    """One row for each control rating: the work is placed by it, and compared with the cell's other ones."""
    count = np.count_nonzero(~np.isnan(low), axis=1)
    usable = ~np.all(np.isnan(high), axis=1) & (count >= 2)
    cells, columns = np.nonzero(~np.isnan(low) & usable[:, None])
    others = low[cells].copy()
    others[np.arange(cells.size), columns] = np.nan
    return _Rows(high[cells], others, low[cells, columns], cells, 1.0 / count[cells])


@dataclass(frozen=True, slots=True)
class _Fit:
    estimate: float | None
    interval: Interval
    p_value: float | None
    n_units: int
    cautions: tuple[Caution, ...]


def _fit(x: Floats, y: Floats, weights: Floats, codes: NDArray[np.int64], level: float) -> _Fit:
    """Weighted least-squares slope with the jackknife over units."""
    nothing = Interval(level, None, None)
    if not x.size:
        return _Fit(None, nothing, None, 0, (no_units(),))
    dense = np.unique(codes, return_inverse=True)[1]
    n = int(dense.max()) + 1
    cautions = few_units(n)
    x, y = x - np.average(x, weights=weights), y - np.average(y, weights=weights)
    sums = np.array([np.bincount(dense, weights * part) for part in (np.ones_like(x), x, y, x * x, x * y)])
    tiny = _CLOSE * max(1.0, float(np.abs(x).max())) ** 2
    slope = _slope(sums.sum(axis=1, keepdims=True), tiny)
    if math.isnan(slope[0]):
        same = Caution("no_distance_spread", "All work lies at the same distance: there is no slope.")
        return _Fit(None, nothing, None, n, (*cautions, same))
    left = _slope(sums.sum(axis=1, keepdims=True) - sums, tiny) if n > 2 else np.full(n, np.nan)
    if np.any(np.isnan(left)):
        lone = Caution("lone_distance", "The slope rests on one unit: no interval can be estimated.")
        return _Fit(float(slope[0]), nothing, None, n, (*cautions, lone))
    interval, p_value = _jackknife(float(slope[0]), left, float(np.abs(y).max()), level)
    if p_value is None:
        flat = Caution("no_spread", "All units lie on one line, so no interval can be estimated.")
        cautions = (*cautions, flat)
    return _Fit(float(slope[0]), interval, p_value, n, cautions)


def _slope(sums: Floats, tiny: float) -> Floats:
    """Slopes from columns of sums of w, wx, wy, wxx, wxy; NaN without a spread of x."""
    w, wx, wy, wxx, wxy = sums
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = wxx - wx * wx / w
        return np.where(spread > tiny, (wxy - wx * wy / w) / spread, np.nan)


def _bins(
    rows: _Rows,
    distance: Floats,
    differences: Floats,
    codes: Integers,
    width: float,
    condition: Condition,
    level: float,
    seed: int,
) -> tuple[DistanceBin, ...]:
    index = np.floor(distance / width + _CLOSE)
    bins = []
    for at in np.unique(index):
        inside = index == at
        ends = float(at * width), float((at + 1) * width)
        if condition == "average":
            paired = pair_cells(rows.high[inside], rows.low[inside], codes[inside])
            test = mean_test(paired.differences, paired.exact, level=level, seed=seed)
            bins.append(DistanceBin(*ends, test.estimate, test.interval, test.p_value, len(paired.units)))
        else:
            bins.append(_ratio(ends, differences[inside], rows.weights[inside], codes[inside], level))
    return tuple(bins)


def _ratio(
    ends: tuple[float, float], y: Floats, weights: Floats, codes: Integers, level: float
) -> DistanceBin:
    """Weighted mean with the jackknife over units; interval and p-value are None without a spread."""
    dense = np.unique(codes, return_inverse=True)[1]
    sums, counts = np.bincount(dense, weights * y), np.bincount(dense, weights)
    n, mean = int(counts.size), float(sums.sum() / counts.sum())
    if n < 2:
        return DistanceBin(*ends, mean, Interval(level, None, None), None, n)
    left = (sums.sum() - sums) / (counts.sum() - counts)
    return DistanceBin(*ends, mean, *_jackknife(mean, left, float(np.abs(y).max()), level), n)


def _jackknife(estimate: float, left: Floats, size: float, level: float) -> tuple[Interval, float | None]:
    """Interval and p-value from the estimates without each unit; below rounding of `size` there is no spread."""
    n = left.size
    error = math.sqrt((n - 1) / n * float(((left - estimate) ** 2).sum()))
    if error <= 1e-12 * max(1.0, size):
        return Interval(level, None, None), None
    half = float(stats.t.ppf(0.5 + level / 2, n - 1)) * error
    p_value = 2 * float(stats.t.sf(abs(estimate) / error, n - 1))
    return Interval(level, estimate - half, estimate + half), p_value
