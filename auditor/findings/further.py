"""What else the primary contrast of a judge shows: wordings, the threshold, what the scores still tell apart, reasons.

All of it is exploratory: it describes, and no verdict rests on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from auditor.arms import Contrast
from auditor.findings.drafts import Rows
from auditor.findings.grid import Grid, make_grid
from auditor.findings.pairs import Floats
from auditor.findings.settings import Settings
from auditor.stats.bunching import bunching, window_width
from auditor.stats.crossings import crossings
from auditor.stats.discrimination_change import auroc_change, spearman_change
from auditor.stats.distance import distance_slope
from auditor.stats.dose import dose_response
from auditor.stats.intervals import Interval, mean_interval
from auditor.stats.rates import arm_rate, rate_difference
from auditor.stats.result import Caution, Estimate
from auditor.stats.wordings import these_wordings, wordings_like_these

#: Claims about wordings like those used need this many of them.
FEWEST_WORDINGS = 5
#: Above this many cells, what takes more than linear time is left out.
MOST_CELLS = 20_000
Unit = Literal["points", "share", "points a point", "area", "correlation"]


@dataclass(frozen=True)
class Further:
    """One further estimate.

    Parameters
    ----------
    kind : str
        What it is about, e.g. ``wordings_like_these`` or ``bunching``.
    judge : str
        Empty where it is about all judges.
    unit : str
        Of the estimate.
    result : Estimate
    sentence : str
        What it is, and what it can say, in plain words.
    """

    kind: str
    judge: str
    unit: Unit
    result: Estimate
    sentence: str

    def to_json(self) -> dict[str, Any]:
        """All values as JSON, cautions as sentences by their code."""
        from auditor.findings.result import plain

        body = {name: plain(getattr(self.result, name)) for name in self.result.__dataclass_fields__}
        body["cautions"] = {caution.code: caution.sentence for caution in self.result.cautions}
        body["ci"] = body.pop("interval")
        return {"kind": self.kind, "judge": self.judge, "unit": self.unit, "about": self.sentence, **body}


def further_findings(rows: Rows, judge: str, contrast: Contrast, settings: Settings) -> tuple[Further, ...]:
    """All further estimates of one judge's primary contrast that its ratings allow."""
    own = settings.for_judge(judge)
    only = settings.threshold if settings.filter_threshold else None
    frames = [rows.of(judge, arm, only) for arm in (contrast.treatment, contrast.control)]
    if any(frame.empty for frame in frames) or not set(frames[0]["item"]) & set(frames[1]["item"]):
        return ()
    grid = make_grid(frames)
    parts: tuple[Callable[[], Iterator[Further]], ...] = (
        lambda: _wordings(judge, grid, own),
        lambda: _threshold(judge, grid, rows.of(judge, contrast.control, only, "aa"), own),
        lambda: _doses(judge, grid, own),
        lambda: _discrimination(judge, grid, frames, own),
        lambda: _reasons(judge, frames, contrast, own),
    )
    return tuple(found for part in parts for found in part())


def _wordings(judge: str, grid: Grid, settings: Settings) -> Iterator[Further]:
    """Both scopes of the mean difference: these wordings, and wordings like these."""
    names = [name for name in grid.cells["wording"].unique() if name]
    if not names or len(grid.cells) > MOST_CELLS:
        return
    data: dict[str, Any] = {
        "difference": grid.means(0) - grid.means(1),
        "item": grid.units,
        "wording": grid.cells["wording"].to_numpy(dtype=object),
        "level": 1 - settings.alpha,
        "replicates": np.maximum(grid.paired_replicates(), 1),
    }
    yield Further(
        "these_wordings",
        judge,
        "points",
        these_wordings(**data),
        f"The mean difference for the {len(names)} wording(s) used, over items like these.",
    )
    if len(names) < 2:
        return
    general = wordings_like_these(**data)
    claim = (
        "a claim about wordings like these can be made"
        if len(names) >= FEWEST_WORDINGS
        else f"under {FEWEST_WORDINGS} wordings no claim about others is made"
    )
    yield Further(
        "wordings_like_these",
        judge,
        "points",
        general,
        f"The same for any wordings like the {len(names)} used; {claim}.",
    )


