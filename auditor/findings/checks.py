"""What is checked besides the difference itself: could the judge have shown one, and what is missing."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd

from auditor.findings.pairs import Metric, pair
from auditor.findings.settings import Settings
from auditor.stats.discrimination import DiscriminationResult, discrimination
from auditor.stats.missing import LeeBounds, MissingTest, WorstCase, lee_bounds, missing_test
from auditor.stats.tipping import TippingPoint, tipping_point

#: Above this many cells no tipping point is sought.
_MOST_TIPPED = 20_000


def unit_labels(rows: pd.DataFrame) -> np.ndarray[Any, Any]:
    """The independent unit of each row: its group, or its item."""
    return np.where(rows["group"] != "", "group:" + rows["group"], "item:" + rows["item"])


def control_discrimination(control: pd.DataFrame, settings: Settings) -> DiscriminationResult | None:
    """Whether the control's scores tell better from worse work, where that is known."""
    rated = control[control["status"] == "ok"]
    checks: tuple[tuple[str, Literal["auroc", "spearman"]], ...] = (
        ("correct", "auroc"),
        ("gold", "spearman"),
    )
    for column, measure in checks:
        known = rated[rated[column].notna()]
        if known.empty:
            continue
        by_item = known.groupby("item", sort=False).agg(
            score=("score", "mean"), truth=(column, "first"), group=("group", "first")
        )
        labels = unit_labels(by_item.reset_index())
        result = discrimination(
            by_item["score"],
            by_item["truth"],
            labels,
            measure=measure,
            seed=settings.seed,
        )
        if result is not None:
            return result
    return None


def blindness(
    control: pd.DataFrame, settings: Settings, sees: DiscriminationResult | None
) -> tuple[str, ...]:
    """Why this judge could not have shown a shift, apart from giving one value to everything."""
    flags = []
    if sees is not None and not sees.shown:
        flags.append("insensitive")
    rated = control[control["status"] == "ok"]
    marks = rated["threshold"].fillna(np.nan if settings.threshold is None else settings.threshold)
    at_mark = np.isclose(rated["score"].to_numpy(dtype=float), marks.to_numpy(dtype=float), rtol=0, atol=1e-9)
    if len(rated) and not settings.scale.two_valued and float(at_mark.mean()) > 0.5:
        flags.append("anchored")
    return tuple(flags)


def mark_far(control: pd.DataFrame, settings: Settings) -> bool:
    """Whether the control's median lies over two standard deviations from the pass mark (the nearest, of several)."""
    scores = control.loc[control["status"] == "ok", "score"].to_numpy(dtype=float)
    marks = control["threshold"].dropna().unique()
    if settings.threshold is not None:
        marks = np.array([settings.threshold])
    if settings.scale.two_valued or scores.size < 2 or not marks.size:
        return False
    distance = float(np.min(np.abs(marks - np.median(scores))))
    return distance > 2 * float(scores.std(ddof=1)) and distance > 0


def compare_missing(first: pd.DataFrame, second: pd.DataFrame, settings: Settings) -> MissingTest | None:
    """The missing shares of both arms, by unit; the arms' rows are those of `completed`."""
    if first.empty:
        return None
    units, names = pd.factorize(np.concatenate([unit_labels(first), unit_labels(second)]))
    lost = [(rows["status"] != "ok").to_numpy(dtype=np.float64) for rows in (first, second)]
    sides = (units[: len(first)], units[len(first) :])
    asked = [np.bincount(side, minlength=len(names)) for side in sides]
    both = (asked[0] > 0) & (asked[1] > 0)
    shares = [
        np.bincount(side, values, len(names))[both] / count[both]
        for side, values, count in zip(sides, lost, asked, strict=True)
    ]
    return missing_test(shares[0], shares[1], seed=settings.seed)


def metric_values(
    rows: pd.DataFrame, metric: Metric, settings: Settings
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Scores, or passes as 0 and 1; NaN where there is no rating, or no mark."""
    scores = np.where(rows["status"] == "ok", rows["score"].to_numpy(dtype=np.float64), np.nan)
    if metric == "score":
        return scores
    marks = (
        rows["threshold"]
        .fillna(np.nan if settings.threshold is None else settings.threshold)
        .to_numpy(dtype=float)
    )
    passed = (scores >= marks - 1e-9).astype(np.float64)
    return np.where(np.isnan(scores) | np.isnan(marks), np.nan, passed)


def lee(first: pd.DataFrame, second: pd.DataFrame, metric: Metric, settings: Settings) -> LeeBounds | None:
    """Lee's bounds on the arms' marginal ratings; the arms' rows are those of `completed`."""
    return lee_bounds(
        metric_values(first, metric, settings),
        metric_values(second, metric, settings),
        unit_labels(first),
        unit_labels(second),
        alpha=settings.alpha,
        seed=settings.seed,
    )


def worst_case(first: pd.DataFrame, second: pd.DataFrame, metric: Metric, settings: Settings) -> WorstCase:
    """Manski's bounds: all that is missing at opposite ends of the scale in the two arms, D recomputed.

    The arms' rows are those of `completed`, so that a cell without any rating in an arm counts too.
    """
    ends = []
    for fills in (
        (settings.scale.low, settings.scale.high),
        (settings.scale.high, settings.scale.low),
    ):
        filled = [
            rows.assign(score=rows["score"].where(rows["status"] == "ok", fill), status="ok")
            for rows, fill in zip((first, second), fills, strict=True)
        ]
        pairs = pair(filled[0], filled[1], metric, settings.scale, settings.threshold)
        ends.append(float(pairs.differences.mean()))
    return WorstCase(ends[0], ends[1])


def tipping(
    first: pd.DataFrame, second: pd.DataFrame, metric: Metric, settings: Settings, margin: float | None
) -> TippingPoint | None:
    """How different the missing ratings would have to be for the verdict to change; None where cells differ in size.

    Parameters
    ----------
    first, second : DataFrame
        Treatment and control, as `completed` gives them.
    margin : float or None
        Ask about equivalence within it; None: about the difference.
    """
    tables = []
    for rows in (first, second):
        table = rows[["item", "wording", "threshold", "status"]].assign(
            unit=unit_labels(rows), value=metric_values(rows, metric, settings)
        )
        tables.append(table)
    keys = ["item", "wording", "threshold"]
    sizes = [table.groupby(keys, dropna=False, sort=True).size() for table in tables]
    numbers = {int(n) for each in sizes for n in each.unique()}
    if (
        len(numbers) != 1
        or not 0 < len(sizes[0]) <= _MOST_TIPPED
        or not sizes[0].index.equals(sizes[1].index)
    ):
        return None
    (replicates,) = numbers
    ordered = [table.sort_values(keys, kind="stable") for table in tables]
    matrices = [table["value"].to_numpy().reshape(-1, replicates) for table in ordered]
    units = ordered[0]["unit"].to_numpy()[::replicates]
    low, high = (settings.scale.low, settings.scale.high) if metric == "score" else (0.0, 1.0)
    return tipping_point(
        matrices[0],
        matrices[1],
        low,
        high,
        units,
        margin=margin,
        alpha=settings.alpha,
        resolution=(high - low) / 100,
        seed=settings.seed,
    )


def control_constant(control: pd.DataFrame, metric: Metric, settings: Settings) -> bool:
    """Whether every single control rating has the same value."""
    values = metric_values(control, metric, settings)
    values = values[~np.isnan(values)]
    return bool(values.size and np.ptp(values) == 0)
