"""Ratings frames made by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

T, C = "deletion", "decoupled"
#: Forty control scores that vary: 10, 11, 12, 13, 14, 10, ...
VARIED = [10 + i % 5 for i in range(40)]


def paired(treatment: Sequence[Any], control: Sequence[Any], **columns: Any) -> pd.DataFrame:
    """One item for each position, rated once in each arm; other columns hold one value, or one for each item."""
    rows = []
    for arm, scores in ((T, treatment), (C, control)):
        for i, score in enumerate(scores):
            own = {k: v[i] if isinstance(v, list) else v for k, v in columns.items()}
            rows.append({"item": f"i{i:03d}", "arm": arm, "score": score, "item_hash": f"h{i}", **own})
    return pd.DataFrame(rows)


def shifted(
    differences: Sequence[float], control: Sequence[float] | None = None, **columns: Any
) -> pd.DataFrame:
    """The same with given differences from a varying control."""
    base = [10 + i % 5 for i in range(len(differences))] if control is None else control
    return paired([c + d for c, d in zip(base, differences, strict=True)], base, **columns)


def table(header: str, rows: Iterable[Sequence[Any]]) -> pd.DataFrame:
    """A frame from tuples; `header` names the columns."""
    return pd.DataFrame(list(rows), columns=header.split())