def _mark(grid: Grid, settings: Settings) -> float | None:
    """The one pass mark of all cells, or None."""
    stated = grid.cells["threshold"].dropna().unique()
    if len(stated) == 1:
        return float(stated[0])
    return settings.threshold if len(stated) == 0 else None


def _threshold(judge: str, grid: Grid, again: pd.DataFrame, settings: Settings) -> Iterator[Further]:
    """Bunching, rescues against condemnations, and inflation by distance from the pass mark."""
    mark, scale = _mark(grid, settings), settings.scale
    if mark is None or scale.two_valued:
        return
    width = window_width(scale.low, scale.high, scale.step)
    common: dict[str, Any] = {"units": grid.units, "level": 1 - settings.alpha, "seed": settings.seed}
    treatment, control = grid.arms
    yield Further(
        "bunching",
        judge,
        "share",
        bunching(treatment, control, mark, width, step=scale.step, **common),
        f"How much more often scores lie within {width:g} points above the pass mark than below it, in the treatment "
        "beyond the control.",
    )
    yield Further(
        "crossings",
        judge,
        "share",
        crossings(treatment, control, mark, width, second_control=_second(grid, again), **common),
        f"Work failing by at most {width:g} points that is rescued, less work that passes as narrowly and is condemned; "
        "some of both happens under any noise.",
    )
    for kind, absolute, words in (
        ("distance", True, "on either side of the pass mark"),
        ("side", False, "from far below the pass mark to far above it"),
    ):
        yield Further(
            kind,
            judge,
            "points a point",
            distance_slope(treatment, control, mark, width, absolute=absolute, **common),
            f"How the difference changes with each point of distance, {words}; sorted by the mean of both arms, so that "
            "regression to the mean cannot make it.",
        )


def _second(grid: Grid, again: pd.DataFrame) -> Floats | None:
    """The control asked a second time, in the grid's cells; None without any."""
    rated = again[again["status"] == "ok"]
    if rated.empty:
        return None
    # Where another wording was asked again (at temperature 0), it stands for all of the item.
    keys = ["item", "wording", "threshold"]
    joined = grid.cells.merge(rated.drop_duplicates(keys)[[*keys, "score"]], on=keys, how="left")["score"]
    if joined.notna().sum() == 0:
        by_item = rated.drop_duplicates("item").set_index("item")["score"]
        joined = grid.cells["item"].map(by_item)
    values: Floats = joined.to_numpy(dtype=np.float64)
    return values if np.any(~np.isnan(values)) else None


def _doses(judge: str, grid: Grid, settings: Settings) -> Iterator[Further]:
    """The difference as a function of the stated pass mark, in a sweep."""
    marks = np.sort(grid.cells["threshold"].dropna().unique().astype(float))
    if len(marks) < 2 or grid.cells["threshold"].isna().any():
        return
    cells = grid.cells.groupby(["item", "wording"], sort=True, dropna=False)
    place, n_cells = cells.ngroup().to_numpy(), cells.ngroups
    at = np.searchsorted(marks, grid.cells["threshold"].to_numpy(dtype=float))
    arms = []
    for arm in grid.arms:
        cube = np.full((n_cells, len(marks), arm.shape[1]), np.nan)
        cube[place, at] = arm
        arms.append(cube)
    units = np.empty(n_cells, dtype=object)
    units[place] = grid.units
    result = dose_response(
        arms[0], arms[1], marks, units=units.astype(str), level=1 - settings.alpha, seed=settings.seed
    )
    yield Further(
        "dose",
        judge,
        "points a point",
        result,
        "How much the difference grows for each point by which the stated pass mark is higher.",
    )


