"""Dose and response: whether the inflation grows with the height of the pass mark.

A lever works through the mark, so its effect depends on where the mark stands; anchoring on the number moves both
arms of a contrast alike and cancels. Items are crossed with thresholds, so each item shows a slope of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auditor.stats.cells import (
    Floats,
    Integers,
    MeanTest,
    Paired,
    check_level,
    mean_test,
    pair_cells,
    unbalanced_cells,
    unit_codes,
    unit_integers,
    unit_means,
)
from auditor.stats.intervals import Interval
from auditor.stats.result import Caution, Estimate
from auditor.stats.signflip import to_lattice

Bools: TypeAlias = NDArray[np.bool_]
_FEWEST_THRESHOLDS = 3


@dataclass(frozen=True, slots=True)
class Dose:
    """Mean difference at one threshold: exploratory, its interval and p-value not adjusted for the others."""

    threshold: float
    estimate: float | None
    interval: Interval
    p_value: float | None
    n_units: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DoseResponse(Estimate):
    """Result of `dose_response`: the estimate is the mean slope, in points of inflation per point of threshold.

    Parameters
    ----------
    doses : tuple of Dose
        From the lowest threshold to the highest.
    n_items : int
        Cells with a slope.
    n_incomplete : int
        Cells without a pair at some threshold; those with pairs at two or more still have a slope.
    """

    doses: tuple[Dose, ...]
    n_items: int
    n_incomplete: int


def dose_response(
    treatment: ArrayLike,
    control: ArrayLike,
    thresholds: ArrayLike,
    units: ArrayLike | None = None,
    *,
    level: float = 0.95,
    seed: int = 0,
) -> DoseResponse:
    """Estimate how much the difference between arms grows for each point that the threshold is higher.

    Parameters
    ----------
    treatment, control : array_like, shape (n_cells, n_thresholds) or (n_cells, n_thresholds, n_replicates)
        Ratings (scores, or 1 and 0 for passing), NaN where there is none; the control states the same threshold.
    thresholds : array_like, shape (n_thresholds,)
        In points, in any order, each once.
    units : array_like, shape (n_cells,), optional
        Label of each cell's independent unit; default each cell is one.
    level : float
        Level of the t intervals over units.
    seed : int
        Of the random signs where the exact count is not possible.

    Returns
    -------
    DoseResponse
        With a single threshold there is no slope. With two the slope is a difference, and says nothing of a shape.

    Raises
    ------
    ValueError
        If the shapes do not agree, or thresholds repeat or are not finite.

    Notes
    -----
    Two stages: the least-squares slope of each cell's differences on its thresholds, then the mean over units with
    sign-flip test and t interval (summary measures: Matthews, Altman, Campbell and Royston 1990, BMJ 300:230). The
    test takes the slopes as symmetric about zero under the null hypothesis, as they are where the order of the
    thresholds does not matter. All slopes weigh the same, so a cell with pairs at two neighbouring thresholds only
    adds much noise: see the caution `incomplete_sweep`. A straight line misses an effect that rises and falls; look
    at `doses`.

    Examples
    --------
    >>> control = [[10, 10, 10], [12, 12, 12], [8, 8, 8], [11, 11, 11]]
    >>> treatment = [[10, 11, 12], [12, 13, 13], [9, 8, 10], [11, 12, 14]]
    >>> result = dose_response(treatment, control, [10, 12, 14])
    >>> round(result.estimate, 4), result.p_value
    (0.4375, 0.125)
    >>> [dose.estimate for dose in result.doses]
    [0.25, 0.75, 2.0]
    """
    check_level(level)
    high, low, marks = _check(treatment, control, thresholds)
    n, k = high.shape[:2]
    codes = unit_codes(units, n)[1]
    paired = pair_cells(high.reshape(n * k, high.shape[2]), low.reshape(n * k, low.shape[2]))
    differences, whole = _spread(paired, n, k)
    seen = ~np.isnan(differences)
    kept = np.count_nonzero(seen, axis=1) >= 2
    dense = np.unique(codes[kept], return_inverse=True)[1]
    slopes = unit_means(_slopes(differences[kept], marks), dense)
    exact = None if whole is None else _exact_slopes(whole[kept], seen[kept], marks, dense)
    test = mean_test(slopes, exact, level=level, seed=seed)
    incomplete = int(np.count_nonzero(~np.all(seen, axis=1)))
    return DoseResponse(
        method="mean of within-item slopes on the threshold, sign-flip test, t interval over units",
        estimate=test.estimate,
        interval=test.interval,
        p_value=test.p_value,
        n_units=int(slopes.size),
        n_ratings=paired.n_ratings,
        resamples=test.resamples,
        assumptions=("units are independent", "slopes are symmetric about zero under the null hypothesis"),
        cautions=_cautions(test, k, incomplete, n) + unbalanced_cells(paired),
        reference="Matthews et al. 1990; Fisher 1935, section 21",
        doses=tuple(_dose(high[:, j], low[:, j], float(marks[j]), units, level, seed) for j in range(k)),
        n_items=int(np.count_nonzero(kept)),
        n_incomplete=incomplete,
    )


def _check(treatment: ArrayLike, control: ArrayLike, thresholds: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Read both arms with thresholds from low to high, and a third axis for the replicates."""
    arms = [np.asarray(arm, dtype=np.float64) for arm in (treatment, control)]
    marks = np.asarray(thresholds, dtype=np.float64)
    if marks.ndim != 1 or marks.size == 0 or not np.all(np.isfinite(marks)):
        raise ValueError("the thresholds are a list of finite numbers, at least one")
    if np.unique(marks).size < marks.size:
        raise ValueError("a threshold stands twice")
    if any(arm.ndim not in {2, 3} or arm.shape[1] != marks.size for arm in arms):
        raise ValueError("each arm needs a row for each cell and a column for each threshold")
    if arms[0].shape[0] != arms[1].shape[0]:
        raise ValueError("both arms need the same cells")
    order = np.argsort(marks)
    high, low = (arm.reshape(arm.shape[0], marks.size, arm.shape[2] if arm.ndim == 3 else 1) for arm in arms)
    return high[:, order], low[:, order], marks[order]


