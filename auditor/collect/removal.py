"""Takes the texts of requests and replies out of a ledger; hashes, scores and counts stay."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from auditor.collect import schema
from auditor.collect.rows import REMOVED

_CHUNK = 500


def remove_texts(connection: sa.Connection, attempts: Collection[str]) -> None:
    """Remove the texts of these attempts, and what was quoted of them in their outcomes."""
    ids = sorted(attempts)
    for start in range(0, len(ids), _CHUNK):
        part = ids[start : start + _CHUNK]
        connection.execute(
            sa.update(schema.attempts)
            .where(schema.attempts.c.id.in_(part))
            .values(request=REMOVED, text=None, raw=None, sent=None)
        )
        connection.execute(
            sa.update(schema.outcomes)
            .where(schema.outcomes.c.attempt_id.in_(part), schema.outcomes.c.metric == "score")
            .values(rationale="", detail="")
        )


def purge(connection: sa.Connection) -> int:
    """Remove the texts of all attempts but replies that were not read yet; returns how many were removed.

    The pages of the file are written anew, so that nothing of them can be read from it.
    """
    attempts, outcomes = schema.attempts, schema.outcomes
    read = sa.select(outcomes.c.attempt_id)
    query = sa.select(attempts.c.id).where(
        attempts.c.request != REMOVED,
        sa.or_(attempts.c.error_kind.is_not(None), attempts.c.id.in_(read)),
    )
    with connection.begin():
        found = list(connection.scalars(query))
        remove_texts(connection, found)
    driver = connection.connection.driver_connection
    assert driver is not None
    driver.execute("VACUUM")
    driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return len(found)
