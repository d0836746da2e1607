"""The examples of the documentation run, and the command lines in it exist."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
import shlex
from pathlib import Path

import pytest

import auditor
from auditor.cli import run

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
MODULES = [m.name for m in pkgutil.walk_packages(auditor.__path__, "auditor.") if "__main__" not in m.name]


def blocks(page, language):
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("name", MODULES)
def test_doctests(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    results = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert results.failed == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_examples_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for code in blocks(page, "python"):
        exec(compile(code, str(page), "exec"), {"__name__": "example"})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_in_console_blocks_exist(page, tmp_path, monkeypatch, capsys):
    """Every ``auditor`` command of a console block parses; those that need no server or key are run."""
    monkeypatch.chdir(tmp_path)
    for block in blocks(page, "console"):
        for line in block.replace("\\\n", " ").splitlines():
            if not line.startswith("$ auditor"):
                continue
            words = shlex.split(line.removeprefix("$ auditor"))
            judged = ("openai:", "anthropic:", "local:", "function:", "my_")
            needs_more = any(word.startswith(judged) or word in ("fetch", "audit.toml") for word in words)
            status = run([*words, "--help"] if needs_more else words)
            assert status in ((0,) if needs_more else (0, 1, 3)), (line, capsys.readouterr().err)
