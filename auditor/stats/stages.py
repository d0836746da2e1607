"""Adding units after an inconclusive result: a new stage, combined with those before by the inverse normal.

Each stage is tested on its own units only, and its p-value enters with a weight that does not depend on what the new
stage shows (Lehmacher and Wassmer 1999, Biometrics 55:1286).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, stats

from auditor.stats.intervals import Interval, MeanResult, mean_interval
from auditor.stats.looks import finite_differences, sign_flip_p, to_normal
from auditor.stats.result import Caution, Estimate
from auditor.stats.signflip import Alternative
from auditor.stats.spending import crossing

#: P-values are kept off 0 and 1, where the normal quantile is infinite and one stage would silence all others.
_SMALLEST_P = 1e-300
_LARGEST_P = 1 - 1e-15
_CLOSEST = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Combined(Estimate):
    """Result of `combine_stages`; extends `Estimate`.

    Parameters
    ----------
    weights : tuple of float
        Of the stages; their squares add up to 1.
    stage_p_values : tuple of float
        One-sided p of each stage, on the side of `statistic`.
    statistic : float
        Combined Z; `p_value` is its two-sided tail.
    overall_error : float
        Type I error of the whole procedure if the data so far were tested two-sided at alpha after every stage, and
        each of these tests could have ended the study.
    """

    weights: tuple[float, ...]
    stage_p_values: tuple[float, ...]
    statistic: float
    overall_error: float


def combine_p_values(p_values: Sequence[float], weights: Sequence[float]) -> float:
    """One-sided p of independent stages by the weighted inverse normal.

    1 - Phi(sum w_k Phi^-1(1 - p_k) / sqrt(sum w_k^2)) (Lehmacher and Wassmer 1999).

    Parameters
    ----------
    p_values : sequence of float
        One-sided, all for the same side, each from the units of one stage only. A stage that was itself sequential
        enters with its p-value valid after stopping.
    weights : sequence of float
        Not below zero, and one above. The optimal ones are the square roots of the planned numbers of units.

    Raises
    ------
    ValueError
        If lengths differ, a p-value is not in [0, 1], or no weight is above zero.

    Examples
    --------
    >>> round(combine_p_values([0.05, 0.05], [1, 1]), 5)
    0.01
    """
    shares = _normed(weights)
    levels = np.asarray(p_values, dtype=np.float64)
    if levels.shape != shares.shape or not np.all((levels >= 0) & (levels <= 1)):
        raise ValueError("every stage has one weight and a p-value between 0 and 1")
    return float(stats.norm.sf(shares @ stats.norm.isf(np.clip(levels, _SMALLEST_P, _LARGEST_P))))


def _normed(weights: Sequence[float]) -> NDArray[np.float64]:
    values = np.asarray(weights, dtype=np.float64)
    if values.ndim != 1 or not np.all((values >= 0) & (values < math.inf)) or not np.any(values > 0):
        raise ValueError("weights are finite and not below zero, and one lies above")
    shares: NDArray[np.float64] = values / np.max(values)
    return shares / math.sqrt(float(shares @ shares))


def combine_stages(
    stages: Sequence[ArrayLike], *, weights: Sequence[float] | None = None, alpha: float = 0.05
) -> Combined:
    """Combine the units of a study with those that were added later.

    p is twice the smaller of the combined one-sided sign-flip p-values. The interval holds every mean mu that the
    combined t tests do not reject: sum w_k Phi^-1(F_k((m_k - mu) / se_k)) within +-z, with F_k Student's t. The estimate
    is where that sum is zero.

    Parameters
    ----------
    stages : sequence of array_like, shape (n_k,)
        Differences of each stage's own units, in points of the scale, in the order of the stages.
    weights : sequence of float, optional
        Fixed when the study was extended, before the new stage had data. Square roots of the numbers of units
        that the stages have, unless given; give them where a stage ended with other numbers than it was extended by.
    alpha : float
        Level of each test; the interval is at 1 - alpha.

    Returns
    -------
    Combined
        Always with the caution `extended` where two stages or more have units.

    Raises
    ------
    ValueError
        If there is no stage, a difference is not finite, or weights do not fit.

    Notes
    -----
    Assumes that the number of units added was chosen without regard to the *mean* seen so far (from the standard
    deviation, as `power.units_needed` does): weights that follow the first stage's mean are not fixed. The combined p is
    that of one test. It does not take back that the first test might have ended the study: `overall_error` says how
    often a true null hypothesis is rejected by either. No test of the added units alone can undo that once the first
    test has used all of alpha; a `sequential` design, planned beforehand, leaves some.
    A stage in which no unit differs, or for the interval one without a spread, enters with Z = 0, on the safe side.

    Examples
    --------
    >>> result = combine_stages([[1, 0, 2, -1, 1, 0], [2, 1, 0, 1, 1, -1, 2, 1]])
    >>> round(result.p_value, 4), round(result.overall_error, 4), result.codes
    (0.0876, 0.0854, ('extended',))
    """
    if not 0 < alpha < 1:
        raise ValueError("alpha lies between 0 and 1")
    values = [finite_differences(stage) for stage in stages]
    if not values or (weights is not None and len(weights) != len(values)):
        raise ValueError("there is at least one stage, and a weight for each")
    n_units = sum(stage.size for stage in values)
    if n_units == 0:
        return _nothing(len(values), alpha)
    shares = _normed(weights if weights is not None else [math.sqrt(stage.size) for stage in values])
    means = [mean_interval(stage) if stage.size else None for stage in values]
    above, below = ([_stage_p(stage, side) for stage in stages] for side in ("greater", "less"))
    upper, lower = combine_p_values(above, shares.tolist()), combine_p_values(below, shares.tolist())
    statistic = float(stats.norm.isf(upper) if upper <= lower else -stats.norm.isf(lower))
    estimate, interval = _invert(values, means, shares, alpha)
    error = _overall_error(shares, alpha)
    return Combined(
        method="inverse normal combination of sign-flip tests by stage, combined t interval",
        estimate=estimate,
        interval=interval,
        p_value=min(1.0, 2 * min(upper, lower)),
        n_units=n_units,
        assumptions=(
            "independent units, and stages of the same kind of units",
            "weights and size of an added stage fixed without regard to the mean so far",
        ),
        cautions=_cautions(values, means, interval, alpha, error),
        reference="Lehmacher and Wassmer 1999, Biometrics 55:1286",
        weights=tuple(shares.tolist()),
        stage_p_values=tuple(above if upper <= lower else below),
        statistic=statistic,
        overall_error=error,
    )


def _nothing(count: int, alpha: float) -> Combined:
    return Combined(
        method="inverse normal combination of sign-flip tests by stage, combined t interval",
        estimate=None,
        interval=Interval(1 - alpha, None, None),
        p_value=None,
        n_units=0,
        cautions=(Caution("no_units", "No unit has a rating in both arms."),),
        weights=(1 / math.sqrt(count),) * count,
        stage_p_values=(0.5,) * count,
        statistic=0.0,
        overall_error=alpha,
    )


def _stage_p(stage: ArrayLike, side: Alternative) -> float:
    # Where no unit differs, all sign patterns give the same sum and both p-values are 1: certainty on both sides
    # at once. One half says that the stage is silent, and leaves less variance to the sum than it is judged by.
    array = np.asarray(stage)
    return sign_flip_p(array, side) if np.any(array) else 0.5


def _invert(
    values: Sequence[NDArray[np.float64]],
    means: Sequence[MeanResult | None],
    shares: NDArray[np.float64],
    alpha: float,
) -> tuple[float, Interval]:
    pooled = mean_interval(np.concatenate(values), 1 - alpha)
    spread = [
        (weight, mean.estimate, mean.sd / math.sqrt(mean.n), mean.n - 1)
        for weight, mean in zip(shares.tolist(), means, strict=True)
        if mean is not None and mean.sd and weight > 0
    ]
    if not spread:
        point = pooled.estimate if pooled.sd == 0.0 else None
        return pooled.estimate, Interval(1 - alpha, point, point)

    def statistic(mean: float) -> float:
        return math.fsum(weight * to_normal((m - mean) / error, df) for weight, m, error, df in spread)

    lowest, highest = min(m for _, m, _, _ in spread), max(m for _, m, _, _ in spread)
    unit = max(error for _, _, error, _ in spread)
    z = float(stats.norm.isf(alpha / 2))
    middle = _root(statistic, 0.0, lowest - unit, highest + unit)
    ends = (_root(statistic, target, lowest - unit, highest + unit) for target in (z, -z))
    return pooled.estimate if middle is None else middle, Interval(1 - alpha, *ends)


def _root(falling: Callable[[float], float], target: float, low: float, high: float) -> float | None:
    width = high - low
    for _ in range(200):
        if falling(low) >= target >= falling(high):
            return float(optimize.brentq(lambda x: falling(x) - target, low, high, xtol=1e-12 * width))
        low, high, width = low - width, high + width, 3 * width
    return None


def _overall_error(shares: NDArray[np.float64], alpha: float) -> float:
    """Chance under the null that the combined test of any stage so far rejects, by the integration for looks."""
    information: list[float] = []
    for time in np.cumsum(shares**2).tolist():
        # A stage that adds next to nothing repeats the test before it.
        if information and time - information[-1] < _CLOSEST * time:
            information.pop()
        if time > 0:
            information.append(time)
    return crossing(information, [float(stats.norm.isf(alpha / 2))] * len(information)).outside


def _cautions(
    values: Sequence[NDArray[np.float64]],
    means: Sequence[MeanResult | None],
    interval: Interval,
    alpha: float,
    error: float,
) -> tuple[Caution, ...]:
    found: tuple[Caution, ...] = ()
    if sum(stage.size > 0 for stage in values) > 1:
        sentence = (
            f"Units were added after a result had been seen. Testing at {alpha:g} each time rejects "
            f"{100 * error:.1f} % of true null hypotheses."
        )
        found += (Caution("extended", sentence),)
    silent = sum(mean is None or not mean.sd for mean in means)
    if silent:
        found += (
            Caution(
                "silent_stage", f"{silent} of {len(values)} stages show no spread: Z = 0 in the interval."
            ),
        )
    if not interval.known:
        found += (Caution("no_interval", "No stage shows how far units differ."),)
    return found
