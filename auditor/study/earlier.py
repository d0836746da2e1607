"""What an earlier run tells a new plan: spreads, tokens, times, and where the next call is best spent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditor.collect import Ledger
from auditor.errors import InputError
from auditor.findings import arm_rows, pair
from auditor.findings.pairs import Metric
from auditor.plan import Design
from auditor.stats.allocation import allocation
from auditor.stats.components import VarianceComponents, variance_components
from auditor.stats.designs import Design as Calls
from auditor.study.results import ratings_frame, stored_plan

_WORDS = {
    "items": "more items",
    "wordings": "more wordings",
    "wordings_per_item": "more wordings for each item",
    "replicates": "more replicates",
}


@dataclass(frozen=True)
class Earlier:
    """An earlier run, as far as a plan needs it.

    Parameters
    ----------
    differences : mapping
        Paired differences of its primary contrast by metric, of all judges, each about its judge's mean.
    output_tokens, seconds : mapping
        Means over the calls of each judge.
    components : VarianceComponents or None
        Of the score's differences; None with too few items.
    """

    differences: Mapping[str, NDArray[np.float64]]
    output_tokens: Mapping[str, float]
    seconds: Mapping[str, float]
    components: VarianceComponents | None

    def advice(self, design: Calls) -> tuple[str, ...]:
        """Where the next call is best spent, the best first."""
        if self.components is None:
            return ("the pilot has too few items to say where it is best spent",)
        found = allocation(self.components, design)
        lines = [
            f"{_WORDS[option.step]} (standard error {option.variance_same_cost**0.5:.3f} for {found.spent:.0f} more "
            f"calls, {found.standard_error:.3f} as planned)"
            for option in found.options
            if option.variance_same_cost < found.variance
        ]
        return (*lines, *(caution.sentence for caution in found.cautions))


def read_earlier(folder: Path, design: Design) -> Earlier:
    """Read an earlier run for a plan.

    Raises
    ------
    InputError
        If there is no run, or it was made on another scale.
    """
    if not folder.is_dir():
        raise InputError(
            "there is no such folder", where=f"pilot {folder}", remedy="give the --out folder of a run"
        )
    with Ledger(folder / "ledger.sqlite", create=False) as ledger:
        plan = stored_plan(ledger)
        if plan.design.scale != design.scale:
            raise InputError(
                f"the pilot was made on the scale {plan.design.scale.spec()}, the plan is on {design.scale.spec()}",
                where=f"pilot {folder}",
            )
        frame = ratings_frame(ledger, plan.items, plan.design.placement)
        calls = ledger.call_means()
    differences: dict[str, NDArray[np.float64]] = {}
    metrics: tuple[Metric, ...] = ("score", "pass_rate")
    for metric in metrics:
        found = [_differences(plan.design, frame, judge.name, metric) for judge in plan.judges]
        centred = [values - values.mean() for values in found if values.size >= 2]
        if centred:
            differences[metric] = np.concatenate(centred)
    return Earlier(
        differences,
        {judge: entry["output_tokens"] for judge, entry in calls.items() if entry["output_tokens"]},
        {judge: entry["seconds"] for judge, entry in calls.items() if entry["seconds"]},
        _components(plan.design, frame),
    )


def _differences(design: Design, frame: pd.DataFrame, judge: str, metric: Metric) -> NDArray[np.float64]:
    sides = (arm_rows(frame, judge, design.treatment), arm_rows(frame, judge, design.control))
    if any(side.empty for side in sides):
        return np.empty(0)
    return pair(*sides, metric, design.scale, design.threshold).differences


def _components(design: Design, frame: pd.DataFrame) -> VarianceComponents | None:
    """Variance components of the score's differences, of the judge with the most of them."""
    main = frame[(frame["phase"] == "main") & (frame["status"] == "ok")]
    keys = ["judge", "item", "wording", "replicate", "threshold"]
    sides = [main[main["arm"] == arm].set_index(keys)["score"] for arm in (design.treatment, design.control)]
    joined: Any = pd.concat(sides, axis=1, join="inner", keys=["t", "c"]).reset_index()
    if joined.empty:
        return None
    best = joined["judge"].value_counts().idxmax()
    mine = joined[joined["judge"] == best]
    if mine["item"].nunique() < 6:
        return None
    return variance_components(mine["t"] - mine["c"], mine["item"].to_numpy(), mine["wording"].to_numpy())
