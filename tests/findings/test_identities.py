"""What an analysis may not depend on, on generated frames.

Scores are whole numbers, so that the sums and p-values are exact whatever the order; estimates and intervals that are
computed along another path are compared at 1e-12 and 1e-9.
"""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.findings import Finding, analyze
from tests.findings.frames import C, T

EXACT, FLOAT = 1e-12, 1e-9
few = settings(max_examples=7, derandomize=True, deadline=None)


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    """3 to 12 items, one or two wordings, one to three replicates that may be missing, groups or none."""
    rows = []
    grouped = draw(st.booleans())
    for item in range(draw(st.integers(3, 12))):
        for wording in "12"[: draw(st.integers(1, 2))]:
            for arm in (T, C):
                for replicate in range(1, draw(st.integers(1, 3)) + 1):
                    score = draw(st.one_of(st.integers(20, 40), st.none())) if item else 30 + replicate
                    group = f"g{item // 3}" if grouped else ""
                    rows.append((f"i{item}", arm, wording, replicate, group, score))
    return pd.DataFrame(rows, columns=["item", "arm", "wording", "replicate", "group", "score"]).astype(
        {"score": "float64"}
    )


def audit(frame: pd.DataFrame, **options: object) -> tuple[Finding, ...]:
    return analyze(frame, **{"scale": "0:60", "threshold": 30, "margin": 1.0} | options).findings


def close(found: float | None, expected: float | None, tolerance: float = FLOAT) -> bool:
    if found is None or expected is None:
        return found is expected
    return found == pytest.approx(expected, rel=tolerance, abs=tolerance)


@few
@given(frame=frames())
def test_swapping_the_arms_turns_the_sign_and_keeps_p(frame: pd.DataFrame) -> None:
    for there, back in zip(audit(frame), audit(frame, treatment=C, control=T), strict=True):
        assert close(back.estimate, None if there.estimate is None else -there.estimate, EXACT)
        assert (back.p_value, back.p_adjusted) == (there.p_value, there.p_adjusted)
        assert close(back.sd_d, there.sd_d)
        assert (back.n_items, back.n_dropped, back.n_ratings) == (
            there.n_items,
            there.n_dropped,
            there.n_ratings,
        )
        assert (back.rescued, back.condemned) == (there.condemned, there.rescued)
        if there.interval.known:
            assert close(back.interval.low, -there.interval.high)
            assert close(back.interval.high, -there.interval.low)
            assert back.equivalence.equivalent == there.equivalence.equivalent
        if there.worst_case is not None:
            assert close(back.worst_case.low, -there.worst_case.high)


@few
@given(frame=frames(), constant=st.integers(-20, 20))
def test_a_constant_added_to_both_arms_changes_nothing(frame: pd.DataFrame, constant: int) -> None:
    moved = frame.assign(score=frame["score"] + constant)
    for before, after in zip(audit(frame), audit(moved, threshold=30 + constant), strict=True):
        assert close(after.estimate, before.estimate, EXACT)
        assert (after.p_value, after.verdict, after.flags) == (before.p_value, before.verdict, before.flags)
        assert close(after.sd_d, before.sd_d)
        assert close(after.interval.low, before.interval.low)
        if before.control_mean is not None and before.metric == "score":
            assert close(after.control_mean, before.control_mean + constant)


@few
@given(frame=frames())
def test_doubling_every_score_doubles_the_points_and_no_share(frame: pd.DataFrame) -> None:
    double = frame.assign(score=frame["score"] * 2)
    again = audit(double, scale="0:120", threshold=60, margin=2.0)
    for before, after in zip(audit(frame), again, strict=True):
        factor = 2 if before.metric == "score" else 1
        for name in ("estimate", "sd_d"):
            value = getattr(before, name)
            assert close(getattr(after, name), None if value is None else factor * value)
        if before.interval.known:
            assert close(after.interval.high, factor * before.interval.high)
        assert close(after.percent_of_scale, before.percent_of_scale)
        assert (after.p_value, after.p_adjusted, after.verdict) == (
            before.p_value,
            before.p_adjusted,
            before.verdict,
        )
        assert after.flags == before.flags


@few
@given(frame=frames(), random=st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing(frame: pd.DataFrame, random) -> None:
    order = list(range(len(frame)))
    random.shuffle(order)
    for before, after in zip(audit(frame), audit(frame.iloc[order]), strict=True):
        assert close(after.estimate, before.estimate, EXACT)
        assert close(after.sd_d, before.sd_d)
        assert close(after.interval.low, before.interval.low)
        assert (after.p_value, after.n_items, after.n_dropped) == (
            before.p_value,
            before.n_items,
            before.n_dropped,
        )
        assert (after.verdict, after.flags) == (before.verdict, before.flags)


@few
@given(frame=frames())
def test_duplicating_every_replicate_changes_no_result_by_item(frame: pd.DataFrame) -> None:
    twice = pd.concat([frame, frame.assign(replicate=frame["replicate"] + 10)])
    for before, after in zip(audit(frame), audit(twice), strict=True):
        assert (after.estimate, after.p_value, after.p_adjusted) == (
            before.estimate,
            before.p_value,
            before.p_adjusted,
        )
        assert (after.sd_d, after.interval) == (before.sd_d, before.interval)
        assert (after.n_items, after.n_units, after.n_dropped) == (
            before.n_items,
            before.n_units,
            before.n_dropped,
        )
        assert (after.rescued, after.condemned) == (before.rescued, before.condemned)
        assert after.n_ratings == 2 * before.n_ratings


@few
@given(frame=frames())
def test_duplicating_every_item_keeps_the_estimate(frame: pd.DataFrame) -> None:
    more = frame.assign(
        item=frame["item"] + "x", group=frame["group"].where(frame["group"] == "", frame["group"] + "x")
    )
    for before, after in zip(audit(frame), audit(pd.concat([frame, more])), strict=True):
        assert close(after.estimate, before.estimate, EXACT)
        assert after.n_items == 2 * before.n_items
        if before.sd_d:  # the sum of squares doubles: (2n - 1) instead of (n - 1) below it
            n = before.n_units
            assert close(after.sd_d, before.sd_d * (2 * (n - 1) / (2 * n - 1)) ** 0.5)


@few
@given(frame=frames(), names=st.permutations(range(12)))
def test_names_of_items_mean_nothing(frame: pd.DataFrame, names: list[int]) -> None:
    renamed = frame.assign(item=[f"{names[int(item[1:])]}z" for item in frame["item"]])
    for before, after in zip(audit(frame), audit(renamed), strict=True):
        assert (after.estimate, after.p_value, after.n_items) == (
            before.estimate,
            before.p_value,
            before.n_items,
        )