def _spread(paired: Paired, n: int, k: int) -> tuple[Floats, Integers | None]:
    """Put the paired differences back into cells by thresholds; without a pair NaN, and 0 among the integers."""
    at = np.asarray(paired.units, dtype=np.int64)
    differences, whole = np.full(n * k, np.nan), np.zeros(n * k, dtype=np.int64)
    differences[at] = paired.differences
    if paired.integers is None:
        return differences.reshape(n, k), None
    whole[at] = paired.integers
    return differences.reshape(n, k), whole.reshape(n, k)


def _slopes(differences: Floats, marks: Floats) -> Floats:
    """Least-squares slope of each row on the thresholds that it has, at least two."""
    seen = ~np.isnan(differences)
    count = np.count_nonzero(seen, axis=1, keepdims=True)
    centred = np.where(seen, marks - (seen @ marks)[:, None] / count, 0.0)
    return np.asarray((centred * np.where(seen, differences, 0.0)).sum(axis=1) / (centred**2).sum(axis=1))


def _exact_slopes(whole: Integers, seen: Bools, marks: Floats, codes: Integers) -> Integers | None:
    """Unit slopes up to a common factor: sum((k x - sum x) D) / (k sum x^2 - (sum x)^2) in integers."""
    steps = to_lattice(marks - marks[0])
    if steps is None or not whole.size:
        return None
    k = marks.size
    if float(steps.max()) ** 2 * k * k * max(float(np.abs(whole).max()), 1.0) >= 2.0**62:
        return None
    count, total = np.count_nonzero(seen, axis=1), seen @ steps
    weights = np.where(seen, count[:, None] * steps - total[:, None], 0)
    spread = count * (seen @ steps**2) - total**2
    return unit_integers((weights * whole).sum(axis=1), spread, codes)


def _dose(high: Floats, low: Floats, mark: float, units: ArrayLike | None, level: float, seed: int) -> Dose:
    paired = pair_cells(high, low, units)
    test = mean_test(paired.differences, paired.exact, level=level, seed=seed)
    return Dose(mark, test.estimate, test.interval, test.p_value, len(paired.units))


def _cautions(test: MeanTest, k: int, incomplete: int, n: int) -> tuple[Caution, ...]:
    cautions = test.cautions
    if n and test.estimate is None:
        cautions = (Caution("no_slope", "No cell has a rating in both arms at two thresholds."),)
    if k < _FEWEST_THRESHOLDS:
        shown = "no slope" if k == 1 else "a difference, but not whether the line between is straight"
        cautions += (Caution("few_thresholds", f"A sweep over {k} threshold{'s' * (k > 1)} shows {shown}."),)
    if incomplete:
        sentence = f"{incomplete} of {n} cells lack a pair at some threshold: their slopes weigh as much as the others."
        cautions += (Caution("incomplete_sweep", sentence),)
    return cautions
