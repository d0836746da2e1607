"""Standard error and degrees of freedom of a mean over items and wordings (Satterthwaite 1946)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from auditor.stats.cells import Floats, Integers
from auditor.stats.layout import PARTS, Cells, identified, moment_matrix, solve_moments


class MeanError(NamedTuple):
    """Standard error of a mean over items and wordings.

    Parameters
    ----------
    standard_error : float
        Zero where all cells are equal.
    df : float or None
        Degrees of freedom; None where all cells are equal.
    dropped : tuple of str
        Parts whose estimate was below zero, and which were left out.
    """

    standard_error: float
    df: float | None
    dropped: tuple[str, ...]


def mean_error(cells: Cells) -> MeanError:
    """Standard error of the mean of the items' means, and its Satterthwaite degrees of freedom.

    Parameters
    ----------
    cells : Cells
        Two cells at least.

    Returns
    -------
    MeanError

    Notes
    -----
    See `auditor.stats.wordings.wordings_like_these`.

    Examples
    --------
    Two wordings of two items each: the variance of the two means of wordings, 1 and 4, is 4.5, and 4.5 / 2 that of
    their mean.

    >>> from auditor.stats.layout import read_cells
    >>> error = mean_error(read_cells([0, 2, 3, 5], list("abcd"), list("uuvv")))
    >>> error.standard_error**2, round(error.df, 9)
    (2.25, 1.0)
    """
    parts, _ = identified(cells)
    solved = solve_moments(cells, parts)
    dropped: tuple[str, ...] = ()
    while min(solved) < 0:
        dropped += (parts[int(np.argmin(solved))],)
        parts = tuple(name for name in parts if name not in dropped)
        solved = solve_moments(cells, parts)
    q = cells.weights
    shares = {
        "item": 1 / cells.n_items,
        "wording": float(np.sum(np.bincount(cells.wording, q) ** 2)),
        "interaction": float(np.sum(q**2)),
    }
    share = np.array([shares[name] for name in parts])
    largest = max(solved)
    if largest == 0:
        return MeanError(0.0, None, dropped)
    relative = np.array(solved) / largest  # the degrees of freedom need fourth powers, which could overflow
    variance = float(share @ relative)
    weights = dict(zip(parts, np.linalg.solve(moment_matrix(cells, parts).T, share).tolist(), strict=True))
    found = dict(zip(parts, relative.tolist(), strict=True))
    form, sizes = ([source.get(name, 0.0) for name in PARTS] for source in (weights, found))
    df = variance**2 / form_trace(cells, form, sizes)  # 2 V^2 / (2 tr(A S A S))
    return MeanError(math.sqrt(variance * largest), df, dropped)


def form_trace(cells: Cells, weights: list[float], parts: list[float]) -> float:
    """Compute tr(A S A S), without a matrix of cells by cells.

    Parameters
    ----------
    cells : Cells
    weights, parts : list of float
        a, b, c and r, t, s below: one for items, one for wordings, one for cells.

    Returns
    -------
    float

    Notes
    -----
    A = c I + a P_item + b P_wording - (a + b + c) 11'/n, with P the projections on the means of the levels, is the
    quadratic form of the variance of the mean; S = s I + r Z_item Z_item' + t Z_wording Z_wording'. The factor with
    more levels is kept as blocks, the other and the grand mean as columns W: AS = F + XY', with F in blocks.
    """
    (a, b, c), (r, t, s) = weights, parts
    block, column = cells.item, cells.wording
    if cells.n_wordings > cells.n_items:
        (a, b), (r, t), block, column = (b, a), (t, r), column, block
    sizes = np.bincount(block).astype(np.float64)
    counts = np.bincount(column).astype(np.float64)
    w = np.zeros((cells.n, counts.size + 1))
    w[np.arange(cells.n), column] = 1.0
    w[:, -1] = 1.0
    outer = np.append(b / counts, -(a + b + c) / cells.n)
    inner = np.append(np.full(counts.size, t), 0.0)

    def in_blocks(values: Floats, diagonal: float, rest: Floats) -> Floats:
        sums = _sums(values, block, sizes.size)
        return np.asarray(diagonal * values + (rest[:, None] * sums)[block])

    ones = np.ones(sizes.size)
    aw = in_blocks(w, c, a / sizes) + (w * outer) @ (w.T @ w)
    sw = in_blocks(w, s, r * ones)
    x, y = np.hstack([aw * inner, w * outer]), np.hstack([w, sw])
    rest = c * r + a * s / sizes + a * r
    fx = in_blocks(x, c * s, rest)
    yx = y.T @ x
    squares = np.sum(sizes * (c * s) ** 2 + 2 * c * s * rest * sizes + (rest * sizes) ** 2)
    return float(squares + 2 * np.sum(y * fx) + np.sum(yx * yx.T))


def _sums(values: Floats, codes: Integers, size: int) -> Floats:
    """Sums of the rows of each code."""
    from scipy.sparse import csr_array

    n = codes.size
    return np.asarray(csr_array((np.ones(n), (codes, np.arange(n))), shape=(size, n)) @ values)
