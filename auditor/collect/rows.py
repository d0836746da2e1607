"""Between values and rows of the ledger, and its errors in words."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from auditor.collect import schema
from auditor.errors import StorageError
from auditor.records import Attempt, Reply, Usage, canonical_json


def storage_error(error: Exception, path: Path) -> StorageError:
    """What went wrong with the file, and what to do about it."""
    cause = getattr(error, "orig", None) or error
    text = str(cause)
    if isinstance(cause, sqlite3.DatabaseError) and "not a database" in text:
        return StorageError(f"{path} is not a ledger, or is damaged")
    hints = (
        ("full", "free some space, and run the same command again: what had arrived is kept"),
        ("readonly", "make the folder writable, or choose another --out"),
        ("read-only", "make the folder writable, or choose another --out"),
        ("unable to open", "check that the folder exists and can be written to, or choose another --out"),
        ("Permission", "make the folder writable, or choose another --out"),
        (
            "disk I/O",
            "check the disk and its free space, and run the same command again: what had arrived is kept",
        ),
    )
    hint = next((advice for word, advice in hints if word in text), "run the same command again to go on")
    return StorageError(f"{path} could not be written ({text}); {hint}")


def attempt_row(attempt: Attempt) -> dict[str, Any]:
    """An attempt as a row of its table."""
    reply = attempt.reply
    row: dict[str, Any] = {
        "id": attempt.id,
        "trial_id": attempt.trial_id,
        "started_at": attempt.started_at,
        "latency_s": attempt.latency_s,
        "item_hash": attempt.item_hash,
        "request": (request := canonical_json(attempt.request)),
        "request_hash": text_hash(request),
        "error_kind": attempt.error_kind,
        "error": attempt.error,
    }
    if reply is not None:
        row |= {
            "sent": canonical_json(dict(reply.sent)),
            "text": reply.text,
            "raw": reply.raw,
            "reply_hash": text_hash(reply.raw),
            "model": reply.model,
            "input_tokens": reply.usage.input_tokens,
            "output_tokens": reply.usage.output_tokens,
            "cached_tokens": reply.usage.cached_tokens,
            "refused": reply.refused,
            "cut": reply.cut,
        }
    names = [column.name for column in schema.attempts.columns]
    return storable({name: row.get(name) for name in names})


#: What stands in the place of a request whose text was removed; its hash stays.
REMOVED = '{"messages":[]}'


def text_hash(text: str) -> str:
    """SHA-256 of a text as the ledger holds it."""
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()


def storable(row: dict[str, Any]) -> dict[str, Any]:
    """The row without lone surrogates in its texts, which neither UTF-8 nor SQLite can hold."""
    return {
        name: value.encode("utf-8", "backslashreplace").decode("utf-8") if isinstance(value, str) else value
        for name, value in row.items()
    }


def reply_of(row: Any) -> Reply:
    """The reply that a row holds."""
    return Reply(
        text=row["text"] or "",
        raw=row["raw"] or "",
        model=row["model"],
        usage=Usage(row["input_tokens"], row["output_tokens"], row["cached_tokens"]),
        refused=bool(row["refused"]),
        cut=bool(row["cut"]),
        sent=json.loads(row["sent"] or "{}"),
    )


def plan_difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Name the settings in which two plans differ."""
    parts = []
    for name in new["design"]:
        before, after = old["design"].get(name), new["design"][name]
        if before != after:
            parts.append(f"{name}: {_short(before)} there, {_short(after)} now")
    for name, words in (
        ("items", "other items"),
        ("arms", "other factors of an arm"),
        ("wordings", "other wordings"),
        ("judges", "other judges, dials, weights or source"),
    ):
        if old.get(name) != new.get(name):
            parts.append(words)
    return "; ".join(parts[:4]) or "made by another version"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
