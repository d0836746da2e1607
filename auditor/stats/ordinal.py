"""A cumulative-logit model of the score on the arm: for scales whose points need not be equally far apart."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from auditor.stats.cells import Floats, Integers, check_level, unit_codes
from auditor.stats.cumulative_logit import LogitFits, fit_tables
from auditor.stats.intervals import Interval
from auditor.stats.result import Caution, Estimate

#: Above these numbers a fit takes too long.
LARGEST_ITEMS = 2000
LARGEST_SCORES = 101
_FEWEST_ITEMS = 20
_LARGEST_DRAWS = 100_000
_LARGEST_LOG = 700.0
_CHUNK_CELLS = 4_000_000
#: Newton's method leaves this much of a log odds ratio of zero.
_ZERO = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class OrdinalEstimate(Estimate):
    """Result of `ordinal_model`; the estimate is a log odds ratio, above zero where the treatment scores higher.

    Parameters
    ----------
    odds_ratio : float or None
        Odds of a score above any point of the scale, treatment to control.
    standard_error : float or None
        Standard deviation of the finite bootstrap estimates.
    scores : tuple of float
        The scores that occur, in order.
    thresholds : tuple of float
        Log odds of a score up to each of them but the last, in the control.
    separated_draws : int
        Bootstrap draws without an answer, or with an infinite one.
    n_dropped : int
        Entries without a score.
    """

    odds_ratio: float | None
    standard_error: float | None
    scores: tuple[float, ...]
    thresholds: tuple[float, ...]
    separated_draws: int
    n_dropped: int


def ordinal_model(
    score: ArrayLike,
    treatment: ArrayLike,
    item: ArrayLike,
    *,
    draws: int = 400,
    level: float = 0.95,
    seed: int = 0,
) -> OrdinalEstimate:
    """Fit a proportional-odds model of the score on the arm, with an interval by resampling items.

    Parameters
    ----------
    score : array_like, shape (n,)
        One rating an entry; only its order counts. NaN where missing.
    treatment : array_like, shape (n,)
        1 for the treatment, 0 for the control.
    item : array_like, shape (n,)
        Label of the independent unit, which is drawn as a whole.
    draws : int
        Bootstrap samples of items.
    level : float
        Level of the interval.
    seed : int

    Returns
    -------
    OrdinalEstimate
        Without an estimate where the arms do not overlap, or only one score occurs; a caution says so.

    Raises
    ------
    ValueError
        For lengths that differ, an infinite score, an arm other than 0 and 1, a level outside (0, 1), or fewer than
        20 or more than 100,000 draws.

    Notes
    -----
    logit P(score <= j) = threshold_j - beta arm (McCullagh 1980, J. R. Stat. Soc. B 42:109), by Newton's method: with
    one column the data are a table of two rows, and a fit takes a millisecond, where statsmodels' OrderedModel takes
    a hundred. Items are ignored in the estimate, which is therefore that of a mixture of items, closer to zero than any
    one item's; the percentile interval (Efron 1979) over items accounts for them. The p-value is twice the
    smaller share of draws on either side of zero, with one added (Davison and Hinkley 1997, section 4.4): it cannot be
    below 2 / (draws + 1). With 10 items the 95 % interval covers .92, from 20 up .94 or more. Where the odds ratio
    differs along the scale, as for a judge that moves scores only at the pass mark, the estimate is an average without
    a clear meaning.

    Examples
    --------
    >>> score = [1, 2, 2, 3, 2, 1, 3, 3, 1, 1, 2, 3, 1, 2, 3, 2] * 2
    >>> arm, item = [0, 1] * 16, [i // 2 for i in range(32)]
    >>> result = ordinal_model(score, arm, item)
    >>> round(result.estimate, 3), round(result.odds_ratio, 2), result.codes
    (0.588, 1.8, ('few_units',))
    """
    check_level(level)
    if not 20 <= draws <= _LARGEST_DRAWS:
        raise ValueError("between 20 and 100,000 bootstrap samples are needed")
    values, arm, items, dropped = _read(score, treatment, item)
    scores = np.unique(values)
    n_items = int(items.max(initial=-1)) + 1
    cautions = _refusals(arm, n_items, scores.size)
    estimate: float | None = None
    thresholds: tuple[float, ...] = ()
    sampled: Floats = np.array([])
    if not cautions:
        counts = np.zeros((n_items, 2, scores.size))
        np.add.at(counts, (items, arm, np.searchsorted(scores, values)), 1.0)
        fit = fit_tables(counts.sum(axis=0)[None])
        cautions = _after(fit, n_items)
        if fit.converged[0]:
            estimate, thresholds = float(fit.estimates[0]), tuple(fit.thresholds[0].tolist())
            sampled = _bootstrap(counts, draws, seed) if n_items > 1 else sampled
    interval, p_value, more = _read_draws(sampled, level)
    finite = sampled[np.isfinite(sampled)]
    return OrdinalEstimate(
        method="cumulative logit model, item bootstrap percentile interval",
        estimate=estimate,
        interval=interval,
        p_value=p_value,
        n_units=n_items,
        n_ratings=int(values.size),
        resamples=draws if sampled.size else None,
        assumptions=("items are independent", "the odds ratio is the same at every point of the scale"),
        cautions=cautions + more,
        reference="McCullagh 1980; Efron 1979; Davison and Hinkley 1997, section 4.4",
        odds_ratio=None if estimate is None else math.exp(min(estimate, _LARGEST_LOG)),
        standard_error=float(finite.std(ddof=1)) if finite.size > 1 else None,
        scores=tuple(scores.tolist()),
        thresholds=thresholds,
        separated_draws=int(sampled.size - finite.size),
        n_dropped=dropped,
    )


def _read(score: ArrayLike, treatment: ArrayLike, item: ArrayLike) -> tuple[Floats, Integers, Integers, int]:
    values = np.asarray(score, dtype=np.float64)
    arm = np.asarray(treatment, dtype=np.float64)
    if values.ndim != 1 or arm.shape != values.shape:
        raise ValueError("scores come as one list, with one arm for each")
    if not np.all((arm == 0) | (arm == 1)):
        raise ValueError("an arm is 1 for the treatment and 0 for the control")
    if np.any(np.isinf(values)):
        raise ValueError("a score is finite, or NaN where it is missing")
    kept = ~np.isnan(values)
    items = np.unique(unit_codes(item, values.size)[1][kept], return_inverse=True)[1]
    return values[kept], arm[kept].astype(np.int64), items.astype(np.int64), int(np.sum(~kept))


def _refusals(arm: Integers, n_items: int, n_scores: int) -> tuple[Caution, ...]:
    """A caution where there is nothing to fit, or too much."""
    if np.unique(arm).size < 2:
        return (Caution("no_units", "An arm has no score."),)
    if n_items > LARGEST_ITEMS:
        sentence = f"{n_items} items are more than the {LARGEST_ITEMS} that this model is fitted to."
        return (Caution("too_many_items", sentence),)
    if n_scores > LARGEST_SCORES:
        sentence = (
            f"{n_scores} different scores are more than the {LARGEST_SCORES} that this model is fitted to."
        )
        return (Caution("too_many_scores", sentence),)
    if n_scores == 1:
        return (Caution("no_spread", "All scores are equal, and a model has nothing to explain."),)
    return ()


def _after(fit: LogitFits, n_items: int) -> tuple[Caution, ...]:
    """Cautions on the fit to all the data."""
    if np.isinf(fit.estimates[0]):
        higher = "treatment" if fit.estimates[0] > 0 else "control"
        sentence = f"No score of the {higher} lies below one of the other arm: the odds ratio has no finite estimate."
        return (Caution("separated", sentence),)
    if not fit.converged[0]:
        return (Caution("not_converged", "The cumulative-logit model could not be fitted."),)
    if n_items == 1:
        return (Caution("one_unit", "One item does not show how far items differ."),)
    if n_items < _FEWEST_ITEMS:
        return (Caution("few_units", f"A bootstrap of {n_items} items gives too short an interval."),)
    return ()


def _bootstrap(counts: Floats, draws: int, seed: int) -> Floats:
    """Estimates for tables of resampled items."""
    n, _, size = counts.shape
    rng = np.random.default_rng(seed)
    chunk = max(1, _CHUNK_CELLS // max(size * size, n))
    found = []
    for start in range(0, draws, chunk):
        times = rng.multinomial(n, np.full(n, 1 / n), min(chunk, draws - start)).astype(np.float64)
        tables = (times @ counts.reshape(n, -1)).reshape(-1, 2, size)
        found.append(fit_tables(tables).estimates)
    return np.concatenate(found)


def _read_draws(sampled: Floats, level: float) -> tuple[Interval, float | None, tuple[Caution, ...]]:
    """Percentile interval and p-value; an infinite end is none."""
    known = np.sort(sampled[~np.isnan(sampled)])
    n = int(known.size)
    if n == 0:
        return Interval(level, None, None), None, ()
    tail = (1 - level) / 2
    low = float(known[max(math.floor(tail * (n + 1)) - 1, 0)])
    high = float(known[min(math.ceil((1 - tail) * (n + 1)) - 1, n - 1)])
    below, above = int(np.count_nonzero(known <= _ZERO)), int(np.count_nonzero(known >= -_ZERO))
    p_value = min(1.0, 2 * (1 + min(below, above)) / (n + 1))
    cautions: tuple[Caution, ...] = ()
    if not np.all(np.isfinite(known)) or n < sampled.size:
        without = sampled.size - int(np.count_nonzero(np.isfinite(known)))
        sentence = f"In {without} of {sampled.size} samples the arms did not overlap."
        cautions = (Caution("separated_draws", sentence),)
    ends = low if math.isfinite(low) else None, high if math.isfinite(high) else None
    return Interval(level, *ends), p_value, cautions
