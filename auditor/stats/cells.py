"""From cells of ratings to one difference for each independent unit, and the mean of those with its test.

A *cell* is what was asked in both arms: one item, or one item in one wording. Ratings come as arrays with one row for
each cell and one column for each replicate, NaN where there is none; `units` says which cells belong together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auditor.stats.intervals import Interval, mean_interval
from auditor.stats.result import Caution
from auditor.stats.signflip import sign_flip_test, to_lattice

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]

#: Below this number of units no pattern of signs has a two-sided p of .05: 2 / 2^5 = .0625.
FEWEST_UNITS = 6
#: Below this number of units that differ, the t interval of a mean of differences covers less than it says.
FEWEST_MOVING = 10
_LARGEST_INTEGER = 2.0**62
_LARGEST_RATING = 1e100


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """Means of independent units in both arms, over the cells that have a rating in each.

    Parameters
    ----------
    treatment, control, differences : ndarray, shape (n_units,)
        Each unit's mean over its cells, all cells alike.
    integers : ndarray of int64, shape (n_units,), or None
        `differences` up to one common factor, without rounding; None where the ratings lie on no lattice.
    units : tuple of str
    n_ratings, n_dropped : int
        Ratings in the pairs, and cells without a pair.
    unbalanced : bool
        Whether a cell has more ratings in one arm than in the other.
    single : bool
        Whether each unit is one cell with one rating in each arm.
    """

    treatment: Floats
    control: Floats
    differences: Floats
    integers: Integers | None
    units: tuple[str, ...]
    n_ratings: int
    n_dropped: int
    unbalanced: bool
    single: bool

    @property
    def exact(self) -> Integers | Floats:
        """The differences for tests: `integers` where there are any."""
        return self.differences if self.integers is None else self.integers


def as_cells(values: ArrayLike, name: str = "ratings") -> Floats:
    """Read ratings as an array with one row for each cell and one column for each replicate.

    Raises
    ------
    ValueError
        If the array has more than two dimensions, or holds a value that is infinite or absurdly large.

    Examples
    --------
    >>> as_cells([3, 5]).shape, as_cells([[3, 5]]).shape
    ((2, 1), (1, 2))
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2:
        raise ValueError(f"{name}: one row for each cell and one column for each replicate are needed")
    if np.any(np.abs(array) > _LARGEST_RATING):
        raise ValueError(f"{name}: a rating is finite and below 1e100, or NaN where it is missing")
    return array


def unit_codes(units: ArrayLike | None, n: int) -> tuple[tuple[str, ...], Integers]:
    """Number the independent units of `n` cells; without labels each cell is a unit of its own.

    Raises
    ------
    ValueError
        If there is not one label for each cell.

    Examples
    --------
    >>> unit_codes(["b", "a", "b"], 3)[1].tolist()
    [1, 0, 1]
    """
    if units is None:
        return tuple(str(i) for i in range(n)), np.arange(n, dtype=np.int64)
    labels = np.asarray(units).astype(str)
    if labels.shape != (n,):
        raise ValueError("each cell needs one label of its unit")
    names, codes = np.unique(labels, return_inverse=True)
    return tuple(str(name) for name in names), codes.astype(np.int64)


