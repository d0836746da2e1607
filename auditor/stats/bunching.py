"""Do scores gather just above the pass mark when it matters? Compared between arms, never within one.

Judges like round numbers and pass marks are round, so the scores of one arm pile up at the mark whatever is at stake
(heaping). Both arms of a contrast state the same mark and share that habit; only its *difference* speaks of the lever.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from auditor.stats.cells import (
    Floats,
    MeanTest,
    Paired,
    as_cells,
    mean_test,
    pair_cells,
    unbalanced_cells,
)
from auditor.stats.result import Caution, Estimate

_CLOSE = 1e-9
_SHARE_OF_RANGE = 0.1
_FEWEST_IN_WINDOW = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Bunching(Estimate):
    """Result of `bunching`; shares are means over units of the share of ratings in the window.

    Parameters
    ----------
    threshold, width : float
        The window is [threshold - width, threshold + width), in points.
    above_treatment, above_control, below_treatment, below_control : float or None
        Shares just above and just below the threshold.
    n_window : int
        Ratings of both arms in the window.
    n_dropped : int
        Cells without a rating in both arms.
    """

    threshold: float
    width: float
    above_treatment: float | None
    above_control: float | None
    below_treatment: float | None
    below_control: float | None
    n_window: int
    n_dropped: int


def window_width(low: float, high: float, step: float | None = None) -> float:
    """Width of the window on each side of the threshold: 10 % of the range in whole steps, at least one.

    Examples
    --------
    >>> window_width(0, 20, 1), window_width(1, 5, 1), window_width(0, 1)
    (2.0, 1.0, 0.1)
    """
    if not low < high or (step is not None and not step > 0):
        raise ValueError("a scale runs from a lower to a higher score, in steps above zero")
    width = _SHARE_OF_RANGE * (high - low)
    if step is None:
        return width
    return max(1, math.floor(width / step + _CLOSE)) * float(step)


def bunching(
    treatment: ArrayLike,
    control: ArrayLike,
    threshold: float,
    width: float,
    units: ArrayLike | None = None,
    *,
    step: float | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> Bunching:
    """Compare between arms how much more often scores lie just above the threshold than just below it.

    Each rating counts +1 in [threshold, threshold + width), -1 in [threshold - width, threshold), else 0. The estimate
    is the mean over units of the treatment's mean count less the control's: between -2 and 2, 0 where the lever does
    nothing, and 2 b where a share b of all ratings moved from just below to just above.

    Parameters
    ----------
    treatment, control : array_like, shape (n_cells,) or (n_cells, n_replicates)
        Scores, NaN where there is none; the same cells in both.
    threshold : float
        The pass mark, in points; a score at it passes.
    width : float
        Points on each side; `window_width` gives the default of a scale. Fixed before the data.
    units : array_like, shape (n_cells,), optional
        Label of each cell's independent unit; default each cell is one.
    step : float, optional
        Distance of neighbouring scores; the width must be a multiple, so that both sides hold equally many scores.
    level : float
        Level of the t interval over units.
    seed : int
        Of the random signs where the exact count is not possible.

    Returns
    -------
    Bunching
        Without a single rating in the window there is no estimate.

    Raises
    ------
    ValueError
        For a width that is not above zero or no multiple of the step, and for arms with different cells.

    Notes
    -----
    The excess mass at a notch, with the other arm as the counterfactual (difference-in-bunching: Kleven 2016, Annu.
    Rev. Econ. 8:435; scores at a pass mark: Dee, Dobbie, Jacob and Rockoff 2019, Am. Econ. J. Appl. Econ. 11:382).
    Unlike theirs it fits no density, so it does not need the smoothness that fails with discrete scores (Frandsen
    2017, Adv. Econom. 38:281). Two ways to be wrong: a general shift of all scores also changes the shares in a
    window, so read it beside the mean; and arms that state different marks, or one none, differ in heaping.

    Examples
    --------
    Three of eight just-failing scores are lifted to the pass mark of 12.

    >>> control = [11, 11, 11, 11, 11, 11, 11, 11, 5, 15, 12, 10]
    >>> treatment = [12, 12, 12, 11, 11, 11, 11, 11, 5, 15, 12, 10]
    >>> result = bunching(treatment, control, threshold=12, width=2, step=1)
    >>> result.estimate, result.p_value
    (0.5, 0.25)
    """
    _check_window(threshold, width, step)
    high, low = as_cells(treatment, "treatment"), as_cells(control, "control")
    paired = pair_cells(_side(high, threshold, width), _side(low, threshold, width), units)
    above = pair_cells(_within(high, threshold, width), _within(low, threshold, width), units)
    below = pair_cells(_within(high, threshold - width, width), _within(low, threshold - width, width), units)
    both = ~(np.all(np.isnan(high), axis=1) | np.all(np.isnan(low), axis=1))
    n_window = int(np.count_nonzero(np.nan_to_num(_side(np.c_[high, low][both], threshold, width))))
    test = mean_test(paired.differences, paired.exact, level=level, seed=seed)
    known = bool(paired.units) and n_window > 0
    return Bunching(
        method="difference in bunching between arms, sign-flip test, t interval over units",
        estimate=test.estimate if known else None,
        interval=test.interval if known else mean_test([], level=level).interval,
        p_value=test.p_value if known else None,
        n_units=len(paired.units),
        n_ratings=paired.n_ratings,
        resamples=test.resamples,
        assumptions=("units are independent", "both arms state the same threshold, and heap scores alike"),
        cautions=_window_cautions(paired, test, n_window),
        reference="Kleven 2016; Dee et al. 2019; Frandsen 2017",
        threshold=float(threshold),
        width=float(width),
        above_treatment=_mean(above.treatment),
        above_control=_mean(above.control),
        below_treatment=_mean(below.treatment),
        below_control=_mean(below.control),
        n_window=n_window,
        n_dropped=paired.n_dropped,
    )


def _check_window(threshold: float, width: float, step: float | None) -> None:
    if not math.isfinite(threshold):
        raise ValueError("the threshold is a finite number")
    if not (math.isfinite(width) and width > 0):
        raise ValueError("the width of the window lies above zero")
    if step is not None and not (step > 0 and abs(width / step - round(width / step)) <= 1e-6):
        raise ValueError("the width of the window is a multiple of the step")


def _within(scores: Floats, low: float, width: float) -> Floats:
    """1 in [low, low + width), 0 outside, NaN where there is no score; decimals may be off by rounding."""
    slack = _CLOSE * max(1.0, abs(low), width)
    inside = (scores >= low - slack) & (scores < low + width - slack)
    return np.where(np.isnan(scores), np.nan, inside.astype(np.float64))


def _side(scores: Floats, threshold: float, width: float) -> Floats:
    return _within(scores, threshold, width) - _within(scores, threshold - width, width)


def _mean(values: Floats) -> float | None:
    return float(values.mean()) if values.size else None


def _window_cautions(paired: Paired, test: MeanTest, n_window: int) -> tuple[Caution, ...]:
    cautions = test.cautions + unbalanced_cells(paired)
    if not paired.units:
        return cautions
    if n_window == 0:
        return (
            Caution("empty_window", "No rating of either arm lies near the threshold: nothing could bunch."),
        )
    if n_window < _FEWEST_IN_WINDOW:
        cautions += (Caution("thin_window", f"Only {n_window} ratings lie near the threshold."),)
    return cautions
