"""Opening a ledger: its settings, its tables, migrations from earlier versions, and the trials of a plan."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from auditor.collect import schema
from auditor.errors import InputError
from auditor.plan import Plan

#: Trials of one statement, so that a plan of any size takes little memory.
_CHUNK = 2000


def configure(connection: Any, _: Any) -> None:
    """Make every commit durable, and let readers and one writer work at once."""
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA busy_timeout=10000")
    # What is removed is overwritten, so that a removed text cannot be read from the file.
    connection.execute("PRAGMA secure_delete=ON")
    connection.execute("PRAGMA foreign_keys=ON")


def prepare(connection: sa.Connection, path: Path) -> None:
    """Create the tables, or check that they are of this version."""
    names = sa.inspect(connection).get_table_names()
    if names and "meta" not in names:
        raise InputError("this SQLite file is not a ledger", where=str(path))
    if not names:
        schema.metadata.create_all(connection)
        connection.execute(insert(schema.meta).values(key="schema_version", value=str(schema.SCHEMA_VERSION)))
        return
    version = connection.scalar(sa.select(schema.meta.c.value).where(schema.meta.c.key == "schema_version"))
    number = int(version) if version is not None and str(version).isdigit() else 0
    while number in schema.MIGRATIONS:
        for part in schema.MIGRATIONS[number]:
            if isinstance(part, sa.Table):
                part.create(connection, checkfirst=True)
            elif part.name not in {
                column["name"] for column in sa.inspect(connection).get_columns(part.table.name)
            }:
                connection.exec_driver_sql(f"ALTER TABLE {part.table.name} ADD COLUMN {part.name} TEXT")
        number += 1
        connection.execute(
            sa.update(schema.meta).where(schema.meta.c.key == "schema_version").values(value=str(number))
        )
    if number != schema.SCHEMA_VERSION:
        raise InputError(
            f"the ledger has schema version {version}, this program writes {schema.SCHEMA_VERSION}",
            where=str(path),
            remedy="use the version of judge-auditor that made it",
        )


def insert_trials(connection: sa.Connection, plan: Plan) -> None:
    """Store the trials of a plan; what is there stays."""
    for start in range(0, len(plan.trials), _CHUNK):
        part = plan.trials[start : start + _CHUNK]
        connection.execute(
            insert(schema.trials).on_conflict_do_nothing(),
            [{"id": t.id, "judge": t.judge, "item_hash": t.item_hash, **asdict(t.cell)} for t in part],
        )
        connection.execute(
            insert(schema.plan_trials).on_conflict_do_nothing(),
            [{"plan_id": plan.id, "trial_id": t.id, "position": start + i} for i, t in enumerate(part)],
        )
