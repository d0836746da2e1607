"""Rank statistics of two arms under weights: many bootstrap draws at once, ties counted half."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from auditor.stats.cells import Floats, Integers

#: From weights, a row for each draw, to the measure in both arms, two columns; NaN where it does not exist.
Statistic: TypeAlias = Callable[[Floats], Floats]

_CHUNK_CELLS = 2_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """Values grouped by size, so that weighted counts of all levels take one pass."""

    order: NDArray[np.intp]
    starts: NDArray[np.intp]
    codes: NDArray[np.intp]

    @classmethod
    def of(cls, values: Floats) -> Levels:
        """Group the values."""
        order = np.argsort(values, kind="stable")
        _, starts, codes = np.unique(values[order], return_index=True, return_inverse=True)
        back = np.empty_like(order)
        back[order] = codes
        return cls(order, starts, back)

    def sums(self, weights: Floats) -> Floats:
        """Sum of the weights at each level, from the lowest up; a row for each draw."""
        total: Floats = np.add.reduceat(weights[:, self.order], self.starts, axis=1)
        return total


def areas_of(scores: Floats, right: NDArray[np.bool_]) -> Statistic:
    """Areas under the curve of both arms for items that count `weights` times; NaN without both classes."""
    arms = [Levels.of(arm) for arm in scores]

    def areas(weights: Floats) -> Floats:
        columns = []
        for levels in arms:
            rights, wrongs = levels.sums(weights * right), levels.sums(weights * ~right)
            below = np.cumsum(wrongs, axis=1) - wrongs / 2
            pairs = rights.sum(axis=1) * wrongs.sum(axis=1)
            won = np.sum(rights * below, axis=1)
            columns.append(np.divide(won, pairs, out=np.full_like(won, np.nan), where=pairs > 0))
        return np.stack(columns, axis=1)

    return areas


def correlations_of(scores: Floats, quality: Floats) -> Statistic:
    """Rank correlations of both arms with the quality for items that count `weights` times.

    0 where an arm's scores are all equal, NaN where the qualities are.
    """
    arms, gold = [Levels.of(arm) for arm in scores], Levels.of(quality)

    def ranks(levels: Levels, weights: Floats) -> Floats:
        # Midranks, less the mean rank, of all items.
        sums = levels.sums(weights)
        middles = np.cumsum(sums, axis=1) - sums / 2 - weights.sum(axis=1, keepdims=True) / 2
        centred: Floats = middles[:, levels.codes]
        return centred

    def correlations(weights: Floats) -> Floats:
        truth = ranks(gold, weights)
        spread = np.sum(weights * truth**2, axis=1)
        columns = []
        for levels in arms:
            own = ranks(levels, weights)
            size = np.sqrt(np.sum(weights * own**2, axis=1) * spread)
            product = np.sum(weights * own * truth, axis=1)
            flat = np.where(spread > 0, 0.0, np.nan)
            columns.append(np.divide(product, size, out=flat, where=size > 0))
        return np.stack(columns, axis=1)

    return correlations


def resampled_changes(statistic: Statistic, codes: Integers, n_units: int, draws: int, seed: int) -> Floats:
    """Changes in draws of units with replacement; draws in which the measure does not exist are left out."""
    both = resampled(statistic, codes, n_units, draws, seed)
    changes = both[:, 0] - both[:, 1]
    usable: Floats = changes[~np.isnan(changes)]
    return usable


def resampled(statistic: Statistic, codes: Integers, n_units: int, draws: int, seed: int) -> Floats:
    """The measure of each arm, a column each, in draws of units with replacement; NaN where it does not exist."""
    rng = np.random.default_rng(seed)
    rows = max(1, _CHUNK_CELLS // codes.size)
    found = []
    for start in range(0, draws, rows):
        here = min(rows, draws - start)
        drawn = rng.integers(0, n_units, size=(here, n_units)) + n_units * np.arange(here)[:, None]
        times = np.bincount(drawn.ravel(), minlength=here * n_units).reshape(here, n_units)
        found.append(statistic(times[:, codes].astype(np.float64)))
    joined: Floats = np.concatenate(found)
    return joined
