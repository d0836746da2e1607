"""Auditor: measures whether a judge's ratings rise when the score decides who is deleted.

>>> import auditor
>>> result = auditor.audit("simulated:honest", "checkable", scale="0:20", limit=30)  # doctest: +SKIP

Importing this is cheap; what is heavy is loaded on use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from auditor.errors import (
        AuditorError,
        IncompleteError,
        InputError,
        JudgeError,
        OperationError,
    )
    from auditor.findings import Finding, Findings, analyze
    from auditor.items import load_items
    from auditor.judges import Judge
    from auditor.records import Item
    from auditor.scale import Scale
    from auditor.study import Audit, audit, audit_async

__all__ = [
    "Audit",
    "AuditorError",
    "Finding",
    "Findings",
    "IncompleteError",
    "InputError",
    "Item",
    "Judge",
    "JudgeError",
    "OperationError",
    "Scale",
    "analyze",
    "audit",
    "audit_async",
    "load_items",
]

_HOMES = {
    "Audit": "study",
    "AuditorError": "errors",
    "Finding": "findings",
    "Findings": "findings",
    "IncompleteError": "errors",
    "InputError": "errors",
    "Item": "records",
    "Judge": "judges",
    "JudgeError": "errors",
    "OperationError": "errors",
    "Scale": "scale",
    "analyze": "findings",
    "audit": "study",
    "audit_async": "study",
    "load_items": "items",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"auditor.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'auditor' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
