"""The course of a sequential run, and the stages of an extended one, as figures and rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auditor.findings import Findings
from auditor.report.figures import BAND, INK, MUTED, TREATMENT, Figure, axes_of, svg_of
from auditor.report.words import p_text, signed

_UNITS = {"score": 1.0, "pass_rate": 100.0}


def look_figure(course: Mapping[str, Any], margin: float, name: str) -> Figure:
    """The estimate in points at each look, with its repeated interval, and the units that were not needed."""
    steps = [step for step in course["steps"] if step["metric"] == "score" and step["estimate"] is not None]
    ends = course["ends"]
    with axes_of(2.6) as (canvas, axes):
        axes.axhspan(-margin, margin, color=BAND, alpha=0.6, linewidth=0)
        axes.axhline(0, color=INK, linewidth=0.8)
        for step in steps:
            low, high = step["interval"]["low"], step["interval"]["high"]
            colour = MUTED if step["decision"] == "continue" else TREATMENT
            if low is not None and high is not None:
                axes.plot([step["n_units"]] * 2, [low, high], color=colour, linewidth=2)
            axes.plot([step["n_units"]], [step["estimate"]], marker="D", color=colour, markersize=5)
        for end in ends:
            axes.axvline(end, color=MUTED, linewidth=0.5, linestyle=":")
        units = ends[course["held"] - 1] if course["held"] else 0
        if course["stopped"] and units < ends[-1]:
            axes.annotate("not asked", ((units + ends[-1]) / 2, 0.02), xycoords=("data", "axes fraction"),
                          ha="center", fontsize=8, color=MUTED)  # fmt: skip
        axes.set_xlim(0, ends[-1] * 1.04)
        axes.set_xlabel("units asked")
        axes.set_ylabel("inflation (points)")
        title = "What each look showed"
        caption = (
            "Estimate so far with its repeated interval, which holds over all looks together. Dotted: planned looks. "
            f"Shaded: the margin of ±{margin:g} points. {course['sentence']}"
        )
        return Figure(name, title, caption, svg_of(canvas, name, title, caption))


def look_rows(findings: Findings) -> list[tuple[str, ...]]:
    """One row for each look and metric: judge, metric, look, units, estimate, interval, p, bound, decision."""
    rows: list[tuple[str, ...]] = []
    for course in findings.looks:
        for step in course["steps"]:
            factor = _UNITS[step["metric"]]
            interval = [step["interval"]["low"], step["interval"]["high"]]
            shown = "–" if None in interval else " to ".join(signed(factor * end) for end in interval)
            rows.append(
                (
                    course["judge"],
                    "score" if step["metric"] == "score" else "pass rate (%)",
                    f"{step['look']} of {len(course['ends'])}",
                    str(step["n_units"]),
                    "–" if step["estimate"] is None else signed(factor * step["estimate"]),
                    shown,
                    "–" if step["p_value"] is None else p_text(step["p_value"]),
                    "–" if step["bound"] is None else f"{step['bound']:.2g}",
                    step["decision"],
                )
            )
    return rows


def stage_rows(findings: Findings) -> list[tuple[str, ...]]:
    """One row for each stage of an extended run: judge, metric, stage, units, estimate, weight, one-sided p."""
    rows: list[tuple[str, ...]] = []
    for entry in findings.stages:
        factor = _UNITS[entry["metric"]]
        for number, stage in enumerate(entry["stages"], start=1):
            rows.append(
                (
                    entry["judge"],
                    "score" if entry["metric"] == "score" else "pass rate (%)",
                    str(number),
                    str(stage["n_units"]),
                    "–" if stage["estimate"] is None else signed(factor * stage["estimate"]),
                    f"{stage['weight']:.2f}",
                    p_text(stage["p_one_sided"]),
                )
            )
    return rows