def _discrimination(
    judge: str, grid: Grid, frames: Sequence[pd.DataFrame], settings: Settings
) -> Iterator[Further]:
    """Whether the treatment's scores tell right from wrong, or good from bad, less well than the control's."""
    means = pd.DataFrame(
        {"item": grid.cells["item"], "unit": grid.units, "high": grid.means(0), "low": grid.means(1)}
    ).dropna()
    if means.empty:
        return
    by_item = means.groupby("item", sort=True).agg(
        unit=("unit", "first"), high=("high", "mean"), low=("low", "mean")
    )
    for column, change, unit, words in (
        ("correct", auroc_change, "area", "right from wrong work (area under the ROC curve)"),
        (
            "gold",
            spearman_change,
            "correlation",
            "better from worse work (rank correlation with known quality)",
        ),
    ):
        truth = pd.concat([frame[["item", column]] for frame in frames]).dropna().drop_duplicates("item")
        known = by_item.join(truth.set_index("item"), how="inner")
        if known.empty or known[column].nunique() < 2:
            continue
        draws = int(np.clip(4_000_000 // len(known), 200, 2_000))
        result = change(
            known["high"],
            known["low"],
            known[column],
            units=known["unit"].to_numpy(dtype=object).astype(str),
            level=1 - settings.alpha,
            draws=draws,
            seed=settings.seed,
        )
        sentence = (
            f"How much better the treatment's scores tell {words} than the control's; below zero, worse."
        )
        yield Further(f"discrimination_{column}", judge, unit, result, sentence)  # type: ignore[arg-type]


def _reasons(
    judge: str, frames: Sequence[pd.DataFrame], contrast: Contrast, settings: Settings
) -> Iterator[Further]:
    """How often the reasons given mention the stakes, by arm, and the difference where they do not."""
    if any(frame["mentions_stakes"].isna().all() for frame in frames):
        return
    grid, level = make_grid(frames, "mentions_stakes"), 1 - settings.alpha
    for number, arm in enumerate(contrast.arms[:2]):
        yield Further(
            f"mentions_in_{('treatment', 'control')[number]}",
            judge,
            "share",
            arm_rate(grid.arms[number], grid.units, level=level),
            f"Reasons in {arm} that mention the stakes, by a lexicon of words: it counts denials too.",
        )
    yield Further(
        "mentions",
        judge,
        "share",
        rate_difference(grid.arms[0], grid.arms[1], grid.units, level=level, seed=settings.seed),
        f"Reasons that mention the stakes, in {contrast.treatment} beyond {contrast.control}.",
    )
    silent = frames[0]["mentions_stakes"] == 0
    quiet = make_grid([frames[0][silent], frames[1]])
    differences = (quiet.means(0) - quiet.means(1))[:, None]
    yield Further(
        "silent_ratings",
        judge,
        "points",
        _mean(differences[:, 0], quiet.units, settings),
        f"The difference where the reason in {contrast.treatment} does not mention the stakes. It conditions on an "
        "outcome and proves nothing: it describes.",
    )


def _mean(differences: Floats, units: Any, settings: Settings) -> Estimate:
    table = pd.DataFrame({"unit": units, "d": differences}).dropna()
    values = table.groupby("unit", sort=True)["d"].mean().to_numpy()
    if not values.size:
        caution = Caution("no_units", "No unit has a rating in both arms.")
        return Estimate(
            method="mean difference, description only",
            estimate=None,
            interval=Interval(1 - settings.alpha, None, None),
            p_value=None,
            n_units=0,
            cautions=(caution,),
        )
    mean = mean_interval(values, 1 - settings.alpha)
    return Estimate(
        method="mean difference, description only",
        estimate=mean.estimate,
        interval=mean.interval,
        p_value=None,
        n_units=mean.n,
        assumptions=("none that would make it a test: ratings are chosen by an outcome",),
    )


def as_json(found: Sequence[Further]) -> list[Mapping[str, Any]]:
    """All of them as JSON values."""
    return [one.to_json() for one in found]
