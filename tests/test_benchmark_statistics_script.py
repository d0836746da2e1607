"""The benchmark runs in its quick form; how long it takes is for its table to say, not for a test."""

import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def test_the_quick_form_runs_and_writes_its_table(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["benchmark_statistics.py", "--quick", "--out", str(tmp_path)])
    runpy.run_path(str(ROOT / "analysis" / "benchmark_statistics.py"), run_name="__main__")
    text = (tmp_path / "benchmark-statistics.md").read_text(encoding="utf-8")
    assert capsys.readouterr().out.strip() in text
    # 4 judges in 5 arms of 5 wordings and a plain one: 104 ratings an item, 10 items from 1,000 up. 6 contrasts and
    # 2 metrics of 4 judges: 48. With 8 arms 144 an item, 14 items, 9 contrasts: 72.
    assert "| 6 | 1,040 | 48 |" in text
    assert "| 8 | 2,016 | 72 |" in text
    assert "scipy `permutation_test`" in text


def test_the_simulated_table_is_what_it_says():
    module = runpy.run_path(str(ROOT / "analysis" / "benchmark_statistics.py"))
    frame = module["simulated"](module["ARMS"]["six"], 20_000)
    counts = frame.groupby(["judge", "arm"])["wording"].nunique()
    assert counts.groupby("arm").first().to_dict() == {
        arm: 1 if arm == "neutral" else 5 for arm in module["ARMS"]["six"]
    }
    assert len(frame) >= 20_000
    assert frame["score"].isna().mean() == pytest.approx(0.01, abs=0.003)  # four standard errors of 20,000
