"""Ratings that are in no row at all, and what could stand in their place."""

from __future__ import annotations

import pandas as pd
import pytest

from auditor.errors import InputError
from auditor.findings import Finding, analyze
from auditor.findings.absent import completed, why_dropped
from auditor.ratings import load_ratings
from auditor.scale import Scale
from tests.findings.frames import VARIED, C, T, paired, shifted, table


def primary(frame: pd.DataFrame, metric: str = "score", **options: object) -> Finding:
    found = analyze(frame, **{"scale": "0:20", "threshold": 12, "margin": 0.5} | options)
    return next(f for f in found.findings if f.metric == metric)


def test_leaving_refused_rows_out_does_not_hide_them() -> None:
    # A quarter of the treatment's ratings is missing: as rows without a score, as no rows, both are the same.
    left = [None if i % 4 == 0 else score for i, score in enumerate(VARIED)]
    told = paired(left, VARIED)
    hidden = told[told["score"].notna()]
    first, second = primary(told), primary(hidden)
    assert first.missing == second.missing
    assert first.missing is not None
    assert (first.missing.treatment, first.missing.control) == (0.25, 0.0)
    assert "withheld" in first.flags
    assert "withheld" in second.flags
    assert (first.lee, first.worst_case, first.tipping) == (second.lee, second.worst_case, second.tipping)
    # Asked on fewer items on purpose, nothing is missing.
    assert primary(hidden, absent="design").missing.treatment == 0.0  # type: ignore[union-attr]
    with pytest.raises(InputError, match="'missing' or 'design'"):
        primary(hidden, absent="drop")


def test_a_wording_that_one_arm_lacks_is_missing_there() -> None:
    rows = [(f"i{i}", arm, w, 10 + i) for i in range(8) for arm in (T, C) for w in "12"]
    frame = table("item arm wording score", rows)
    frame = frame[~((frame["arm"] == T) & (frame["wording"] == "2") & frame["item"].isin(["i0", "i1"]))]
    found = primary(frame)
    assert found.n_items == 8
    assert found.missing is not None
    assert found.missing.treatment == pytest.approx(2 * 0.5 / 8)  # half of two items


def test_a_replicate_that_one_arm_lacks_is_missing_there() -> None:
    # Two ratings everywhere; the second treatment ratings of i0 and i1 are in no row: two halves of eight items.
    rows = [(f"i{i}", arm, k, 10 + i) for i in range(8) for arm in (T, C) for k in (1, 2)]
    frame = table("item arm replicate score", rows)
    lost = (frame["arm"] == T) & (frame["replicate"] == 2) & frame["item"].isin(["i0", "i1"])
    told = frame.assign(score=frame["score"].astype(float).mask(lost))
    first, second = primary(told), primary(frame[~lost])
    assert second.missing is not None
    assert (second.missing.treatment, second.missing.control) == (2 * 0.5 / 8, 0.0)
    assert (first.missing, first.worst_case, first.lee) == (second.missing, second.worst_case, second.lee)
    assert first.tipping == second.tipping
    # D of i0 is the mean of 10 and a score from 0 to 20, less 10; of i1 that of 11, less 11: -5 to 5 and -5.5 to 4.5.
    assert second.worst_case is not None
    assert second.worst_case.low == pytest.approx((-5 - 5.5) / 8)
    assert second.worst_case.high == pytest.approx((5 + 4.5) / 8)


def test_an_arm_that_was_asked_once_lacks_no_second_replicate() -> None:
    rows = [(f"i{i}", T, k, 10 + i) for i in range(8) for k in (1, 2, 3)]
    rows += [(f"i{i}", C, 1, 10) for i in range(8)]
    found = primary(table("item arm replicate score", rows))
    assert found.missing is not None
    assert (found.missing.treatment, found.missing.control) == (0.0, 0.0)
    assert found.worst_case is None
    # Nor does the number of a replicate matter, only how many there are.
    renamed = table("item arm replicate score", [(i, a, k + 7 * (a == C), s) for i, a, k, s in rows])
    assert primary(renamed).missing == found.missing


def test_an_item_in_no_wording_pairs_where_the_other_items_have_wordings() -> None:
    # a in two wordings against a plain control, b in none in either arm: (12 + 14)/2 - 10 and 9 - 10.
    rows = [("a", T, "1", 12), ("a", T, "2", 14), ("a", C, "", 10), ("b", T, "", 9), ("b", C, "", 10)]
    found = primary(table("item arm wording score", rows))
    assert (found.n_items, found.n_dropped, found.estimate) == (2, 0, (3 - 1) / 2)


