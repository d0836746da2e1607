"""The report's forms: one page, Markdown, JSON, and the ratings as CSV."""

from __future__ import annotations

from pathlib import Path

from auditor.files import write_whole
from auditor.ratings import to_csv
from auditor.report.html import render_html
from auditor.report.markdown import render_markdown
from auditor.report.model import Registration, ReportInput, build_report_input

__all__ = [
    "Registration",
    "ReportInput",
    "build_report_input",
    "render_html",
    "render_markdown",
    "write_report",
]


def write_report(folder: Path, report: ReportInput) -> None:
    """Write ``ratings.csv``, ``findings.json``, ``report.md`` and ``report.html``, each whole or not at all.

    Raises
    ------
    StorageError
        If one cannot be written.
    """
    forms = {
        "ratings.csv": to_csv(report.frame),
        "findings.json": report.findings.dumps(),
        "report.md": render_markdown(report),
        "report.html": render_html(report),
    }
    for name, content in forms.items():
        write_whole(folder / name, content)
