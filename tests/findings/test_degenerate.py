"""Tables that hold too little, or nothing: an answer that is right or a refusal that says why, and no bare NaN.

Warnings are errors in all tests, so none can reach the console.
"""

from __future__ import annotations

import json
import math
from typing import Any

import pandas as pd
import pytest

from auditor.errors import InputError
from auditor.findings import Finding, Findings, analyze
from tests.findings.frames import VARIED, C, T, paired, shifted, table


def audit(frame: pd.DataFrame, **options: Any) -> Findings:
    found = analyze(frame, **{"scale": "0:20", "threshold": 12, "margin": 0.5} | options)
    json.loads(found.dumps(), parse_constant=pytest.fail)  # NaN and Infinity are no JSON
    return found


def score(findings: Findings) -> Finding:
    return next(f for f in findings.findings if f.metric == "score")


def passes(findings: Findings) -> Finding:
    return next(f for f in findings.findings if f.metric == "pass_rate")


def test_all_differences_are_zero() -> None:
    found = audit(paired(VARIED, VARIED))
    one = score(found)
    # Every pattern of signs of nothing gives nothing: p = 1; the interval is a point inside the margin.
    assert (one.estimate, one.sd_d, one.p_value, one.verdict) == (0.0, 0.0, 1.0, "equivalent")
    assert (one.interval.low, one.interval.high) == (0.0, 0.0)
    assert one.flags == ("no_differences",)
    # Forty items without a change of sides do not show that under 5 points of passes move.
    assert (passes(found).verdict, passes(found).items_needed) == ("inconclusive", None)
    assert "rare_changes" in passes(found).flags
    assert found.verdict == "equivalent"


@pytest.mark.parametrize(
    ("differences", "p_value", "sd"), [([1], 1.0, None), ([1, 2], 0.5, math.sqrt(0.5)), ([0], 1.0, None)]
)
def test_one_item_and_two(differences: list[int], p_value: float, sd: float | None) -> None:
    # One item: both signs reach |1|. Two: |1 + 2| in two of four patterns; SD of 1 and 2 is sqrt(1/2).
    one = score(audit(shifted(differences)))
    assert (one.n_items, one.p_value, one.verdict) == (len(differences), p_value, "inconclusive")
    assert one.estimate == sum(differences) / len(differences)
    assert one.sd_d == (None if sd is None else pytest.approx(sd))
    assert "too_few_items" in one.flags
    assert one.interval.known == (sd is not None)
    assert one.items_needed is None or one.items_needed >= 1


def test_one_wording() -> None:
    found = audit(shifted([1, 0, 2, -1] * 5, wording="1"))
    assert score(found).estimate == score(audit(shifted([1, 0, 2, -1] * 5))).estimate == 0.5
    kinds = {one.kind for one in found.further}
    assert "these_wordings" in kinds
    assert "wordings_like_these" not in kinds  # of one wording nothing can be said about others


@pytest.mark.parametrize("value", [0, 6, 12, 20])
def test_a_constant_judge_is_never_equivalent(value: int) -> None:
    found = audit(paired([value] * 40, [value] * 40))
    for one in found.findings:
        assert (one.estimate, one.p_value, one.verdict) == (0.0, 1.0, "inconclusive")
        assert "constant" in one.flags
        assert one.items_needed is None  # no number of items would make it see


def test_a_judge_that_is_constant_in_the_control_alone_can_be_seen_to_move() -> None:
    found = audit(paired([6, 7] * 20, [6] * 40))
    # Twenty ones: 2/2^20.
    assert (score(found).p_value, score(found).verdict) == (2 / 2**20, "inflated")


