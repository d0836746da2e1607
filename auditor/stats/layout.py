"""Differences laid out by item and wording, and the moment equations of a two-way random model on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from auditor.stats.cells import Floats, Integers, unit_codes

#: The parts that differ between cells. The last holds all that is left within an item and wording.
PARTS = ("item", "wording", "interaction")
_LARGEST = 1e100


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """Mean differences of items in wordings: one value for each pair that was asked.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Mean difference of each cell.
    item, wording : ndarray of int64, shape (n,)
        Numbers from 0 without a gap.
    replicates : ndarray, shape (n,)
        Pairs of ratings behind each cell.
    sampling : ndarray, shape (n,), or None
        Variance of each value given its cell; None if nothing shows it.
    df_within, n_differences, n_dropped : int
        Degrees of freedom within cells, pairs of ratings kept, and entries without a difference.
    """

    values: Floats
    item: Integers
    wording: Integers
    replicates: Floats
    sampling: Floats | None
    df_within: int
    n_differences: int
    n_dropped: int

    @property
    def n(self) -> int:
        """Number of cells."""
        return int(self.values.size)

    @property
    def n_items(self) -> int:
        """Number of items."""
        return int(self.item.max()) + 1 if self.n else 0

    @property
    def n_wordings(self) -> int:
        """Number of wordings."""
        return int(self.wording.max()) + 1 if self.n else 0

    @property
    def per_item(self) -> Integers:
        """Wordings that each item was asked in."""
        return np.bincount(self.item)

    @property
    def per_wording(self) -> Integers:
        """Items that each wording was asked of."""
        return np.bincount(self.wording)

    @property
    def weights(self) -> Floats:
        """Weight of each cell in the mean of the items' means."""
        return np.asarray(1.0 / (self.n_items * self.per_item[self.item]))

    @property
    def item_means(self) -> Floats:
        """Each item's mean over its wordings, all alike."""
        return np.asarray(np.bincount(self.item, self.values) / self.per_item)

    @property
    def wording_means(self) -> Floats:
        """Each wording's mean over its items, all alike."""
        return np.asarray(np.bincount(self.wording, self.values) / self.per_wording)

    @property
    def replicate(self) -> float | None:
        """Variance of the difference of one rating in each arm, given the cell."""
        if self.sampling is None:
            return None
        return float(np.mean(self.sampling) / np.mean(1 / self.replicates))

    @property
    def df_interaction(self) -> int:
        """Degrees of freedom left once every item and every wording has its own mean."""
        if not self.n:
            return 0
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        size = self.n_items + self.n_wordings
        edges = coo_array((np.ones(self.n), (self.item, self.wording + self.n_items)), shape=(size, size))
        return self.n - size + int(connected_components(edges, directed=False)[0])


