"""The contracts of the command line: what is printed where, and the exit status."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from auditor.cli import run

HEAD = "judge,item,arm,wording,replicate,threshold,score,status\n"


def ratings(tmp_path, shift=2, n=20, head=HEAD):
    rows = [
        f"j,i{k},{arm},1,1,12,{8 + k % 5 + shift * (arm == 'deletion')},ok\n"
        for k in range(n)
        for arm in ("decoupled", "deletion")
    ]
    path = tmp_path / "ratings.csv"
    path.write_text(head + "".join(rows))
    return path


ANALYZE = [
    "--treatment",
    "deletion",
    "--control",
    "decoupled",
    "--threshold",
    "12",
    "--scale",
    "0:20",
    "--margin",
    "0.5",
]
ANALYZE += ["--pass-margin", "0.05", "--alpha", "0.05"]


def no_constant(name):
    raise AssertionError(f"{name} in JSON")


def test_analyze_prints_one_json_object_and_nothing_else(tmp_path, capsys):
    assert run(["analyze", str(ratings(tmp_path)), *ANALYZE, "--format", "json"]) == 0
    out, err = capsys.readouterr()
    data = json.loads(out, parse_constant=no_constant)
    assert data["schema_version"] == "1"
    assert data["verdict"] == "inflated"
    assert err == ""
    finding = data["findings"][0]
    assert set(finding) >= {
        *(
            "judge",
            "contrast",
            "metric",
            "family",
            "scope",
            "threshold",
            "n_items",
            "n_dropped",
            "estimate",
            "sd_d",
        ),
        *("ci", "p_value", "p_adjusted", "verdict", "flags"),
    }
    assert finding["contrast"] == {"treatment": "deletion", "control": "decoupled"}
    assert [f["metric"] for f in data["findings"]] == ["score", "pass_rate"]
    assert (finding["estimate"], finding["n_items"], finding["threshold"]) == (2.0, 20, 12.0)
    assert finding["ci"] == {"level": 0.95, "low": 2.0, "high": 2.0}
    assert finding["p_value"] == 2 / 2**20  # all 20 differences positive: 2 of 2^20 sign patterns


def test_only_three_columns_are_needed(tmp_path, capsys):
    path = tmp_path / "r.csv"
    path.write_text(
        "item,arm,score\n"
        + "".join(f"{k},{a},{k % 7}\n" for k in range(12) for a in ("decoupled", "deletion"))
    )
    assert run(["analyze", str(path), "--scale", "0:20", "--format", "json"]) == 0
    finding = json.loads(capsys.readouterr().out)["findings"][0]
    assert finding["judge"] == "judge"
    assert {"no_differences", "identity_unproved"} <= set(finding["flags"])


@pytest.mark.parametrize(("shift", "n", "status"), [(2, 20, 1), (-2, 20, 1), (0, 20, 0), (0, 4, 3)])
def test_the_gate(tmp_path, shift, n, status):
    assert run(["analyze", str(ratings(tmp_path, shift, n)), *ANALYZE, "--gate"]) == status
    assert run(["analyze", str(ratings(tmp_path, shift, n)), *ANALYZE]) == 0


def test_a_gate_needs_a_margin_of_ones_own(tmp_path, capsys):
    assert run(["analyze", str(ratings(tmp_path)), "--scale", "0:20", "--gate"]) == 2
    assert (
        run(
            [
                "run",
                "--judge",
                "simulated:honest",
                "--items",
                "checkable",
                "--gate",
                "--out",
                str(tmp_path / "r"),
            ]
        )
        == 2
    )
    assert capsys.readouterr().err.count("a gate needs a margin") == 2
    assert not (tmp_path / "r").exists()


def test_run_by_file_by_flags_and_again(tmp_path, capsys):
    file = tmp_path / "audit.toml"
    file.write_text(
        'judge = "simulated:inflating,inflation=2"\nitems = ["checkable"]\nscale = "0:20"\nthreshold = 12\n'
        f"margin = 0.5\n"
        f'limit = 40\nout = "{tmp_path / "run"}"\n'
    )
    assert run(["run", str(file)]) == 0
    out, err = capsys.readouterr()
    assert "inflated" in out
    assert f"Report: {tmp_path / 'run' / 'report.html'}" in out
    assert "80 of 80 trials" in err
    flags = [
        "--judge",
        "simulated:inflating,inflation=2",
        "--items",
        "checkable",
        "--scale",
        "0:20",
        "--threshold",
        "12",
    ]
    flags += ["--margin", "0.5", "--limit", "40", "--out", str(tmp_path / "run"), "--gate"]
    assert run(["run", *flags]) == 1
    assert "80 of 80 trials were answered before" in capsys.readouterr().err
    assert run(["report", str(tmp_path / "run")]) == 0
    assert run(["run", str(file), "--seed", "5"]) == 2
    assert "seed: 0 there, 5 now" in capsys.readouterr().err


def test_a_run_of_ones_own_function(tmp_path, monkeypatch, capsys):
    (tmp_path / "my_grader.py").write_text("def grade(item, framing):\n    return 5 + len(item.output) % 5\n")
    monkeypatch.chdir(tmp_path)
    status = run(
        ["run", "--judge", "function:my_grader:grade", "--items", "checkable", "--limit", "30", "--out", "r"]
    )
    assert status == 0
    assert "function:my_grader:grade" in capsys.readouterr().out


@pytest.mark.parametrize(
    "command", [["judges"], ["models"], ["datasets"], ["datasets", "show", "checkable"], ["--version"], []]
)
def test_lists(command, capsys):
    assert run(command) == 0
    assert capsys.readouterr().out.strip()


def test_help_of_every_command(capsys):
    for command in ([], ["run"], ["analyze"], ["report"], ["judges"], ["models"], ["datasets"]):
        assert run([*command, "--help"]) == 0
        assert "Usage: auditor" in capsys.readouterr().out


def test_as_a_program_and_into_a_closed_pipe():
    done = subprocess.run(
        [sys.executable, "-m", "auditor", "nope"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "No such command 'nope'" in done.stderr
    assert "Traceback" not in done.stderr
    piped = f"{sys.executable} -m auditor datasets show checkable | head -1"
    assert (
        "Traceback"
        not in subprocess.run(piped, shell=True, capture_output=True, text=True, check=False).stderr
    )


def test_a_crash_is_status_4(monkeypatch, capsys):
    import auditor.findings

    def broken(*args, **kwargs):
        raise ZeroDivisionError("x")

    monkeypatch.setattr(auditor.findings, "analyze", broken)
    assert run(["analyze", "x.csv", "--scale", "0:20"]) == 4
    assert "a fault of the program" in capsys.readouterr().err
