"""Rules of the house that a machine can check."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import auditor

ROOT = Path(__file__).resolve().parent.parent
tracked_only = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a checkout")


def test_the_exported_names_are_these_and_all_there():
    assert sorted(auditor.__all__) == auditor.__all__ == dir(auditor)
    for name in auditor.__all__:
        assert getattr(auditor, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = auditor.nothing


def test_importing_is_cheap():
    code = "import time; t = time.process_time(); import auditor; print(time.process_time() - t)"
    seconds = min(float(subprocess.check_output([sys.executable, "-c", code], text=True)) for _ in range(3))
    assert seconds < 0.2
    heavy = "('scipy', 'pandas', 'openai', 'anthropic', 'matplotlib')"
    code = f"import auditor, sys; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_help_does_not_load_what_is_heavy():
    code = (
        "import sys\nfrom auditor.cli import run\nrun(['--help'])\n"
        "print([m for m in ('scipy', 'pandas', 'openai', 'anthropic', 'matplotlib', 'sqlalchemy') if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip().endswith("[]")


@tracked_only
def test_tracked_files_hold_no_machine_path_key_or_index_address():
    files = subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).splitlines()
    pattern = re.compile(
        "|".join(
            [
                "/wor" + "k/",
                "/hom" + "e/[a-z]",
                "/roo" + "t/",
                "pythonho" + "sted",
                "pyp" + r"i\.org/simple",
                r"\bsk-[A-Za-z0-9]{20,}",
            ]
        )
    )
    for name in files:
        path = ROOT / name
        if path.suffix in {".png", ".parquet"} or not path.is_file():
            continue
        found = pattern.search(path.read_text(encoding="utf-8"))
        assert not found, (name, found)


@tracked_only
def test_modules_stay_small():
    for path in (ROOT / "auditor").rglob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 480, path
