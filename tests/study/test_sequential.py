"""A run that looks while it asks: what it asks, when it stops, and that it says the same when it is told again."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

import auditor
from auditor.arms import load_texts
from auditor.errors import IncompleteError, InputError
from auditor.plan import Design, make_plan
from auditor.plan.layout import entry_order, unit_of
from auditor.records import Item, JudgeIdentity
from auditor.scale import Scale
from auditor.stats.looks import look
from auditor.stats.sequential import plan_looks, sequential_design
from auditor.study import report_again
from auditor.study.lock import lock_content
from auditor.study.sequential import look_plans

ITEMS = [Item(f"i{k}", "Add 2 and 3.", f"It is {k}.") for k in range(60)]
SETTINGS: dict[str, Any] = {"scale": "0:20", "threshold": 12, "margin": 1.0, "sequential": True}


def test_a_judge_that_inflates_is_stopped_early_and_nothing_more_is_asked(tmp_path: Path) -> None:
    result = auditor.audit("simulated:inflating,inflation=3", ITEMS, out=tmp_path, **SETTINGS)
    (course,) = result.findings.looks
    score = next(f for f in result.findings.confirmatory if f.metric == "score")
    assert result.verdict == score.verdict == "inflated"
    assert course["ends"] == plan_looks(60) == (12, 24, 36, 48, 60)
    # 12 units give no sign-flip p below 2^-11 = 5e-4, and the first of five looks at .025 asks for 3e-7.
    assert course["held"] == 2
    asked = len(result.ratings)
    assert score.n_items == 24
    assert course["calls_planned"] == 60 * asked // 24
    assert course["calls_saved"] == course["calls_planned"] - asked
    assert f"{course['calls_saved']} of {course['calls_planned']} planned calls" in course["sentence"]
    assert "sequential" in score.flags
    again = auditor.audit("simulated:inflating,inflation=3", ITEMS, out=tmp_path, **SETTINGS)
    assert again.collected is not None
    assert again.collected.asked == 0
    assert again.findings.to_json() == result.findings.to_json() == report_again(tmp_path).findings.to_json()


def test_each_look_is_the_look_of_the_statistics(tmp_path: Path) -> None:
    result = auditor.audit("simulated:inflating,inflation=3", ITEMS, out=tmp_path, **SETTINGS)
    (course,) = result.findings.looks
    frame = result.ratings[result.ratings["phase"] == "main"]
    means = frame.pivot_table(index="item", columns="arm", values="score", sort=False)
    plan = look_plans_of(tmp_path)
    order = [unit.removeprefix("item:") for unit in plan.order]
    differences = (means["deletion"] - means["decoupled"]).reindex(order[:24]).to_numpy()
    design = sequential_design(plan.ends, alpha=0.05 / 2, margin=1.0, equivalence_alpha=0.05)
    for number in (1, 2):
        own = look(design, number, differences[: plan.ends[number - 1]])
        step = next(s for s in course["steps"] if s["look"] == number and s["metric"] == "score")
        assert (step["estimate"], step["p_value"], step["bound"]) == (own.mean, own.p_value, own.nominal)
        assert (step["interval"]["low"], step["interval"]["high"]) == (own.interval.low, own.interval.high)


def look_plans_of(folder: Path) -> Any:
    from auditor.collect import Ledger
    from auditor.study import stored_plan

    with Ledger(folder / "ledger.sqlite", create=False) as ledger:
        (plan,) = look_plans(stored_plan(ledger)).values()
    return plan


def test_a_constant_judge_is_never_stopped_as_equivalent(tmp_path: Path) -> None:
    result = auditor.audit(lambda prompt: 10, ITEMS[:40], out=tmp_path, **SETTINGS)
    (course,) = result.findings.looks
    assert (course["held"], result.verdict) == (5, "inconclusive")
    assert all("constant" in f.flags for f in result.findings.confirmatory)


def test_an_unanswered_block_is_not_looked_at_and_is_finished_later(tmp_path: Path) -> None:
    calls = {"made": 0, "broken": True}

    def judge(prompt: str) -> int:
        calls["made"] += 1
        if calls["broken"] and calls["made"] > 40:
            raise RuntimeError("out of order")
        return 9 + len(prompt) % 3

    with pytest.raises(IncompleteError, match="out of order"):
        auditor.audit(judge, ITEMS[:40], out=tmp_path, arms="quick", concurrency=1, **SETTINGS)
    before = calls["made"]
    seen = json.loads((tmp_path / "findings.json").read_text(encoding="utf-8"))["looks"][0]
    per_item = seen["calls_planned"] // 40
    assert seen["held"] == 40 // per_item // 8  # complete blocks of eight items among the forty answers
    calls["broken"] = False
    result = auditor.audit(judge, ITEMS[:40], out=tmp_path, arms="quick", concurrency=1, **SETTINGS)
    assert result.findings.looks[0]["stopped"]
    assert calls["made"] - before == len(result.ratings) - 40


def test_groups_enter_whole() -> None:
    items = [Item(f"i{k}", "Add 2 and 3.", f"It is {k}.", group=f"g{k % 9}") for k in range(36)]
    design = Design(Scale.parse("0:20"), (12.0,), ("quick",), sequential="obrien-fleming")
    plan = make_plan(design, items, load_texts(None), [JudgeIdentity("simulated:honest")])
    units = [unit_of(item) for item in entry_order(plan)]
    changes = sum(left != right for left, right in itertools.pairwise(units))
    assert changes == 8
    assert look_plans(plan)["simulated:honest"].ends == (2, 4, 5, 7, 9)


def test_plans_without_looks_keep_their_ids_and_locked_rule() -> None:
    design = Design(Scale.parse("0:20"), (12.0,), ("quick",))
    assert not {"sequential", "looks"} & set(design.to_json())
    looking = Design(Scale.parse("0:20"), (12.0,), ("quick",), sequential="e-process")
    assert looking.looks == 20
    assert Design.from_json(looking.to_json()) == looking
    plan = make_plan(looking, ITEMS[:4], load_texts(None), [JudgeIdentity("simulated:honest")])
    assert "e-process, at most 20" in lock_content(plan)["stopping_rule"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sequential": "pocock"}, "the rule is one of obrien-fleming"),
        ({"sequential": True, "looks": 1}, "2 to 50 looks"),
        ({"sequential": False, "looks": 4}, "add --sequential"),
        ({"sequential": True, "extend": 10}, "cannot be extended"),
    ],
)
def test_what_cannot_be_done_is_refused(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        auditor.audit("simulated:honest", ITEMS[:20], out=tmp_path, **{**SETTINGS, **settings})
