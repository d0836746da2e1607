"""The ledger: plans, trials, every attempt for ever, and the outcomes read from them.

SQLite in WAL mode with synchronous FULL. Writes go through one thread that commits them in groups; a write is
acknowledged only when it is on the disk.
"""

from __future__ import annotations

import asyncio
import json
import queue
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from auditor.collect import schema
from auditor.collect.opening import configure, insert_trials, prepare
from auditor.collect.queries import LedgerQueries
from auditor.collect.removal import remove_texts
from auditor.collect.rows import attempt_row, plan_difference, storable, storage_error
from auditor.errors import InputError, OtherPlanError
from auditor.plan import Plan
from auditor.records import (
    Attempt,
    Item,
    Outcome,
    canonical_json,
    content_hash,
    utc_now,
)

_LARGEST_GROUP = 500


class Ledger(LedgerQueries):
    """The ledger of a run folder.

    Parameters
    ----------
    path : Path
        The SQLite file.
    create : bool
        Whether to make it if it is not there.
    store_text : bool
        Whether requests and replies are kept after they were read, or only their hashes.

    Raises
    ------
    InputError
        If there is none, or it is no ledger of this version.
    StorageError
        If it cannot be opened for writing.
    """

    def __init__(self, path: Path, *, create: bool = True, store_text: bool = True) -> None:
        self.path, self.store_text = path, store_text
        if not create and not path.is_file():
            raise InputError(
                "there is no ledger.sqlite in it",
                where=str(path.parent),
                remedy="give the --out folder of a run",
            )
        self._engine = sa.create_engine(f"sqlite:///{path}", poolclass=sa.pool.NullPool)
        sa.event.listen(self._engine, "connect", configure)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with self._engine.begin() as connection:
                prepare(connection, path)
        except (sa.exc.DatabaseError, OSError) as error:
            raise storage_error(error, path) from error
        self._queue: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Write what is waiting, and close the file."""
        if self._writer is not None:
            self._queue.put(None)
            self._writer.join()
            self._writer = None
        self._engine.dispose()

    # -- plans ---------------------------------------------------------------------------------------------------

    def add_plan(self, plan: Plan, command: str = "") -> None:
        """Store a plan, its items and trials; storing it again changes nothing.

        Parameters
        ----------
        plan : Plan
        command : str
            What started the run, for the report.

        Raises
        ------
        OtherPlanError
            If the folder holds another plan, saying in what they differ.
        """
        content = plan.to_json()
        hashes = [content_hash(item.to_json()) for item in plan.items]
        try:
            with self._engine.begin() as connection:
                present = connection.execute(sa.select(schema.plans)).all()
                for row in present:
                    if row.id != plan.id:
                        raise OtherPlanError(
                            f"this folder holds another plan ({plan_difference(json.loads(row.content), content)})",
                            where=str(self.path.parent),
                            remedy="choose another --out folder, or repeat the earlier settings",
                        )
                if present:
                    return
                connection.execute(
                    insert(schema.plans).values(
                        id=plan.id, created_at=utc_now(), command=command, content=canonical_json(content)
                    )
                )
                for start in range(0, len(hashes), _LARGEST_GROUP):
                    part = zip(hashes[start : start + _LARGEST_GROUP], plan.items[start:], strict=False)
                    rows = [{"hash": h, "content": canonical_json(item.to_json())} for h, item in part]
                    connection.execute(insert(schema.items).on_conflict_do_nothing(), rows)
                connection.execute(
                    insert(schema.plan_items),
                    [{"plan_id": plan.id, "position": i, "item_hash": h} for i, h in enumerate(hashes)],
                )
                insert_trials(connection, plan)
        except sa.exc.DatabaseError as error:
            raise storage_error(error, self.path) from error

    def add_trials(self, plan: Plan) -> None:
        """Store the trials of a stored plan that were laid out since; storing them again changes nothing.

        Raises
        ------
        StorageError
            If they could not be written.
        """
        try:
            with self._engine.begin() as connection:
                insert_trials(connection, plan)
        except sa.exc.DatabaseError as error:
            raise storage_error(error, self.path) from error

    def add_event(self, plan: Plan, kind: str, content: Mapping[str, Any]) -> dict[str, Any]:
        """Store what happened to a plan, once, and return what is stored: an earlier event of this kind wins.

        Raises
        ------
        StorageError
            If it could not be written.
        """
        row = {
            "plan_id": plan.id,
            "kind": kind,
            "happened_at": utc_now(),
            "content": canonical_json(dict(content)),
        }
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(schema.events).on_conflict_do_nothing(), [row])
        except sa.exc.DatabaseError as error:
            raise storage_error(error, self.path) from error
        return self.event(plan.id, kind) or {}

    def event(self, plan_id: str, kind: str) -> dict[str, Any] | None:
        """The stored event of a kind, or None."""
        query = sa.select(schema.events.c.content).where(
            schema.events.c.plan_id == plan_id, schema.events.c.kind == kind
        )
        with self._engine.connect() as connection:
            content = connection.scalar(query)
        return None if content is None else dict(json.loads(content))

    def plan_content(self) -> tuple[str, dict[str, Any]]:
        """Id and content of the plan of this folder.

        Raises
        ------
        InputError
            If no plan was stored.
        """
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(schema.plans)).first()
        if row is None:
            raise InputError("no run was started in it", where=str(self.path.parent))
        return str(row.id), dict(json.loads(row.content))

    def command(self) -> str:
        """What started the run."""
        with self._engine.connect() as connection:
            return str(connection.scalar(sa.select(schema.plans.c.command)) or "")

    def load_items(self) -> list[Item]:
        """The items of the plan, in their order."""
        query = (
            sa.select(schema.items.c.content)
            .join(schema.plan_items, schema.plan_items.c.item_hash == schema.items.c.hash)
            .order_by(schema.plan_items.c.position)
        )
        with self._engine.connect() as connection:
            contents = [json.loads(row.content) for row in connection.execute(query)]
        return [Item(**{**content, "tags": tuple(content["tags"])}) for content in contents]

    # -- writing -------------------------------------------------------------------------------------------------

    async def record(self, *values: Attempt | Outcome) -> None:
        """Store attempts and outcomes; returns when they are durable.

        Raises
        ------
        StorageError
            If they could not be written.
        """
        if self._writer is None:
            self._writer = threading.Thread(target=self._write_groups, name="ledger", daemon=True)
            self._writer.start()
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._queue.put(_Write(values, loop, done))
        await done

    def _write_groups(self) -> None:
        closing = False
        while not closing:
            group = [self._queue.get()]
            while len(group) < _LARGEST_GROUP:
                try:
                    group.append(self._queue.get_nowait())
                except queue.Empty:
                    break
            closing = None in group
            writes = [write for write in group if write is not None]
            if not writes:
                continue
            try:
                self._commit([value for write in writes for value in write.values])
            except Exception as error:  # noqa: BLE001 - who waits must hear of it, or would wait for ever
                _settle(writes, storage_error(error, self.path))
            else:
                _settle(writes, None)

    def _commit(self, values: Sequence[Attempt | Outcome]) -> None:
        attempts = [attempt_row(value) for value in values if isinstance(value, Attempt)]
        outcomes = [storable(asdict(value)) for value in values if isinstance(value, Outcome)]
        with self._engine.begin() as connection:
            if attempts:
                connection.execute(insert(schema.attempts).on_conflict_do_nothing(), attempts)
            if outcomes:
                connection.execute(insert(schema.outcomes).on_conflict_do_nothing(), outcomes)
            if not self.store_text:
                # A reply stays until it was read, or a crash in between would make us ask, and pay, again.
                read = {row["attempt_id"] for row in outcomes}
                unread = {row["id"] for row in attempts if row["error_kind"] is not None}
                remove_texts(connection, read | unread)


class _Write:
    """Values on their way to the disk, and the future of who waits for them."""

    __slots__ = ("done", "loop", "values")

    def __init__(
        self,
        values: Iterable[Attempt | Outcome],
        loop: asyncio.AbstractEventLoop,
        done: asyncio.Future[None],
    ) -> None:
        self.values, self.loop, self.done = tuple(values), loop, done


def _settle(writes: Sequence[_Write], error: Exception | None) -> None:
    """Tell all who wait for a group; one wake-up of each loop, however many they are."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Write]] = {}
    for write in writes:
        by_loop.setdefault(write.loop, []).append(write)

    def settle(own: Sequence[_Write]) -> None:
        for write in own:
            if not write.done.done():
                write.done.set_result(None) if error is None else write.done.set_exception(error)

    for loop, own in by_loop.items():
        with suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits any more
            loop.call_soon_threadsafe(settle, own)
