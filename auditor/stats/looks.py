"""One look at the data of a group sequential design.

A look compares p-values with the level that belongs to its boundary: the sign-flip p for superiority, the t interval
for equivalence. So the tests of the data stand in for Z, and only the joint behaviour of the looks rests on the normal
distribution (Jennison and Turnbull 2000, chapter 3).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from auditor.stats.intervals import Interval, MeanResult, mean_interval
from auditor.stats.result import Caution
from auditor.stats.sequential import FEWEST_FOR_EQUIVALENCE, SequentialDesign
from auditor.stats.signflip import (
    LARGEST_SUM,
    LARGEST_WORK,
    Alternative,
    Integers,
    sign_flip_test,
    to_lattice,
)

Floats: TypeAlias = NDArray[np.float64]
Decision = Literal["continue", "inflated", "deflated", "equivalent", "inconclusive"]

#: Denominators of means over replicates and wordings, tried before differences go on a grid of this many steps in all.
_DENOMINATORS = range(2, 121)
_GRID = 400_000
_LARGEST_DIFFERENCE = 1e100


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one look shows and decides.

    Parameters
    ----------
    look : int
        From 1.
    n_units : int
    mean : float
        Of the differences so far.
    p_value : float
        Two-sided sign-flip p of this look alone; not valid as a p-value of the study.
    nominal : float
        The look rejects where `p_value` is at most this.
    statistic : float
        The normal quantile of `p_value`, with the sign of the mean.
    boundary : float
        In the same units.
    interval : Interval
        Repeated interval: all of them together hold at 1 - alpha.
    equivalence_interval : Interval
        Repeated interval at 1 - 2 alpha; equivalent if it lies inside the margin.
    decision : {'continue', 'inflated', 'deflated', 'equivalent', 'inconclusive'}
        Everything but 'continue' stops. 'inconclusive' comes only at the last look.
    significant : bool
        Whether the boundary is crossed; 'equivalent' and significant is a real difference within the margin.
    cautions : tuple of Caution
    """

    look: int
    n_units: int
    mean: float
    p_value: float
    nominal: float
    statistic: float
    boundary: float
    interval: Interval
    equivalence_interval: Interval
    decision: Decision
    significant: bool
    cautions: tuple[Caution, ...] = ()

    @property
    def stops(self) -> bool:
        """Whether no further unit is needed."""
        return self.decision != "continue"


def look(design: SequentialDesign, k: int, differences: ArrayLike) -> Look:
    """Decide at look k whether to stop.

    Parameters
    ----------
    design : SequentialDesign
    k : int
        Which look, from 1.
    differences : array_like, shape (design.units[k - 1],)
        One for each independent unit so far, those of earlier looks included, in points of the scale.

    Returns
    -------
    Look
        Equivalence comes first, as in the verdicts: a difference that is real but within the margin is equivalent.

    Raises
    ------
    ValueError
        If there is no such look, the number of differences is not the design's (`reschedule` it first), or one is not
        finite or beyond 1e100.

    Notes
    -----
    Assumes that units came in random order: items sorted by difficulty would make early looks stand for others than
    they sample. Without any spread an early look does not stop for equivalence: that the first 40 differences are all
    zero does not show how large the rare ones are.

    Examples
    --------
    >>> from auditor.stats.sequential import sequential_design
    >>> first = look(sequential_design([20, 40]), 1, [1, 2] * 10)
    >>> first.decision, first.p_value == 2**-19
    ('inflated', True)
    """
    values = _checked(design, k, differences)
    mean = mean_interval(values, 1 - design.alpha)
    p_value = sign_flip_p(np.asarray(differences))
    nominal = design.nominal[k - 1]
    statistic = _from_p(p_value, mean.estimate)
    narrow = _repeated(mean, design.equivalence_boundaries[k - 1 : k], 1 - 2 * design.equivalence_alpha)
    inside = (
        design.margin is not None
        and mean.n >= FEWEST_FOR_EQUIVALENCE
        and narrow.inside(design.margin)
        and (mean.sd != 0.0 or k == design.looks)
    )
    significant = p_value <= nominal
    decision: Decision = "inconclusive" if k == design.looks else "continue"
    if inside:
        decision = "equivalent"
    elif significant:
        decision = "inflated" if mean.estimate > 0 else "deflated"
    return Look(
        look=k,
        n_units=mean.n,
        mean=mean.estimate,
        p_value=p_value,
        nominal=nominal,
        statistic=statistic,
        boundary=design.boundaries[k - 1],
        interval=_repeated(mean, design.boundaries[k - 1 : k], 1 - design.alpha),
        equivalence_interval=narrow,
        decision=decision,
        significant=significant,
        cautions=_cautions(values, mean, nominal),
    )


