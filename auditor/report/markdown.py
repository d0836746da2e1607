"""The report as Markdown, short enough for a pull request."""

from __future__ import annotations

from collections.abc import Sequence

from auditor.inert import fenced, plain_cell, shortened
from auditor.report.further import further_rows
from auditor.report.html import analyze_command
from auditor.report.looks import look_rows, stage_rows
from auditor.report.model import ReportInput
from auditor.report.words import answer_rows, flag_sentences, headlines, not_audited, p_text, signed

_LOOKS = (
    "judge",
    "metric",
    "look",
    "units",
    "estimate",
    "interval",
    "p of this look",
    "stops at",
    "decision",
)
_STAGES = ("judge", "metric", "stage", "units", "estimate", "weight", "one-sided p")


def render_markdown(report: ReportInput) -> str:
    """Write the answer, the findings, the items that moved, and how to reproduce it."""
    findings = report.findings
    lines = ["# Do ratings rise when the score decides who is deleted?", ""]
    if findings.simulated:
        lines += [
            "**SIMULATED: an artificial judge made these ratings. They say nothing about a real model.**",
            "",
        ]
    if report.answered < report.planned:
        missing = report.planned - report.answered
        lines += [f"**INCOMPLETE: {missing} of {report.planned} trials have no answer.**", ""]
    for headline in headlines(report):
        lines += [f"## {plain_cell(headline.judge)}: {headline.verdict}", ""]
        lines += [f"**Read first:** {warning}\n" for warning in headline.warnings]
        lines += [
            f"**{headline.sentence}**",
            "",
            f"{headline.numbers}. {headline.passing}",
            "",
            *(f"- {label}: {text}" for label, text in headline.checks),
            *([""] if headline.checks else []),
            f"What to do next: {headline.next_step}",
            "",
        ]
    lines += _table(report)
    lines += ["## Missing ratings", "", "| judge | arm | scored | refused | unparseable | failed |"]
    lines += ["| --- | --- | --- | --- | --- | --- |"]
    for row in findings.ratings:
        counts = f"{row['ok']} | {row['refused']} | {row['unparseable']} | {row['failed']}"
        lines.append(f"| {plain_cell(row['judge'])} | {plain_cell(row['arm'])} | {counts} |")
    if findings.answers:
        lines += ["", "## What the judge understood", "", "| judge | question | arm | answers | share |"]
        lines += ["| --- | --- | --- | --- | --- |"]
        lines += ["| " + " | ".join(plain_cell(cell) for cell in row) + " |" for row in answer_rows(findings)]
    lines += ["", *_by_looks(report), *_moved(report), "## What was not audited", ""]
    lines += [f"- {line}" for line in not_audited(report)]
    lines += [f"- {plain_cell(note)}" for note in findings.notes]
    lines += ["", "## How to reproduce it", "", fenced(f"{report.command}\n{analyze_command(report)}"), ""]
    if report.registration:
        found = report.registration.deviations
        lines += [f"Plan locked at {report.registration.locked_at}, hash `{report.registration.hash}`.", ""]
        lines += [f"- Deviation: {plain_cell(line)}" for line in found] or ["Nothing deviates from it."]
        lines += [""]
    lines += [f"Plan `{report.plan.id}`, seed {report.plan.design.seed}, made {report.made_at}.", ""]
    return "\n".join(lines)


def _table(report: ReportInput) -> list[str]:
    lines = [
        "## Findings",
        "",
        "| judge | contrast | metric | items | estimate | interval | p | p adjusted | verdict | flags |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for finding in report.findings.findings:
        low, high = finding.interval.low, finding.interval.high
        cells = [
            plain_cell(finding.judge),
            plain_cell(finding.contrast),
            finding.metric.replace("_", " "),
            str(finding.n_items),
            "–" if finding.estimate is None else signed(finding.estimate, 3),
            "–" if low is None or high is None else f"{signed(low, 3)} to {signed(high, 3)}",
            "–" if finding.p_value is None else p_text(finding.p_value),
            "–" if finding.p_adjusted is None else p_text(finding.p_adjusted),
            f"{finding.verdict} ({finding.family})",
            ", ".join(finding.flags).replace("_", r"\_") or "–",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    lines.append("")
    for code, sentence in flag_sentences(report.findings.findings):
        lines.append(f"- `{code}`: {sentence}")
    return [*lines, ""]


def _by_looks(report: ReportInput) -> list[str]:
    lines: list[str] = []
    tables: tuple[tuple[str, Sequence[str], Sequence[Sequence[str]]], ...] = (
        (
            "What else the primary contrast shows",
            ("judge", "what", "estimate", "interval", "p", "units"),
            [row[:6] for row in further_rows(report.findings)],
        ),
        ("Looks while the ratings came", _LOOKS, look_rows(report.findings)),
        ("Stages", _STAGES, stage_rows(report.findings)),
    )
    for title, heads, rows in tables:
        if rows:
            lines += [f"## {title}", "", f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
            lines += ["| " + " | ".join(plain_cell(cell) for cell in row) + " |" for row in rows]
            lines.append("")
    return lines


def _moved(report: ReportInput) -> list[str]:
    lines: list[str] = []
    for view in report.judges:
        if view.moved:
            lines += [f"## The items that moved most: {plain_cell(view.name)}", ""]
        for moved in view.moved:
            lines += [
                f"**{plain_cell(shortened(moved.item.id, 120))}**: {signed(moved.difference)} points",
                "",
            ]
            for side in moved.sides:
                lines += [
                    f"{plain_cell(side.arm)}: {side.score}",
                    "",
                    fenced(shortened(side.reply, 1200)),
                    "",
                ]
    return lines
