"""Writes the ratings of a ledger as CSV, JSONL or Parquet, row by row, in little memory whatever its size."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from auditor.collect import schema
from auditor.collect.ledger import Ledger
from auditor.errors import InputError, MissingExtraError, StorageError
from auditor.records import PROBES

FORMATS = (".csv", ".jsonl", ".parquet")
_CHUNK = 2000
_NAMES = (
    *("judge", "item", "arm", "wording", "replicate", "threshold", "phase"),
    *("score", "status", "expected_score", "item_hash", "model", "input_tokens", "output_tokens"),
    *("cached_tokens", "latency_s", "started_at"),
)
_NUMBERS = ("threshold", "score", "expected_score", "latency_s")
_WHOLE = ("replicate", "input_tokens", "output_tokens", "cached_tokens")


def export(ledger: Ledger, path: Path) -> int:
    """Write one row for each trial that was asked; returns how many. The file appears when it is complete.

    Raises
    ------
    InputError
        If the ending names no format.
    StorageError
        If it cannot be written.
    """
    kind = path.suffix.casefold()
    if kind not in FORMATS:
        raise InputError(f"the ending '{path.suffix}' names none of {', '.join(FORMATS)}", where=str(path))
    writers = {".csv": _csv, ".jsonl": _jsonl, ".parquet": _parquet}
    unfinished = path.with_name(f".{path.name}.part")
    try:
        count = writers[kind](_rows(ledger), unfinished)
        os.replace(unfinished, path)
    except OSError as error:
        raise StorageError(f"{path} could not be written ({error.strerror}); choose another file") from error
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
    return count


def _rows(ledger: Ledger) -> Iterator[list[dict[str, Any]]]:
    trials, outcomes, attempts = schema.trials, schema.outcomes, schema.attempts
    read, expected, asked = attempts.alias("read"), outcomes.alias("expected"), attempts.alias("asked")
    sent = (
        sa.select(sa.func.max(asked.c.item_hash))
        .where(asked.c.trial_id == trials.c.id)
        .correlate(trials)
        .scalar_subquery()
    )
    query = (
        sa.select(
            *(trials.c[name] for name in _NAMES[:7]),
            outcomes.c.value.label("score"),
            sa.func.coalesce(outcomes.c.status, "failed").label("status"),
            expected.c.value.label("expected_score"),
            sent.label("item_hash"),
            *(read.c[name] for name in _NAMES[11:]),
        )
        .join(schema.plan_trials, schema.plan_trials.c.trial_id == trials.c.id)
        .outerjoin(outcomes, sa.and_(outcomes.c.trial_id == trials.c.id, outcomes.c.metric == "score"))
        .outerjoin(read, read.c.id == outcomes.c.attempt_id)
        .outerjoin(
            expected, sa.and_(expected.c.trial_id == trials.c.id, expected.c.metric == "expected_score")
        )
        .where(trials.c.phase.not_in(PROBES), sent.is_not(None))
        .order_by(schema.plan_trials.c.position)
    )
    with ledger.connect() as connection:
        rows = connection.execution_options(yield_per=_CHUNK).execute(query).mappings()
        for part in rows.partitions(_CHUNK):
            yield [dict(row) for row in part]


def _csv(parts: Iterator[list[dict[str, Any]]], path: Path) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, _NAMES)
        writer.writeheader()
        for part in parts:
            writer.writerows(part)
            count += len(part)
    return count


def _jsonl(parts: Iterator[list[dict[str, Any]]], path: Path) -> int:
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for part in parts:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in part)
            count += len(part)
    return count


def _parquet(parts: Iterator[list[dict[str, Any]]], path: Path) -> int:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise MissingExtraError("parquet", "writing Parquet") from None
    kinds = {name: pa.float64() for name in _NUMBERS} | {name: pa.int64() for name in _WHOLE}
    form = pa.schema([(name, kinds.get(name, pa.string())) for name in _NAMES])
    count = 0
    with pq.ParquetWriter(path, form) as writer:
        for part in parts:
            writer.write_table(pa.Table.from_pylist(part, schema=form))
            count += len(part)
    return count
