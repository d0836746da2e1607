"""A linear mixed model of the score on the arm, on request: offered, never depended on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from auditor.stats.cells import check_level, unit_codes
from auditor.stats.components import FEWEST_WORDINGS
from auditor.stats.intervals import Interval
from auditor.stats.mixed_fit import MixedData, MixedFit, MixedParts, fit_fixed, fit_random, items_with_both
from auditor.stats.result import Caution, Estimate

Wordings: TypeAlias = Literal["fixed", "random"]

#: Above these numbers a fit takes too long.
LARGEST_ITEMS = 2000
LARGEST_CROSSED_ITEMS = 100
LARGEST_CROSSED_RATINGS = 1000
_LARGEST_SCORE = 1e100
#: A part below this share of the variance of the scores is on the boundary.
_BOUNDARY = 1e-5


@dataclass(frozen=True, slots=True, kw_only=True)
class MixedEstimate(Estimate):
    """Result of `mixed_model`.

    Parameters
    ----------
    standard_error : float or None
    parts : MixedParts
    converged : bool
    n_wordings : int
    n_dropped : int
        Entries without a score.
    """

    standard_error: float | None
    parts: MixedParts
    converged: bool
    n_wordings: int
    n_dropped: int


def mixed_model(
    score: ArrayLike,
    treatment: ArrayLike,
    item: ArrayLike,
    wording: ArrayLike | None = None,
    *,
    wordings: Wordings = "fixed",
    level: float = 0.95,
) -> MixedEstimate:
    """Fit score = arm + item + item x arm + wording + wording x arm by REML, and report the effect of the arm.

    Parameters
    ----------
    score : array_like, shape (n,)
        One rating an entry, in points; NaN where missing.
    treatment : array_like, shape (n,)
        1 for the treatment, 0 for the control.
    item : array_like, shape (n,)
        Label of the independent unit.
    wording : array_like, shape (n,), optional
        Label of the wording; default one for all.
    wordings : {'fixed', 'random'}
        Fixed: the effect is the mean over these wordings, all alike. Random: for wordings like these; takes up to a
        minute at 100 items or 1,000 ratings, the most that are allowed.
    level : float
        Level of the interval.

    Returns
    -------
    MixedEstimate
        Never raises because a fit fails: then there is no interval and no p-value, and caution 'not_converged'.

    Raises
    ------
    ValueError
        For lengths that differ, an infinite score, an arm other than 0 and 1, or a level outside (0, 1).

    Notes
    -----
    REML by statsmodels' MixedLM, arms coded -1/2 and +1/2. Items have a random intercept and a random difference
    between the arms, correlated where wordings are fixed; a random intercept alone would reject .160 of true nulls
    where this rejects .063. Where no item has two ratings in an arm the difference cannot be told from the residual,
    and an intercept alone gives the paired t test. Items asked in several wordings have an intercept for each as
    well. Fixed wordings are coded as deviations from their mean, with their interaction with the arm. Degrees of
    freedom: with fixed wordings the items with both arms, less the columns that wordings take of their differences;
    with random wordings Satterthwaite's for the paired differences of the cells (see `wordings_like_these`). For
    balanced data both are lmerTest's. Assumes normal parts and one residual variance; a judge that nearly always
    answers the same has neither, and the fit fails for it or ends on a boundary. MixedLM follows Lindstrom and Bates
    (1988, J. Am. Stat. Assoc. 83:1014); the model is that of Laird and Ware (1982, Biometrics 38:963).

    Examples
    --------
    >>> score = [5, 6, 7, 7, 3, 4, 6, 6, 8, 8, 8, 9, 4, 4, 7, 6]
    >>> arm, item = [0, 0, 1, 1] * 4, [i for i in range(4) for _ in range(4)]
    >>> result = mixed_model(score, arm, item)
    >>> round(result.estimate, 3), round(result.standard_error, 3), result.df
    (1.75, 0.505, 3.0)
    """
    check_level(level)
    data = _read(score, treatment, item, wording)
    refusal = _refusal(data, wordings)
    if refusal is not None:
        return _result(data, level, wordings, cautions=(refusal,))
    fit, cautions = (fit_fixed if wordings == "fixed" else fit_random)(data)
    if fit is None:
        sentence = "The mixed model could not be fitted to these ratings."
        return _result(data, level, wordings, cautions=(*cautions, Caution("not_converged", sentence)))
    if not fit.run.converged:
        sentence = "The fit of the mixed model did not converge: its estimate has no interval."
        cautions += (Caution("not_converged", sentence),)
    elif _on_boundary(fit, data):
        sentence = (
            "The fit ended at the edge of what is possible (a variance of zero), where it is not reliable."
        )
        cautions += (Caution("boundary", sentence),)
    count = int(data.wording.max()) + 1
    if wordings == "random" and count < FEWEST_WORDINGS:
        cautions += (Caution("few_wordings", f"{count} wordings are too few to claim anything of others."),)
    return _result(data, level, wordings, fit, cautions)


def _read(score: ArrayLike, treatment: ArrayLike, item: ArrayLike, wording: ArrayLike | None) -> MixedData:
    values = np.asarray(score, dtype=np.float64)
    arm = np.asarray(treatment, dtype=np.float64)
    if values.ndim != 1 or arm.shape != values.shape:
        raise ValueError("scores come as one list, with one arm for each")
    if not np.all((arm == 0) | (arm == 1)):
        raise ValueError("an arm is 1 for the treatment and 0 for the control")
    if np.any(np.abs(values) > _LARGEST_SCORE):
        raise ValueError("a score is finite and below 1e100, or NaN where it is missing")
    kept = ~np.isnan(values)
    labels = np.zeros(values.size) if wording is None else wording
    items, wordings = (
        np.unique(unit_codes(label, values.size)[1][kept], return_inverse=True)[1] for label in (item, labels)
    )
    return MixedData(
        values[kept],
        arm[kept] - 0.5,
        items.astype(np.int64),
        wordings.astype(np.int64),
        int(np.sum(~kept)),
    )


def _refusal(data: MixedData, wordings: Wordings) -> Caution | None:
    """A caution where no model is worth a try."""
    both = items_with_both(data)
    if both.size == 0:
        return Caution("no_units", "No item has a rating in both arms.")
    if both.size < 3:
        return Caution("few_units", f"{both.size} items are too few for a mixed model.")
    most = LARGEST_ITEMS if wordings == "fixed" else LARGEST_CROSSED_ITEMS
    count = int(data.item.max()) + 1
    if count > most:
        return Caution(
            "too_many_items", f"{count} items are more than the {most} that this model is fitted to."
        )
    if wordings == "random" and data.score.size > LARGEST_CROSSED_RATINGS:
        sentence = f"{data.score.size} ratings are more than the {LARGEST_CROSSED_RATINGS} that this model is fitted to."
        return Caution("too_many_ratings", sentence)
    if wordings == "random" and int(data.wording.max()) < 1:
        return Caution("one_wording", "One wording does not show how far wordings differ.")
    if np.all(data.score == data.score[0]):
        return Caution("no_spread", "All scores are equal, and a model has nothing to explain.")
    return None


def _on_boundary(fit: MixedFit, data: MixedData) -> bool:
    parts = fit.parts._replace(item_correlation=None)
    smallest = min(part for part in parts if part is not None)
    correlation = fit.parts.item_correlation
    edge = correlation is not None and abs(correlation) > 1 - 1e-4
    return fit.run.flat or edge or smallest < _BOUNDARY * float(data.score.var())


def _result(
    data: MixedData,
    level: float,
    wordings: Wordings,
    fit: MixedFit | None = None,
    cautions: tuple[Caution, ...] = (),
) -> MixedEstimate:
    interval, p_value = Interval(level, None, None), None
    run = None if fit is None else fit.run
    converged = run is not None and run.converged
    if fit is not None and run is not None and converged:
        half = float(stats.t.ppf(0.5 + level / 2, fit.df)) * run.error
        interval = Interval(level, run.estimate - half, run.estimate + half)
        p_value = float(2 * stats.t.sf(abs(run.estimate) / run.error, fit.df))
    return MixedEstimate(
        method=f"linear mixed model by REML, {wordings} wordings, t interval",
        estimate=None if run is None else run.estimate,
        interval=interval,
        p_value=p_value,
        n_units=int(np.unique(data.item).size),
        n_ratings=int(data.score.size),
        df=None if fit is None else fit.df,
        assumptions=(
            "items are independent",
            *(("wordings are a random draw of those meant",) if wordings == "random" else ()),
            "all parts are normal, with one residual variance",
        ),
        cautions=cautions,
        reference="Laird and Ware 1982; Lindstrom and Bates 1988",
        standard_error=run.error if run is not None and converged else None,
        parts=MixedParts() if fit is None else fit.parts,
        converged=converged,
        n_wordings=int(np.unique(data.wording).size),
        n_dropped=data.n_dropped,
    )
