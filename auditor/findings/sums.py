"""Sums over the replicates of a cell of item, wording and pass mark: in whole numbers, where scores lie on a lattice."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditor.scale import Scale
from auditor.stats.cells import Floats

Integers: TypeAlias = NDArray[np.int64]
_LARGEST_DENOMINATOR = 10**9


def on_lattice(values: Floats, scale: Scale | None) -> tuple[Integers | None, int]:
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


@dataclass(frozen=True)
class CellSums:
    """Sums over the replicates of each cell that has a rating on every side: a row for each side, a column for each cell.

    `item` is a position in `items`, the names, and `groups`, what each belongs to.
    """

    items: list[str]
    groups: list[str]
    item: Integers
    total: Floats
    whole: Integers
    count: Integers
    n_ratings: int
    lone: int


def cell_codes(rows: pd.DataFrame) -> Integers:
    """A number for each row's cell of item, wording and pass mark."""
    cell = pd.factorize(rows["item"])[0].astype(np.int64)
    for column in ("wording", "threshold"):
        codes, labels = pd.factorize(rows[column], use_na_sentinel=False)
        # Numbered anew, so that the product of three sizes cannot overflow.
        cell = np.unique(cell * max(1, len(labels)) + codes, return_inverse=True)[1].astype(np.int64)
    return cell


def sum_cells(rated: pd.DataFrame, values: Floats, lattice: Integers | None, n_sides: int) -> CellSums:
    """Add up the replicates by cell and side, in whole numbers: names are compared once, and never again."""
    item, names = pd.factorize(rated["item"])
    cell = cell_codes(rated)
    n_cells = int(cell.max(initial=-1)) + 1
    side = rated["side"].to_numpy(dtype=np.int64)
    place = side * n_cells + cell
    shape = (n_sides, n_cells)
    count = np.bincount(place, minlength=n_sides * n_cells).reshape(shape)
    total: Floats = np.bincount(place, values, n_sides * n_cells).astype(np.float64).reshape(shape)
    whole = np.zeros(n_sides * n_cells, dtype=np.int64)
    if lattice is not None:
        np.add.at(whole, place, lattice)  # never through a floating sum
    full = np.all(count > 0, axis=0).reshape(n_cells)
    first = np.zeros(n_cells, dtype=np.int64)
    first[cell] = item
    kept, of_item = np.unique(first[full], return_inverse=True)
    groups = np.full(len(names), "", dtype=object)
    groups[item] = rated["group"].to_numpy(dtype=object)
    used = full[cell]
    return CellSums(
        items=np.asarray(names, dtype=object)[kept].tolist(),
        groups=groups[kept].tolist(),
        item=of_item.astype(np.int64),
        total=total[:, full],
        whole=whole.reshape(shape)[:, full],
        count=count[:, full].astype(np.int64),
        n_ratings=int(np.unique(rated["row"].to_numpy()[used]).size),
        lone=int(np.count_nonzero(count)) - n_sides * int(np.count_nonzero(full)),
    )


@dataclass(frozen=True)
class Whole:
    """D of each unit in points, times `denominator`."""

    values: Integers
    denominator: int


def whole_differences(
    cells: CellSums, in_item: NDArray[Any], unit: NDArray[Any], in_unit: NDArray[Any], factor: int
) -> Whole | None:
    """Differences of means of means in whole numbers; None where their common denominator would be too large."""
    shared, crossed, joined = _lcm(cells.count), _lcm(in_item), _lcm(in_unit)
    if shared * crossed * joined > _LARGEST_DENOMINATOR:
        return None
    signs = np.array((1, -1, -1, 1)[: len(cells.count)], dtype=np.int64)[:, None]
    by_cell = (signs * cells.whole * (shared // np.maximum(cells.count, 1))).sum(axis=0)
    by_item = np.zeros(len(in_item), dtype=np.int64)
    np.add.at(by_item, cells.item, by_cell * (crossed // in_item[cells.item]))
    values = np.zeros(len(in_unit), dtype=np.int64)
    np.add.at(values, unit, by_item * (joined // in_unit[unit]))
    return Whole(values, factor * shared * crossed * joined)
