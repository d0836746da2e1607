"""Joins the ledgers of one plan that were collected in several folders."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from auditor.collect import schema
from auditor.collect.ledger import Ledger
from auditor.collect.rows import plan_difference, storage_error
from auditor.errors import InputError, OtherPlanError

_CHUNK = 500


def merge(target: Path, sources: Sequence[Path]) -> int:
    """Copy into the ledger `target` what the ledgers `sources` have besides; returns how many attempts that were.

    Every attempt is kept. Where two folders answered the same trial, the outcome that is there first stands, those of
    `sources` in their order.

    Raises
    ------
    InputError
        If a source holds no run, or the target is one of them.
    OtherPlanError
        If they hold different plans, saying in what they differ; nothing was written then.
    """
    paths = [path.resolve() for path in sources]
    if target.resolve() in paths or len(set(paths)) != len(paths):
        raise InputError("a folder cannot be merged with itself", where=str(target.parent))
    ledgers: list[Ledger] = []
    try:
        for path in sources:
            ledgers.append(Ledger(path, create=False))  # noqa: PERF401 - those that opened are closed in any case
        plans = [ledger.plan_content() for ledger in ledgers]
        with Ledger(target) as into, into.connect() as connection:
            there = connection.execute(sa.select(schema.plans.c.id, schema.plans.c.content)).first()
            first = (there.id, json.loads(there.content)) if there is not None else plans[0]
            for path, (name, content) in zip(sources, plans, strict=True):
                if name != first[0]:
                    raise OtherPlanError(
                        f"it holds another plan ({plan_difference(first[1], content)})",
                        where=str(path.parent),
                        remedy="merge folders of one plan only",
                    )
            connection.rollback()
            try:
                with connection.begin():
                    return sum(_copy(ledger, connection) for ledger in ledgers)
            except sa.exc.DatabaseError as error:
                raise storage_error(error, target) from error
    finally:
        for ledger in ledgers:
            ledger.close()


def _copy(source: Ledger, into: sa.Connection) -> int:
    """Copy all rows of a ledger that are not there; returns how many attempts were not."""
    count = sa.select(sa.func.count()).select_from(schema.attempts)
    before = into.scalar(count) or 0
    with source.connect() as connection:
        for table in schema.metadata.sorted_tables:
            if table is schema.meta:
                continue
            rows = connection.execution_options(yield_per=_CHUNK).execute(sa.select(table)).mappings()
            for part in rows.partitions(_CHUNK):
                into.execute(insert(table).on_conflict_do_nothing(), [dict(row) for row in part])
    return (into.scalar(count) or 0) - before
