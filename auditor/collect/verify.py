"""Recomputes every hash of a ledger."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from auditor.collect import schema
from auditor.collect.ledger import Ledger
from auditor.collect.rows import REMOVED, text_hash
from auditor.records import ID_ALGORITHM, content_hash


@dataclass(frozen=True, slots=True)
class Verified:
    """What a check of a ledger found.

    Attributes
    ----------
    plans, items, requests, replies : int
        Hashes that were recomputed.
    removed : int
        Attempts whose texts were removed, so that only their hashes are left.
    faults : tuple of str
        What does not fit, each in words; at most the first hundred.
    """

    plans: int
    items: int
    requests: int
    replies: int
    removed: int
    faults: tuple[str, ...]


def verify(ledger: Ledger) -> Verified:
    """Recompute the hashes of plans, items, trials, requests and replies."""
    counts = {"plans": 0, "items": 0, "requests": 0, "replies": 0, "removed": 0}
    faults: list[str] = []
    parameters: dict[str, Any] = {}
    with ledger.connect() as connection:
        checked = connection.exec_driver_sql("PRAGMA integrity_check").scalar()
        if checked != "ok":
            faults.append(f"the file is damaged: {checked}")
        for row in connection.execute(sa.select(schema.plans)).mappings():
            counts["plans"] += 1
            content = json.loads(row["content"])
            parameters |= {judge["name"]: judge["parameters"] for judge in content["judges"]}
            if content_hash(content) != row["id"]:
                faults.append(f"the plan {row['id'][:12]} was changed")
        for row in connection.execute(sa.select(schema.items)).mappings():
            counts["items"] += 1
            if content_hash(json.loads(row["content"])) != row["hash"]:
                faults.append(f"the item {row['hash'][:12]} was changed")
        faults.extend(_attempts(connection, parameters, counts))
        faults.extend(_strays(connection))
    return Verified(**counts, faults=tuple(faults[:100]))


def _attempts(connection: sa.Connection, parameters: dict[str, Any], counts: dict[str, int]) -> Iterator[str]:
    trials, attempts = schema.trials, schema.attempts
    query = sa.select(
        attempts,
        *(trials.c[name] for name in ("judge", "item", "arm", "wording", "threshold", "replicate", "phase")),
    ).join(trials, trials.c.id == attempts.c.trial_id)
    stream = connection.execution_options(yield_per=500).execute(query)
    for row in stream.mappings():
        if row["request"] == REMOVED:
            counts["removed"] += 1
            continue
        counts["requests"] += 1
        if row["request_hash"] is not None and text_hash(row["request"]) != row["request_hash"]:
            yield f"the request of attempt {row['id'][:12]} was changed"
        elif row["judge"] in parameters and _trial_hash(row, parameters[row["judge"]]) != row["trial_id"]:
            yield f"attempt {row['id'][:12]} does not belong to trial {row['trial_id'][:12]}"
        if row["raw"] is not None and row["reply_hash"] is not None:
            counts["replies"] += 1
            if text_hash(row["raw"]) != row["reply_hash"]:
                yield f"the reply of attempt {row['id'][:12]} was changed"


def _trial_hash(row: Any, parameters: dict[str, Any]) -> str:
    """The trial's id from what was sent; see `auditor.records.trial_id`."""
    cell = {name: row[name] for name in ("item", "arm", "wording", "threshold", "replicate", "phase")}
    request = json.loads(row["request"])
    head = {"algorithm": ID_ALGORITHM, "judge": row["judge"], "parameters": parameters}
    return content_hash({**head, "request": request, **cell})


def _strays(connection: sa.Connection) -> Iterator[str]:
    """Outcomes that rest on an attempt of another trial, or on none that was answered."""
    outcomes, attempts = schema.outcomes, schema.attempts
    query = (
        sa.select(outcomes.c.trial_id)
        .outerjoin(attempts, attempts.c.id == outcomes.c.attempt_id)
        .where(
            sa.or_(
                attempts.c.id.is_(None),
                attempts.c.trial_id != outcomes.c.trial_id,
                attempts.c.error_kind.is_not(None),
            )
        )
    )
    for name in connection.scalars(query):
        yield f"the outcome of trial {name[:12]} rests on no answer to it"
