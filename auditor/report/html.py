"""The report as one self-contained page: no script, no network, every foreign text escaped and inert."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files as package_files
from typing import Any

import jinja2
from markupsafe import Markup

from auditor.inert import shortened, visible
from auditor.report import figures, further, looks
from auditor.report.model import JudgeView, ReportInput
from auditor.report.words import (
    answer_rows,
    dropped_lines,
    flag_sentences,
    headlines,
    not_audited,
    p_text,
    signed,
    tipping_lines,
)


def render_html(report: ReportInput) -> str:
    """Draw the figures and fill the page."""
    folder = package_files("auditor") / "report" / "templates"
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.filters.update(
        visible=lambda text: visible(str(text)),
        short=shortened,
        signed=signed,
        maybe=lambda value, digits: "–" if value is None else signed(value, digits),
        p=lambda value: "–" if value is None else p_text(value),
    )
    template = environment.from_string((folder / "report.html.j2").read_text(encoding="utf-8"))
    return template.render(
        css=Markup((folder / "report.css").read_text(encoding="utf-8")),  # a file of our own
        **_context(report),
    )


def _context(report: ReportInput) -> Mapping[str, Any]:
    design, findings = report.plan.design, report.findings
    scores = [finding for finding in findings.findings if finding.metric == "score"]
    verdict = findings.verdict
    names = ", ".join(view.name for view in report.judges)
    return {
        "title": f"{'SIMULATED: ' if findings.simulated else ''}{verdict}: audit of {visible(names)[:120]}",
        "findings": findings,
        "headlines": headlines(report),
        "views": [_view(report, number, view) for number, view in enumerate(report.judges)],
        "forest": figures.forest(findings.findings, "forest") if len(scores) > 1 else None,
        "flags": flag_sentences(findings.findings),
        "not_audited": not_audited(report),
        "design": design,
        "n_items": len(report.plan.items),
        "scale_text": report.scale.describe(),
        "threshold": report.pass_mark_text(),
        "answers": answer_rows(findings),
        "robustness": [
            (finding.judge, other) for finding in findings.primary for other in finding.robustness
        ],
        "tipping_lines": tipping_lines,
        "dropped_lines": [line for finding in findings.primary for line in dropped_lines(finding)],
        "further_rows": further.further_rows(findings),
        "look_figures": [
            looks.look_figure(course, design.margin, f"looks{number}")
            for number, course in enumerate(findings.looks)
        ],
        "look_rows": looks.look_rows(findings),
        "stage_rows": looks.stage_rows(findings),
        "registration": report.registration,
        "locked": set(report.registration.contrasts) if report.registration else None,
        "wordings": sorted({trial.cell.wording for trial in report.plan.trials} - {""}),
        "planned": report.planned,
        "answered": report.answered,
        "methods": ", ".join(sorted({finding.test_method for finding in findings.findings})),
        "totals": report.totals,
        "plan_id": report.plan.id,
        "made_at": report.made_at,
        "versions": report.versions,
        "command": report.command,
        "analyze_command": analyze_command(report),
    }


def analyze_command(report: ReportInput) -> str:
    """The command that gives the same findings from the ratings alone."""
    design = report.plan.design
    if report.findings.looks or report.findings.stages:
        return "auditor report RUN-FOLDER"
    threshold = "" if design.threshold is None else f"--threshold {design.scale.render(design.threshold)} "
    return (
        f"auditor analyze ratings.csv --treatment {design.treatment} --control {design.control} "
        f"{threshold}--scale {design.scale.spec()} --margin {design.margin:g} "
        f"--pass-margin {design.pass_margin:g} --alpha {design.alpha:g} --format json"
    )


def _view(report: ReportInput, number: int, view: JudgeView) -> Mapping[str, Any]:
    design, scale = report.plan.design, report.scale
    arms = (design.control, design.treatment)
    finding = next((f for f in report.findings.primary if f.judge == view.name), None)
    drawn = []
    if view.pairs.items and finding is not None:
        drawn.append(figures.paired_differences(view, scale, view.mark, arms, f"pairs{number}"))
        drawn.append(figures.difference_histogram(view, finding, scale, f"moves{number}"))
    if any(view.scores.get(arm) for arm in arms):
        drawn.append(figures.score_distributions(view, scale, view.mark, arms, f"scores{number}"))
    drawn += further.further_figures(report.findings, view.name, design.margin, f"further{number}")
    return {"name": view.name, "figures": drawn, "moved": view.moved}
