"""Upkeep of a ledger: texts that are not kept, purge, verify, merge, export, migration, a model that changes."""

from __future__ import annotations

import json
import shutil
import sqlite3

import pandas as pd
import pytest

import auditor
from auditor.cli import run as command
from auditor.collect import Ledger
from tests.fakes.provider import KEY, FakeProvider, running

ITEMS = [{"id": f"i{k}", "task": "t", "output": f"output {k}"} for k in range(8)]
SETTINGS = {"scale": "1:10", "threshold": 6}
WORDS = "a very unusual reason"


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def audit(out, **changes):
    def answer(asked):
        return json.dumps({"rationale": WORDS, "score": 1 + asked.digest % 10})

    with running(FakeProvider(answer)) as fake:
        result = auditor.audit(
            f"openai:gpt-4o-mini@{fake.openai_url}", ITEMS, out=out, **{**SETTINGS, **changes}
        )
        return result, len(fake.requests)


def change(folder, statement):
    connection = sqlite3.connect(folder / "ledger.sqlite")
    connection.execute(statement)
    connection.commit()
    connection.close()


def said(folder):
    """All bytes of the ledger's files."""
    return b"".join(path.read_bytes() for path in folder.glob("ledger.sqlite*"))


def test_without_texts_scores_are_the_same_and_no_text_is_in_the_file(tmp_path):
    kept, _ = audit(tmp_path / "kept")
    bare, asked = audit(tmp_path / "bare", store_text=False)
    assert list(kept.ratings["score"]) == list(bare.ratings["score"])
    assert WORDS.encode() in said(tmp_path / "kept")
    assert WORDS.encode() not in said(tmp_path / "bare")
    assert asked == 16
    assert audit(tmp_path / "bare", store_text=False)[1] == 0


def test_a_purge_removes_texts_and_keeps_scores(tmp_path, capsys):
    before, _ = audit(tmp_path)
    assert command(["ledger", "purge", str(tmp_path)]) == 0
    assert "16 attempts" in capsys.readouterr().out
    assert WORDS.encode() not in said(tmp_path)
    assert command(["report", str(tmp_path)]) == 0
    assert list(pd.read_csv(tmp_path / "ratings.csv")["score"]) == list(before.ratings["score"])
    assert command(["ledger", "verify", str(tmp_path)]) == 0
    assert audit(tmp_path)[1] == 0


def test_a_whole_ledger_is_verified(tmp_path, capsys):
    audit(tmp_path)
    assert command(["ledger", "verify", str(tmp_path), "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["plans"], found["items"], found["requests"], found["replies"]) == (1, 8, 16, 16)
    assert found["faults"] == []


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("update attempts set raw = raw || ' ' where rowid = 3", "the reply of attempt"),
        (
            "update attempts set request = replace(request, 'output', 'OUTPUT') where rowid = 2",
            "the request of",
        ),
        ("update items set content = replace(content, 'output 3', 'output 4')", "the item"),
        ("update plans set content = replace(content, '0.05', '0.06')", "the plan"),
        ("update trials set arm = 'neutral' where rowid = 1", "does not belong to trial"),
        ("update outcomes set attempt_id = (select max(id) from attempts)", "rests on no answer to it"),
    ],
)
def test_each_change_is_found(tmp_path, capsys, statement, message):
    audit(tmp_path)
    change(tmp_path, statement)
    assert command(["ledger", "verify", str(tmp_path)]) == 1
    assert message in capsys.readouterr().out


def test_folders_of_one_plan_are_merged_and_nothing_is_asked_again(tmp_path, capsys):
    whole, _ = audit(tmp_path / "whole")
    for name, parity in (("one", 0), ("two", 1)):
        shutil.copytree(tmp_path / "whole", tmp_path / name)
        change(tmp_path / name, f"delete from outcomes where rowid % 2 = {parity}")
        change(tmp_path / name, "delete from attempts where id not in (select attempt_id from outcomes)")
    folders = [str(tmp_path / name) for name in ("one", "two")]
    assert command(["ledger", "merge", *folders, "--out", str(tmp_path / "both")]) == 0
    assert "16 attempts" in capsys.readouterr().out
    assert command(["ledger", "merge", *folders, "--out", str(tmp_path / "both")]) == 0
    assert "0 attempts" in capsys.readouterr().out
    again, asked = audit(tmp_path / "both")
    assert asked == 0
    assert list(again.ratings["score"]) == list(whole.ratings["score"])


def test_other_plans_are_not_merged(tmp_path, capsys):
    audit(tmp_path / "one")
    audit(tmp_path / "two", seed=5)
    folders = [str(tmp_path / name) for name in ("one", "two")]
    assert command(["ledger", "merge", *folders, "--out", str(tmp_path / "both")]) == 2
    assert "seed: 0 there, 5 now" in capsys.readouterr().err
    assert command(["ledger", "merge", folders[0], "--out", folders[0]]) == 2
    assert command(["ledger", "merge", str(tmp_path), "--out", str(tmp_path / "x")]) == 2


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_each_format_holds_what_the_analysis_reads(tmp_path, ending):
    result, _ = audit(tmp_path)
    file = tmp_path / f"ratings-out.{ending}"
    assert command(["ledger", "export", str(tmp_path), str(file)]) == 0
    readers = {"csv": pd.read_csv, "parquet": pd.read_parquet, "jsonl": lambda f: pd.read_json(f, lines=True)}
    frame = readers[ending](file)
    assert list(frame["score"]) == list(result.ratings["score"])
    assert list(frame["item_hash"]) == list(result.ratings["item_hash"])
    assert set(frame["model"]) == {"gpt-4o-mini-2024-07-18"}
    again = auditor.analyze(file, scale="1:10", threshold=6)
    assert again.primary[0].estimate == pytest.approx(result.findings.primary[0].estimate)


def test_an_export_of_another_kind_is_refused(tmp_path, capsys):
    audit(tmp_path)
    assert command(["ledger", "export", str(tmp_path), str(tmp_path / "x.xlsx")]) == 2
    assert ".parquet" in capsys.readouterr().err
    assert command(["ledger", "export", str(tmp_path), str(tmp_path / "no" / "x.csv")]) == 4
    assert command(["ledger", "verify", str(tmp_path / "none")]) == 2


def test_a_model_that_changes_is_told(tmp_path, capsys):
    audit(tmp_path)
    change(tmp_path, "update attempts set model = 'gpt-4o-mini-later' where rowid > 8")
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        names = ledger.served_models()["openai:gpt-4o-mini"]
    assert sorted(names) == ["gpt-4o-mini-2024-07-18", "gpt-4o-mini-later"]
    command(["ledger", "verify", str(tmp_path)])
    assert "model_changed" in capsys.readouterr().out


def test_a_ledger_of_the_second_version_is_brought_up(tmp_path):
    first, _ = audit(tmp_path)
    for column in ("request_hash", "reply_hash"):
        change(tmp_path, f"alter table attempts drop column {column}")
    change(tmp_path, "update meta set value = '2' where key = 'schema_version'")
    again, asked = audit(tmp_path)
    assert asked == 0
    assert list(again.ratings["score"]) == list(first.ratings["score"])
    assert command(["ledger", "verify", str(tmp_path)]) == 0
