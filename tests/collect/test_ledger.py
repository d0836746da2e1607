from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace

import pytest

from auditor.arms import load_texts
from auditor.collect import Ledger, hold_folder
from auditor.errors import FolderBusyError, InputError, OtherPlanError, StorageError
from auditor.plan import Design, make_plan
from auditor.records import Attempt, Item, JudgeIdentity, Outcome, Reply, Usage
from auditor.scale import Scale


def plan(**changes):
    items = [Item("a", "t\ud800", "o", tags=("x",)), Item("b", "t", "o", gold=3.0, correct=True)]
    design = Design(**{"scale": Scale.parse("0:10:1"), "thresholds": (6.0,), "arms": ("quick",), **changes})
    return make_plan(design, items, load_texts(), [JudgeIdentity("openai:m", {"k": 1})])


def attempt(trial, text="Score: 5"):
    return Attempt(
        trial.id,
        "2026-01-01T00:00:00.000Z",
        0.1,
        trial.item_hash,
        {"x": 1},
        Reply(text, text, "m", Usage(1, 2, 3)),
    )


def test_a_plan_is_stored_once_and_read_back(tmp_path):
    made = plan()
    with Ledger(tmp_path / "l.sqlite") as ledger:
        ledger.add_plan(made)
        ledger.add_plan(plan())
        assert ledger.plan_content()[0] == made.id
        assert [item.id for item in ledger.load_items()] == ["a", "b"]
        assert ledger.load_items()[1] == made.items[1]
        assert ledger.rating_rows() == []


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"seed": 3}, "seed: 0 there, 3 now"),
        ({"thresholds": (7.0,)}, r"thresholds: \[6.0\] there, \[7.0\] now"),
        ({"margin": 1.0}, "margin"),
    ],
)
def test_another_plan_in_the_same_folder_is_refused_with_the_difference(tmp_path, changes, what):
    with Ledger(tmp_path / "l.sqlite") as ledger:
        ledger.add_plan(plan())
        with pytest.raises(OtherPlanError, match=what):
            ledger.add_plan(plan(**changes))


def test_attempts_and_outcomes_are_durable_when_acknowledged(tmp_path):
    made = plan()
    first, second = made.trials[:2]

    async def write(ledger):
        one, two = attempt(first), attempt(second, "no \ud800 idea")
        await asyncio.gather(ledger.record(one), ledger.record(two))
        # Another connection sees them at once: they are committed, not only queued.
        rows = sqlite3.connect(tmp_path / "l.sqlite").execute("select count(*) from attempts").fetchone()
        assert rows == (2,)
        await ledger.record(one)  # again: nothing changes
        await ledger.record(Outcome(first.id, one.id, "score", 5.0, "ok"))
        await ledger.record(Outcome(first.id, one.id, "score", 9.0, "ok"))
        return two

    with Ledger(tmp_path / "l.sqlite") as ledger:
        ledger.add_plan(made)
        two = asyncio.run(write(ledger))
        assert ledger.finished_trials() == {first.id}
        rows = {row["id"]: row for row in ledger.rating_rows()}
        assert rows[first.id]["value"] == 5.0  # the first outcome stands
        assert rows[second.id]["status"] is None
        assert [(t, a) for t, a, _ in ledger.unread_replies()] == [(second.id, two.id)]
        totals = ledger.totals()
        assert (totals["calls"], totals["errors"], totals["input_tokens"], totals["cached_tokens"]) == (
            2,
            0,
            2,
            6,
        )


def test_every_commit_reaches_the_disk(tmp_path):
    with Ledger(tmp_path / "l.sqlite") as ledger, ledger._engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"


def test_a_failed_attempt_leaves_the_trial_open(tmp_path):
    made = plan()
    with Ledger(tmp_path / "l.sqlite") as ledger:
        ledger.add_plan(made)
        failed = replace(attempt(made.trials[0]), reply=None, error="busy", error_kind="transient")
        asyncio.run(ledger.record(failed))
        assert ledger.finished_trials() == set()
        assert list(ledger.unread_replies()) == []
        assert ledger.last_error("openai:m") == "busy"


def test_files_that_are_no_ledger(tmp_path):
    with pytest.raises(InputError, match=r"no ledger\.sqlite"):
        Ledger(tmp_path / "none.sqlite", create=False)
    (tmp_path / "text.sqlite").write_text("hello " * 1000)
    with pytest.raises(StorageError, match="not a ledger"):
        Ledger(tmp_path / "text.sqlite")
    other = sqlite3.connect(tmp_path / "other.sqlite")
    other.execute("create table x (y)")
    other.commit()
    other.close()
    with pytest.raises(InputError, match="not a ledger"):
        Ledger(tmp_path / "other.sqlite")


def test_a_ledger_of_another_version_is_refused(tmp_path):
    Ledger(tmp_path / "l.sqlite").close()
    connection = sqlite3.connect(tmp_path / "l.sqlite")
    connection.execute("update meta set value = '999'")
    connection.commit()
    connection.close()
    with pytest.raises(InputError, match="schema version 999"):
        Ledger(tmp_path / "l.sqlite")


def test_a_folder_is_held_by_one_run(tmp_path):
    with (
        hold_folder(tmp_path),
        pytest.raises(FolderBusyError, match="in use by process"),
        hold_folder(tmp_path),
    ):
        pass
    with hold_folder(tmp_path):
        pass


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="choose another --out"), hold_folder(tmp_path / "file" / "run"):
        pass
