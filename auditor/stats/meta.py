"""One estimate for each judge, pooled over judges and pulled towards each other.

Judges are drawn from a population of judges: y_j = mu + u_j + e_j, where u_j has variance tau2 and the sampling errors
e have covariance V. V is diagonal where no two judges rated the same units, and full where they did.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from auditor.stats import reml
from auditor.stats.cells import Floats, check_level
from auditor.stats.intervals import Interval
from auditor.stats.result import Caution, Estimate
from auditor.stats.shared_units import JudgeComparison, SharedCovariance, compare_judges, shared_covariance

__all__ = [
    "JudgeComparison",
    "MetaResult",
    "SharedCovariance",
    "Shrunken",
    "compare_judges",
    "random_effects",
    "shared_covariance",
]

_LARGEST = 1e100  # squares stay finite
_EQUAL = 1e-12  # estimates closer than this, relative to the largest, differ by rounding only
_REFERENCE = (
    "Hartung and Knapp 2001, Stat. Med. 20:3875; Viechtbauer 2005, J. Educ. Behav. Stat. 30:261; "
    "Viechtbauer 2007, Stat. Med. 26:37; Jackson and Riley 2014, Stat. Med. 33:541"
)
_ASSUMPTIONS = (
    "the judges are like a random sample of the judges that are meant",
    "their true values are close to normal around one mean",
    "the sampling variances, estimated as they are, count as known",
)


@dataclass(frozen=True, slots=True)
class Shrunken:
    """One judge's value, pulled towards the mean of all judges, with its interval."""

    estimate: float
    interval: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class MetaResult(Estimate):
    """Result of `random_effects`. `n_units` counts judges.

    Parameters
    ----------
    standard_error : float or None
        Of the mean, scaled by Hartung and Knapp.
    scale : float or None
        Their factor q: the judges' weighted spread over what the model expects. The squared standard error is q
        times the usual one.
    tau2 : float or None
        Variance of the true values between judges, in squared units.
    tau2_interval : Interval
        By the Q-profile.
    prediction : Interval
        Where the true value of a further judge lies.
    q, q_p_value : float or None
        Cochran's Q and its p-value, for the hypothesis that judges differ by sampling error only.
    i_squared : float or None
        Share of the variance that lies between judges, 0 to 1.
    weights : tuple of float
        Each judge's share in the mean; with a full covariance some may lie below zero.
    shrunken : tuple of Shrunken
        Each judge's value in the light of the others, in the order given.
    """

    standard_error: float | None = None
    scale: float | None = None
    tau2: float | None = None
    tau2_interval: Interval
    prediction: Interval
    q: float | None = None
    q_p_value: float | None = None
    i_squared: float | None = None
    weights: tuple[float, ...] = ()
    shrunken: tuple[Shrunken, ...] = ()


