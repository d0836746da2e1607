"""Work that fails without stakes and passes with them, against the work that goes the other way, and against chance."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auditor.stats.cells import (
    Floats,
    Integers,
    MeanTest,
    as_cells,
    mean_test,
    unit_codes,
    unit_integers,
    unit_means,
)
from auditor.stats.rates import with_tango
from auditor.stats.result import Caution, Estimate

_CLOSE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossings(Estimate):
    """Result of `crossings`: the estimate is the share of units rescued less the share condemned.

    Parameters
    ----------
    rescued : float
        Cells that just fail in control and pass in treatment; with replicates the expected number over all pairs of
        a control and a treatment rating.
    condemned : float
        Cells that just fail in treatment and pass in control.
    rescue_rate : float or None
        Rescued cells among those that just fail in control (weighted by how often, with replicates).
    floor_rate : float or None
        The same between two copies of the control: rescues that chance alone makes.
    above_floor : Estimate or None
        Share of all units rescued by the treatment less the share rescued by the second copy of the control.
    n_dropped : int
        Cells without a rating in both arms.
    """

    rescued: float
    condemned: float
    rescue_rate: float | None
    floor_rate: float | None
    above_floor: Estimate | None
    n_dropped: int


def crossings(
    treatment: ArrayLike,
    control: ArrayLike,
    threshold: float,
    width: float,
    units: ArrayLike | None = None,
    *,
    second_control: ArrayLike | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> Crossings:
    """Compare just-failing work that the treatment lets pass with work that it makes just fail.

    Parameters
    ----------
    treatment, control : array_like, shape (n_cells,) or (n_cells, n_replicates)
        Scores, NaN where there is none; the same cells in both.
    threshold, width : float
        A score in [threshold - width, threshold) just fails. An infinite width takes all that fails.
    units : array_like, shape (n_cells,), optional
        Label of each cell's independent unit; default each cell is one.
    second_control : array_like, shape (n_cells,) or (n_cells, n_replicates), optional
        A second copy of the control for the A/A floor, from calls of its own.
    level : float
        Level of the intervals.
    seed : int
        Of the random signs where the exact count is not possible.

    Returns
    -------
    Crossings
        With one rating a cell and each cell its own unit, the intervals are Tango's (1998).

    Raises
    ------
    ValueError
        For a width that is not above zero, and for arms with different cells.

    Notes
    -----
    A rescue is no evidence in itself: work that once scored just below the mark scores above it again by chance
    (regression to the mean). Both comparisons are exact under the null hypothesis, by exchanging two ratings that
    are alike then. *Condemned* mirrors *rescued*: control and treatment exchanged, and not "just passes in control,
    fails in treatment", which has another probability where the scores are not symmetric about the mark. *Above the
    floor* picks work by the control and exchanges treatment and second control. With one rating a cell and an
    infinite width this is McNemar's test (1947).

    Examples
    --------
    >>> control = [11, 11, 11, 11, 11, 11, 12, 14, 9]
    >>> treatment = [12, 12, 13, 12, 12, 12, 11, 14, 9]
    >>> result = crossings(treatment, control, threshold=12, width=1)
    >>> result.rescued, result.condemned, result.p_value
    (6.0, 1.0, 0.125)
    """
    if not width > 0 or not math.isfinite(threshold):
        raise ValueError("the width lies above zero, and the threshold is a finite number")
    high, low = as_cells(treatment, "treatment"), as_cells(control, "control")
    if high.shape[0] != low.shape[0]:
        raise ValueError("both arms need the same cells")
    t, c = _Passes.of(high, threshold, width), _Passes.of(low, threshold, width)
    kept = (t.count > 0) & (c.count > 0)
    codes = unit_codes(units, kept.size)[1]
    test, n_units = _tested(
        c.just * t.passed - t.just * c.passed, t.count * c.count, kept, codes, level, seed
    )
    expected = (c.just * t.passed)[kept] / (t.count * c.count)[kept]
    condemned = (t.just * c.passed)[kept] / (t.count * c.count)[kept]
    near = float((c.just[kept] / c.count[kept]).sum())
    floor_rate, above_floor = None, None
    if second_control is not None:
        a = _Passes.of(as_cells(second_control, "second_control"), threshold, width)
        floor_rate, above_floor = _floor(t, c, a, codes, level, seed)
    return Crossings(
        method="rescued less condemned, sign-flip test",
        estimate=test.estimate,
        interval=test.interval,
        p_value=test.p_value,
        n_units=n_units,
        n_ratings=int((t.count + c.count)[kept].sum()),
        resamples=test.resamples,
        assumptions=(
            "units are independent",
            "under the null hypothesis the arms are exchangeable in each unit",
        ),
        cautions=test.cautions + _nothing_near(near, n_units),
        reference="McNemar 1947; Fisher 1935, section 21",
        rescued=float(expected.sum()),
        condemned=float(condemned.sum()),
        rescue_rate=float(expected.sum()) / near if near > 0 else None,
        floor_rate=floor_rate,
        above_floor=above_floor,
        n_dropped=int(np.count_nonzero(~kept)),
    )


@dataclass(frozen=True, slots=True)
class _Passes:
    """For each cell the ratings that are there, that just fail, and that pass."""

    count: Integers
    just: Integers
    passed: Integers

    @classmethod
    def of(cls, scores: Floats, threshold: float, width: float) -> _Passes:
        slack = _CLOSE * max(1.0, abs(threshold))
        passed = scores >= threshold - slack
        just = ~passed & (scores >= threshold - width - slack)
        return cls(
            np.count_nonzero(~np.isnan(scores), axis=1),
            np.count_nonzero(just, axis=1),
            np.count_nonzero(passed, axis=1),
        )


def _tested(
    numerators: Integers,
    denominators: Integers,
    kept: NDArray[np.bool_],
    codes: Integers,
    level: float,
    seed: int,
) -> tuple[MeanTest, int]:
    dense = np.unique(codes[kept], return_inverse=True)[1]
    means = unit_means(numerators[kept] / denominators[kept], dense)
    exact = unit_integers(numerators[kept], denominators[kept], dense)
    test = mean_test(means, exact, level=level, seed=seed)
    if means.size == np.count_nonzero(kept) and np.all(denominators[kept] == 1):
        test = with_tango(test, numerators[kept])
    return test, int(means.size)


def _floor(
    t: _Passes, c: _Passes, a: _Passes, codes: Integers, level: float, seed: int
) -> tuple[float | None, Estimate]:
    """Rescues by the second copy of the control, and how many more the treatment makes of the same cells."""
    if a.count.shape != c.count.shape:
        raise ValueError("the second control needs the same cells")
    kept = (t.count > 0) & (c.count > 0) & (a.count > 0)
    numerators = c.just * (t.passed * a.count - a.passed * t.count)
    test, n_units = _tested(numerators, c.count * t.count * a.count, kept, codes, level, seed)
    near = (c.just[kept] / c.count[kept]).sum()
    by_chance = (c.just[kept] * a.passed[kept] / (c.count[kept] * a.count[kept])).sum()
    estimate = Estimate(
        method="rescued by treatment less rescued by a copy of the control, sign-flip test",
        estimate=test.estimate,
        interval=test.interval,
        p_value=test.p_value,
        n_units=n_units,
        n_ratings=int((t.count + c.count + a.count)[kept].sum()),
        resamples=test.resamples,
        assumptions=(
            "units are independent",
            "under the null hypothesis treatment and second control are exchangeable",
        ),
        cautions=test.cautions + _nothing_near(float(near), n_units),
        reference="Fisher 1935, section 21",
    )
    return (float(by_chance / near) if near > 0 else None), estimate


def _nothing_near(near: float, n_units: int) -> tuple[Caution, ...]:
    if near > 0 or not n_units:
        return ()
    return (Caution("empty_window", "Nothing just fails in control, so nothing could be rescued."),)
