"""The real weights (135M), the real wire protocols. Its scores mean nothing; the plumbing is what is tested."""

from __future__ import annotations

import asyncio

import pandas as pd
import pytest

import auditor
from auditor.collect import Ledger
from auditor.judges.local import LocalJudge
from auditor.ratings import load_ratings
from auditor.scale import Scale

pytestmark = pytest.mark.model
NAME = "smollm2-135m"
SETTINGS = {"scale": "0:10", "threshold": 6, "limit": 3, "rationale": "none", "seed": 1}


def audit(judge, out, **changes):
    return auditor.audit_async(judge, "checkable", out=out, **{**SETTINGS, **changes})


def run_local(out, **changes):
    return asyncio.run(audit(f"local:{NAME}", out, threads=1, **changes))


def test_a_local_judge_is_audited_and_never_asked_twice(tmp_path):
    first = run_local(tmp_path / "run")
    assert list(first.ratings["status"]) == ["ok"] * 6  # held to the schema: 3 items x 2 arms
    with Ledger(tmp_path / "run" / "ledger.sqlite") as ledger:
        calls = ledger.totals()["calls"]
        assert ledger.totals()["models"][0]["model"] == NAME
    second = run_local(tmp_path / "run")
    with Ledger(tmp_path / "run" / "ledger.sqlite") as ledger:
        assert ledger.totals()["calls"] == calls == 6
    pd.testing.assert_frame_equal(first.ratings, second.ratings)


def test_the_same_through_both_wire_protocols(tmp_path):
    async def both():
        async with LocalJudge(NAME, threads=1) as server:
            by_openai = await audit(f"openai:{NAME}@{server.address}/v1", tmp_path / "openai")
            by_anthropic = await audit(
                f"anthropic:{NAME}@{server.address}", tmp_path / "anthropic", limit=6, reply="text"
            )
            return by_openai, by_anthropic

    by_openai, by_anthropic = asyncio.run(both())
    assert list(by_openai.ratings["status"]) == ["ok"] * 6
    # llama.cpp's messages endpoint takes no schema, so this model's free text need not hold a score; every reply is
    # stored and read all the same, and nothing failed on the wire.
    assert len(by_anthropic.ratings) == 12
    assert "failed" not in set(by_anthropic.ratings["status"])
    for result in (by_openai, by_anthropic):
        assert load_ratings(result.folder, Scale.parse("0:10")).frame.shape == result.ratings.shape
