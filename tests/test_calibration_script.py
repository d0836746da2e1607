import runpy
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_the_quick_form_runs_and_writes_its_table(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["calibration.py", "--quick", "--out", str(tmp_path)])
    runpy.run_path(str(ROOT / "analysis" / "calibration.py"), run_name="__main__")
    text = (tmp_path / "calibration.md").read_text()
    assert capsys.readouterr().out.strip() in text
    assert "| honest judge called inflated | 0 of 3 | 0 |" in text
