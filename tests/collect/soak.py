"""A soak: every fault of a provider at once, until every trial is answered or final; ratings and memory are checked.

python -m tests.collect.soak --trials 100000      # what `make soak` runs
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from auditor.arms import load_texts
from auditor.collect import Flow, Ledger, collect
from auditor.judges.openai_chat import OpenAIJudge
from auditor.plan import Design, make_plan
from auditor.records import Item
from auditor.scale import Scale
from tests.fakes.provider import KEY, digest_of, spawned

#: Shares of the requests; a fault depends on the body and the attempt, so that trying again can help.
FAULTS = {
    **{"status:429": 0.01, "status:500": 0.01, "status:503": 0.005, "status:529": 0.005, "status:502": 0.005},
    **{"reset": 0.005, "cut": 0.005, "html": 0.005, "truncated": 0.005, "empty": 0.005, "slow:0.3": 0.005},
    **{"trickle:0.3": 0.005, "hang": 0.001, "surrogate": 0.005, "huge:100000": 0.002, "no_choices": 0.005},
    **{"refusal": 0.005, "length": 0.005, "content_type": 0.005},
}


def soak(trials: int, folder: Path, runs: int = 12) -> dict[str, Any]:
    """Collect against the faults, run after run as a user would, until nothing is left; returns what was seen."""
    os.environ["OPENAI_API_KEY"] = KEY
    options = [word for kind, rate in FAULTS.items() for word in ("--fault", f"{kind}={rate}")]
    began = time.monotonic()
    with spawned(folder / "requests.log", "--score-range", "0", "10", "--latency-ms", "5", *options) as fake:
        judge = OpenAIJudge("gpt-4o-mini", base_url=fake.openai_url, timeout=2.0)
        design = Design(scale=Scale.parse("0:10:1"), thresholds=(6.0,), arms=("standard",))
        items = [Item(f"i{k}", "Weigh it.", f"Answer {k}.") for k in range(max(1, trials // 8))]
        plan = make_plan(design, items, load_texts(), [judge.identity])
        with Ledger(folder / "ledger.sqlite") as ledger:
            ledger.add_plan(plan)
            for run in range(runs):
                done = asyncio.run(collect(plan, {judge.name: judge}, ledger, flow=Flow(concurrency=32)))
                print(f"run {run}: {done}", file=sys.stderr, flush=True)
                if not done.missing:
                    break
            seen = _checked(ledger, plan)
    seen["seconds"] = round(time.monotonic() - began)
    with (folder / "requests.log").open("rb") as log:
        seen["requests"] = sum(1 for _ in log)
    seen["peak_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    return seen


def _checked(ledger: Ledger, plan: Any) -> dict[str, Any]:
    """Count outcomes by arm, and compare each score with the one that the fake gives to these messages."""
    by_id = {trial.id: trial for trial in plan.trials}
    statuses: Counter[str] = Counter()
    arms: dict[str, Counter[str]] = {}
    wrong = 0
    for row in ledger.rating_rows():
        status = row["status"] or "failed"
        statuses[status] += 1
        arms.setdefault(row["arm"], Counter())[status] += 1
        if status == "ok":
            request = plan.request(by_id[row["id"]])
            messages = [{"role": m.role, "content": m.content} for m in request.messages]
            wrong += row["value"] != digest_of(messages) % 11
    totals = ledger.totals()
    counted = {arm: dict(sorted(counts.items())) for arm, counts in sorted(arms.items())}
    return {
        "trials": len(plan.trials),
        "statuses": dict(statuses),
        "wrong_scores": wrong,
        "error_kinds": totals["error_kinds"],
        "by_arm": counted,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=100_000)
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        found = soak(told.trials, Path(place))
    print(json.dumps(found, indent=1))
    assert found["wrong_scores"] == 0
    assert "failed" not in found["statuses"]
    assert found["peak_mb"] < 400