def unit_integers(numerators: Integers, denominators: Integers, codes: Integers) -> Integers | None:
    """Average fractions by unit without rounding, up to one factor that all units share.

    Parameters
    ----------
    numerators, denominators, codes : ndarray of int64, shape (n_cells,)
        The fraction of each cell and the number of its unit, from 0 without a gap.

    Returns
    -------
    ndarray of int64, shape (n_units,), or None
        None where the common denominator is too large for 64 bits.

    Examples
    --------
    >>> unit_integers(np.array([1, 1, 1]), np.array([2, 3, 6]), np.array([0, 0, 1])).tolist()
    [5, 2]
    """
    if codes.size == 0:
        return np.zeros(0, dtype=np.int64)
    members = np.bincount(codes)
    shared = math.lcm(*np.unique(denominators).tolist())
    joined = math.lcm(*np.unique(members).tolist())
    reach = float(np.abs(numerators.astype(np.float64)).max()) * shared * joined * codes.size
    if reach >= _LARGEST_INTEGER:
        return None
    whole = numerators * (shared // denominators) * (joined // members[codes])
    sums = np.zeros(members.size, dtype=np.int64)
    np.add.at(sums, codes, whole)
    return sums


def unit_means(values: Floats, codes: Integers) -> Floats:
    """Mean of the cells of each unit."""
    return np.bincount(codes, values) / np.bincount(codes)


def pair_cells(treatment: ArrayLike, control: ArrayLike, units: ArrayLike | None = None) -> Paired:
    """Average replicates to cells and cells to units, and subtract control from treatment.

    Parameters
    ----------
    treatment, control : array_like, shape (n_cells,) or (n_cells, n_replicates)
        Ratings, NaN where there is none. The arms may differ in the number of replicates.
    units : array_like, shape (n_cells,), optional
        Label of each cell's independent unit; default each cell is one.

    Raises
    ------
    ValueError
        If the arms have different numbers of cells, or a rating is infinite.

    Notes
    -----
    A cell without a rating in one of the arms is dropped and counted. The difference of two means of a and b
    ratings is kept as the fraction (b sum_T - a sum_C) / ab, so that a test can count ties exactly.

    Examples
    --------
    >>> paired = pair_cells([[4, 5, 5], [2, 2, 2]], [[4, 4, 4], [2, 3, 2]])
    >>> paired.integers.tolist(), paired.differences.round(3).tolist()
    ([6, -3], [0.667, -0.333])
    """
    high, low = as_cells(treatment, "treatment"), as_cells(control, "control")
    if high.shape[0] != low.shape[0]:
        raise ValueError("both arms need the same cells")
    names, codes = unit_codes(units, high.shape[0])
    count_t, count_c = (np.count_nonzero(~np.isnan(arm), axis=1) for arm in (high, low))
    kept = (count_t > 0) & (count_c > 0)
    high, low, count_t, count_c = high[kept], low[kept], count_t[kept], count_c[kept]
    present, codes = np.unique(codes[kept], return_inverse=True)
    first = unit_means(np.nansum(high, axis=1) / count_t, codes)
    second = unit_means(np.nansum(low, axis=1) / count_c, codes)
    members = np.bincount(codes) if codes.size else np.zeros(0, dtype=np.int64)
    return Paired(
        treatment=first,
        control=second,
        differences=first - second,
        integers=_exact_differences(high, low, count_t, count_c, codes),
        units=tuple(names[i] for i in present),
        n_ratings=int(count_t.sum() + count_c.sum()),
        n_dropped=int(np.count_nonzero(~kept)),
        unbalanced=bool(np.any(count_t != count_c)),
        single=bool(np.all(count_t == 1) and np.all(count_c == 1) and np.all(members == 1)),
    )


def _exact_differences(
    high: Floats, low: Floats, count_t: Integers, count_c: Integers, codes: Integers
) -> Integers | None:
    """Unit differences as integers with one common factor, if all ratings lie on a lattice of decimals."""
    seen_t, seen_c = ~np.isnan(high), ~np.isnan(low)
    lattice = to_lattice(np.r_[high[seen_t], low[seen_c]])
    if lattice is None:
        return None
    rows_t, rows_c = np.nonzero(seen_t)[0], np.nonzero(seen_c)[0]
    largest = int(np.abs(lattice).max(initial=0))
    most = int(max(count_t.max(initial=1), count_c.max(initial=1)))
    if float(largest) * most * most * 2 >= _LARGEST_INTEGER:
        return None
    sums_t, sums_c = np.zeros(count_t.size, dtype=np.int64), np.zeros(count_c.size, dtype=np.int64)
    np.add.at(sums_t, rows_t, lattice[: rows_t.size])
    np.add.at(sums_c, rows_c, lattice[rows_t.size :])
    return unit_integers(sums_t * count_c - sums_c * count_t, count_t * count_c, codes)


@dataclass(frozen=True, slots=True)
class MeanTest:
    """Mean over units with its t interval, the sign-flip p-value, and what to beware of."""

    estimate: float | None
    interval: Interval
    p_value: float | None
    resamples: int | None
    cautions: tuple[Caution, ...]


def mean_test(
    differences: ArrayLike, exact: ArrayLike | None = None, *, level: float = 0.95, seed: int = 0
) -> MeanTest:
    """Test and estimate the mean of one difference for each unit; never fails on few units or equal values.

    Parameters
    ----------
    differences : array_like, shape (n,)
        One value for each independent unit.
    exact : array_like, shape (n,), optional
        The same up to a common factor, as integers where there are any, for the sign-flip test.
    level : float
        Level of the interval.
    seed : int
        Of the random signs where the exact count is not possible.

    Returns
    -------
    MeanTest
        Without units all is None. Without spread there is a p-value but no interval: equal differences do not show
        how far they could have been apart.

    Examples
    --------
    >>> mean_test([1, 2, 0, 3, 1, 1, 2]).p_value
    0.03125
    >>> [caution.code for caution in mean_test([1.0, 1.0]).cautions]
    ['few_units', 'no_spread']
    """
    check_level(level)
    array = np.asarray(differences, dtype=np.float64)
    values = array if exact is None else np.asarray(exact)
    n = int(array.size)
    if n == 0:
        return MeanTest(None, Interval(level, None, None), None, None, (no_units(),))
    test, result = sign_flip_test(values, seed=seed), mean_interval(array, level)
    interval, cautions, moving = result.interval, few_units(n), int(np.count_nonzero(values))
    if n > 1 and np.all(values == values[0]):
        interval = Interval(level, None, None)
        sentence = "All units differ by the same amount, so no interval can be estimated."
        cautions += (Caution("no_spread", sentence),)
    elif moving < min(FEWEST_MOVING, n):
        sentence = (
            f"Only {moving} of {n} units differ between the arms: the interval covers less than it says."
        )
        cautions += (Caution("few_moving", sentence),)
    return MeanTest(result.estimate, interval, test.p_value, test.flips, cautions)


def check_level(level: float) -> None:
    """Refuse a level that is no share."""
    if not 0 < level < 1:
        raise ValueError("the level of an interval lies between 0 and 1")


def no_units() -> Caution:
    """Nothing was left to compare."""
    return Caution("no_units", "No unit has a rating in both arms.")


def few_units(n: int) -> tuple[Caution, ...]:
    """Beware of a number of units with which the sign-flip test cannot reject at .05."""
    if n >= FEWEST_UNITS:
        return ()
    smallest = 2.0 ** (1 - n)
    return (Caution("few_units", f"With {n} units the p-value cannot be below {smallest:.3g}."),)


def unbalanced_cells(paired: Paired) -> tuple[Caution, ...]:
    """Beware of cells whose arms differ in their number of ratings."""
    if not paired.unbalanced:
        return ()
    sentence = "Some cells have more ratings in one arm than in the other: the sign-flip test is approximate."
    return (Caution("unbalanced", sentence),)
