"""What else the primary contrast shows, as rows and figures."""

from __future__ import annotations

from collections.abc import Sequence

from auditor.findings import Findings
from auditor.findings.further import Further
from auditor.report.figures import BAND, INK, MUTED, TREATMENT, Figure, axes_of, svg_of
from auditor.report.words import p_text, signed
from auditor.stats.crossings import Crossings
from auditor.stats.distance import DistanceSlope
from auditor.stats.dose import DoseResponse
from auditor.stats.intervals import Interval
from auditor.stats.meta import MetaResult

TITLES = {
    "pooled": "All judges together",
    "these_wordings": "These wordings",
    "wordings_like_these": "Wordings like these",
    "bunching": "Bunching at the pass mark",
    "crossings": "Rescued less condemned",
    "distance": "Distance from the pass mark",
    "side": "From below the pass mark to above",
    "dose": "Dose-response over pass marks",
    "discrimination_correct": "Right from wrong (AUROC)",
    "discrimination_gold": "Better from worse (rank correlation)",
    "mentions_in_treatment": "Reasons that mention the stakes, treatment",
    "mentions_in_control": "Reasons that mention the stakes, control",
    "mentions": "Reasons that mention the stakes, difference",
    "silent_ratings": "Difference where the reason is silent",
}
Row = tuple[str, str, str, str, str, str, tuple[str, ...]]


def further_rows(findings: Findings) -> list[Row]:
    """Judge, title, estimate with unit, interval, p, units, and sentences for each."""
    return [
        (
            one.judge or "all judges",
            TITLES[one.kind],
            "–"
            if one.result.estimate is None
            else f"{_value(one.result.estimate, one.unit)}{_UNITS[one.unit]}",
            _interval(one.result.interval, one.unit),
            "–" if one.result.p_value is None else p_text(one.result.p_value),
            str(one.result.n_units),
            tuple(_sentences(one)),
        )
        for one in findings.further
    ]


_UNITS = {"points": "", "share": " %", "points a point": " a point", "area": "", "correlation": ""}


def _value(value: float, unit: str) -> str:
    return signed(100 * value if unit == "share" else value, 1 if unit == "share" else 3)


def _interval(interval: Interval, unit: str) -> str:
    if interval.low is None or interval.high is None:
        return "–"
    return f"{_value(interval.low, unit)} to {_value(interval.high, unit)}"


def _sentences(one: Further) -> list[str]:
    lines = [one.sentence]
    result = one.result
    if isinstance(result, Crossings):
        lines.append(f"{result.rescued:g} rescued, {result.condemned:g} condemned.")
        if result.floor_rate is not None and result.rescue_rate is not None:
            lines.append(
                f"Of work that just fails in the control, {100 * result.rescue_rate:.1f} % is rescued; asking the "
                f"control again rescues {100 * result.floor_rate:.1f} %."
            )
    if isinstance(result, MetaResult) and result.tau2 is not None:
        lines.append(
            f"Standard deviation between judges {result.tau2**0.5:.2f} "
            f"({_root(result.tau2_interval.low)} to {_root(result.tau2_interval.high)}); a further judge: "
            f"{_interval(result.prediction, one.unit)}."
        )
        if result.shrunken:
            shrunk = ", ".join(f"{signed(each.estimate)}" for each in result.shrunken)
            lines.append(f"Each judge in the light of the others: {shrunk}.")
    return [*lines, *(caution.sentence for caution in result.cautions)]


def _root(value: float | None) -> str:
    return "–" if value is None else f"{max(0.0, value) ** 0.5:.2f}"


def further_figures(findings: Findings, judge: str, margin: float, name: str) -> list[Figure]:
    """Inflation by distance from the pass mark, and by the stated pass mark, where there are such findings."""
    drawn = []
    for one in findings.further:
        if one.judge != judge:
            continue
        if one.kind == "side" and isinstance(one.result, DistanceSlope) and len(one.result.bins) > 1:
            points = [((b.low + b.high) / 2, b.estimate, b.interval) for b in one.result.bins]
            drawn.append(
                _points(
                    points,
                    margin,
                    f"{name}-side",
                    "Inflation by distance from the pass mark",
                    "distance of the mean score of both arms (points)",
                    f"Mean difference of the work in each bin, with its interval. {one.sentence}",
                )
            )
        if one.kind == "dose" and isinstance(one.result, DoseResponse):
            doses = [(d.threshold, d.estimate, d.interval) for d in one.result.doses]
            drawn.append(
                _points(
                    doses,
                    margin,
                    f"{name}-dose",
                    "Inflation by the stated pass mark",
                    "pass mark (points)",
                    f"Mean difference at each pass mark, with its interval. {one.sentence}",
                )
            )
    return drawn


def _points(
    points: Sequence[tuple[float, float | None, Interval]],
    margin: float,
    name: str,
    title: str,
    label: str,
    caption: str,
) -> Figure:
    with axes_of(2.5) as (canvas, axes):
        axes.axhspan(-margin, margin, color=BAND, alpha=0.6, linewidth=0)
        axes.axhline(0, color=INK, linewidth=0.8)
        for x, estimate, interval in points:
            if interval.low is not None and interval.high is not None:
                axes.plot([x, x], [interval.low, interval.high], color=MUTED, linewidth=1.6)
            if estimate is not None:
                axes.plot([x], [estimate], marker="o", color=TREATMENT, markersize=5)
        axes.set_xlabel(label)
        axes.set_ylabel("inflation (points)")
        whole = f"{caption} Shaded: the margin of ±{margin:g} points."
        return Figure(name, title, whole, svg_of(canvas, name, title, whole))
