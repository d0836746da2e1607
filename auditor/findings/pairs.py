"""From a ratings frame to paired differences, in integers where the scores lie on a lattice.

For each judge and contrast: D_cell is the difference of the replicate means of one item, wording and threshold;
D_item the unweighted mean of its cells; D_unit the mean of the items of one group (or the item itself).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditor.errors import InputError
from auditor.findings.sums import CellSums, on_lattice, sum_cells, whole_differences
from auditor.scale import Scale

Metric = Literal["score", "pass_rate"]
Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Pairs:
    """Paired differences of one judge in one contrast and metric.

    Parameters
    ----------
    items : list of str
        Paired items, in the order of their first row.
    units : list of str
        The independent unit of each item: its group, or itself.
    treatment, control : ndarray, shape (n_items,)
        Mean of each item in each arm.
    differences : ndarray, shape (n_units,)
        D of each unit.
    integers : ndarray of int64 or None
        The same up to one common factor, exactly; None where the values lie on no lattice.
    unit_treatment, unit_control : ndarray, shape (n_units,)
        Mean of each unit in each arm.
    n_ratings : int
        Ratings that entered.
    n_dropped : int
        Items with a row in either arm, but no pair.
    n_dropped_cells : int
        Cells of item, wording and threshold without a partner.
    unbalanced : bool
        Whether a cell has unequal numbers of ratings in its arms.
    single : bool
        Whether each item has one rating in each arm and is its own unit.
    """

    items: list[str]
    units: list[str]
    treatment: Floats
    control: Floats
    differences: Floats
    integers: NDArray[np.int64] | None
    unit_treatment: Floats
    unit_control: Floats
    n_ratings: int
    n_dropped: int
    n_dropped_cells: int
    unbalanced: bool
    single: bool

    @property
    def item_differences(self) -> Floats:
        """D of each item."""
        return self.treatment - self.control

    @property
    def grouped(self) -> bool:
        """Whether a unit holds more than one item."""
        return len(self.differences) < len(self.items)


def arm_rows(
    frame: pd.DataFrame, judge: str, arm: str, threshold: float | None = None, phase: str = "main"
) -> pd.DataFrame:
    """Rows of one judge, arm and phase, at `threshold` or without one."""
    rows = frame[(frame["judge"] == judge) & (frame["arm"] == arm) & (frame["phase"] == phase)]
    if threshold is None:
        return rows
    marks = rows["threshold"]
    return rows[marks.isna() | (marks == threshold)]


def pair(
    treatment: pd.DataFrame,
    control: pd.DataFrame,
    metric: Metric,
    scale: Scale,
    pass_mark: float | None,
    *,
    minus: tuple[pd.DataFrame, pd.DataFrame] | None = None,
    across_wordings: bool = False,
) -> Pairs:
    """Pair the rows of two arms of one judge; or of four, for a difference of differences.

    Parameters
    ----------
    treatment, control : DataFrame
        Rows of each arm, those without a score included.
    metric : {'score', 'pass_rate'}
    scale : Scale
    pass_mark : float, optional
        For rows without a threshold of their own.
    minus : tuple of DataFrame, optional
        Treatment and control of a second difference, taken away from the first; only cells that have all four ratings
        are used. `Pairs.treatment` and `Pairs.control` are then the first and the second difference.
    across_wordings : bool
        Whether the arms were asked in different wordings, so that items are paired whatever their wording.

    Raises
    ------
    InputError
        If a pair's items were not identical, by their hashes.

    Examples
    --------
    Two replicates in the treatment, one in the control: D is (9 + 10) / 2 - 8.

    >>> from auditor.ratings import load_ratings
    >>> rows = [("a", "deletion", 9), ("a", "deletion", 10), ("a", "decoupled", 8)]
    >>> table = load_ratings(pd.DataFrame(rows, columns=["item", "arm", "score"]), Scale.parse("0:20")).frame
    >>> arms = [table[table["arm"] == arm] for arm in ("deletion", "decoupled")]
    >>> pair(arms[0], arms[1], "score", Scale.parse("0:20"), None).differences.tolist()
    [1.5]
    """
    sides = [treatment, control, *(minus or ())]
    if across_wordings:
        sides = [frame.assign(wording="") for frame in sides]
    rows = same_cells(sides)
    _refuse_unequal_items(rows)
    asked = rows["item"].nunique()
    rated = rows[rows["status"] == "ok"]
    if metric == "pass_rate" and pass_mark is None:
        rated = rated[rated["threshold"].notna()]  # without a mark nothing passes or fails
    values = _values(rated, metric, pass_mark)
    lattice, factor = on_lattice(values, scale if metric == "score" else None)
    cells = sum_cells(rated, values, lattice, len(sides))
    return _assemble(cells, factor if lattice is not None else None, asked)


def same_cells(sides: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The rows of several arms under a common set of wordings and pass marks.

    Parameters
    ----------
    sides : sequence of DataFrame
        Rows of each arm. Arms without a wording (or pass mark) at all stand beside each of the other arms'.

    Returns
    -------
    DataFrame
        With the arm's number in ``side`` and, in ``row``, which rating it is: one that stands in several cells is still
        one rating.
    """
    rows = pd.concat(list(sides), ignore_index=True)
    rows["side"] = np.repeat(np.arange(len(sides)), [len(frame) for frame in sides])
    rows["row"] = np.arange(len(rows))
    return _broadcast(_broadcast(rows, "wording", ""), "threshold", math.nan)


