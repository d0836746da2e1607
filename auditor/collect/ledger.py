"""The ledger: plans, trials, every attempt for ever, and the outcomes read from them.

SQLite in WAL mode with synchronous FULL. Writes go through one thread that commits them in groups; a write is
acknowledged only when it is on the disk.
"""

from __future__ import annotations

import asyncio
import json
import queue
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from auditor.collect import schema
from auditor.collect.opening import configure, insert_trials, prepare
from auditor.collect.rows import attempt_row, plan_difference, reply_of, storable, storage_error
from auditor.errors import InputError, OtherPlanError
from auditor.plan import Plan
from auditor.records import (
    PROBES,
    Attempt,
    Item,
    Outcome,
    Reply,
    canonical_json,
    content_hash,
    utc_now,
)

_LARGEST_GROUP = 500


class Ledger:
    """The ledger of a run folder.

    Parameters
    ----------
    path : Path
        The SQLite file.
    create : bool
        Whether to make it if it is not there.

    Raises
    ------
    InputError
        If there is none, or it is no ledger of this version.
    StorageError
        If it cannot be opened for writing.
    """

    def __init__(self, path: Path, *, create: bool = True) -> None:
        self.path = path
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
                rows = [
                    {"hash": h, "content": canonical_json(item.to_json())}
                    for h, item in zip(hashes, plan.items, strict=True)
                ]
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
                failure = storage_error(error, self.path)
                for write in writes:
                    write.fail(failure)
            else:
                for write in writes:
                    write.succeed()

    def _commit(self, values: Sequence[Attempt | Outcome]) -> None:
        attempts = [attempt_row(value) for value in values if isinstance(value, Attempt)]
        outcomes = [storable(asdict(value)) for value in values if isinstance(value, Outcome)]
        with self._engine.begin() as connection:
            if attempts:
                connection.execute(insert(schema.attempts).on_conflict_do_nothing(), attempts)
            if outcomes:
                connection.execute(insert(schema.outcomes).on_conflict_do_nothing(), outcomes)

    # -- reading -------------------------------------------------------------------------------------------------

    def finished_trials(self) -> set[str]:
        """Ids of the trials that have an outcome."""
        with self._engine.connect() as connection:
            return set(connection.scalars(sa.select(schema.outcomes.c.trial_id).distinct()))

    def unread_replies(self) -> Iterator[tuple[str, str, Reply]]:
        """Replies that arrived, but were not read before the process ended: trial, attempt, reply."""
        attempts, outcomes = schema.attempts, schema.outcomes
        query = (
            sa.select(attempts)
            .outerjoin(outcomes, outcomes.c.trial_id == attempts.c.trial_id)
            .where(attempts.c.error_kind.is_(None), outcomes.c.trial_id.is_(None))
            .order_by(attempts.c.started_at)
        )
        with self._engine.connect() as connection:
            for row in connection.execute(query).mappings():
                yield row["trial_id"], row["id"], reply_of(row)

    def rating_rows(self) -> list[dict[str, Any]]:
        """One row for each trial that was asked for a score, in the order of the plan.

        With the hash of the item as it was sent.
        """
        trials, outcomes, attempts = schema.trials, schema.outcomes, schema.attempts
        asked = sa.select(attempts.c.trial_id, sa.func.max(attempts.c.item_hash).label("sent"))
        asked_trials = asked.group_by(attempts.c.trial_id).subquery()
        read, expected = attempts.alias("read"), outcomes.alias("expected")
        query = (
            sa.select(
                *(column for column in trials.c if column.name != "item_hash"),
                sa.func.coalesce(read.c.item_hash, asked_trials.c.sent).label("item_hash"),
                outcomes.c.value,
                outcomes.c.status,
                outcomes.c.rationale,
                expected.c.value.label("expected_score"),
            )
            .join(schema.plan_trials, schema.plan_trials.c.trial_id == trials.c.id)
            .join(asked_trials, asked_trials.c.trial_id == trials.c.id)
            .outerjoin(outcomes, sa.and_(outcomes.c.trial_id == trials.c.id, outcomes.c.metric == "score"))
            .outerjoin(read, read.c.id == outcomes.c.attempt_id)
            .outerjoin(
                expected,
                sa.and_(expected.c.trial_id == trials.c.id, expected.c.metric == "expected_score"),
            )
            .where(trials.c.phase.not_in(PROBES))
            .order_by(schema.plan_trials.c.position)
        )
        with self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def answer_rows(self) -> list[dict[str, Any]]:
        """One row for each question about the review that was asked: judge, arm, item, phase, status, answer."""
        trials, outcomes = schema.trials, schema.outcomes
        query = (
            sa.select(
                trials.c.judge,
                trials.c.arm,
                trials.c.item,
                trials.c.phase,
                outcomes.c.status,
                outcomes.c.detail.label("answer"),
            )
            .join(schema.plan_trials, schema.plan_trials.c.trial_id == trials.c.id)
            .join(outcomes, outcomes.c.trial_id == trials.c.id)
            .where(trials.c.phase.in_(PROBES))
            .order_by(schema.plan_trials.c.position)
        )
        with self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def transcript(self, judge: str, item: str, arm: str) -> list[dict[str, Any]]:
        """The attempts that gave the main ratings of one judge, item and arm, with request and reply."""
        attempts, trials, outcomes = schema.attempts, schema.trials, schema.outcomes
        query = (
            sa.select(
                attempts,
                outcomes.c.value,
                outcomes.c.status,
                outcomes.c.rationale,
                trials.c.wording,
                trials.c.replicate,
            )
            .join(trials, trials.c.id == attempts.c.trial_id)
            .join(outcomes, outcomes.c.attempt_id == attempts.c.id)
            .where(
                trials.c.judge == judge,
                trials.c.item == item,
                trials.c.arm == arm,
                trials.c.phase == "main",
            )
            .order_by(trials.c.wording, trials.c.replicate)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).mappings()
            return [{**row, "request": json.loads(row["request"])} for row in rows]

    def totals(self) -> dict[str, Any]:
        """Calls, errors, tokens and times over all attempts, the models that servers named, and kinds of errors."""
        a = schema.attempts
        query = sa.select(
            sa.func.count(),
            sa.func.count(a.c.error_kind),
            sa.func.sum(a.c.input_tokens),
            sa.func.sum(a.c.output_tokens),
            sa.func.sum(a.c.cached_tokens),
            sa.func.sum(a.c.latency_s),
            sa.func.min(a.c.started_at),
            sa.func.max(a.c.started_at),
        )
        names = (
            "calls",
            "errors",
            "input_tokens",
            "output_tokens",
            "cached_tokens",
            "latency_s",
            "first",
            "last",
        )
        with self._engine.connect() as connection:
            total = dict(zip(names, connection.execute(query).one(), strict=True))
            models = connection.execute(
                sa.select(schema.trials.c.judge, a.c.model, sa.func.count())
                .join(schema.trials, schema.trials.c.id == a.c.trial_id)
                .where(a.c.model.is_not(None))
                .group_by(schema.trials.c.judge, a.c.model)
            ).all()
            kinds = connection.execute(
                sa.select(a.c.error_kind, sa.func.count())
                .where(a.c.error_kind.is_not(None))
                .group_by(a.c.error_kind)
            ).all()
        total["models"] = [{"judge": row[0], "model": row[1], "replies": row[2]} for row in models]
        total["error_kinds"] = {row[0]: row[1] for row in kinds}
        return total

    def call_means(self) -> dict[str, dict[str, float | None]]:
        """Mean output tokens and seconds of the answered calls for a rating, by judge."""
        a, t = schema.attempts, schema.trials
        query = (
            sa.select(t.c.judge, sa.func.avg(a.c.output_tokens), sa.func.avg(a.c.latency_s))
            .join(t, t.c.id == a.c.trial_id)
            .where(a.c.error_kind.is_(None), t.c.phase.not_in(PROBES))
            .group_by(t.c.judge)
        )
        with self._engine.connect() as connection:
            return {row[0]: {"output_tokens": row[1], "seconds": row[2]} for row in connection.execute(query)}

    def last_error(self, judge: str) -> str | None:
        """The newest error text of a judge."""
        a, t = schema.attempts, schema.trials
        query = (
            sa.select(a.c.error)
            .join(t, t.c.id == a.c.trial_id)
            .where(t.c.judge == judge, a.c.error.is_not(None))
            .order_by(a.c.started_at.desc())
            .limit(1)
        )
        with self._engine.connect() as connection:
            return connection.scalar(query)


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

    def succeed(self) -> None:
        self._settle(None)

    def fail(self, error: Exception) -> None:
        self._settle(error)

    def _settle(self, error: Exception | None) -> None:
        def settle() -> None:
            if not self.done.done():
                self.done.set_result(None) if error is None else self.done.set_exception(error)

        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(settle)
