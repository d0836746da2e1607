"""Judges that rated the same units: the covariance of their means, and whether two of them differ."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from auditor.stats.cells import (
    FEWEST_UNITS,
    Floats,
    Integers,
    check_level,
    mean_test,
    unit_codes,
    unit_integers,
)
from auditor.stats.intervals import Interval
from auditor.stats.result import Caution, Estimate
from auditor.stats.signflip import to_lattice

_LARGEST = 1e100  # squares stay finite
_EQUAL = 1e-12  # values closer than this, relative to their size, differ by rounding only


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SharedCovariance:
    """Result of `shared_covariance`: what `random_effects` needs, for the judges that have a variance.

    Parameters
    ----------
    estimates : ndarray, shape (k,)
        Each judge's mean over its units.
    covariance : ndarray, shape (k, k)
        Of these means.
    shared : ndarray of int64, shape (k, k)
        Units that two judges have in common; on the diagonal each judge's own number.
    used : tuple of int
        Positions in the input of the k judges.
    cautions : tuple of Caution
    """

    estimates: Floats
    covariance: Floats
    shared: Integers
    used: tuple[int, ...]
    cautions: tuple[Caution, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeComparison(Estimate):
    """Result of `compare_judges`: first judge minus second.

    `paired` says whether shared units were compared; `only_first` and `only_second` count the units of one judge alone.
    """

    paired: bool
    only_first: int
    only_second: int


def shared_covariance(differences: Sequence[ArrayLike], units: Sequence[ArrayLike]) -> SharedCovariance:
    """Covariance of the judges' means of D, from the units that they share.

    Parameters
    ----------
    differences : sequence of array_like
        For each judge its D, one value for each unit (several of a unit are averaged first).
    units : sequence of array_like
        For each judge the labels of these units. Equal labels are equal units.

    Returns
    -------
    SharedCovariance
        Judges with fewer than two units have no variance and are left out, with a caution; `used` says who is in.

    Raises
    ------
    ValueError
        If the two lists do not fit together, or a value is not finite.

    Notes
    -----
    V_ab = n_ab c_ab / (n_a n_b), with n_ab shared units and c_ab their mean product of deviations, times
    sqrt(n_a n_b / ((n_a - 1) (n_b - 1))). That is the covariance of two means by linearisation (Liang and Zeger 1986,
    Biometrika 73:13), with a factor for each judge that makes the diagonal s^2 / n. Deviations are from each judge's
    own mean over all its units, where a covariance by pairs would take the mean over the shared ones: the same where
    all are shared, alike up to terms of 1 / n otherwise, and V has no negative direction whatever the overlap. No
    shared unit: exactly 0. With more than one judge for every five shared units V is a poor guide to weights (30 judges
    of 60 shared units: 95 % intervals of the mean covered .91): caution ``noisy_covariance``. Assumes that units are
    independent; a grouping that is too fine makes V too small.

    Examples
    --------
    >>> shared = shared_covariance([[1, 3, 2], [2, 4], [0, 5]], [["a", "b", "c"], ["a", "b"], ["x", "y"]])
    >>> shared.covariance.round(3).tolist()
    [[0.333, 0.577, 0.0], [0.577, 1.0, 0.0], [0.0, 0.0, 6.25]]
    """
    values, present = _matrix(differences, units)
    counts = np.count_nonzero(present, axis=0)
    used = np.flatnonzero(counts >= 2)
    values, present, counts = values[:, used], present[:, used], counts[used]
    means = values.sum(axis=0) / counts
    deviations = np.where(present, values - means, 0.0)
    # The rounding of a mean of equal values is no variance.
    deviations[:, np.abs(deviations).max(axis=0, initial=0.0) <= _EQUAL * np.abs(means)] = 0.0
    deviations /= np.sqrt(counts * (counts - 1.0))
    # Products over units that are not shared are products with zero, so that their sum is zero exactly.
    covariance = deviations.T @ deviations
    overlap = present.astype(np.float64)
    shared = np.rint(overlap.T @ overlap).astype(np.int64)
    return SharedCovariance(
        estimates=means,
        covariance=covariance,
        shared=shared,
        used=tuple(used.tolist()),
        cautions=_covariance_cautions(len(differences) - used.size, shared),
    )


def _covariance_cautions(left_out: int, shared: Integers) -> tuple[Caution, ...]:
    found = []
    if left_out:
        sentence = f"{left_out} judges with fewer than two units have no variance and are left out."
        found.append(Caution("judges_left_out", sentence))
    most = int(np.max(shared - np.diag(np.diag(shared)), initial=0))
    if 0 < most < 5 * shared.shape[0]:
        sentence = f"{shared.shape[0]} judges share at most {most} units: their covariances are known poorly."
        found.append(Caution("noisy_covariance", sentence))
    return tuple(found)


def _matrix(differences: Sequence[ArrayLike], units: Sequence[ArrayLike]) -> tuple[Floats, NDArray[np.bool_]]:
    """Unit means as a matrix, units by judges, with zeros where a judge has no rating of a unit."""
    if len(differences) != len(units):
        raise ValueError("each judge needs its differences and their units")
    arrays = [np.asarray(values, dtype=np.float64) for values in differences]
    labels = [np.asarray(names).astype(str) for names in units]
    for values, names in zip(arrays, labels, strict=True):
        if values.ndim != 1 or values.shape != names.shape:
            raise ValueError("each difference needs one label of its unit")
        if not np.all(np.abs(values) <= _LARGEST):
            raise ValueError("every difference is finite and at most 1e100")
    judges = len(arrays)
    if not sum(values.size for values in arrays):
        return np.zeros((0, judges)), np.zeros((0, judges), dtype=bool)
    names, codes = np.unique(np.concatenate(labels), return_inverse=True)
    cells = codes * judges + np.repeat(np.arange(judges), [values.size for values in arrays])
    shape = (names.size, judges)
    counts = np.bincount(cells, minlength=names.size * judges).reshape(shape)
    sums = np.bincount(cells, np.concatenate(arrays), minlength=names.size * judges).reshape(shape)
    return sums / np.maximum(counts, 1), counts > 0


def compare_judges(
    a: ArrayLike, units_a: ArrayLike, b: ArrayLike, units_b: ArrayLike, *, level: float = 0.95, seed: int = 0
) -> JudgeComparison:
    """Compare the inflation of two judges, unit by unit where they share any.

    Parameters
    ----------
    a, b : array_like, shape (n,) and (m,)
        D of each judge; several values of one unit are averaged.
    units_a, units_b : array_like, shape (n,) and (m,)
        Labels of their units.
    level : float
        Of the interval.
    seed : int
        Of the random signs, where the differences lie on no lattice.

    Returns
    -------
    JudgeComparison
        First minus second. Where units are shared: the sign-flip test and t interval of the shared units'
        differences, and the rest is left out with a caution. Where none is: Welch's t test (Welch 1947, Biometrika
        34:28), which cannot tell judges from items apart.

    Raises
    ------
    ValueError
        If labels do not fit, or a value is not finite.

    Notes
    -----
    The sign-flip test assumes that the two judges' D of a unit could be exchanged; as a test of equal means it is
    approximate where they differ in shape. Pairing ignores what the units of one judge alone would add.

    Examples
    --------
    >>> result = compare_judges([3, 2, 4, 3, 5, 2], range(6), [1, 0, 2, 2, 1, 1], range(6))
    >>> round(result.estimate, 3), result.p_value, result.paired
    (2.0, 0.03125, True)
    """
    check_level(level)
    sums, counts, whole = _unit_sums(a, units_a, b, units_b)
    both = (counts > 0).all(axis=0)
    if not both.any():
        return _welch(*(sums[i, counts[i] > 0] / counts[i, counts[i] > 0] for i in (0, 1)), level=level)
    only = [int(np.count_nonzero((counts[i] > 0) & ~both)) for i in (0, 1)]
    sums, counts, whole = sums[:, both], counts[:, both], None if whole is None else whole[:, both]
    test = mean_test(*_differences(sums, counts, whole), level=level, seed=seed)
    return JudgeComparison(
        method="sign-flip test and t interval of the shared units' differences",
        estimate=test.estimate,
        interval=test.interval,
        p_value=test.p_value,
        n_units=counts.shape[1],
        df=float(counts.shape[1] - 1) if test.interval.known else None,
        resamples=test.resamples,
        assumptions=("units are independent", "without a difference the judges could be exchanged"),
        cautions=_paired_cautions(test.cautions, only),
        reference="Fisher 1935, The Design of Experiments, section 21",
        paired=True,
        only_first=only[0],
        only_second=only[1],
    )


def _differences(sums: Floats, counts: Integers, whole: Integers | None) -> tuple[Floats, Integers | None]:
    """First judge's mean minus the second's for each shared unit; also as integers up to a factor, if there are any."""
    means = sums / counts
    differences = means[0] - means[1]
    if np.ptp(differences) <= _EQUAL * float(np.max(np.abs(means))):
        differences = np.full_like(differences, differences.mean())
    if whole is None:
        return differences, None
    numerators, denominators = whole[0] * counts[1] - whole[1] * counts[0], counts[0] * counts[1]
    return differences, unit_integers(numerators, denominators, np.arange(denominators.size))


def _paired_cautions(found: tuple[Caution, ...], only: list[int]) -> tuple[Caution, ...]:
    """Those of the mean, in words of judges instead of arms, and what pairing left out."""
    sentence = "On few of the shared units do the judges differ: the interval covers less than it says."
    cautions = tuple(Caution(c.code, sentence) if c.code == "few_moving" else c for c in found)
    if sum(only):
        sentence = f"{only[0]} and {only[1]} units that only one of the judges rated are left out."
        cautions += (Caution("unshared_left_out", sentence),)
    return cautions


def _unit_sums(
    a: ArrayLike, units_a: ArrayLike, b: ArrayLike, units_b: ArrayLike
) -> tuple[Floats, Integers, Integers | None]:
    """Sums and counts by judge (rows) and unit; the sums also as integers up to a factor, if on a lattice."""
    arrays = [np.asarray(values, dtype=np.float64) for values in (a, b)]
    for values in arrays:
        if values.ndim != 1 or not np.all(np.abs(values) <= _LARGEST):
            raise ValueError("each judge needs one list of differences, finite and at most 1e100")
    labels = [np.asarray(names).astype(str) for names in (units_a, units_b)]
    if any(names.shape != values.shape for names, values in zip(labels, arrays, strict=True)):
        raise ValueError("each difference needs one label of its unit")
    joined = np.concatenate(arrays)
    _, codes = unit_codes(np.concatenate(labels), joined.size)
    n_units = int(codes.max(initial=-1)) + 1
    cells = codes + n_units * np.repeat([0, 1], [values.size for values in arrays])
    counts: Integers = np.bincount(cells, minlength=2 * n_units).astype(np.int64).reshape(2, n_units)
    sums: Floats = np.bincount(cells, joined, minlength=2 * n_units).astype(np.float64).reshape(2, n_units)
    lattice = to_lattice(joined)
    # Sums times counts must fit into 64 bits.
    if lattice is None or float(np.abs(lattice).max(initial=0)) * joined.size**2 >= 2.0**62:
        return sums, counts, None
    whole = np.zeros(2 * n_units, dtype=np.int64)
    np.add.at(whole, cells, lattice)
    return sums, counts, whole.reshape(2, n_units)


def _varies(values: Floats) -> bool:
    return bool(np.ptp(values) > _EQUAL * float(np.max(np.abs(values))))


def _welch(first: Floats, second: Floats, *, level: float) -> JudgeComparison:
    """Welch's t test, from its formula: scipy's warns of rounding where all values of a judge are equal."""
    sizes, arms = (first.size, second.size), (first, second)
    cautions = [
        Caution("no_shared_units", "No unit was rated by both: the units may differ, not the judges.")
    ]
    estimate = error = df = p_value = None
    interval = Interval(level, None, None)
    if min(sizes) >= 1:
        estimate = float(first.mean() - second.mean())
    if min(sizes) >= 2:
        shares = [float(arm.var(ddof=1)) / arm.size if _varies(arm) else 0.0 for arm in arms]
        error = math.sqrt(sum(shares))
    if min(sizes) < FEWEST_UNITS:
        sentence = f"One judge has only {min(sizes)} units: the t interval rests on their normality."
        cautions.append(Caution("few_units", sentence))
    if error == 0:
        sentence = "Neither judge's differences vary, so no interval can be estimated."
        cautions.append(Caution("no_spread", sentence))
    elif estimate is not None and error is not None:
        relative = [share / error**2 for share in shares]
        df = 1 / sum(part**2 / (n - 1) for part, n in zip(relative, sizes, strict=True))
        half = float(stats.t.ppf(0.5 + level / 2, df)) * error
        interval = Interval(level, estimate - half, estimate + half)
        p_value = float(2 * stats.t.sf(abs(estimate) / error, df))
    return JudgeComparison(
        method="Welch t test and interval of the judges' means",
        estimate=estimate,
        interval=interval,
        p_value=p_value,
        n_units=sum(sizes),
        df=df,
        assumptions=("units are independent", "both judges' units are samples of the same units"),
        cautions=tuple(cautions),
        reference="Welch 1947, Biometrika 34:28",
        paired=False,
        only_first=sizes[0],
        only_second=sizes[1],
    )
