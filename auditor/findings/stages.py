"""Items that were added after an inconclusive result: each stage tested on its own, combined with fixed weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from auditor.findings.drafts import Rows
from auditor.findings.pairs import pair
from auditor.findings.result import Finding, Findings
from auditor.findings.settings import Settings
from auditor.findings.verdicts import decide, overall
from auditor.stats.multiplicity import adjust
from auditor.stats.proportions import tango_interval
from auditor.stats.stages import Combined, combine_stages


def combine(
    findings: Findings,
    frame: pd.DataFrame,
    stage_of: Mapping[str, int],
    planned: Sequence[int],
    settings: Settings,
) -> Findings:
    """The confirmatory findings of an extended run, combined over its stages by the inverse normal.

    Parameters
    ----------
    findings : Findings
        The analysis of all stages as if they were one.
    frame : DataFrame
        All ratings.
    stage_of : mapping
        The stage of each item, from 0.
    planned : sequence of int
        Units that each stage planned; their square roots are the weights, fixed when the stage was added.
    settings : Settings

    Returns
    -------
    Findings
        With estimates, intervals, p-values and verdicts of the combination, and the flag ``extended``.
    """
    weights = [math.sqrt(units) for units in planned]
    members = [finding for finding in findings.findings if finding.family == "confirmatory"]
    stages = [_stages(finding, frame, stage_of, len(planned), settings) for finding in members]
    combined = [combine_stages(values, weights=weights, alpha=settings.alpha) for values in stages]
    tested = [1.0 if result.p_value is None else result.p_value for result in combined]
    adjusted = [1.0 if p is None else p for p in adjust(tested, "holm")]
    done = {
        (finding.judge, finding.metric): _finding(finding, values, weights, result, p, settings)
        for finding, values, result, p in zip(members, stages, combined, adjusted, strict=True)
    }
    shown = tuple(done[f.judge, f.metric] if f.family == "confirmatory" else f for f in findings.findings)
    verdicts = [
        (f.metric, f.verdict, f.p_adjusted is not None and f.p_adjusted <= settings.alpha)
        for f in done.values()
    ]
    error = max((result.overall_error for result in combined), default=settings.alpha)
    note = (
        f"Items were added in {len(planned) - 1} further stage(s) after a result had been seen. Testing at "
        f"{settings.alpha:g} after each stage rejects {100 * error:.1f} % of true null hypotheses in all."
    )
    return replace(
        findings,
        findings=shown,
        verdict=overall(verdicts),
        notes=(*findings.notes, note),
        stages=tuple(
            _shown(finding, values, result)
            for finding, values, result in zip(members, stages, combined, strict=True)
        ),
    )


def _stages(
    finding: Finding, frame: pd.DataFrame, stage_of: Mapping[str, int], count: int, settings: Settings
) -> list[np.ndarray[Any, np.dtype[np.float64]]]:
    """D of the units of each stage."""
    own = settings.for_judge(finding.judge)
    only = settings.threshold if settings.filter_threshold else None
    stage = frame["item"].map(stage_of)
    values = []
    for number in range(count):
        rows = Rows(frame[stage == number])
        treatment = rows.of(finding.judge, finding.treatment, only)
        control = rows.of(finding.judge, finding.control, only)
        values.append(pair(treatment, control, finding.metric, settings.scale, own.threshold).differences)
    return values


def _finding(
    finding: Finding,
    values: Sequence[np.ndarray[Any, np.dtype[np.float64]]],
    weights: Sequence[float],
    result: Combined,
    p_adjusted: float,
    settings: Settings,
) -> Finding:
    if finding.estimate is None:
        return finding
    narrow = combine_stages(values, weights=weights, alpha=2 * settings.alpha)
    within = narrow.interval.inside(finding.margin)
    if within and (finding.metric == "pass_rate" or settings.scale.two_valued):
        together = np.concatenate(values)
        up, down = int(np.sum(together > 1e-12)), int(np.sum(together < -1e-12))
        span = settings.scale.span if settings.scale.two_valued else 1.0
        level = 1 - 2 * settings.alpha
        within = tango_interval(up, down, len(together), level).inside(finding.margin / span)
    dropped = {"interval_disagrees", "not_after_adjustment", "detectable", "monte_carlo"}
    flags = [flag for flag in finding.flags if flag not in dropped]
    significant = p_adjusted <= settings.alpha
    if result.p_value is not None and result.p_value <= settings.alpha and not significant:
        flags.append("not_after_adjustment")
    verdict = decide(
        n_units=finding.n_units,
        estimate=result.estimate,
        p_adjusted=p_adjusted,
        alpha=settings.alpha,
        within_margin=within,
        flags=flags,
    )
    if verdict == "equivalent" and significant:
        flags.append("detectable")
    estimate = result.estimate
    points = estimate is not None and finding.metric == "score"
    return replace(
        finding,
        estimate=estimate,
        interval=result.interval,
        p_value=result.p_value,
        p_adjusted=p_adjusted,
        verdict=verdict,
        flags=(*flags, "extended"),
        items_needed=finding.items_needed if verdict == "inconclusive" else None,
        percent_of_scale=100 * (estimate or 0.0) / settings.scale.span if points else None,
        test="inverse normal combination of sign-flip tests by stage, two-sided",
        test_method="stages",
        equivalence=None,
    )


def _shown(
    finding: Finding, values: Sequence[np.ndarray[Any, np.dtype[np.float64]]], result: Combined
) -> dict[str, Any]:
    return {
        "judge": finding.judge,
        "metric": finding.metric,
        "stages": [
            {
                "n_units": len(own),
                "estimate": float(own.mean()) if len(own) else None,
                "weight": weight,
                "p_one_sided": p,
            }
            for own, weight, p in zip(values, result.weights, result.stage_p_values, strict=True)
        ],
        "p_value": result.p_value,
        "overall_error": result.overall_error,
    }
