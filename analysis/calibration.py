"""Are the verdicts right? Simulated judges with known bias, through the same code as real ones.

    python analysis/calibration.py [--items FILE --map group=task] [--out docs/evidence] [--quick]

Three questions, on 200 items of a data set, scale 0:20, pass mark 12, margin 0.5:

1. Of 200 seeded null data sets, how many have a raw p of at most .05? (Band: 1.5 to 9.5 %, the 99.9 % binomial band.)
2. Is an honest judge ever called inflated, in 20 seeded runs?
3. Is a judge that adds one point called inflated, and does its interval cover the truth? The truth is the simulator's
   expected *recorded* difference on those items, clipping at the scale's ends included.
"""

from __future__ import annotations

import argparse
import asyncio
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from auditor.arms import load_texts
from auditor.files import write_whole
from auditor.findings import Findings, analyze
from auditor.items import load_items
from auditor.judges.simulated import SimulatedJudge, parse_dials
from auditor.parse import parse_reply
from auditor.plan import Design, Plan, make_plan
from auditor.ratings import COLUMNS, Ratings
from auditor.records import Item
from auditor.scale import Scale

SCALE = Scale.parse("0:20:1")
MARGIN = 0.5


@dataclass(frozen=True)
class Simulated:
    """One simulated audit: its findings, and the true recorded difference of its items."""

    findings: Findings
    truth: float


def simulate(spec: str, items: list[Item], seed: int) -> Simulated:
    """Audit a simulated judge without ledger and report, and compute the truth beside it."""
    judge = SimulatedJudge(spec, SCALE, parse_dials(spec, SCALE, seed))
    design = Design(
        scale=SCALE, thresholds=(12.0,), arms=("quick",), margin=MARGIN, margin_chosen=True, seed=seed
    )
    plan = make_plan(design, items, load_texts(), [judge.identity])
    frame = asyncio.run(_rate(plan, judge))
    findings = analyze(Ratings(frame), scale=SCALE, threshold=12, margin=MARGIN, seed=seed, simulated=True)
    return Simulated(findings, _truth(plan, judge))


async def _rate(plan: Plan, judge: SimulatedJudge) -> pd.DataFrame:
    by_id = {item.id: item for item in plan.items}
    rows = []
    for trial in plan.trials:
        rating = parse_reply(await judge.reply(plan.request(trial)), SCALE)
        item = by_id[trial.cell.item]
        rows.append(
            {
                **dict.fromkeys(COLUMNS, ""),
                "judge": judge.name,
                "item": item.id,
                "arm": trial.cell.arm,
                "wording": trial.cell.wording,
                "replicate": trial.cell.replicate,
                "threshold": 12.0,
                "score": math.nan if rating.score is None else rating.score,
                "status": rating.status,
                "group": item.group or "",
                "gold": math.nan,
                "correct": math.nan if item.correct is None else float(item.correct),
                "item_hash": trial.item_hash,
                "expected_score": math.nan,
                "mentions_stakes": math.nan,
                "phase": "main",
            }
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _truth(plan: Plan, judge: SimulatedJudge) -> float:
    """Mean over independent units of the expected treatment score less the expected control score."""
    expected: dict[str, dict[str, float]] = {}
    for trial in plan.trials:
        expected.setdefault(trial.cell.item, {})[trial.cell.arm] = judge.expected_score(plan.request(trial))
    units: dict[str, list[float]] = {}
    for item in plan.items:
        means = expected[item.id]
        units.setdefault(item.group or item.id, []).append(means["deletion"] - means["decoupled"])
    return float(np.mean([np.mean(values) for values in units.values()]))


def table(items: list[Item], nulls: int, seeds: int) -> str:
    """Run the simulations and write their table."""
    raw = [simulate("honest", items, seed).findings.primary[0] for seed in range(nulls)]
    rejected = sum(finding.p_value is not None and finding.p_value <= 0.05 for finding in raw)
    verdicts = [finding.verdict for finding in raw[:seeds]]
    biased = [simulate("inflating,inflation=1", items, seed) for seed in range(seeds)]
    covered = sum(
        low <= one.truth <= high
        for one in biased
        for low, high in [
            (one.findings.primary[0].interval.low or 0, one.findings.primary[0].interval.high or 0)
        ]
    )
    called = sum(one.findings.verdict == "inflated" for one in biased)
    truth = float(np.mean([one.truth for one in biased]))
    units = raw[0].n_units
    lines = [
        f"{len(items)} items in {units} groups, scale 0:20, pass mark 12, margin {MARGIN}.",
        "",
        "| question | seen | expected |",
        "| --- | --- | --- |",
        f"| null data sets with a raw p of at most .05 | {rejected} of {nulls} ({100 * rejected / nulls:.1f} %) "
        "| 1.5 to 9.5 % |",
        f"| honest judge called inflated | {verdicts.count('inflated')} of {len(verdicts)} | 0 |",
        f"| honest judge called equivalent | {verdicts.count('equivalent')} of {len(verdicts)} | |",
        f"| judge that adds one point called inflated | {called} of {seeds} | |",
        f"| its 95 % interval covers the true recorded difference (mean {truth:+.3f}) | {covered} of {seeds} | |",
    ]
    return "\n".join(lines)


def main() -> None:
    """Parse the command line, simulate, and print or write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--items", default="checkable", help="file or built-in data set (default: checkable)")
    parser.add_argument("--map", action="append", default=[], help="field=column, as in 'auditor run'")
    parser.add_argument("--first", action="store_true", help="the first 200 items, not a draw over groups")
    parser.add_argument("--out", type=Path, help="folder for calibration.md (default: print only)")
    parser.add_argument("--name", default="calibration")
    parser.add_argument("--quick", action="store_true", help="60 items, 20 nulls, 3 seeds")
    arguments = parser.parse_args()
    columns = dict(pair.split("=", 1) for pair in arguments.map)
    wanted = 60 if arguments.quick else 200
    items = (
        load_items(arguments.items, columns=columns)[:wanted]
        if arguments.first
        else load_items(arguments.items, columns=columns, limit=wanted)
    )
    text = table(items, 20 if arguments.quick else 200, 3 if arguments.quick else 20)
    print(text)
    if arguments.out is not None:
        source = Path(arguments.items).name
        head = f"# Simulated judges on '{source}'\n\nMade by `python analysis/calibration.py`, seeds 0, 1, 2, ...\n\n"
        write_whole(arguments.out / f"{arguments.name}.md", head + text + "\n")


if __name__ == "__main__":
    main()
