"""Items added to an inconclusive run: drawn apart from the earlier ones, combined with weights fixed beforehand."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

import auditor
from auditor.collect import Ledger
from auditor.errors import InputError
from auditor.records import Item
from auditor.stats.stages import combine_p_values
from auditor.study import report_again
from auditor.study.extension import next_items

JUDGE = "simulated:inflating,inflation=0.8"
SETTINGS: dict[str, Any] = {"scale": "0:20", "threshold": "auto", "margin": 0.8, "limit": 20}


def test_a_stage_is_added_combined_and_reported_again(tmp_path: Path) -> None:
    first = auditor.audit(JUDGE, "checkable", out=tmp_path, **SETTINGS)
    assert first.verdict == "inconclusive"
    result = auditor.audit(JUDGE, "checkable", out=tmp_path, extend=30, **SETTINGS)
    score = next(f for f in result.findings.confirmatory if f.metric == "score")
    shown = next(s for s in result.findings.stages if s["metric"] == "score")
    assert [stage["n_units"] for stage in shown["stages"]] == [20, 30]
    assert [stage["weight"] for stage in shown["stages"]] == pytest.approx(
        [math.sqrt(20 / 50), math.sqrt(30 / 50)]
    )
    p = 2 * combine_p_values([s["p_one_sided"] for s in shown["stages"]], [math.sqrt(20), math.sqrt(30)])
    assert score.p_value == pytest.approx(p)
    assert {"extended"} <= set(score.flags)
    assert score.n_items == 50
    assert not set(first.ratings["item"]) & (set(result.ratings["item"]) - set(first.ratings["item"]))
    assert any("after a result had been seen" in note for note in result.findings.notes)
    again = auditor.audit(JUDGE, "checkable", out=tmp_path, extend=30, **SETTINGS)
    assert again.findings.to_json() == result.findings.to_json() == report_again(tmp_path).findings.to_json()
    with pytest.raises(InputError, match="was begun with 30 items, not 31"):
        auditor.audit(JUDGE, "checkable", out=tmp_path, extend=31, **SETTINGS)
    if result.verdict != "inconclusive":
        with pytest.raises(InputError, match="has an answer already"):
            auditor.audit(JUDGE, "checkable", out=tmp_path, extend=[30, 10], **SETTINGS)


def test_a_later_stage_keeps_the_pass_mark_and_asks_no_pilot(tmp_path: Path) -> None:
    auditor.audit(JUDGE, "checkable", out=tmp_path, **SETTINGS)
    auditor.audit(JUDGE, "checkable", out=tmp_path, extend=6, **SETTINGS)
    with Ledger(tmp_path / "ledger.sqlite") as one, Ledger(tmp_path / "stage-2" / "ledger.sqlite") as two:
        rows, later = one.rating_rows(), two.rating_rows()
    assert {row["phase"] for row in later} == {"main"}
    assert {row["threshold"] for row in later} == {r["threshold"] for r in rows if r["phase"] == "main"}
    assert len(later) * 20 == len([row for row in rows if row["phase"] == "main"]) * 6


def test_items_of_earlier_stages_and_their_groups_are_not_drawn_again() -> None:
    items = [Item(f"i{k}", "Add 2 and 3.", f"It is {k}.", group=f"g{k // 2}") for k in range(12)]
    chosen = next_items(items, items[:5], 6, seed=0, stage=2, stratify=None)
    # Items 0 to 4 are used, and with them the groups g0 to g2, so that item 5 is out too.
    assert [item.id for item in chosen] == [f"i{k}" for k in range(6, 12)]
    renamed = Item("other", "Add 2 and 3.", "It is 0.")
    with pytest.raises(InputError, match="7 more items were asked for, and 6 are left"):
        next_items([*items, renamed], items[:5], 7, seed=0, stage=2, stratify=None)


@pytest.mark.parametrize("sizes", [0, [-3], [5, 0]])
def test_a_stage_has_items(tmp_path: Path, sizes: Any) -> None:
    with pytest.raises(InputError, match="at least one item"):
        auditor.audit(JUDGE, "checkable", out=tmp_path, extend=sizes, **SETTINGS)


def test_extension_needs_a_folder() -> None:
    with pytest.raises(InputError, match="extended in its folder"):
        auditor.audit(JUDGE, "checkable", extend=5, **SETTINGS)
