"""Walks the whole way: items, plan, trials, ratings, findings, report. The only room that knows all others."""

from auditor.study.audit import Prepared, audit, audit_async, gather_items, prepare
from auditor.study.lock import write_lock
from auditor.study.run import Audit, ratings_frame, report_again, run_plan, stored_plan

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
