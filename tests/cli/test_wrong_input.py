"""Each wrong input gets one message that names the place and the remedy, the right exit status, and no half files."""

from __future__ import annotations

import os
import resource
import subprocess
import sys

import pytest

from auditor.cli import run
from tests.fakes.provider import KEY, FakeProvider, Fault, always, running

GOOD = "item,arm,score\n" + "".join(f"i{k},{arm},5\n" for k in range(8) for arm in ("decoupled", "deletion"))


def complaint(capsys):
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.strip().splitlines()
    assert len(lines) == 1, err
    assert lines[0].startswith("auditor: ")
    return lines[0]


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("", "r.csv", "empty"),
        ("  \n", "r.csv", "empty"),
        ("item,arm,score\n", "r.csv", "no row"),
        ("id,arm,score\na,b,1\n", "r.csv", "'item' is missing"),
        ("item;arm;score\na;b;1\n", "line 1", "semicolons"),
        (GOOD + "i1,deletion,25\n", "line 18, field 'score'", "not on the scale"),
        (GOOD + "i1,deletion,nan\n", "line 18, field 'score'", "not a finite number"),
        (GOOD + "i1,deletion,inf\n", "line 18, field 'score'", "not a finite number"),
        (GOOD + "i1,deletion,-Infinity\n", "line 18, field 'score'", "not a finite number"),
        (GOOD + "i1,deletion,high\n", "line 18, field 'score'", "a number was expected"),
        (GOOD + ",deletion,5\n", "line 18, field 'item'", "empty"),
        (GOOD + "i1,deletion\n", "line 18", "2 cells where the header has 3"),
        (
            GOOD.replace("deletion", "treated"),
            "field 'arm'",
            "'deletion' has no ratings; the arms are: decoupled, treated",
        ),
        ("item,arm,score\ni1,decoupled,5\ni2,deletion,5\n", "ratings", "no item stands in both"),
        (
            "item,arm,score,status\ni1,decoupled,,ok\n",
            "line 2, field 'score'",
            "blank, but the status is 'ok'",
        ),
        (
            "item,arm,score,status\ni1,decoupled,5,refused\n",
            "line 2, field 'score'",
            "but the status is 'refused'",
        ),
        ("item,arm,score,status\ni1,decoupled,5,fine\n", "line 2, field 'status'", "not one of ok"),
        ("item,arm,score,replicate\ni1,deletion,5,1\ni1,deletion,6,1\n", "line 3", "stands already at"),
        ("item,arm,score,replicate\ni1,deletion,5,one\n", "field 'replicate'", "number was expected"),
        ("item,arm,score,phase\ni1,deletion,5,later\n", "field 'phase'", "not one of main"),
        (
            "item,arm,score,group\ni1,deletion,5,g\ni1,decoupled,5,h\n",
            "line 3, field 'group'",
            "'h' here and 'g'",
        ),
        ("item,arm,score,threshold\ni1,deletion,5,40\n", "field 'threshold'", "not on the scale"),
    ],
)
def test_ratings_that_are_wrong(tmp_path, capsys, text, where, what):
    path = tmp_path / "r.csv"
    path.write_text(text)
    assert run(["analyze", str(path), "--scale", "0:20"]) == 2
    message = complaint(capsys)
    assert where in message
    assert what in message


def test_bytes_that_are_not_utf8(tmp_path, capsys):
    (tmp_path / "r.csv").write_bytes(GOOD.encode() + b"caf\xe9,deletion,5\n")
    assert run(["analyze", str(tmp_path / "r.csv"), "--scale", "0:20"]) == 2
    assert "line 18: byte 0xe9 is not UTF-8" in complaint(capsys)


