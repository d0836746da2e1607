"""From trials to ratings: the runner, the ledger, and the lock of a run folder."""

from auditor.collect.ledger import Ledger
from auditor.collect.lock import hold_folder
from auditor.collect.runner import Collected, Progress, Silence, collect

__all__ = ["Collected", "Ledger", "Progress", "Silence", "collect", "hold_folder"]