def test_a_plain_control_is_missing_nothing_and_is_counted_once() -> None:
    rows = [(f"i{i}", T, w, 10 + i % 4) for i in range(8) for w in "12"] + [
        (f"i{i}", C, "", 10) for i in range(8)
    ]
    found = primary(table("item arm wording score", rows))
    assert found.missing is not None
    assert (found.missing.treatment, found.missing.control) == (0.0, 0.0)
    assert found.n_ratings == 16 + 8


def test_worst_case_by_hand() -> None:
    # Three items on 0:20. a: 8 - 6. b: missing - 5, so from 0 - 5 to 20 - 5. c: 9 - no row, so from 9 - 20 to 9 - 0.
    rows = [("a", T, 8), ("a", C, 6), ("b", T, None), ("b", C, 5), ("c", T, 9)]
    found = primary(table("item arm score", rows))
    assert found.worst_case is not None
    assert found.worst_case.low == pytest.approx((2 - 5 - 11) / 3)
    assert found.worst_case.high == pytest.approx((2 + 15 + 9) / 3)


def test_pass_marks_of_a_sweep_reach_a_control_that_states_none() -> None:
    # The treatment is asked at marks 8 and 12; the plain control always says 10: passes at 8, fails at 12.
    rows = [(f"i{i}", T, m, 10 + i % 3) for i in range(10) for m in (8, 12)]
    frame = table("item arm threshold score", [*rows, *((f"i{i}", C, None, 10) for i in range(10))])
    found = primary(frame, "pass_rate", threshold=None)
    assert found.control_mean == 0.5
    # Mark 10 is never stated, so the control is not anchored; it is, at mark 10.
    assert "anchored" not in found.flags
    at_mark = frame.assign(threshold=frame["threshold"].replace(12, 10))
    at_mark = pd.concat(
        [at_mark[at_mark["threshold"] != 8], at_mark[at_mark["threshold"].isna()]]
    ).drop_duplicates()
    assert "anchored" in primary(at_mark, "pass_rate", threshold=None).flags


def test_tipping_point_of_the_primary_contrast() -> None:
    # Ten items rise by 1, four more have no treatment rating (the example of stats.tipping: 1.7 below the mean of 13).
    control = [11, 12, 13, 10, 14, 12, 11, 13, 12, 12, 12, 11, 13, 12]
    treatment = [12, 13, 14, 11, 15, 13, 12, 14, 13, 13, None, None, None, None]
    found = primary(paired(treatment, control))
    assert found.tipping is not None
    assert found.tipping.verdict == "inflated"
    assert found.tipping.treatment.n_missing == 4
    assert found.tipping.treatment.lower == pytest.approx(1.7, abs=0.2)  # steps of 1/100 of the scale
    assert primary(paired(control, control)).tipping is None
    assert found.to_json()["tipping"]["treatment"]["lower"] == found.tipping.treatment.lower


def test_reasons_for_dropping_by_hand() -> None:
    rows = [
        ("pair", T, "1", 5), ("pair", C, "1", 5),
        ("lone", T, "1", 5),
        ("other", C, "1", 5),
        ("mute", T, "1", None), ("mute", C, "1", None),
        ("words", T, "1", 5), ("words", C, "2", 5),
    ]  # fmt: skip
    frame = load_ratings(table("item arm wording score", rows), Scale.parse("0:20")).frame
    sides = [frame[frame["arm"] == arm] for arm in (T, C)]
    assert why_dropped(sides[0], sides[1], {"pair"}) == {
        "only_in_treatment": 1,
        "only_in_control": 1,
        "no_score_in_both": 1,
        "no_common_cell": 1,
    }
    # Wording 1 is asked in both arms: pair, lone, other, mute, words. Wording 2 is asked of the control alone, so that
    # words has it there and lacks nothing in the treatment.
    full = completed(sides[0], sides[1])
    assert [len(rows) for rows in full] == [5, 6]
    assert [(rows["status"] == "absent").sum() for rows in full] == [1, 2]


def test_items_needed_takes_account_of_the_family_and_is_never_zero() -> None:
    # SD 1 and margin .5: 36 units at .05 alone (stats.power); two judges share it, so more are needed.
    moves = [1, -1, 2, 0, 0, -1, 0, 1, -1, 1, 0, -1]
    frame = shifted(moves)
    alone = primary(frame, threshold=None)
    both = pd.concat([frame.assign(judge="a"), frame.assign(judge="b")])
    together = primary(both, threshold=None)
    assert alone.items_needed is not None
    assert together.items_needed is not None
    assert together.items_needed > alone.items_needed > 0
    # Enough for both questions, and the truth in between: no number helps.
    between = shifted(([1, 0, 0, 0] * 60) + [1] * 20)
    found = primary(between, margin=0.3, threshold=None)
    assert (found.verdict in ("inflated", "equivalent")) or found.items_needed is None
