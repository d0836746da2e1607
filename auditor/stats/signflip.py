"""The sign-flip test of paired differences: exact where the differences lie on a lattice.

Under the null hypothesis that the two arms are exchangeable within each unit, every pattern of signs of the
differences is equally likely. The p-value is the share of all 2^n patterns whose absolute sum is at least as large
as the one observed (Fisher 1935, The Design of Experiments, section 21).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Integers: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]
Alternative = Literal["two-sided", "greater", "less"]

#: Above this sum of absolute lattice values, or this number of additions, the exact count gives way to Monte Carlo.
LARGEST_SUM = 5_000_000
LARGEST_WORK = 4_000_000_000
MONTE_CARLO_FLIPS = 100_000
_CHUNK_CELLS = 8_000_000
_BLOCK_CELLS = 64_000
#: The bits of each byte, the highest first.
_BITS = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).astype(np.float64)


@dataclass(frozen=True, slots=True)
class SignFlipResult:
    """Result of `sign_flip_test`.

    Parameters
    ----------
    p_value : float
    statistic : float
        Sum of the differences, in the units of the input.
    method : {'exact', 'monte-carlo'}
    flips : int or None
        Random flips drawn; None for the exact method.
    n : int
        Units, zeros included.
    """

    p_value: float
    statistic: float
    method: Literal["exact", "monte-carlo"]
    flips: int | None
    n: int
    alternative: Alternative = "two-sided"


def to_lattice(values: ArrayLike, *, largest_denominator: int = 100_000) -> Integers | None:
    """Scale `values` to integers if they lie on a lattice of decimals, else return None.

    Parameters
    ----------
    values : array_like, shape (n,)
    largest_denominator : int
        Finest lattice looked for, as a power of ten.

    Examples
    --------
    >>> to_lattice([0.5, -1.25, 2.0]).tolist()
    [2, -5, 8]
    """
    array = np.asarray(values, dtype=np.float64)
    denominator = 1
    while denominator <= largest_denominator:
        scaled = array * denominator
        rounded = np.rint(scaled)
        if np.all(np.abs(scaled - rounded) <= 1e-9 * np.maximum(1.0, np.abs(scaled))) and np.all(
            np.abs(rounded) < 2**53
        ):
            integers = rounded.astype(np.int64)
            divisor = int(np.gcd.reduce(np.abs(integers))) if integers.size else 1
            return integers // max(divisor, 1)
        denominator *= 10
    return None


def sign_flip_test(
    differences: ArrayLike,
    *,
    alternative: Alternative = "two-sided",
    flips: int = MONTE_CARLO_FLIPS,
    seed: int = 0,
) -> SignFlipResult:
    """Test whether paired differences are symmetric about zero.

    Parameters
    ----------
    differences : array_like, shape (n,)
        One difference for each independent unit. An array of integers is taken as it is and never passes through
        floating-point sums; floats on a decimal lattice are brought to integers first; the rest is tested by
        Monte Carlo.
    alternative : {'two-sided', 'greater', 'less'}
    flips : int
        Random sign patterns where the exact count is too large or there is no lattice. p = (b + 1) / (m + 1)
        (Phipson and Smyth 2010, Stat. Appl. Genet. Mol. Biol. 9:39).
    seed : int
        Of the random patterns.

    Returns
    -------
    SignFlipResult

    Raises
    ------
    ValueError
        If there are no differences, or one is not finite.

    Notes
    -----
    Valid at its level for exchangeable arms, whatever the distribution. As a test of a zero *mean* of skewed
    differences it is approximate in small samples.

    Examples
    --------
    Darwin's maize; 1726 of 32768 sign patterns are at least as extreme.

    >>> maize = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
    >>> sign_flip_test(maize).p_value == 1726 / 32768
    True
    """
    array = np.asarray(differences)
    if array.size == 0:
        raise ValueError("a sign-flip test needs at least one difference")
    if not np.all(np.isfinite(array)):
        raise ValueError("every difference must be finite")
    lattice = array.astype(np.int64) if array.dtype.kind in "iu" else to_lattice(array)
    total = float(np.sum(array.astype(np.float64)))
    if lattice is not None:
        moving = lattice[lattice != 0]
        moving = moving // max(int(np.gcd.reduce(np.abs(moving))) if moving.size else 1, 1)
        reach = float(
            np.sum(np.abs(moving.astype(np.float64)))
        )  # only its size matters here, and it cannot overflow
        if reach <= LARGEST_SUM and reach * moving.size <= LARGEST_WORK:
            p_value = _exact(moving, alternative)
            return SignFlipResult(p_value, total, "exact", None, int(array.size), alternative)
    p_value = _monte_carlo(array.astype(np.float64), alternative, flips, seed)
    return SignFlipResult(p_value, total, "monte-carlo", flips, int(array.size), alternative)


def _exact(values: Integers, alternative: Alternative) -> float:
    """Count sign patterns by dynamic programming over the attainable sums.

    Choosing the sign of v moves the sum by -|v| or +|v|; starting from -sum|v|, that is choosing a subset whose sum
    k is added twice. `weights[k]` is the share of subsets with sum k, so the flipped sum is 2k - sum|v|.
    """
    sizes = np.abs(values)
    divisor = int(np.gcd.reduce(sizes)) if sizes.size else 1
    sizes = np.sort(sizes // max(divisor, 1))
    reach = int(sizes.sum())
    observed = int(values.sum()) // max(divisor, 1)
    weights = np.zeros(reach + 1, dtype=np.float64)
    weights[0] = 1.0
    filled = 0
    for size in sizes.tolist():
        # Halving at each step keeps the weights a distribution; powers of two are exact in binary.
        half = weights[: filled + 1] * 0.5
        weights[: filled + 1] = half
        weights[size : filled + size + 1] += half
        filled += size
    if alternative == "two-sided":
        # |2k - reach| >= |observed|: both tails, which are mirror images, and everything where observed is 0.
        edge = abs(observed)
        if edge == 0:
            return 1.0
        upper = -(-(reach + edge) // 2)
        p_value = 2.0 * float(np.sum(weights[upper:]))
    else:
        signed = observed if alternative == "greater" else -observed
        lower = max(-(-(reach + signed) // 2), 0)
        p_value = float(np.sum(weights[lower:]))
    return min(1.0, max(p_value, math.ldexp(1.0, -min(int(sizes.size), 1000))))


def _monte_carlo(values: Floats, alternative: Alternative, flips: int, seed: int) -> float:
    rng = np.random.default_rng(seed)
    # Only sizes matter to the flips; in one fixed order the same seed gives the same p whatever the order of the rows.
    sizes = np.sort(np.abs(values))
    reach = float(sizes.sum())
    # The observed sum is taken the same way as the flipped ones, in the same order.
    observed = float(2.0 * np.sort(values[values > 0]).sum() - reach)
    slack = 1e-9 * reach
    # Each byte drawn decides over eight units; the sum of those kept is looked up, for all 256 bytes and each eight.
    eights = np.pad(sizes, (0, -sizes.size % 8)).reshape(-1, 8)
    table = (eights @ _BITS.T).ravel()
    starts = 256 * np.arange(len(eights))
    block = max(1, _BLOCK_CELLS // len(eights))
    extreme = 0
    chunk = max(1, min(flips, _CHUNK_CELLS // max(values.size, 1)))
    for start in range(0, flips, chunk):
        rows = min(chunk, flips - start)
        drawn = rng.integers(0, 256, size=(rows, len(eights)), dtype=np.uint8)
        # A sum of signed values is twice the sum of the kept ones, less the sum of all. In blocks that fit the cache.
        kept = [table.take(drawn[at : at + block] + starts).sum(axis=1) for at in range(0, rows, block)]
        sums = 2.0 * np.concatenate(kept) - reach
        if alternative == "two-sided":
            extreme += int(np.count_nonzero(np.abs(sums) >= abs(observed) - slack))
        elif alternative == "greater":
            extreme += int(np.count_nonzero(sums >= observed - slack))
        else:
            extreme += int(np.count_nonzero(sums <= observed + slack))
    return (extreme + 1) / (flips + 1)