def random_effects(
    estimates: ArrayLike,
    variances: ArrayLike,
    *,
    level: float = 0.95,
    prediction_df: Literal["k-2", "k-1"] = "k-2",
    hold_scale: bool | None = None,
) -> MetaResult:
    """Pool one estimate for each judge: the mean judge, how much judges differ, and where a further one would lie.

    Parameters
    ----------
    estimates : array_like, shape (k,)
    variances : array_like, shape (k,) or (k, k)
        Squared standard errors; or the covariance matrix of the estimates where judges share units (see
        `shared_covariance`). In squared units of `estimates`.
    level : float
        Of all intervals.
    prediction_df : {'k-2', 'k-1'}
        Degrees of freedom of the prediction interval: as Higgins, Thompson and Spiegelhalter have it, or as R's metafor
        with ``test="knha"``.
    hold_scale : bool, optional
        Keep the factor q at 1 or above (Knapp and Hartung 2003, Stat. Med. 22:2693). By default only where V is full:
        q is seen in the differences between judges, which cannot tell how large the error is that they share. Also
        advisable for few judges of very uneven precision.

    Returns
    -------
    MetaResult
        One judge: its value without interval. Two: t on 1 degree of freedom and no prediction. Without spread between
        estimates q is set to 1. Where variances of zero leave nothing to weigh by, the estimate is None.

    Raises
    ------
    ValueError
        For values that are not finite, for a shape that does not fit, or a matrix that is no covariance.

    Notes
    -----
    tau2 is the restricted maximum likelihood estimate: every sign change of the score on a grid is refined by Brent's
    method and the best of them (or zero) is taken, where Viechtbauer (2005) steps from one start by Fisher scoring.
    The mean is by generalised least squares with V + tau2 I; its variance is multiplied by q = y'Py / (k - 1) and
    referred to t on k - 1 degrees of freedom (Hartung and Knapp 2001; one factor also for correlated estimates, as in
    Jackson and Riley 2014; exact if V + tau2 I is right up to a factor). In simulations the 95 % interval covered
    .94 to .96 from three judges up where standard errors are alike, and .90 to .96 where they differ tenfold
    (`hold_scale`: .93 to 1). Treating judges that share units as independent covered .86 at 3 judges and .49 at 10.

    Prediction: mean +- t sqrt(se^2 + tau2) (Higgins, Thompson and Spiegelhalter 2009, J. R. Stat. Soc. A 172:137, with
    the scaled se). With k - 1 degrees of freedom it covered .89/.91/.94 at 3/5/10 judges, with k - 2 .98/.93/.94;
    both cover less where tau2 is small next to V. The interval of tau2 inverts the generalised Q (Viechtbauer 2007).
    I2 is that of Higgins and Thompson (2002, Stat. Med. 21:1539), with V in the place of the variances. Shrunken
    values are best linear unbiased predictors; their intervals ignore that tau2 is estimated.

    A variance of zero (or below 1e-12 of the largest number) claims perfect knowledge: tau2 = 0 is then ruled out.

    Examples
    --------
    >>> result = random_effects([0.9, 0.2, 1.4, 0.5], [0.04, 0.05, 0.09, 0.04])
    >>> round(result.estimate, 3), round(result.tau2, 3), [round(s.estimate, 2) for s in result.shrunken]
    (0.725, 0.186, [0.87, 0.31, 1.18, 0.54])
    """
    check_level(level)
    if prediction_df not in {"k-2", "k-1"}:
        raise ValueError("prediction_df is 'k-2' or 'k-1'")
    values, covariance = _checked(estimates, variances)
    if values.size < 2:
        return _too_few(values, level)
    model = reml.model(values, covariance)
    equal = float(np.ptp(values)) <= _EQUAL * float(np.max(np.abs(values))) or _negligible(model)
    tau2 = reml.tau2_reml(model) if not equal else 0.0 if model.regular else None
    if tau2 is None:
        return _undetermined(values, equal, level)
    loss = {"k-1": 1, "k-2": 2}[prediction_df]
    hold = model.axes is not None if hold_scale is None else hold_scale
    return _result(model, tau2, level, equal=equal, loss=loss, hold_scale=hold)


def _checked(estimates: ArrayLike, variances: ArrayLike) -> tuple[Floats, Floats]:
    """Finite values of fitting shapes; a matrix without covariances is reduced to its diagonal."""
    values, covariance = np.asarray(estimates, dtype=np.float64), np.asarray(variances, dtype=np.float64)
    if values.ndim != 1 or covariance.shape not in {(values.size,), (values.size, values.size)}:
        raise ValueError("one variance for each estimate is needed, or a square matrix of covariances")
    for array in (values, covariance):
        if not np.all(np.abs(array) <= _LARGEST):
            raise ValueError("every estimate and variance is finite and at most 1e100")
    if covariance.ndim == 2:
        size = float(np.max(np.abs(covariance), initial=0.0))
        if not np.allclose(covariance, covariance.T, rtol=0, atol=1e-9 * size):
            raise ValueError("a covariance matrix is symmetric")
        if not np.any(covariance[~np.eye(values.size, dtype=bool)]):
            covariance = np.diagonal(covariance).copy()
    if np.any((covariance if covariance.ndim == 1 else np.diagonal(covariance)) < 0):
        raise ValueError("a variance is not below zero")
    return values, covariance


def _negligible(model: reml.Model) -> bool:
    """Whether the spread is nothing next to the sampling errors, or too small to be squared."""
    return model.spread == 0 or (model.regular and float(model.fit(0.0).quadratic[0]) <= _EQUAL**2)


