"""`auditor judges`: everybody who can be asked, and never a key."""

from __future__ import annotations

import json

import pytest

from auditor.cli import run
from auditor.judges.providers import built_in

SECRET = "sk-test-abcdefghijklmnop"


def shown(capsys, *words, status=0):
    assert run(["judges", *words]) == status
    return capsys.readouterr()


def test_the_list_names_every_provider_and_shows_no_key(capsys, monkeypatch):
    monkeypatch.setenv("ZAI_API_KEY", SECRET)
    monkeypatch.delenv("GROQ_API_KEY", raising=False)
    text = shown(capsys).out
    rows = {
        line.split(":")[0]: line for line in text.splitlines() if line.partition(" ")[0].endswith(":MODEL")
    }
    assert set(rows) == set(built_in())
    assert "ZAI_API_KEY: present" in rows["zai"]
    assert "GROQ_API_KEY: not set" in rows["groq"]
    assert "none needed" in rows["ollama"]
    assert "logprobs" in rows["openai"]
    assert "logprobs" not in rows["anthropic"]
    assert "No provider was ever asked" in text
    assert SECRET not in text


def test_as_json(capsys, monkeypatch):
    monkeypatch.setenv("MOONSHOT_API_KEY", SECRET)
    text = shown(capsys, "--format", "json").out
    found = {one["name"]: one for one in json.loads(text)["providers"]}
    assert set(found) == set(built_in())
    assert found["moonshot"]["key"] == {"variable": "MOONSHOT_API_KEY", "needed": True, "present": True}
    assert not any(one["run_live"] for one in found.values())
    assert SECRET not in text
    one = json.loads(shown(capsys, "moonshot:kimi-k2.5", "--format", "json").out)["providers"][0]
    assert one["terms"]["takes"] == []
    assert one["terms"]["reasoning_efforts"] == ["none", "on"]
    assert one["terms"]["reasons_by_default"] is True


def test_all_of_one(capsys):
    text = shown(capsys, "google").out
    assert "gemini-3-flash-preview" in text
    assert "9 March 2026" in text
    assert "temperature (not while it reasons)" in shown(capsys, "openai:gpt-5.2").out


def test_providers_of_ones_own(capsys, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('[gpu]\nlike = "vllm"\nbase_url = "http://gpu.example/v1"\n', encoding="utf-8")
    assert "gpu.example/v1" in shown(capsys, "--providers", str(path)).out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nobody"], "no provider 'nobody'"),
        (["--format", "xml"], "'text' or 'json'"),
        (["--providers", "none.toml"], "no such file"),
    ],
)
def test_wrong_usage(capsys, tmp_path, monkeypatch, words, told):
    monkeypatch.chdir(tmp_path)
    assert told in shown(capsys, *words, status=2).err
