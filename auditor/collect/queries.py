"""What is read from a ledger: each question one query, in rows and plain values."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from auditor.collect import schema
from auditor.collect.rows import reply_of
from auditor.records import PROBES, Reply


class LedgerQueries:
    """The reading half of a ledger."""

    _engine: sa.Engine

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

    def usages(self) -> list[dict[str, Any]]:
        """Of each judge the calls, the answers, and the tokens read, written and read from a cache."""
        a, t = schema.attempts, schema.trials
        query = (
            sa.select(
                t.c.judge,
                sa.func.count().label("calls"),
                (sa.func.count() - sa.func.count(a.c.error_kind)).label("answered"),
                *(
                    sa.func.coalesce(sa.func.sum(column), 0).label(column.name)
                    for column in (a.c.input_tokens, a.c.output_tokens, a.c.cached_tokens)
                ),
            )
            .join(t, t.c.id == a.c.trial_id)
            .group_by(t.c.judge)
        )
        with self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def uncertain_requests(self) -> list[tuple[str, str]]:
        """Judge and request of each call of which nobody knows what it took: served or not, or without a count."""
        a, t = schema.attempts, schema.trials
        unknown = sa.or_(
            a.c.error_kind == "uncertain", sa.and_(a.c.error_kind.is_(None), a.c.input_tokens.is_(None))
        )
        query = sa.select(t.c.judge, a.c.request).join(t, t.c.id == a.c.trial_id).where(unknown)
        with self._engine.connect() as connection:
            return [(row[0], row[1]) for row in connection.execute(query)]

    def served_models(self) -> dict[str, tuple[str, ...]]:
        """Of each judge the models that its server named, the first one first; more than one: it changed."""
        a, t = schema.attempts, schema.trials
        query = (
            sa.select(t.c.judge, a.c.model)
            .join(t, t.c.id == a.c.trial_id)
            .where(a.c.model.is_not(None))
            .group_by(t.c.judge, a.c.model)
            .order_by(sa.func.min(a.c.started_at))
        )
        found: dict[str, tuple[str, ...]] = {}
        with self._engine.connect() as connection:
            for judge, model in connection.execute(query):
                found[judge] = (*found.get(judge, ()), model)
        return found

    def connect(self) -> sa.Connection:
        """A connection to the file, for what reads or mends it as a whole."""
        return self._engine.connect()

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
