"""Frames in; estimates, intervals, verdicts out. Imports neither judges nor collect."""

from auditor.findings.analysis import analyze
from auditor.findings.pairs import Pairs, arm_rows, pair
from auditor.findings.result import SCHEMA_VERSION, Finding, Findings, is_survival
from auditor.findings.verdicts import FLAGS, Verdict

__all__ = [
    "FLAGS",
    "SCHEMA_VERSION",
    "Finding",
    "Findings",
    "Pairs",
    "Verdict",
    "analyze",
    "arm_rows",
    "is_survival",
    "pair",
]