def test_repeats_without_a_replicate_column_are_replicates_with_a_note(tmp_path, capsys):
    (tmp_path / "r.csv").write_text(GOOD + GOOD.split("\n", 1)[1])
    assert run(["analyze", str(tmp_path / "r.csv"), "--scale", "0:20"]) == 0
    assert "16 repeated rows were taken as replicates" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["analyze", "none.csv", "--scale", "0:20"], "no such file"),
        (["analyze", "r.csv", "--scale", "20"], "not a scale"),
        (["analyze", "r.csv", "--scale", "0:20", "--margin", "0"], "margin"),
        (["analyze", "r.csv", "--scale", "0:20", "--threshold", "21"], "not on the scale"),
        (["analyze", "r.csv", "--scale", "0:20", "--alpha", "2"], "alpha"),
        (["analyze", "r.csv", "--scale", "0:20", "--format", "xml"], "'text' or 'json'"),
        (["report", "none"], "no such folder"),
        (["run", "--items", "checkable"], "no judge is named"),
        (["run", "--judge", "simulated:honest"], "no items is named"),
        (["run", "--judge", "simulated:honest", "--items", "none.jsonl"], "no such file"),
        (
            ["run", "--judge", "simulated:honest", "--items", "checkable", "--arms", "delete"],
            "no arm or set 'delete'",
        ),
        (
            ["run", "--judge", "simulated:honest", "--items", "checkable", "--arms", "deletion"],
            "needs the arm 'decoupled'",
        ),
        (["run", "--judge", "simulated:honest", "--items", "checkable", "--map", "output"], "field=column"),
        (
            ["run", "--judge", "simulated:honest", "--items", "checkable", "--map", "out=x"],
            "not a field of an item",
        ),
        (["run", "--judge", "openai:gpt-4o", "--items", "checkable"], "OPENAI_API_KEY is not set"),
        (
            ["run", "--judge", "anthropic:claude-haiku-4-5", "--items", "checkable"],
            "ANTHROPIC_API_KEY is not set",
        ),
        (["run", "--judge", "local:nobody", "--items", "checkable"], "no model 'nobody'"),
        (["run", "--judge", "function:nobody:f", "--items", "checkable"], "could not be imported"),
        (
            ["run", "--judge", "simulated:honest", "--items", "checkable", "--concurrency", "0"],
            "at least one call",
        ),
        (["models", "fetch", "nobody"], "no model 'nobody'"),
        (["datasets", "show", "nobody"], "neither a file nor"),
    ],
)
def test_arguments_that_are_wrong(tmp_path, monkeypatch, capsys, arguments, what):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "r.csv").write_text(GOOD)
    assert run(arguments) == 2
    assert what in complaint(capsys)
    assert [path.name for path in tmp_path.iterdir()] == ["r.csv"]  # nothing was begun


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('judge = "simulated:honest"\njugde = 1\n', "key 'jugde' is not known"),
        ("judge = [1]\n", "list of texts"),
        ("limit = 'x'\n", "a whole number was expected"),
        ("margin = true\n", "a number was expected"),
        ("judge = ", "not TOML"),
    ],
)
def test_files_of_settings_that_are_wrong(tmp_path, capsys, text, what):
    (tmp_path / "a.toml").write_text(text)
    assert run(["run", str(tmp_path / "a.toml")]) == 2
    message = complaint(capsys)
    assert what in message
    assert "a.toml" in message


def test_an_unknown_flag_is_wrong_usage(capsys):
    assert run(["run", "--jugde", "x"]) == 2
    assert "No such option" in capsys.readouterr().err


def failing_run(tmp_path, url):
    flags = ["--judge", f"openai:gpt-4o-mini@{url}", "--items", "checkable", "--limit", "10", "--quiet"]
    return run(["run", *flags, "--out", str(tmp_path / "run")])


def test_an_unreachable_server(tmp_path, capsys):
    assert failing_run(tmp_path, "http://127.0.0.1:9/v1") == 4
    assert "no connection to http://127.0.0.1:9/v1" in complaint(capsys)


def test_a_server_that_answers_rubbish(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with running(FakeProvider(faults=always(Fault("html")))) as fake:
        assert failing_run(tmp_path, fake.openai_url) == 4
    assert "not a reply of its protocol" in complaint(capsys)


def test_weights_with_a_wrong_hash(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("AUDITOR_MODELS", str(tmp_path))
    (tmp_path / "SmolLM2-135M-Instruct.Q4_1.gguf").write_bytes(b"x")
    assert (
        run(["run", "--judge", "local:smollm2-135m", "--items", "checkable", "--out", str(tmp_path / "r")])
        == 2
    )
    assert "damaged or not the file it claims to be" in complaint(capsys)
    assert not (tmp_path / "r").exists()


def test_a_run_folder_that_is_a_file(tmp_path, capsys):
    (tmp_path / "r").write_text("x")
    assert (
        run(["run", "--judge", "simulated:honest", "--items", "checkable", "--out", str(tmp_path / "r")]) == 4
    )
    assert "choose another --out" in complaint(capsys)


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs a read-only file system to write to")
def test_a_read_only_folder(capsys):
    assert run(["run", "--judge", "simulated:honest", "--items", "checkable", "--out", "/proc/self/run"]) == 4
    assert "cannot be written to" in complaint(capsys)


def test_a_full_disk_keeps_what_had_arrived_and_the_run_goes_on(tmp_path):
    """A limit on the size of files stands in for a full disk: writes beyond it fail."""
    command = [sys.executable, "-m", "auditor", "run", "--judge", "simulated:honest", "--items", "checkable"]
    command += ["--scale", "0:20", "--threshold", "12", "--out", str(tmp_path / "run"), "--quiet"]

    def limit():
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (900_000, resource.RLIM_INFINITY))

    full = subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=limit)
    assert full.returncode == 4, full.stderr
    assert "Traceback" not in full.stderr
    assert "could not be written" in full.stderr
    assert not (tmp_path / "run" / "report.html").exists()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = (tmp_path / "run" / "ratings.csv").read_text().splitlines()
    assert len(rows) == 1 + 2 * 252  # the header, and both arms of all items


def test_a_folder_in_use(tmp_path, capsys):
    from auditor.collect import hold_folder

    with hold_folder(tmp_path / "r"):
        assert (
            run(["run", "--judge", "simulated:honest", "--items", "checkable", "--out", str(tmp_path / "r")])
            == 4
        )
    assert "in use by process" in complaint(capsys)
