"""Boundaries of group sequential tests, by recursive numerical integration.

At look k a test of n_k units sees Z_k, which is normal with mean drift * sqrt(n_k) and variance 1, where drift is the
mean over the standard deviation; the scores S_k = Z_k sqrt(n_k) have independent increments. The density of S_k among
the paths that have not stopped follows from the one before by one integral (Armitage, McPherson and Rowe 1969,
J. R. Stat. Soc. A 132:235; Jennison and Turnbull 2000, Group Sequential Methods, chapter 19). Where they use Simpson's
rule on a grid that is denser in the middle, panels of a 24-point Gauss-Legendre rule are used here, each at most four
standard deviations of the smaller neighbouring increment wide.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special, stats

Floats: TypeAlias = NDArray[np.float64]
Spending = Literal["obrien-fleming", "pocock"]
Sides = Literal[1, 2]

_RULE = np.polynomial.legendre.leggauss(24)
_PANEL = 4.0
#: Paths further than this many standard deviations from their mean are left out; they weigh 2e-18.
_REACH = 8.75
_MOST_PANELS = 200
#: A chance below `_TINY` counts as none; the normal tail beyond the largest boundary is smaller.
_TINY = 1e-290
_LARGEST_BOUNDARY = 37.0


@dataclass(frozen=True, slots=True)
class Crossing:
    """Chance of the first stop, by look: at or above the upper bound, at or below the lower, or inside.

    `onward` is the chance of no stop at any look.
    """

    upper: tuple[float, ...]
    lower: tuple[float, ...]
    inside: tuple[float, ...]
    onward: float

    @property
    def outside(self) -> float:
        """Chance to have crossed either outer bound by the last look."""
        return math.fsum(self.upper + self.lower)


def crossing(
    information: Sequence[float],
    upper: Sequence[float],
    lower: Sequence[float] | None = None,
    *,
    inside: Sequence[float] | None = None,
    drift: float = 0.0,
) -> Crossing:
    """Where a path of Z_1, ..., Z_K first leaves its bounds.

    Parameters
    ----------
    information : sequence of float, length K
        Increasing and above zero: units at each look.
    upper, lower : sequence of float, length K
        Bounds of Z_k; infinite where there is none. `lower` is -upper unless given.
    inside : sequence of float, optional
        Half width of an inner region |Z_k| < inside_k that stops too; 0 where there is none. Where it reaches further
        than a bound, it takes the bound's place.
    drift : float
        The mean of Z_k is drift * sqrt(information_k).

    Returns
    -------
    Crossing
        Good to about 1e-12, the tails at zero drift also relative to their size.

    Raises
    ------
    ValueError
        If information does not increase, lengths differ, bounds are in the wrong order, or two looks are too close
        to integrate (under about 1/2,000 of the information so far).

    Notes
    -----
    What is left out by taking Z_k as normal: the standard deviation is estimated. `sequential.look` meets that by
    comparing p-values with the level of each bound.

    Examples
    --------
    Two looks at the ordinary 5 % level reject in 8.3 % (Armitage, McPherson and Rowe 1969).

    >>> round(crossing([1, 2], [1.959964, 1.959964]).outside, 3)
    0.083
    """
    low = [-bound for bound in upper] if lower is None else lower
    core = [0.0] * len(upper) if inside is None else inside
    check_information(information)
    if not len(information) == len(upper) == len(low) == len(core):
        raise ValueError("every look needs its information and its bounds")
    if not all(bottom <= top for bottom, top in zip(low, upper, strict=True)) or not math.isfinite(drift):
        raise ValueError("lower bounds lie below upper ones, and the drift is finite")
    state = _State(0.0, np.zeros(1), np.ones(1))
    exits = []
    for k, time in enumerate(information):
        following = information[k + 1] - time if k + 1 < len(information) else math.inf
        bounds = (min(low[k], -core[k]), core[k], max(upper[k], core[k]))
        exits.append(_exits(state, time, bounds, drift))
        state = _advance(state, time, bounds, drift, following)
    up, down, within = zip(*exits, strict=True)
    return Crossing(up, down, within, float(state.masses.sum()))


@dataclass(frozen=True, slots=True)
class _State:
    """The paths still running: points of S and the probability at each."""

    time: float
    places: Floats
    masses: Floats


def _exits(
    state: _State, time: float, bounds: tuple[float, float, float], drift: float
) -> tuple[float, float, float]:
    low, core, high = (bound * math.sqrt(time) for bound in bounds)
    step = time - state.time
    means, sd = state.places + drift * step, math.sqrt(step)
    within = special.ndtr((core - means) / sd) - special.ndtr((-core - means) / sd)
    return (
        float(state.masses @ special.ndtr((means - high) / sd)),
        float(state.masses @ special.ndtr((low - means) / sd)),
        float(state.masses @ within) if core > 0 else 0.0,
    )


def _advance(
    state: _State, time: float, bounds: tuple[float, float, float], drift: float, following: float
) -> _State:
    root, step = math.sqrt(time), time - state.time
    low, core, high = (bound * root for bound in bounds)
    near, far = drift * time - _REACH * root, drift * time + _REACH * root
    width = _PANEL * math.sqrt(min(step, following))
    places, weights = [], []
    for start, end in ((low, -core), (core, high)) if core > 0 else ((low, high),):
        begin, stop = max(start, near), min(end, far)
        if begin >= stop:
            continue
        panels = math.ceil((stop - begin) / width)
        if panels > _MOST_PANELS:
            raise ValueError("two looks lie too close together: leave one out")
        edges = np.linspace(begin, stop, panels + 1)
        half = (stop - begin) / panels / 2
        places.append(((edges[:-1] + half)[:, None] + half * _RULE[0]).ravel())
        weights.append(np.tile(half * _RULE[1], panels))
    if not places:
        return _State(time, np.zeros(1), np.zeros(1))
    nodes, means, sd = np.concatenate(places), state.places + drift * step, math.sqrt(step)
    kernel = np.exp(-0.5 * ((nodes[:, None] - means) / sd) ** 2) / (sd * math.sqrt(2 * math.pi))
    return _State(time, nodes, np.concatenate(weights) * (kernel @ state.masses))


def check_information(information: Sequence[float]) -> None:
    """Raise ValueError unless there is a look, and each has more information than the one before."""
    values = np.asarray(information, dtype=np.float64)
    if values.ndim != 1 or values.size == 0 or not np.all(np.isfinite(values)):
        raise ValueError("a design needs at least one look with finite information")
    if not np.all(np.diff(values, prepend=0.0) > 0):
        raise ValueError("each look needs more units than the one before")


def _check_alpha(alpha: float, sides: Sides) -> None:
    if not 0 < alpha < (1.0 if sides == 2 else 0.5):
        raise ValueError("alpha lies between 0 and 1, and below one half for a one-sided test")


def _lower(bounds: Sequence[float], sides: Sides) -> list[float]:
    return [-bound if sides == 2 else -math.inf for bound in bounds]


def obrien_fleming_error(information: Sequence[float], constant: float, sides: Sides = 2) -> float:
    """Type I error of the bounds constant * sqrt(information_K / information_k).

    Examples
    --------
    >>> round(obrien_fleming_error([1, 2, 3, 4, 5], 2.040), 5)
    0.05001
    """
    bounds = [constant * math.sqrt(information[-1] / time) for time in information]
    return crossing(information, bounds, _lower(bounds, sides)).outside


def obrien_fleming_boundaries(
    information: Sequence[float], alpha: float, sides: Sides = 2
) -> tuple[float, ...]:
    """Boundaries of O'Brien and Fleming (1979, Biometrics 35:549) that spend alpha exactly.

    z_k = C sqrt(information_K / information_k), with C such that the chance to cross any of them without an effect is
    alpha (Jennison and Turnbull 2000, chapter 2, for equal steps; here for any steps).

    Parameters
    ----------
    information : sequence of float, length K
        Units, or fractions, at each look.
    alpha : float
        In total, over both sides if `sides` is 2.
    sides : {1, 2}
        With 1 only the upper bound stops.

    Examples
    --------
    >>> [round(z, 3) for z in obrien_fleming_boundaries([1, 2, 3, 4, 5], 0.05)]
    [4.562, 3.226, 2.634, 2.281, 2.04]
    """
    check_information(information)
    _check_alpha(alpha, sides)

    def excess(constant: float) -> float:
        return math.log(obrien_fleming_error(information, constant, sides) / alpha)

    # One look alone needs less than C; the union of K looks, each at C or beyond, no more than the upper end.
    start = float(stats.norm.isf(alpha / sides))
    end = float(stats.norm.isf(alpha / sides / len(information)))
    constant = start if end <= start else float(optimize.brentq(excess, start - 1e-9, end + 1e-9, xtol=1e-12))
    return tuple(constant * math.sqrt(information[-1] / time) for time in information)


def spend(fraction: float, alpha: float, kind: Spending = "obrien-fleming", sides: Sides = 2) -> float:
    """Cumulative type I error at an information fraction (Lan and DeMets 1983, Biometrika 70:659).

    With a = alpha / sides for each side: O'Brien-Fleming type 2 - 2 Phi(z_{a/2} / sqrt(t)); Pocock type
    a log(1 + (e - 1) t). A two-sided test spends twice that.

    Parameters
    ----------
    fraction : float
        Information so far over all that is planned; above 1 counts as 1.

    Examples
    --------
    >>> round(spend(0.6, 0.05), 6), round(spend(1.2, 0.05, "pocock"), 6)
    (0.007616, 0.05)
    """
    _check_alpha(alpha, sides)
    if not fraction >= 0:
        raise ValueError("an information fraction is not below zero")
    if fraction == 0:
        return 0.0
    time = min(float(fraction), 1.0)
    if time == 1.0:
        return alpha
    if kind == "pocock":
        return alpha * math.log1p(math.expm1(1.0) * time)
    if kind != "obrien-fleming":
        raise ValueError("spending is 'obrien-fleming' or 'pocock'")
    return sides * 2 * float(stats.norm.sf(stats.norm.isf(alpha / sides / 2) / math.sqrt(time)))


def spending_boundaries(
    information: Sequence[float], spent: Sequence[float], sides: Sides = 2, *, held: Sequence[float] = ()
) -> tuple[float, ...]:
    """Boundaries whose cumulative type I error at each look is the one given.

    Parameters
    ----------
    information : sequence of float, length K
    spent : sequence of float, length K
        Cumulative error, not decreasing.
    sides : {1, 2}
    held : sequence of float, optional
        Boundaries of the first looks, which are kept as they are.

    Returns
    -------
    tuple of float
        Infinite where nothing is left to spend.

    Examples
    --------
    >>> bounds = spending_boundaries([0.5, 1.0], [spend(0.5, 0.05), 0.05])
    >>> [round(z, 4) for z in bounds]
    [2.9626, 1.9686]
    """
    check_information(information)
    levels = np.asarray(spent, dtype=np.float64)
    if levels.shape != (len(information),) or np.any(np.diff(levels, prepend=0.0) < 0):
        raise ValueError("the error spent is given for every look, and does not fall")
    bounds = list(held)
    state = _State(0.0, np.zeros(1), np.ones(1))
    for k, time in enumerate(information):
        if k >= len(held):
            share = float(levels[k] - (levels[k - 1] if k else 0.0)) / sides
            bounds.append(_boundary(state, time, share, sides))
        following = information[k + 1] - time if k + 1 < len(information) else math.inf
        low = -bounds[k] if sides == 2 else -math.inf
        state = _advance(state, time, (low, 0.0, bounds[k]), 0.0, following)
    return tuple(bounds)


def _boundary(state: _State, time: float, share: float, sides: Sides) -> float:
    """The bound of Z that the paths still running cross upward with probability `share`."""

    def excess(bound: float) -> float:
        chance = _exits(state, time, (-math.inf, 0.0, bound), 0.0)[0]
        return math.log(max(chance, _TINY)) - math.log(share)

    lowest = 0.0 if sides == 2 else -_LARGEST_BOUNDARY
    if share <= _TINY or excess(_LARGEST_BOUNDARY) >= 0:
        return math.inf
    if excess(lowest) <= 0:
        return lowest
    return float(optimize.brentq(excess, lowest, _LARGEST_BOUNDARY, xtol=1e-12))