def _broadcast(rows: pd.DataFrame, column: str, blank: str | float) -> pd.DataFrame:
    """Let an arm that has no wording (or threshold) at all pair with every one of the other arms.

    The plain arms are asked once for each item and stand beside each wording of the framed ones.
    """
    filled = rows[column].notna() if column == "threshold" else rows[column] != ""
    with_label = np.unique(rows["side"].to_numpy()[filled.to_numpy()])
    if with_label.size in (0, rows["side"].nunique()):
        return rows
    is_framed = rows["side"].isin(with_label)
    framed = rows[is_framed]
    labels = framed.loc[filled[framed.index], ["item", column]].drop_duplicates()
    plain = rows[~is_framed].drop(columns=column)
    # An item that the framed arm lacks keeps its row, with the blank, so that it is counted as dropped.
    spread = plain.merge(labels, on="item", how="left")
    if column == "wording":
        spread[column] = spread[column].fillna(blank)
    return pd.concat([framed, spread[rows.columns]], ignore_index=True)


def _refuse_unequal_items(rows: pd.DataFrame) -> None:
    hashed = rows[rows["item_hash"] != ""][["item", "item_hash"]].drop_duplicates()
    twice = hashed["item"].duplicated()
    if twice.any():
        item = hashed["item"][twice].iloc[0]
        raise InputError(
            f"item '{item}' was not the same in both arms: its ratings carry different item hashes",
            where="field 'item_hash'",
            remedy="leave the item out; only identical outputs can be compared",
        )


def _values(rated: pd.DataFrame, metric: Metric, pass_mark: float | None) -> Floats:
    scores = rated["score"].to_numpy(dtype=np.float64)
    if metric == "score":
        return scores
    marks = rated["threshold"].to_numpy(dtype=np.float64)
    marks = np.where(np.isnan(marks), math.nan if pass_mark is None else pass_mark, marks)
    return (scores >= marks - 1e-9).astype(np.float64)


def _assemble(cells: CellSums, factor: int | None, asked: int) -> Pairs:
    """Average cells to items and items to units, in integers over one common denominator if there is a lattice."""
    means = cells.total / cells.count
    first, second = (means[0], means[1]) if len(means) == 2 else (means[0] - means[1], means[2] - means[3])
    n_items = len(cells.items)
    in_item = np.bincount(cells.item, minlength=n_items)
    item_t, item_c = (np.bincount(cells.item, side, n_items) / in_item for side in (first, second))
    units = [
        f"group:{group}" if group else f"item:{item}"
        for group, item in zip(cells.groups, cells.items, strict=True)
    ]
    unit, names = pd.factorize(np.array(units, dtype=object))
    in_unit = np.bincount(unit, minlength=len(names))
    unit_t, unit_c = (np.bincount(unit, side, len(names)) / in_unit for side in (item_t, item_c))
    integers = None if factor is None else whole_differences(cells, in_item, unit, in_unit, factor)
    differences = unit_t - unit_c
    if integers is not None:
        differences = integers.values / integers.denominator
    return Pairs(
        items=cells.items,
        units=units,
        treatment=item_t,
        control=item_c,
        differences=differences,
        integers=None if integers is None else integers.values,
        unit_treatment=unit_t,
        unit_control=unit_c,
        n_ratings=cells.n_ratings,
        n_dropped=asked - n_items,
        n_dropped_cells=cells.lone,
        unbalanced=bool(np.any(cells.count != cells.count[0])),
        single=len(means) == 2 and all(bool(np.all(n == 1)) for n in (cells.count, in_item, in_unit)),
    )
