"""Tables of the ledger. Append-only where money was spent; every insert can be repeated without harm."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, Column, Float, ForeignKey, Index, Integer, MetaData, Table, Text

#: Raised with every change of the tables. A ledger of an earlier version is brought up to this one, step by step (see
#: `MIGRATIONS`); one of a later version is refused, never guessed at.
SCHEMA_VERSION = 3

metadata = MetaData()

meta = Table("meta", metadata, Column("key", Text, primary_key=True), Column("value", Text, nullable=False))

plans = Table(
    "plans",
    metadata,
    Column("id", Text, primary_key=True),
    Column("created_at", Text, nullable=False),
    Column("command", Text, nullable=False),
    Column("content", Text, nullable=False),
)

items = Table(
    "items", metadata, Column("hash", Text, primary_key=True), Column("content", Text, nullable=False)
)

plan_items = Table(
    "plan_items",
    metadata,
    Column("plan_id", Text, ForeignKey("plans.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("item_hash", Text, ForeignKey("items.hash"), nullable=False),
)

trials = Table(
    "trials",
    metadata,
    Column("id", Text, primary_key=True),
    Column("judge", Text, nullable=False),
    Column("item", Text, nullable=False),
    Column("arm", Text, nullable=False),
    Column("wording", Text, nullable=False),
    Column("threshold", Float),
    Column("replicate", Integer, nullable=False),
    Column("phase", Text, nullable=False),
    Column("item_hash", Text, nullable=False),
)

plan_trials = Table(
    "plan_trials",
    metadata,
    Column("plan_id", Text, ForeignKey("plans.id"), primary_key=True),
    Column("trial_id", Text, ForeignKey("trials.id"), primary_key=True),
    Column("position", Integer, nullable=False),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("trial_id", Text, ForeignKey("trials.id"), nullable=False),
    Column("started_at", Text, nullable=False),
    Column("latency_s", Float, nullable=False),
    Column("item_hash", Text, nullable=False),
    Column("request", Text, nullable=False),
    Column("sent", Text),
    Column("text", Text),
    Column("raw", Text),
    Column("model", Text),
    Column("input_tokens", Integer),
    Column("output_tokens", Integer),
    Column("cached_tokens", Integer),
    Column("refused", Boolean),
    Column("cut", Boolean),
    Column("error_kind", Text),
    Column("error", Text),
    Column("request_hash", Text),
    Column("reply_hash", Text),
)
Index("attempts_trial", attempts.c.trial_id)

outcomes = Table(
    "outcomes",
    metadata,
    Column("trial_id", Text, ForeignKey("trials.id"), primary_key=True),
    Column("metric", Text, primary_key=True),
    Column("attempt_id", Text, ForeignKey("attempts.id"), nullable=False),
    Column("value", Float),
    Column("status", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("rationale", Text, nullable=False),
)

#: What happened to a plan besides trials: pass marks found by its pilot, and the like. Stored once, never changed.
events = Table(
    "events",
    metadata,
    Column("plan_id", Text, ForeignKey("plans.id"), primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("happened_at", Text, nullable=False),
    Column("content", Text, nullable=False),
)

#: From each version to the next: the tables and the columns that are new in it.
MIGRATIONS: dict[int, tuple[Table | Column[Any], ...]] = {
    1: (events,),
    2: (attempts.c.request_hash, attempts.c.reply_hash),
}
