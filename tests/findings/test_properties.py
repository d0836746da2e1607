"""What an analysis may not depend on, on tables with everything at once, and down to the last digit of the JSON.

`test_identities.py` has the properties of one contrast of one judge; here are two judges, a control without wordings or
pass mark, groups, rows that are absent, scores on no lattice, and all that is shown besides the primary contrast.
"""

from __future__ import annotations

import json
import random
from typing import Any

import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from auditor.arms import Contrast
from auditor.findings import Findings, analyze
from tests.findings.frames import C, T

# An example takes a second, so a failing one is not made smaller.
few = settings(max_examples=4, derandomize=True, deadline=None, phases=(Phase.explicit, Phase.generate))
CONTRASTS = (Contrast(T, C), Contrast(T, "neutral", family="exploratory", role="secondary"))


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    """Two judges; 7 to 12 items; two wordings; up to two replicates, some refused, some in no row; a plain arm."""
    unit = draw(st.sampled_from([1.0, 0.1, 2**0.5 / 2]))  # whole numbers, tenths, no lattice
    grouped = draw(st.booleans())
    seed = draw(st.integers(0, 10_000))
    rng = random.Random(seed)
    rows = []
    for judge in ("a", "b"):
        for i in range(draw(st.integers(7, 12))):
            for arm, wordings in ((T, ("1", "2")), (C, ("1", "2")), ("neutral", ("",))):
                for wording in wordings:
                    for replicate in (1, 2):
                        fate = rng.random()
                        if fate < 0.1 and i:
                            continue
                        score = None if fate < 0.2 and i else unit * rng.randint(8, 20)
                        group = f"g{i // 2}" if grouped else ""
                        mark = None if arm == "neutral" else unit * 12
                        rows.append((judge, f"i{i}", arm, wording, replicate, mark, group, i % 3, score))
    names = ["judge", "item", "arm", "wording", "replicate", "threshold", "group", "gold", "score"]
    return pd.DataFrame(rows, columns=names).astype({"threshold": float, "score": float})


def audit(frame: pd.DataFrame, **options: Any) -> Findings:
    return analyze(frame, **{"scale": "0:40", "margin": 1.0, "contrasts": CONTRASTS} | options)


def numbers(findings: Findings) -> dict[str, Any]:
    """All of the JSON but the order in which arms are listed, and how sentences name them."""
    body = json.loads(findings.dumps())
    body["ratings"] = sorted(body["ratings"], key=lambda one: (one["judge"], one["arm"]))
    return body


@few
@given(frame=tables(), seed=st.integers(0, 10_000))
def test_permuting_the_rows_changes_nothing_at_all(frame: pd.DataFrame, seed: int) -> None:
    mixed = frame.sample(frac=1, random_state=seed)
    assert numbers(audit(frame)) == numbers(audit(mixed))


@few
@given(frame=tables())
def test_swapping_the_arms_exchanges_all_that_belongs_to_an_arm(frame: pd.DataFrame) -> None:
    there, back = audit(frame, contrasts=None), audit(frame, contrasts=None, treatment=C, control=T)
    for one, other in zip(there.findings, back.findings, strict=True):
        assert (one.n_items, one.n_units, one.n_dropped, one.n_ratings) == (
            other.n_items,
            other.n_units,
            other.n_dropped,
            other.n_ratings,
        )
        assert (one.p_value, one.p_adjusted) == (other.p_value, other.p_adjusted)
        assert one.estimate == (None if other.estimate is None else pytest.approx(-other.estimate, rel=1e-12))
        turned = {
            key.replace("treatment", "!").replace("control", "treatment"): n for key, n in one.dropped.items()
        }
        assert {key.replace("!", "control"): n for key, n in turned.items()} == other.dropped
        assert (one.missing is None) == (other.missing is None)
        if one.missing is not None and other.missing is not None:
            assert (one.missing.treatment, one.missing.control) == (
                other.missing.control,
                other.missing.treatment,
            )
            assert one.missing.p_value == other.missing.p_value
        if one.worst_case is not None and other.worst_case is not None:
            assert one.worst_case.low == pytest.approx(-other.worst_case.high, rel=1e-9)
        if one.lee is not None and other.lee is not None:
            assert one.lee.low == pytest.approx(-other.lee.high, rel=1e-9)
        if one.tipping is not None and other.tipping is not None and one.estimate:
            assert one.tipping.treatment == other.tipping.control


@few
@given(frame=tables(), constant=st.integers(1, 15))
def test_a_constant_in_all_arms_moves_no_difference(frame: pd.DataFrame, constant: int) -> None:
    moved = frame.assign(score=frame["score"] + constant, threshold=frame["threshold"] + constant)
    for one, other in zip(audit(frame).findings, audit(moved).findings, strict=True):
        # The scale ends at the same places, so that bounds and tipping points do change.
        assert (one.n_items, one.verdict, one.dropped) == (other.n_items, other.verdict, other.dropped)
        assert one.p_value == pytest.approx(other.p_value, rel=1e-9)
        assert one.estimate == pytest.approx(other.estimate, rel=1e-9, abs=1e-9)
        assert one.sd_d == pytest.approx(other.sd_d, rel=1e-9)


@few
@given(frame=tables())
def test_doubling_scores_and_scale_doubles_points_and_no_share(frame: pd.DataFrame) -> None:
    double = frame.assign(score=frame["score"] * 2, threshold=frame["threshold"] * 2)
    again = audit(double, scale="0:80", margin=2.0)
    for one, other in zip(audit(frame).findings, again.findings, strict=True):
        factor = 2 if one.metric == "score" else 1
        assert other.estimate == pytest.approx(factor * one.estimate, rel=1e-12)
        assert (one.p_value, one.verdict, one.missing) == (other.p_value, other.verdict, other.missing)
        if one.worst_case is not None and other.worst_case is not None:
            assert other.worst_case.low == pytest.approx(factor * one.worst_case.low, rel=1e-9)


@few
@given(frame=tables())
def test_duplicating_every_replicate_changes_no_result_by_item(frame: pd.DataFrame) -> None:
    twice = pd.concat([frame, frame.assign(replicate=frame["replicate"] + 2)])
    for one, other in zip(audit(frame).findings, audit(twice).findings, strict=True):
        assert (one.n_items, one.n_units, one.n_dropped) == (other.n_items, other.n_units, other.n_dropped)
        assert other.n_ratings == 2 * one.n_ratings
        assert one.p_value == other.p_value
        assert one.estimate == pytest.approx(other.estimate, rel=1e-12, abs=1e-12)
        assert one.sd_d == pytest.approx(other.sd_d, rel=1e-12)
        if one.worst_case is not None and other.worst_case is not None:
            assert other.worst_case.low == pytest.approx(one.worst_case.low, rel=1e-12)
            assert other.worst_case.high == pytest.approx(one.worst_case.high, rel=1e-12)
        assert one.missing is not None
        assert other.missing is not None
        assert other.missing.treatment == pytest.approx(one.missing.treatment, rel=1e-12)
