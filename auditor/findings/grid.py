"""The rows of a contrast as arrays: a row for each cell of item, wording and pass mark, a column for each replicate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditor.findings.checks import unit_labels
from auditor.findings.pairs import Floats, same_cells

Labels = NDArray[np.object_]
_KEYS = ["item", "wording", "threshold"]


@dataclass(frozen=True)
class Grid:
    """Ratings of several arms in the same cells.

    Parameters
    ----------
    cells : DataFrame
        ``item``, ``wording``, ``threshold`` and ``unit`` of each cell.
    arms : tuple of ndarray, shape (n_cells, n_replicates)
        NaN where there is no rating.
    """

    cells: pd.DataFrame
    arms: tuple[Floats, ...]

    @property
    def units(self) -> Labels:
        """The independent unit of each cell."""
        return self.cells["unit"].to_numpy(dtype=object)

    def means(self, arm: int) -> Floats:
        """Mean over the replicates of each cell; NaN without any."""
        rated = ~np.isnan(self.arms[arm])
        count = rated.sum(axis=1)
        sums = np.where(rated, self.arms[arm], 0.0).sum(axis=1)
        found: Floats = np.divide(sums, count, out=np.full(len(count), np.nan), where=count > 0)
        return found

    def paired_replicates(self) -> NDArray[np.int64]:
        """Ratings of the arm that has fewer, in each cell."""
        counts = [(~np.isnan(arm)).sum(axis=1) for arm in self.arms[:2]]
        smaller: NDArray[np.int64] = np.minimum(counts[0], counts[1])
        return smaller


def make_grid(frames: Sequence[pd.DataFrame], column: str = "score") -> Grid:
    """Lay the rows of arms out in the cells that any of them has.

    Parameters
    ----------
    frames : sequence of DataFrame
        Rows of each arm, those without a score included; arms without wordings or pass marks stand beside each of the
        other arms', as in `pair`.
    column : str
        What is laid out: ``score``, or another number of the table.
    """
    rows = same_cells(frames)
    codes = rows.groupby(_KEYS, sort=True, dropna=False).ngroup().to_numpy()
    n_cells = int(codes.max(initial=-1)) + 1
    place = rows.groupby([*_KEYS, "side"], sort=False, dropna=False).cumcount().to_numpy()
    values = np.where(rows["status"] == "ok", rows[column].to_numpy(dtype=np.float64), np.nan)
    side = rows["side"].to_numpy()
    width = int(place.max(initial=0)) + 1
    arms = []
    for number in range(len(frames)):
        mine = side == number
        matrix = np.full((n_cells, width), np.nan)
        matrix[codes[mine], place[mine]] = values[mine]
        arms.append(matrix)
    first: Any = np.unique(codes, return_index=True)[1]
    cells = rows.iloc[first][_KEYS].reset_index(drop=True)
    cells["unit"] = unit_labels(rows)[first]
    return Grid(cells, tuple(arms))