@pytest.mark.parametrize("scale", ["0:1:1", "pass/fail", "3:20:17"])
def test_two_points_on_the_scale(scale: str) -> None:
    low, high = (3, 20) if scale == "3:20:17" else (0, 1)
    frame = paired([high, low] * 20, [low, low, high, low] * 10)
    found = audit(frame, scale=scale, threshold=None, margin=0.2 * (high - low))
    # Of four items the first and the third pass, before the third alone: ten rescued of forty, p = 2/2^10.
    (one,) = found.findings
    assert (one.metric, one.estimate, one.p_value) == ("score", (high - low) / 4, 2 / 2**10)
    assert (one.rescued, one.condemned) == (10, 0)


def test_no_overlap_between_the_arms() -> None:
    apart = table("item arm score", [("a", T, 1), ("b", C, 1)])
    with pytest.raises(InputError, match="no item stands in both 'deletion' and 'decoupled'"):
        audit(apart)
    words = [(f"i{i}", arm, w, 5) for i in range(8) for arm, w in ((T, "1"), (C, "2"))]
    one = score(audit(table("item arm wording score", words)))
    assert (one.estimate, one.n_items, one.dropped) == (None, 0, {"no_common_cell": 8})


def test_unequal_replicates_say_so() -> None:
    # D of each item: the mean of 10 + d and 12 + d, less 10; d is 0, 1, 2: mean 2.
    rows = [(f"i{i}", T, k, 10 + i % 3 + 2 * k) for i in range(9) for k in (0, 1)]
    rows += [(f"i{i}", C, 0, 10) for i in range(9)]
    one = score(audit(table("item arm replicate score", rows)))
    assert one.estimate == 2.0
    assert "unbalanced" in one.flags


@pytest.mark.parametrize("bad", [math.inf, -math.inf, "inf", "-Infinity", "1e999"])
@pytest.mark.parametrize("column", ["score", "threshold", "gold", "expected_score"])
def test_infinities_are_refused_with_their_row(column: str, bad: float | str) -> None:
    frame = paired([5, 6, 7], [5, 5, 5], threshold=12.0, gold=1.0, expected_score=5.0).astype(object)
    frame.loc[1, column] = bad
    with pytest.raises(
        InputError, match=rf"row 1 of the DataFrame, field '{column}': .* not a finite number"
    ):
        audit(frame)


@pytest.mark.parametrize("truth", [{"gold": 3}, {"correct": "true"}, {"correct": "false"}])
def test_known_quality_of_one_class_judges_nothing(truth: dict[str, Any]) -> None:
    found = audit(shifted([0, 1] * 20, **truth))
    one = score(found)
    assert one.discrimination is None
    assert "insensitive" not in one.flags
    assert any("Too few items of known quality" in note for note in found.notes)
    assert not any(more.kind.startswith("discrimination") for more in found.further)


@pytest.mark.parametrize(("treatment", "control"), [(None, 5), (5, None), (None, None)])
def test_an_arm_without_any_score(treatment: int | None, control: int | None) -> None:
    one = score(audit(paired([treatment] * 12, [control] * 12)))
    assert (one.estimate, one.p_value, one.verdict, one.n_dropped) == (None, None, "inconclusive", 12)
    reason = "both" if treatment is control else "treatment" if treatment is None else "control"
    assert one.dropped == {f"no_score_in_{reason}": 12}
    assert one.worst_case is None  # bounds of nothing


def test_five_hundred_judges() -> None:
    # Judge k raises k % 9 of its eight items by one: |sum| = m ones of m: p = 2/2^m, and 1 where m is 0.
    base = pd.concat([shifted([0] * 8, judge=f"j{k:03d}") for k in range(500)])
    number, item = base["judge"].str[1:].astype(int), base["item"].str[1:].astype(int)
    frame = base.assign(score=base["score"] + ((base["arm"] == T) & (item < number % 9)))
    found = audit(frame, threshold=None, further=False)
    assert len(found.findings) == 500
    for one in found.findings:
        ones = int(one.judge[1:]) % 9
        assert one.p_value == min(1.0, 2 / 2**ones)
        assert one.p_adjusted == 1.0  # the smallest is 2/256, and 500 times that is over 1
        assert one.verdict == "inconclusive"
