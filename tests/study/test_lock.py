"""Locking a plan: one changed word is refused and shown, and the report says what was locked."""

import json
from importlib.resources import files as package_files

import pytest

from auditor.cli import run

WORDINGS = (package_files("auditor") / "texts" / "wordings.toml").read_text(encoding="utf-8")


def command(name, folder, *more):
    return [
        *(name, "--judge", "simulated:honest", "--items", "checkable", "--scale", "0:20", "--limit", "10"),
        *("--texts", str(folder / "own.toml"), "--out", str(folder / "run"), *more),
    ]


@pytest.fixture
def locked(tmp_path, capsys):
    (tmp_path / "own.toml").write_text(WORDINGS, encoding="utf-8")
    assert run(command("plan", tmp_path, "--lock")) == 0
    assert "Locked:" in capsys.readouterr().out
    return tmp_path


def test_a_changed_word_is_refused_and_shown_and_nothing_is_asked(locked, capsys):
    assert "Background to this review" in WORDINGS
    (locked / "own.toml").write_text(WORDINGS.replace("Background to", "Backdrop to", 1), encoding="utf-8")
    assert run([*command("run", locked), "--quiet"]) == 2
    message = capsys.readouterr().err
    assert "wordings.2.words.subject.ai_peer.who: 'Background' was locked, 'Backdrop' now" in message
    assert "plan.lock.json" in message
    assert not (locked / "run" / "ledger.sqlite").exists()


def test_one_character_is_enough(locked, capsys):
    (locked / "own.toml").write_text(WORDINGS.replace("fleet{named}.", "fleet{named}", 1), encoding="utf-8")
    assert run([*command("run", locked), "--quiet"]) == 2
    assert "'fleet{named}.' was locked, 'fleet{named}' now" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "what"),
    [
        (("--seed", "1"), "design.seed: 0 was locked, 1 now"),
        (("--margin", "2"), "design.margin: 0.5 was locked, 2.0 now"),
        (("--threshold", "12"), "design.thresholds"),
    ],
)
def test_a_changed_setting_is_refused(locked, capsys, more, what):
    assert run([*command("run", locked), "--quiet", *more]) == 2
    assert what in capsys.readouterr().err


def test_the_locked_run_goes_through_and_the_report_prints_the_hash(locked, capsys):
    assert run([*command("run", locked), "--quiet"]) == 0
    content = json.loads((locked / "run" / "plan.lock.json").read_text(encoding="utf-8"))
    page = (locked / "run" / "report.html").read_text(encoding="utf-8")
    assert content["hash"] in page
    assert "Nothing deviates from it." in page
    assert content["content"]["threshold_rule"].startswith("for each judge, the median")
    # The pass mark that the pilot found is an event, not a deviation: the same command goes on.
    assert run([*command("run", locked), "--quiet"]) == 0


def test_an_edited_lock_is_refused(locked, capsys):
    path = locked / "run" / "plan.lock.json"
    path.write_text(
        path.read_text(encoding="utf-8").replace('"margin": 0.5', '"margin": 5.0'), encoding="utf-8"
    )
    assert run([*command("run", locked), "--quiet"]) == 2
    assert "edited after it was locked" in capsys.readouterr().err
    path.write_text("{", encoding="utf-8")
    assert run([*command("run", locked), "--quiet"]) == 2
    assert "not a locked plan" in capsys.readouterr().err


def test_locking_after_the_first_call_proves_nothing(tmp_path, capsys):
    (tmp_path / "own.toml").write_text(WORDINGS, encoding="utf-8")
    assert run([*command("run", tmp_path), "--quiet"]) == 0
    assert run(command("plan", tmp_path, "--lock")) == 2
    assert "calls were made in this folder already" in capsys.readouterr().err
    assert "not locked beforehand" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")


def test_locking_needs_a_folder(capsys):
    assert run(["plan", "--judge", "simulated:honest", "--items", "checkable", "--lock"]) == 2
    assert "--out" in capsys.readouterr().err


def test_a_locked_run_of_a_set_is_reported_again(locked, capsys):
    assert run([*command("run", locked), "--quiet"]) == 0
    assert run(["report", str(locked / "run")]) == 0
    assert "Nothing deviates from it." in (locked / "run" / "report.html").read_text(encoding="utf-8")


def test_a_lock_that_vanishes_after_the_first_run_is_noticed(locked, capsys):
    assert run([*command("run", locked), "--quiet"]) == 0
    (locked / "run" / "plan.lock.json").unlink()
    for words in ([*command("run", locked), "--quiet"], ["report", str(locked / "run")]):
        assert run(words) == 2
        assert "started under a locked plan" in capsys.readouterr().err


def test_the_date_of_a_lock_is_under_its_hash(locked, capsys):
    path = locked / "run" / "plan.lock.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**content, "locked_at": "2001-01-01T00:00:00.000Z"}), encoding="utf-8")
    assert run([*command("run", locked), "--quiet"]) == 2
    assert "edited after it was locked" in capsys.readouterr().err