def read_cells(
    difference: ArrayLike,
    item: ArrayLike,
    wording: ArrayLike,
    replicates: ArrayLike | None = None,
    sampling_variance: ArrayLike | None = None,
) -> Cells:
    """Average the entries of each item and wording. Every entry counts by the replicates behind it.

    Parameters
    ----------
    difference, item, wording, replicates, sampling_variance : array_like, shape (n,)
        As in `variance_components`.

    Returns
    -------
    Cells

    Raises
    ------
    ValueError
        As in `variance_components`.

    Examples
    --------
    >>> cells = read_cells([1, 3, 5, float("nan")], ["a", "a", "b", "b"], ["u", "u", "u", "v"])
    >>> cells.values.tolist(), cells.replicate, cells.n_dropped
    ([2.0, 5.0], 2.0, 1)
    """
    values = np.asarray(difference, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError("differences come as one list, one entry for each item, wording and replicate")
    kept = ~np.isnan(values)
    counts = _column(replicates, "replicates", kept)
    counts = np.ones(int(kept.sum())) if counts is None else counts
    known = _column(sampling_variance, "sampling_variance", kept)
    items, wordings = (unit_codes(labels, values.size)[1][kept] for labels in (item, wording))
    dropped, values = int(np.count_nonzero(~kept)), values[kept]
    if np.any(np.abs(values) > _LARGEST):
        raise ValueError("a difference is finite and below 1e100, or NaN where it is missing")
    if np.any(counts < 1):
        raise ValueError("replicates are counted from 1")
    items, wordings = (np.unique(codes, return_inverse=True)[1] for codes in (items, wordings))
    width = int(wordings.max(initial=0)) + 1
    cell, where = np.unique(items * width + wordings, return_inverse=True)
    totals = np.bincount(where, counts, cell.size)
    means = np.bincount(where, counts * values, cell.size) / totals if cell.size else values
    entries = np.bincount(where, minlength=cell.size)
    df = int(np.sum(entries - 1))
    if known is not None and df > 0:
        raise ValueError("a sampling variance belongs to one entry for each item and wording")
    if known is not None:
        known = known[np.argsort(where)]
    elif df > 0:
        # Entries that are means of k replicates vary by s2 / k, so each counts k times.
        known = np.sum(counts * (values - means[where]) ** 2) / df / totals
    return Cells(
        values=means,
        item=(cell // width).astype(np.int64),
        wording=(cell % width).astype(np.int64),
        replicates=np.asarray(totals, dtype=np.float64),
        sampling=known,
        df_within=df,
        n_differences=round(float(totals.sum())),
        n_dropped=dropped,
    )


def _column(values: ArrayLike | None, name: str, kept: np.ndarray) -> Floats | None:
    if values is None:
        return None
    array = np.asarray(values, dtype=np.float64)
    if array.shape != kept.shape:
        raise ValueError(f"{name}: one number for each difference is needed")
    array = np.asarray(array[kept])
    if not np.all(np.isfinite(array)) or np.any(array < 0):
        raise ValueError(f"{name}: a number is finite and not below zero")
    return array


def identified(cells: Cells) -> tuple[tuple[str, ...], str]:
    """Say which parts the layout can tell apart, and what the part within cells really holds.

    Parameters
    ----------
    cells : Cells
        Two cells at least.

    Returns
    -------
    parts : tuple of str
        Of `PARTS`, in their order; 'interaction' is always there.
    carrier : str
        'interaction', or 'item' or 'wording' where that part has one cell for each of its levels.

    Examples
    --------
    >>> identified(read_cells([1, 2, 3, 4], list("abcd"), list("uuvv")))
    (('wording', 'interaction'), 'item')
    """
    items, wordings = cells.n_items, cells.n_wordings
    item, wording = 1 < items < cells.n, 1 < wordings < cells.n
    if item and wording and cells.df_interaction == 0:
        item = False
    parts = tuple(name for name, told in zip(PARTS, (item, wording, True), strict=True) if told)
    if item and wording:
        return parts, "interaction"
    return parts, "wording" if item or items == 1 else "item"


def moment_matrix(cells: Cells, parts: tuple[str, ...]) -> Floats:
    """Coefficients of the parts in the expected sums of squares between items, wordings and cells.

    With n cells, a = sum of n_i^2 / n over items and b the same over wordings, row 'item' is (n - a, N - b, N - 1),
    row 'wording' (J - a, n - b, J - 1) and row 'interaction', the total, (n - a, n - b, n - 1): Henderson (1953),
    method 1, for cells that hold one value each.

    Examples
    --------
    Two items crossed with two wordings.

    >>> moment_matrix(read_cells([1, 2, 3, 4], list("aabb"), list("uvuv")), PARTS).tolist()
    [[2.0, 0.0, 1.0], [0.0, 2.0, 1.0], [2.0, 2.0, 3.0]]
    """
    n, items, wordings = cells.n, cells.n_items, cells.n_wordings
    a, b = (float(np.sum(count.astype(np.float64) ** 2)) / n for count in (cells.per_item, cells.per_wording))
    rows = np.array(
        [
            [n - a, items - b, items - 1],
            [wordings - a, n - b, wordings - 1],
            [n - a, n - b, n - 1],
        ]
    )
    chosen = [PARTS.index(name) for name in parts]
    return rows[np.ix_(chosen, chosen)]


def sums_of_squares(cells: Cells) -> Floats:
    """Sums of squares about the mean of the cells: between items, between wordings, and in all.

    Examples
    --------
    >>> sums_of_squares(read_cells([1, 2, 3, 4], list("aabb"), list("uvuv"))).tolist()
    [4.0, 1.0, 5.0]
    """
    centred = cells.values - cells.values[0]  # first, so that equal values leave exact zeros
    centred -= centred.mean()
    item, wording = np.bincount(cells.item, centred), np.bincount(cells.wording, centred)
    return np.array(
        [
            np.sum(item**2 / cells.per_item),
            np.sum(wording**2 / cells.per_wording),
            np.sum(centred**2),
        ]
    )


def solve_moments(cells: Cells, parts: tuple[str, ...], sampling: Floats | None = None) -> tuple[float, ...]:
    """Solve the moment equations for the parts; with the sampling variance of the cells taken off if it is given.

    Examples
    --------
    >>> [round(part, 12) for part in solve_moments(read_cells([1, 2, 3, 4], list("aabb"), list("uvuv")), PARTS)]
    [2.0, 0.5, 0.0]
    """
    left = sums_of_squares(cells)
    if sampling is not None:
        item, wording = np.bincount(cells.item, sampling), np.bincount(cells.wording, sampling)
        shares = np.array(
            [np.sum(item / cells.per_item), np.sum(wording / cells.per_wording), np.sum(sampling)]
        )
        left = left - (shares - np.mean(sampling))
    chosen = left[[PARTS.index(name) for name in parts]]
    solved = np.linalg.solve(moment_matrix(cells, parts), chosen)
    solved[np.abs(solved) <= 1e-12 * np.max(np.abs(left))] = 0.0  # what rounding leaves is not a variance
    return tuple(float(part) for part in solved)
