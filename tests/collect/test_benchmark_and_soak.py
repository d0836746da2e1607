"""The quick forms of the benchmark, the soak and the kills: that they run, and that their counts are right."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.collect.kills import many
from tests.collect.soak import soak

ROOT = Path(__file__).resolve().parents[2]


def test_the_quick_benchmark_measures_each_client(tmp_path):
    command = [sys.executable, "-W", "ignore", str(ROOT / "analysis" / "benchmark_collect.py"), "--quick"]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, env=dict(os.environ), check=True
    )
    found = json.loads(done.stdout)
    assert len(found["rates"]) == 6
    assert all(rate > 0 for rates in found["rates"].values() for rate in rates)


def test_a_short_soak_gets_every_rating_right(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "")
    found = soak(400, tmp_path)
    assert found["wrong_scores"] == 0
    assert sum(found["statuses"].values()) == found["trials"] == 400
    assert "failed" not in found["statuses"]
    assert {"transient", "uncertain"} <= set(found["error_kinds"])
    assert found["by_arm"].keys() >= {"deletion", "decoupled"}
    assert sum(sum(counts.values()) for counts in found["by_arm"].values()) == 400


def test_kills_lose_nothing_and_repeat_no_more_than_was_in_flight():
    found = many(6, seed=7, each=3)
    assert found.kills == 6
    assert found.lost == 0
    assert found.repeated <= found.in_flight
