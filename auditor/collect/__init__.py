"""From trials to ratings: the runner, its budget and limits, the ledger, and the lock of a run folder."""

from auditor.collect.budget import Budget, PriceOf
from auditor.collect.flow import Flow
from auditor.collect.ledger import Ledger
from auditor.collect.limits import Limits
from auditor.collect.lock import hold_folder
from auditor.collect.progress import Collected, Progress, Silence
from auditor.collect.runner import collect

__all__ = [
    "Budget",
    "Collected",
    "Flow",
    "Ledger",
    "Limits",
    "PriceOf",
    "Progress",
    "Silence",
    "collect",
    "hold_folder",
]
