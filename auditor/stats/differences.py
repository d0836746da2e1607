"""Paired differences as the tests of them take them: checked, and as integers where they lie on a lattice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from auditor.stats.cells import FEWEST_UNITS, Floats, Integers, few_units
from auditor.stats.result import Caution
from auditor.stats.signflip import to_lattice

#: Larger values overflow when they are squared and summed.
LARGEST = 1e100
#: Share of the largest value below which a sum counts as zero: what rounding leaves of 0.1 + 0.2 - 0.3.
ROUNDING = 1e-12
_LARGEST_INTEGER = 2**62


@dataclass(frozen=True, slots=True)
class Lattice:
    """Differences as `integers` without a common divisor, times `step`."""

    integers: Integers
    step: float


def as_differences(values: ArrayLike) -> Floats:
    """Read one difference for each independent unit.

    Raises
    ------
    ValueError
        If they are not one row of finite numbers below 1e100.

    Examples
    --------
    >>> as_differences([1, 0, 2]).tolist()
    [1.0, 0.0, 2.0]
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise ValueError("the differences are one row: one number for each unit")
    if not np.all(np.isfinite(array)) or np.any(np.abs(array) > LARGEST):
        raise ValueError("every difference is finite and below 1e100; leave missing ones out")
    return array


def as_lattice(differences: ArrayLike, exact: ArrayLike | None = None) -> Lattice | None:
    """Read differences as integers and the step between them; None where there is no lattice.

    Parameters
    ----------
    differences : array_like, shape (n,)
    exact : array_like, shape (n,), optional
        The same up to one positive factor. Integers are taken as they are; anything else is no help.

    Raises
    ------
    ValueError
        If `exact` is not proportional to the differences.

    Examples
    --------
    Thirds lie on no lattice of decimals, so their integers are given.

    >>> as_lattice([1 / 3, -2 / 3], exact=[1, -2])
    Lattice(integers=array([ 1, -2]), step=0.3333333333333333)
    >>> as_lattice([0.5, -1.5]).step
    0.5
    """
    array, given = as_differences(differences), None
    for candidate in (exact, differences):
        whole = None if candidate is None else np.asarray(candidate)
        if given is None and whole is not None and whole.dtype.kind in "iu":
            given = whole
    if given is None:
        given = to_lattice(array)
    if given is None or array.size == 0:
        return None
    if given.shape != array.shape:
        raise ValueError("`exact` needs one integer for each difference")
    if int(given.max()) > _LARGEST_INTEGER or int(given.min()) < -_LARGEST_INTEGER:
        return None
    integers = given.astype(np.int64)
    integers //= max(int(np.gcd.reduce(np.abs(integers))), 1)
    largest = int(np.argmax(np.abs(integers)))
    step = float(array[largest]) / float(integers[largest]) if integers[largest] else 1.0
    slack = 1e-9 * float(np.abs(array).max())
    if not step > 0 or np.any(np.abs(integers * step - array) > slack):
        raise ValueError("`exact` is the differences times one positive number")
    return Lattice(integers, step)


def unit_cautions(values: Integers | Floats) -> tuple[Caution, ...]:
    """What few, equal or unmoved units do to a test by signs.

    Examples
    --------
    >>> [caution.code for caution in unit_cautions(np.array([0, 0, 0, 0, 0, 0, 2]))]
    ['few_moving']
    """
    n, moving = int(values.size), int(np.count_nonzero(values))
    cautions = few_units(n)
    if moving == 0:
        cautions += (Caution("no_differences", "No unit differs between the arms."),)
    elif n > 1 and np.all(values == values[0]):
        cautions += (Caution("no_spread", "All differences are equal, so their spread is not known."),)
    elif moving < min(FEWEST_UNITS, n):
        sentence = (
            f"Only {moving} of {n} units differ: the p-value cannot be below {2.0 ** (1 - moving):.3g}."
        )
        cautions += (Caution("few_moving", sentence),)
    return cautions


def no_interval(n: int, level: float) -> Caution:
    """Even the whole range of the differences covers less than the level."""
    return Caution("no_interval", f"{n} units are too few for an interval of level {level:g}.")