def _result(
    model: reml.Model, tau2: float, level: float, *, equal: bool, loss: int, hold_scale: bool
) -> MetaResult:
    """Standard error, intervals and heterogeneity at the tau2 found, back in the input's units."""
    k, unit = model.values.size, model.unit
    fitted = model.fit(tau2)
    spread = 1.0 if equal else float(fitted.quadratic[0]) / (k - 1)
    scale = max(spread, 1.0) if hold_scale else spread
    error = math.sqrt(scale / float(fitted.precision[0]))
    estimate = model.centre + unit * float(fitted.mean[0])
    critical = _critical(level, k - 1)
    prediction = Interval(level, None, None)
    if k >= 3:
        half = _critical(level, k - loss) * unit * math.sqrt(error**2 + tau2)
        prediction = Interval(level, estimate - half, estimate + half)
    ends = tuple(None if end is None else unit**2 * end for end in reml.q_profile(model, level))
    q = float(model.fit(0.0).quadratic[0]) if model.regular else None
    share = model.back(fitted.weights[0] * model.ones) / fitted.precision[0]
    return MetaResult(
        method=_method(model.axes is not None),
        estimate=estimate,
        interval=Interval(level, estimate - critical * unit * error, estimate + critical * unit * error),
        p_value=float(2 * stats.t.sf(abs(estimate) / (unit * error), k - 1)),
        n_units=k,
        df=float(k - 1),
        assumptions=_ASSUMPTIONS,
        cautions=_cautions(model, equal, narrow=tau2 == 0 and scale < 1, empty=ends[0] is None),
        reference=_REFERENCE,
        standard_error=unit * error,
        scale=scale,
        tau2=unit**2 * tau2,
        tau2_interval=Interval(level, *ends),
        prediction=prediction,
        q=q,
        q_p_value=None if q is None else float(stats.chi2.sf(q, k - 1)),
        i_squared=tau2 / (tau2 + reml.typical_variance(model)) if model.regular else None,
        weights=tuple(share.tolist()),
        shrunken=_shrunken(model, tau2, estimate, error, level),
    )


def _critical(level: float, df: int) -> float:
    return float(stats.t.ppf(0.5 + level / 2, df))


def _shrunken(
    model: reml.Model, tau2: float, estimate: float, error: float, level: float
) -> tuple[Shrunken, ...]:
    deviations, errors = reml.predictors(model, tau2, error)
    centres = estimate + model.unit * deviations
    halves = _critical(level, model.values.size - 1) * model.unit * errors
    return tuple(
        Shrunken(centre, Interval(level, centre - half, centre + half))
        for centre, half in zip(centres.tolist(), halves.tolist(), strict=True)
    )


def _cautions(model: reml.Model, equal: bool, *, narrow: bool, empty: bool) -> tuple[Caution, ...]:
    found = []
    if model.values.size == 2:
        found.append(
            Caution("two_judges", "Two judges say little of others: the interval has 1 degree of freedom.")
        )
    if not model.regular:
        sentence = (
            "Some judge, or some combination of judges, has a sampling variance of zero, or next to nothing, "
            "which claims perfect knowledge; there is no Q and no I2."
        )
        found.append(Caution("zero_variance", sentence))
    if equal:
        sentence = "All judges have the same estimate; the interval rests on their sampling variances alone."
        found.append(Caution("no_spread", sentence))
    if narrow:
        sentence = (
            "The judges agree more closely than their sampling errors let expect, which makes the interval narrower "
            "than these errors alone would."
        )
        found.append(Caution("narrow_interval", sentence))
    if empty:
        sentence = "No variance between judges fits so close an agreement: its interval is empty."
        found.append(Caution("empty_tau2_interval", sentence))
    return tuple(found)


def _method(correlated: bool) -> str:
    errors = "correlated" if correlated else "independent"
    return f"random-effects meta-analysis, REML with Hartung-Knapp t interval, {errors} sampling errors"


def _without(
    estimate: float | None, n: int, level: float, caution: Caution, shrunken: tuple[Shrunken, ...] = ()
) -> MetaResult:
    nothing = Interval(level, None, None)
    return MetaResult(
        method="random-effects meta-analysis",
        estimate=estimate,
        interval=nothing,
        p_value=None,
        n_units=n,
        assumptions=_ASSUMPTIONS,
        cautions=(caution,),
        reference=_REFERENCE,
        tau2_interval=nothing,
        prediction=nothing,
        shrunken=shrunken,
    )


def _too_few(values: Floats, level: float) -> MetaResult:
    if values.size == 0:
        return _without(None, 0, level, Caution("no_judges", "There is no judge to pool."))
    only = float(values[0])
    caution = Caution("one_judge", "One judge says nothing of how far judges differ.")
    return _without(only, 1, level, caution, (Shrunken(only, Interval(level, None, None)),))


def _undetermined(values: Floats, equal: bool, level: float) -> MetaResult:
    sentence = (
        "Some sampling variance is zero and the judges' spread asks for no variance between them, so nothing weighs "
        "one judge against another. Give such judges a variance, or leave them out and say so."
    )
    common = float(np.mean(values)) if equal else None
    return _without(common, int(values.size), level, Caution("zero_variance", sentence))
