"""From a ratings frame to paired differences, in integers where the scores lie on a lattice.

For each judge and contrast: D_cell is the difference of the replicate means of one item, wording and threshold;
D_item the unweighted mean of its cells; D_unit the mean of the items of one group (or the item itself).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditor.errors import InputError
from auditor.scale import Scale

Metric = Literal["score", "pass_rate"]
Floats: TypeAlias = NDArray[np.float64]
_LARGEST_DENOMINATOR = 10**9


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
    lattice, factor = _lattice(values, scale if metric == "score" else None)
    cells = rated.assign(value=values, whole=lattice if lattice is not None else 0)
    keys = ["item", "wording", "threshold"]
    grouped = (
        cells.groupby([*keys, "side"], sort=False, dropna=False)
        .agg(total=("value", "sum"), whole=("whole", "sum"), count=("value", "size"), unit=("group", "first"))
        .reset_index()
    )
    whole_cells = _side(grouped, 0)
    for number in range(1, len(sides)):
        other = _side(grouped, number).drop(columns="unit")
        whole_cells = whole_cells.merge(other, on=keys, how="inner", suffixes=("", f"_{number}"))
    lone = len(grouped) - len(sides) * len(whole_cells)
    paired = _assemble(whole_cells, len(sides), factor if lattice is not None else None, asked, lone)
    if len(cells) and cells["row"].duplicated().any():
        used = cells.merge(whole_cells[keys], on=keys)
        paired = replace(paired, n_ratings=int(used["row"].nunique()))
    return paired


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
    rows = pd.concat([frame.assign(side=number) for number, frame in enumerate(sides)], ignore_index=True)
    rows["row"] = np.arange(len(rows))
    return _broadcast(_broadcast(rows, "wording", ""), "threshold", math.nan)


def _side(grouped: pd.DataFrame, number: int) -> pd.DataFrame:
    mine = grouped[grouped["side"] == number].drop(columns="side")
    return (
        mine
        if number == 0
        else mine.rename(columns={n: f"{n}_{number}" for n in ("total", "whole", "count")})
    )


def _broadcast(rows: pd.DataFrame, column: str, blank: str | float) -> pd.DataFrame:
    """Let an arm that has no wording (or threshold) at all pair with every one of the other arms.

    The plain arms are asked once for each item and stand beside each wording of the framed ones.
    """
    filled = rows[column].notna() if column == "threshold" else rows[column] != ""
    by_side = filled.groupby(rows["side"]).any()
    if bool(by_side.all()) or not bool(by_side.any()):
        return rows
    plain_sides = by_side[~by_side].index
    framed = rows[~rows["side"].isin(plain_sides)]
    labels = framed.loc[filled[framed.index], ["item", column]].drop_duplicates()
    plain = rows[rows["side"].isin(plain_sides)].drop(columns=column)
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


def _lattice(values: Floats, scale: Scale | None) -> tuple[NDArray[np.int64] | None, int]:
    """Scores as whole numbers of one small unit, and how many of it make one point."""
    if scale is not None and scale.step is not None and not float(scale.step).is_integer():
        steps = np.rint((values - scale.low) / scale.step)
        if (
            np.allclose(steps * scale.step + scale.low, values, rtol=0, atol=1e-9)
            and (1 / scale.step).is_integer()
        ):
            return steps.astype(np.int64), round(1 / scale.step)
    for factor in (1, 10, 100, 1000, 10_000, 100_000):
        scaled = values * factor
        if np.all(np.abs(scaled - np.rint(scaled)) < 1e-7):
            return np.rint(scaled).astype(np.int64), factor
    return None, 1


def _lcm(numbers: NDArray[Any]) -> int:
    return math.lcm(*(int(number) for number in np.unique(numbers))) if len(numbers) else 1


def _assemble(both: pd.DataFrame, sides: int, factor: int | None, asked: int, lone: int) -> Pairs:
    """Average cells to items and items to units, in integers over one common denominator if there is a lattice."""
    items, item_codes = _codes(both["item"])
    ends = ["", *(f"_{number}" for number in range(1, sides))]
    signs = (1, -1, -1, 1)[:sides]
    counts = [both[f"count{end}"].to_numpy(dtype=np.int64) for end in ends]
    means = [
        both[f"total{end}"].to_numpy(dtype=np.float64) / count
        for end, count in zip(ends, counts, strict=True)
    ]
    first, second = (means[0], means[1]) if sides == 2 else (means[0] - means[1], means[2] - means[3])
    cells = np.bincount(item_codes, minlength=len(items))
    item_t = np.bincount(item_codes, first, len(items)) / cells
    item_c = np.bincount(item_codes, second, len(items)) / cells
    groups = (
        pd.Series(both["unit"].to_numpy()).groupby(item_codes).first() if len(both) else pd.Series(dtype=str)
    )
    units = [f"group:{unit}" if unit else f"item:{item}" for unit, item in zip(groups, items, strict=True)]
    names, unit_codes = _codes(pd.Series(units, dtype=object))
    members = np.bincount(unit_codes, minlength=len(names))
    unit_t = np.bincount(unit_codes, item_t, len(names)) / members
    unit_c = np.bincount(unit_codes, item_c, len(names)) / members
    differences, integers = unit_t - unit_c, None
    shared, crossed, joined = _lcm(np.concatenate(counts)), _lcm(cells), _lcm(members)
    if factor is not None and shared * crossed * joined <= _LARGEST_DENOMINATOR:
        by_cell = np.zeros(len(both), dtype=np.int64)
        for end, count, sign in zip(ends, counts, signs, strict=True):
            by_cell += sign * both[f"whole{end}"].to_numpy(dtype=np.int64) * (shared // count)
        by_item = np.zeros(len(items), dtype=np.int64)
        np.add.at(by_item, item_codes, by_cell * (crossed // cells[item_codes]))
        integers = np.zeros(len(names), dtype=np.int64)
        np.add.at(integers, unit_codes, by_item * (joined // members[unit_codes]))
        differences = integers / (factor * shared * crossed * joined)
    return Pairs(
        items=items,
        units=units,
        treatment=item_t,
        control=item_c,
        differences=differences,
        integers=integers,
        unit_treatment=unit_t,
        unit_control=unit_c,
        n_ratings=int(sum(count.sum() for count in counts)),
        n_dropped=asked - len(items),
        n_dropped_cells=lone,
        unbalanced=any(bool(np.any(count != counts[0])) for count in counts),
        single=sides == 2
        and all(bool(np.all(count == 1)) for count in counts)
        and bool(np.all(cells == 1) and np.all(members == 1)),
    )


def _codes(values: pd.Series[Any]) -> tuple[list[str], NDArray[np.int64]]:
    codes, names = pd.factorize(values)
    return [str(name) for name in names], codes.astype(np.int64)
