"""Everything that the numbers depend on besides the ratings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import pandas as pd

from auditor.errors import InputError
from auditor.findings.absent import Absent
from auditor.findings.pairs import Metric
from auditor.scale import Scale

#: Holm and Benjamini-Hochberg, or the step-down max-T of both families.
FamilyRule = Literal["default", "max-t"]


@dataclass(frozen=True)
class Settings:
    """Everything that the numbers depend on besides the ratings."""

    scale: Scale
    threshold: float | None
    margin: float
    margin_chosen: bool
    pass_margin: float
    alpha: float
    seed: int
    filter_threshold: bool = False
    absent: Absent = "missing"
    models: tuple[str, ...] = ()
    family: FamilyRule = "default"
    marks: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    def for_judge(self, judge: str) -> Settings:
        """The settings with this judge's own pass mark, where each judge has one."""
        own = self.marks.get(judge, ())
        return replace(self, threshold=own[0]) if self.threshold is None and len(own) == 1 else self

    def margin_of(self, metric: Metric) -> float:
        """The margin in the metric's own unit."""
        return self.margin if metric == "score" else self.pass_margin


def make_settings(
    frame: pd.DataFrame,
    scale: Scale,
    threshold: float | str | None,
    margin: float | None,
    pass_margin: float,
    alpha: float,
    seed: int,
    absent: Absent = "missing",
) -> Settings:
    """Check the settings of an analysis against the ratings.

    Raises
    ------
    InputError
        For a margin or alpha out of bounds, or a threshold at which nothing was rated.
    """
    if margin is not None and not margin > 0:
        raise InputError(f"the margin must lie above zero, not {margin:g}", where="margin")
    if margin is not None and margin >= scale.span:
        raise InputError(
            f"a margin of {margin:g} points is as large as the whole scale",
            where="margin",
            remedy="state the largest inflation in points that would not matter",
        )
    if not 0 < pass_margin < 1:
        raise InputError(
            f"the pass margin is a fraction between 0 and 1, not {pass_margin:g}", where="pass_margin"
        )
    if absent not in ("missing", "design"):
        raise InputError(f"it is 'missing' or 'design', not {absent!r}", where="absent")
    if not 0 < alpha < 0.5:
        raise InputError(f"alpha lies between 0 and 0.5, not {alpha:g}", where="alpha")
    main = frame[(frame["phase"] == "main") & frame["threshold"].notna()]
    marks = {
        str(judge): tuple(sorted({float(mark) for mark in own}))
        for judge, own in main.groupby("judge")["threshold"]
    }
    present = sorted({mark for own in marks.values() for mark in own})
    mark: float | None = None
    if threshold is not None:
        mark = scale.threshold(threshold)
        if present and mark not in present:
            listed = ", ".join(f"{value:g}" for value in present)
            raise InputError(
                f"no rating was made at the threshold {mark:g}; the column 'threshold' holds {listed}",
                where="threshold",
                remedy="give one of these, or leave --threshold out",
            )
    elif len(present) == 1:
        mark = float(present[0])
    elif scale.two_valued:
        mark = scale.high
    return Settings(
        scale=scale,
        threshold=mark,
        margin=0.025 * scale.span if margin is None else margin,
        margin_chosen=margin is not None,
        pass_margin=pass_margin,
        alpha=alpha,
        seed=seed,
        absent=absent,
        filter_threshold=threshold is not None and bool(present),
        marks=marks,
    )


def settings_json(settings: Settings) -> dict[str, Any]:
    """The settings as they stand in the JSON."""
    return {
        "scale": settings.scale.spec(),
        "threshold": settings.threshold,
        "thresholds": {judge: list(own) for judge, own in settings.marks.items()},
        "margin": settings.margin,
        "margin_chosen": settings.margin_chosen,
        "pass_margin": settings.pass_margin,
        "alpha": settings.alpha,
        "seed": settings.seed,
        "absent": settings.absent,
        "models": list(settings.models),
        "family": settings.family,
    }
