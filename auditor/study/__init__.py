"""Walks the whole way: items, plan, trials, ratings, findings, report. The only room that knows all others."""

from auditor.study.audit import Prepared, audit, audit_async, gather_items, prepare
from auditor.study.lock import write_lock
from auditor.study.results import Audit, ratings_frame, report_again, stored_plan
from auditor.study.run import run_plan

__all__ = [
    "Audit",
    "Prepared",
    "audit",
    "audit_async",
    "gather_items",
    "prepare",
    "ratings_frame",
    "report_again",
    "run_plan",
    "stored_plan",
    "write_lock",
]
