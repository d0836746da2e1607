"""The experiment, fixed before the first call: its design, its trials, and what a run may not change."""

from auditor.plan.design import DEFAULT_MARGIN_SHARE, DEFAULT_PASS_MARGIN, Design
from auditor.plan.layout import Marks, Plan, make_plan, make_request

__all__ = [
    "DEFAULT_MARGIN_SHARE",
    "DEFAULT_PASS_MARGIN",
    "Design",
    "Marks",
    "Plan",
    "make_plan",
    "make_request",
]