def _checked(design: SequentialDesign, k: int, differences: ArrayLike) -> Floats:
    if not 1 <= k <= design.looks:
        raise ValueError(f"the design has looks 1 to {design.looks}")
    values = finite_differences(differences)
    if values.size != design.units[k - 1]:
        raise ValueError(
            f"look {k} was planned at {design.units[k - 1]} units and there are {values.size}: reschedule the design"
        )
    return values


def finite_differences(differences: ArrayLike) -> Floats:
    """The differences as floats, or ValueError where one is not finite or too large to square."""
    values = np.asarray(differences, dtype=np.float64)
    if values.ndim != 1 or not np.all(np.abs(values) <= _LARGEST_DIFFERENCE):
        raise ValueError("differences are one finite number for each unit")
    return values


def sign_flip_p(differences: ArrayLike, alternative: Alternative = "two-sided") -> float:
    """Exact sign-flip p of any differences, with no random draws.

    Early looks ask for p-values far below those that 100,000 random flips can show. Differences that lie on no
    lattice of decimals or of fractions up to 1/120, or on one too fine to count, are rounded to 400,000 steps in all.
    Rounding is the same on both sides of zero, so the test of the rounded differences is exact too.

    Parameters
    ----------
    differences : array_like, shape (n,)
        At least one, finite.

    Raises
    ------
    ValueError
        If there is none, or one is not finite or beyond 1e100.

    Examples
    --------
    >>> sign_flip_p([0.1 + 0.2, 1 / 3, 2**0.5, 3.1, 2.7]) == 2 / 2**5
    True
    """
    finite_differences(differences)
    array = np.asarray(differences)
    lattice = array.astype(np.int64) if array.dtype.kind in "iu" else _lattice(array)
    if lattice is not None:
        lattice = lattice // max(int(np.gcd.reduce(np.abs(lattice))), 1)
        reach = float(np.sum(np.abs(lattice.astype(np.float64))))
        if reach <= LARGEST_SUM and reach * array.size <= LARGEST_WORK:
            return sign_flip_test(lattice, alternative=alternative).p_value
    values = array.astype(np.float64)
    values = values / np.max(np.abs(values))
    steps = min(_GRID, LARGEST_WORK // values.size // 2) / float(np.sum(np.abs(values)))
    return sign_flip_test(np.rint(values * steps).astype(np.int64), alternative=alternative).p_value


def _lattice(array: Floats) -> Integers | None:
    found = to_lattice(array)
    for denominator in _DENOMINATORS if found is None else ():
        whole = np.rint(array * denominator)
        if np.max(np.abs(whole)) < 2**53 and np.all(
            np.abs(array * denominator - whole) <= 1e-9 * np.maximum(1.0, np.abs(whole))
        ):
            return whole.astype(np.int64)
    return found


def _from_p(p_value: float, sign: float) -> float:
    return math.copysign(float(stats.norm.isf(p_value / 2)), sign) if p_value < 1 else 0.0


def to_normal(statistic: float, df: float) -> float:
    """The normal quantile at the same tail probability as a t statistic.

    Examples
    --------
    >>> round(to_normal(2.262157, 9), 5)
    1.95996
    """
    if math.isinf(statistic) or math.isinf(df):
        return statistic
    return math.copysign(float(stats.norm.isf(stats.t.sf(abs(statistic), df))), statistic)


def _repeated(mean: MeanResult, boundary: tuple[float, ...], level: float) -> Interval:
    """Mean +- the t quantile at the boundary's tail probability (Jennison and Turnbull 2000, chapter 9)."""
    if not boundary or mean.sd is None or math.isinf(boundary[0]):
        return Interval(level, None, None)
    half = float(stats.t.isf(stats.norm.sf(boundary[0]), mean.n - 1)) * mean.sd / math.sqrt(mean.n)
    return Interval(level, mean.estimate - half, mean.estimate + half)


def _cautions(values: Floats, mean: MeanResult, nominal: float) -> tuple[Caution, ...]:
    found: tuple[Caution, ...] = ()
    moving = int(np.count_nonzero(values))
    if mean.sd is None:
        found += (Caution("one_unit", "One unit does not show how far units differ."),)
    elif mean.sd == 0.0:
        found += (Caution("no_spread", "All differences are equal, so their spread is not known."),)
    if nominal == 0.0:
        found += (Caution("nothing_to_spend", "This look has no error to spend and cannot reject."),)
    elif 2.0 ** (1 - max(moving, 1)) > nominal:
        sentence = (
            f"Only {moving} units differ between the arms: no p-value of theirs reaches this look's level."
        )
        found += (Caution("few_moving", sentence),)
    return found
