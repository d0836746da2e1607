"""Mean difference between arms from single ratings, clustered by unit: GEE with the bias-reduced sandwich variance.

With one binary covariate every matrix of the estimator is two by two and depends on a unit by its counts and sums in
each arm only, so all units are done at once. `statsmodels` agrees to rounding on ordinary data. It is not used because
it takes working correlations beyond +-1, answers where one unit holds an arm (a leverage of one), and warns or stops
where there are two units or no spread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from auditor.stats.cells import FEWEST_MOVING, Floats, check_level, unit_codes
from auditor.stats.differences import LARGEST
from auditor.stats.intervals import Interval
from auditor.stats.result import Caution, Estimate

Working: TypeAlias = Literal["independence", "exchangeable"]

_ROUNDS = 100
_STILL = 1e-12
# The working correlation stays this share below the values at which its matrix has no inverse.
_EDGE = 1e-3
# I - H of a unit has no inverse where that unit alone holds an arm. On the scale of the largest value.
_SINGULAR = 1e-9
_NO_SPREAD = 1e-10


@dataclass(frozen=True, slots=True, kw_only=True)
class GeeEstimate(Estimate):
    """Result of `gee_mean_difference`: treatment less control, in the units of the ratings.

    Parameters
    ----------
    standard_error : float or None
        Bias-reduced (Mancl and DeRouen).
    sandwich_error : float or None
        Without the reduction (Liang and Zeger), too small with few units.
    correlation : float or None
        Of two ratings of a unit, as the working model has it.
    """

    standard_error: float | None
    sandwich_error: float | None
    correlation: float | None


def gee_mean_difference(
    values: ArrayLike,
    arm: ArrayLike,
    unit: ArrayLike,
    *,
    working: Working = "independence",
    level: float = 0.95,
) -> GeeEstimate:
    """Estimate the mean difference between two arms from ratings that are alike within units.

    Parameters
    ----------
    values : array_like, shape (n_ratings,)
        Scores, or zeros and ones of a pass. Any number for each unit and arm; leave missing ones out.
    arm : array_like, shape (n_ratings,)
        0 for control, 1 for treatment.
    unit : array_like, shape (n_ratings,)
        Label of each rating's independent unit.
    working : {'independence', 'exchangeable'}
        How ratings are weighted. Exchangeable gives units with many ratings less weight, and rests on the
        comparisons within units where some have one arm only. The interval holds under either, right or wrong.
    level : float
        Level of the interval, in (0, 1).

    Returns
    -------
    GeeEstimate
        p-value and interval from the t distribution with one degree of freedom less than there are units. None
        where there is no spread, one unit, or an arm that rests on one unit.

    Raises
    ------
    ValueError
        If the arrays differ in length, a value is not finite, an arm is not 0 or 1, or `working` is unknown.

    Notes
    -----
    Liang and Zeger (1986, Biometrika 73:13), identity link, with their moment estimate of the correlation (section 4,
    example 3: scale and correlation less two parameters each). The residuals of a unit are multiplied by (I - H)^-1,
    H its leverage (Mancl and DeRouen 2001, Biometrics 57:126), which takes most of the bias from the sandwich
    variance. That is done in 2 x 2 matrices, without approximation: X'V^-1 (I - X M X'V^-1)^-1 =
    (I - X'V^-1 X M)^-1 X'V^-1. With one rating for each unit and arm, the variance is that of the paired t test times
    n / (n - 1): a level of .05 is .042 at 12 units.

    Weights ratings and not units: a unit with more ratings counts for more. In the other estimators each unit counts
    once.

    Examples
    --------
    >>> control = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    >>> treatment = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    >>> result = gee_mean_difference(control + treatment, [0] * 10 + [1] * 10, [*range(10), *range(10)])
    >>> round(result.estimate, 2), round(result.sandwich_error, 6), round(result.standard_error, 6)
    (1.58, 0.368999, 0.409998)
    """
    check_level(level)
    if working not in ("independence", "exchangeable"):
        raise ValueError("the working correlation is 'independence' or 'exchangeable'")
    data = _Clusters.of(values, arm, unit)
    cautions = data.cautions()
    fit = None
    if np.all(data.counts.sum(axis=0) > 0):
        fit = _fit(data, exchangeable=working == "exchangeable")
        cautions += fit.cautions()
    p_value, interval, error = _inference(fit, data.n, level)
    return GeeEstimate(
        method=f"GEE, {working} working correlation, bias-reduced variance",
        estimate=None if fit is None else fit.estimate,
        interval=interval,
        p_value=p_value,
        n_units=data.n,
        n_ratings=int(data.counts.sum()),
        df=None if error is None else float(data.n - 1),
        assumptions=("units are independent", "which ratings are missing does not depend on them"),
        cautions=cautions,
        reference="Liang and Zeger 1986, Biometrika 73:13; Mancl and DeRouen 2001, Biometrics 57:126",
        standard_error=error,
        sandwich_error=None if fit is None or error is None else fit.sandwich,
        correlation=None if fit is None else fit.correlation,
    )


@dataclass(frozen=True, slots=True)
class _Clusters:
    """Counts, sums and squares of each cluster; sums by arm, in columns control and treatment.

    Values are less their overall mean, which a difference does not depend on.
    """

    counts: Floats
    sums: Floats
    squares: Floats
    scale: float

    @classmethod
    def of(cls, values: ArrayLike, arm: ArrayLike, unit: ArrayLike) -> _Clusters:
        scores, arms = np.asarray(values, dtype=np.float64), np.asarray(arm)
        if scores.ndim != 1 or arms.shape != scores.shape:
            raise ValueError("values and arm are rows of the same length")
        if not np.all(np.isfinite(scores)) or np.any(np.abs(scores) > LARGEST):
            raise ValueError("every value is finite and below 1e100; leave missing ratings out")
        if not np.all((arms == 0) | (arms == 1)):
            raise ValueError("an arm is 0 for control or 1 for treatment")
        names, codes = unit_codes(unit, scores.size)
        scores = scores - (scores.mean() if scores.size else 0.0)
        scale = float(np.abs(scores).max(initial=0.0))
        scores = scores / (scale or 1.0)
        cells, shape = 2 * codes + arms.astype(np.int64), (len(names), 2)
        counts = np.bincount(cells, minlength=2 * len(names)).reshape(shape).astype(np.float64)
        sums, squares = (
            np.bincount(cells, what, minlength=2 * len(names)).reshape(shape).astype(np.float64)
            for what in (scores, scores**2)
        )
        return cls(counts, sums, squares, scale)

    @property
    def n(self) -> int:
        """Number of units."""
        return int(self.counts.shape[0])

    @property
    def sizes(self) -> Floats:
        """Ratings of each unit."""
        sizes: Floats = self.counts.sum(axis=1)
        return sizes

    def cautions(self) -> tuple[Caution, ...]:
        lacking = int(np.count_nonzero(np.any(self.counts == 0, axis=1)))
        if self.n == 0:
            return (Caution("no_units", "There are no ratings."),)
        if not np.all(self.counts.sum(axis=0) > 0):
            return (Caution("one_arm", "An arm has no rating at all."),)
        found: tuple[Caution, ...] = ()
        if 1 < self.n < FEWEST_MOVING:
            found += (Caution("few_units", f"A variance from {self.n} units is a rough one."),)
        if lacking == self.n:
            found += (
                Caution("no_overlap", "No unit has ratings in both arms: different units are compared."),
            )
        elif lacking:
            sentence = f"{lacking} of {self.n} units have ratings in one arm only."
            found += (Caution("unpaired_units", sentence),)
        return found


@dataclass(frozen=True, slots=True)
class _Fit:
    """Estimate and errors in the units of the ratings; an error is None where a unit alone holds an arm."""

    estimate: float
    reduced: float | None
    sandwich: float
    correlation: float
    n: int
    spread: bool
    settled: bool

    def cautions(self) -> tuple[Caution, ...]:
        if self.n == 1:
            return (Caution("one_unit", "One unit does not show how far units differ."),)
        found: tuple[Caution, ...] = ()
        if not self.settled:
            sentence = "The working correlation did not settle; the interval holds under any."
            found += (Caution("not_converged", sentence),)
        if self.reduced is None:
            sentence = "An arm rests on a single unit, so its variance cannot be estimated."
            found += (Caution("lone_unit", sentence),)
        elif not self.spread and self.estimate == 0:
            found += (Caution("no_differences", "No unit differs between the arms."),)
        elif not self.spread:
            sentence = "All units differ by the same amount, so no interval can be estimated."
            found += (Caution("no_spread", sentence),)
        return found


def _fit(data: _Clusters, *, exchangeable: bool) -> _Fit:
    """Estimating equations for the two arms' means, and both sandwich variances of their difference."""
    correlation, settled = 0.0, not exchangeable
    means = data.sums.sum(axis=0) / data.counts.sum(axis=0)
    for _ in range(_ROUNDS if exchangeable else 0):
        before, correlation = correlation, _correlation(data, means)
        shrink = _shrink(data, correlation)
        means = np.linalg.solve(
            _information(data, shrink).sum(axis=0), _scores(data, data.sums, shrink).sum(axis=0)
        )
        settled = abs(correlation - before) < _STILL
        if settled:
            break
    shrink = _shrink(data, correlation)
    information = _information(data, shrink)
    inverse = np.linalg.inv(information.sum(axis=0))
    scores = _scores(data, data.sums - data.counts * means, shrink)
    contrast = inverse @ np.array([-1.0, 1.0])
    # (I - H)^-1 of Mancl and DeRouen, carried past X' V^-1: score by (I - A M)^-1, A = X' V^-1 X of the unit.
    left = np.eye(2) - information @ inverse
    reduced = None
    if np.all(np.abs(np.linalg.det(left)) > _SINGULAR):
        adjusted = np.linalg.solve(left, scores[:, :, None])[:, :, 0]
        reduced = float(np.linalg.norm(adjusted @ contrast))
    sandwich = float(np.linalg.norm(scores @ contrast))
    estimate = float(means[1] - means[0])
    return _Fit(
        estimate=estimate * data.scale if abs(estimate) > _NO_SPREAD else 0.0,
        reduced=None if reduced is None else reduced * data.scale,
        sandwich=sandwich * data.scale,
        correlation=correlation,
        n=data.n,
        spread=reduced is not None and reduced > _NO_SPREAD,
        settled=settled,
    )


def _shrink(data: _Clusters, correlation: float) -> Floats:
    """Compute c of V^-1 = (I - c 1 1') / (1 - r); the factor 1 / (1 - r) cancels in all that follows."""
    return correlation / (1 + (data.sizes - 1) * correlation)


def _information(data: _Clusters, shrink: Floats) -> Floats:
    """X' V^-1 X of each unit."""
    counts = data.counts
    shared = shrink[:, None, None] * counts[:, :, None] * counts[:, None, :]
    information: Floats = counts[:, :, None] * np.eye(2) - shared
    return information


def _scores(data: _Clusters, sums: Floats, shrink: Floats) -> Floats:
    """X' V^-1 y of each unit, of ratings or residuals y with these sums."""
    scores: Floats = sums - (shrink * sums.sum(axis=1))[:, None] * data.counts
    return scores


def _correlation(data: _Clusters, means: Floats) -> float:
    """Mean product of two residuals of a unit over their variance (Liang and Zeger 1986, section 4, example 3)."""
    pairs = float((data.sizes * (data.sizes - 1)).sum()) / 2
    residuals = data.sums - data.counts * means
    squares = data.squares.sum(axis=1) - 2 * data.sums @ means + data.counts @ means**2
    variance = float(squares.sum()) / max(float(data.sizes.sum()) - 2, 1.0)
    if pairs <= 2 or variance <= _NO_SPREAD**2:
        return 0.0
    products = float((residuals.sum(axis=1) ** 2 - squares).sum()) / 2
    lowest = -1 / (float(data.sizes.max()) - 1)
    return (1 - _EDGE) * min(max(products / (variance * (pairs - 2)) / (1 - _EDGE), lowest), 1.0)


def _inference(fit: _Fit | None, n: int, level: float) -> tuple[float | None, Interval, float | None]:
    """p-value, interval and standard error; none of them where the spread is not known."""
    nothing = Interval(level, None, None)
    if fit is None or fit.reduced is None or n < 2:
        return None, nothing, None
    if not fit.spread:
        return (1.0 if fit.estimate == 0 else None), nothing, None
    half = float(stats.t.ppf(0.5 + level / 2, n - 1)) * fit.reduced
    p_value = 2 * float(stats.t.sf(abs(fit.estimate) / fit.reduced, n - 1))
    return p_value, Interval(level, fit.estimate - half, fit.estimate + half), fit.reduced
