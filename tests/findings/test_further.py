"""What the findings say beside the primary contrast: each figure against the estimator on arrays laid out by hand."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from auditor.arms import Contrast
from auditor.errors import InputError
from auditor.findings import Findings, analyze
from auditor.findings.models import MOST_ITEMS
from auditor.stats.bunching import bunching
from auditor.stats.crossings import crossings
from auditor.stats.discrimination_change import auroc_change, spearman_change
from auditor.stats.distance import distance_slope
from auditor.stats.dose import dose_response
from auditor.stats.maxt import max_t
from auditor.stats.meta import random_effects
from auditor.stats.mixed import mixed_model
from auditor.stats.shared_units import shared_covariance
from auditor.stats.wordings import wordings_like_these
from tests.findings.frames import C, T, paired, shifted, table

RANDOM = np.random.default_rng(7)
CONTROL = RANDOM.integers(5, 17, 40)
TREATMENT = np.clip(CONTROL + RANDOM.integers(-2, 4, 40), 0, 20)


def audit(frame: pd.DataFrame, **options: Any) -> Findings:
    return analyze(frame, **{"scale": "0:20:1", "threshold": 12, "margin": 0.5} | options)


def kinds(findings: Findings, judge: str = "judge") -> dict[str, Any]:
    return {one.kind: one.result for one in findings.further if one.judge == judge}


def test_behaviour_at_the_pass_mark() -> None:
    found = kinds(audit(paired(TREATMENT.tolist(), CONTROL.tolist())))
    # 10 % of the range in whole steps: 2 points on each side.
    high, low = TREATMENT.astype(float), CONTROL.astype(float)
    assert found["bunching"].estimate == bunching(high, low, 12, 2, step=1).estimate
    assert found["bunching"].p_value == bunching(high, low, 12, 2, step=1).p_value
    assert found["distance"].estimate == pytest.approx(
        distance_slope(high, low, 12, 2, absolute=True).estimate
    )
    assert found["side"].interval.low == pytest.approx(distance_slope(high, low, 12, 2).interval.low)
    # By hand: fails by at most 2 (10 or 11) and passes in the other arm.
    rescued = int(np.sum((CONTROL >= 10) & (CONTROL < 12) & (TREATMENT >= 12)))
    condemned = int(np.sum((TREATMENT >= 10) & (TREATMENT < 12) & (CONTROL >= 12)))
    assert (found["crossings"].rescued, found["crossings"].condemned) == (rescued, condemned)
    assert found["crossings"].floor_rate is None


def test_rescues_stand_beside_those_of_the_control_asked_again() -> None:
    frame = paired(TREATMENT.tolist(), CONTROL.tolist()).assign(phase="main")
    again = frame[frame["arm"] == C].assign(phase="aa", score=np.roll(CONTROL, 1))
    found = kinds(audit(pd.concat([frame, again])))["crossings"]
    ours = crossings(
        TREATMENT.astype(float),
        CONTROL.astype(float),
        12,
        2,
        second_control=np.roll(CONTROL, 1).astype(float),
    )
    assert found.floor_rate == ours.floor_rate
    assert found.floor_rate is not None


def test_two_valued_scales_and_missing_marks_have_no_such_behaviour() -> None:
    no_mark = kinds(audit(paired(TREATMENT.tolist(), CONTROL.tolist()), threshold=None))
    two = kinds(audit(paired([1, 0] * 20, [0, 1] * 20), scale="0:1:1", threshold=None, margin=0.2))
    for found in (no_mark, two):
        assert not {"bunching", "crossings", "distance"} & set(found)


def test_both_scopes_over_wordings() -> None:
    rows, cells = [], []
    for i in range(12):
        for k, wording in enumerate("abcde"):
            low, high = 8 + i % 5, 8 + i % 5 + (i + k) % 3 + k // 3
            rows += [(f"i{i}", C, wording, low), (f"i{i}", T, wording, high)]
            cells.append((high - low, f"i{i}", wording))
    found = kinds(audit(table("item arm wording score", rows)))
    d, items, wordings = zip(*cells, strict=True)
    ours = wordings_like_these(d, items, wordings, replicates=[1] * len(d))
    assert found["wordings_like_these"].estimate == pytest.approx(ours.estimate)
    assert found["wordings_like_these"].interval.low == pytest.approx(ours.interval.low)
    assert found["wordings_like_these"].df == pytest.approx(ours.df)
    sentence = {one.kind: one.sentence for one in audit(table("item arm wording score", rows)).further}
    assert "a claim about wordings like these can be made" in sentence["wordings_like_these"]
    few = audit(table("item arm wording score", [row for row in rows if row[2] in "ab"]))
    assert any("under 5 wordings no claim" in one.sentence for one in few.further)
    one_wording = kinds(audit(table("item arm wording score", [row for row in rows if row[2] == "a"])))
    assert "these_wordings" in one_wording
    assert "wordings_like_these" not in one_wording


def test_dose_response_over_a_sweep() -> None:
    rows, high, low = [], [], []
    for i in range(10):
        control = [9 + i % 4] * 3
        treatment = [9 + i % 4 + (mark - 8) // 2 for mark in (8, 10, 12)]
        for mark, a, b in zip((8, 10, 12), treatment, control, strict=True):
            rows += [(f"i{i}", T, mark, a), (f"i{i}", C, mark, b)]
        high.append(treatment)
        low.append(control)
    found = kinds(audit(table("item arm threshold score", rows), threshold=None))["dose"]
    assert found.estimate == pytest.approx(0.5)  # one point for two of threshold
    assert found.estimate == dose_response(high, low, [8, 10, 12]).estimate
    assert [dose.threshold for dose in found.doses] == [8, 10, 12]


def test_what_the_scores_still_tell_apart() -> None:
    correct = (CONTROL + RANDOM.integers(-4, 5, 40) > 10).tolist()
    gold = (CONTROL + RANDOM.integers(-3, 4, 40)).tolist()
    frame = paired(TREATMENT.tolist(), CONTROL.tolist(), correct=[str(c).lower() for c in correct], gold=gold)
    found = kinds(audit(frame))
    area = auroc_change(TREATMENT, CONTROL, correct)
    rank = spearman_change(TREATMENT, CONTROL, gold)
    assert found["discrimination_correct"].estimate == pytest.approx(area.estimate)
    assert found["discrimination_correct"].p_value == pytest.approx(area.p_value)
    assert found["discrimination_gold"].estimate == pytest.approx(rank.estimate)
    one_class = frame.assign(correct="true")
    assert "discrimination_correct" not in kinds(audit(one_class))


def test_reasons_that_mention_the_stakes() -> None:
    frame = paired(TREATMENT.tolist(), CONTROL.tolist())
    spoken = np.where(
        (frame["arm"] == T) & (frame.index % 4 == 0), "A lower score would get it deleted.", "Clear."
    )
    findings = audit(frame.assign(rationale=spoken))
    found = kinds(findings)
    assert found["mentions_in_treatment"].estimate == pytest.approx(10 / 40)
    assert found["mentions_in_control"].estimate == 0.0
    assert found["mentions"].estimate == pytest.approx(10 / 40)
    silent = np.arange(40) % 4 != 0
    assert found["silent_ratings"].estimate == pytest.approx(float((TREATMENT - CONTROL)[silent].mean()))
    assert found["silent_ratings"].p_value is None
    assert "deleted" not in findings.dumps()
    assert "mentions" not in kinds(audit(frame))


def test_judges_together_know_of_shared_items() -> None:
    frames, values = [], []
    for k, judge in enumerate("abc"):
        d = RANDOM.integers(-1, 3 + k, 40)
        frames.append(shifted(d.tolist(), judge=judge))
        values.append(d)
    found = next(one.result for one in audit(pd.concat(frames)).further if one.kind == "pooled")
    shared = shared_covariance(values, [np.arange(40)] * 3)
    ours = random_effects(shared.estimates, shared.covariance)
    assert found.estimate == pytest.approx(ours.estimate)
    assert found.interval.low == pytest.approx(ours.interval.low)
    assert found.prediction.known
    assert len(found.shrunken) == 3
    assert (
        "(a, b, c)" in next(one for one in audit(pd.concat(frames)).further if one.kind == "pooled").sentence
    )
    assert "pooled" not in {one.kind for one in audit(frames[0]).further}


def test_max_t_in_the_place_of_holm() -> None:
    d = [RANDOM.integers(-1, 3, 30) for _ in range(3)]
    frame = pd.concat([shifted(v.tolist(), judge=j) for v, j in zip(d, "abc", strict=True)])
    found = audit(frame, threshold=None, family="max-t")
    ours = max_t(np.stack(d, axis=1), flips=100_000, seed=0)
    assert [f.p_adjusted for f in found.confirmatory] == [one.adjusted_p for one in ours]
    holm = audit(frame, threshold=None)
    assert all(
        a.p_adjusted <= b.p_adjusted + 0.01  # type: ignore[operator]
        for a, b in zip(found.confirmatory, holm.confirmatory, strict=True)
    )
    with pytest.raises(InputError, match="'default' or 'max-t'"):
        audit(frame, family="bonferroni")


def test_models_on_request_and_left_out_where_too_many_items() -> None:
    frame = paired(TREATMENT.tolist(), CONTROL.tolist())
    names = ("flip-interval", "bca", "mixed", "ordinal")
    plain, more = audit(frame), audit(frame, models=names)
    extra = more.primary[0].robustness[len(plain.primary[0].robustness) :]
    assert len(extra) == 4
    ours = mixed_model(
        np.r_[TREATMENT, CONTROL], np.repeat([1, 0], 40), np.r_[np.arange(40), np.arange(40)].astype(str)
    )
    assert extra[2].estimate == pytest.approx(ours.estimate)
    many = shifted([0, 1] * (MOST_ITEMS // 2) + [1])
    left = audit(many, models=["mixed"]).primary[0].robustness[-1]
    assert left.estimate is None
    assert left.cautions == ("Left out: 2001 items, and the most are 2000.",)
    with pytest.raises(InputError, match="'lmer' is no further analysis"):
        audit(frame, models=["lmer"])


def test_expected_scores_are_analysed_on_request() -> None:
    frame = paired(TREATMENT.tolist(), CONTROL.tolist())
    frame["expected_score"] = frame["score"] + 0.25 * (frame["arm"] == T)
    frame.loc[0, "expected_score"] = None
    findings = audit(frame, score="expected", scale="0:20")
    found = findings.primary[0]
    assert found.n_items == 39
    assert found.estimate == pytest.approx(float((TREATMENT - CONTROL)[1:].mean()) + 0.25)
    assert any("1 ratings without an expected score" in note for note in findings.notes)
    with pytest.raises(InputError, match="no rating has an expected score"):
        audit(frame.drop(columns="expected_score"), score="expected")
    with pytest.raises(InputError, match="'sampled' or 'expected'"):
        audit(frame, score="mean")


def test_none_of_it_moves_the_verdict_or_breaks_the_json() -> None:
    frame = paired(TREATMENT.tolist(), CONTROL.tolist())
    whole, bare = audit(frame), audit(frame, further=False)
    assert whole.findings == bare.findings
    assert bare.further == ()
    body = json.loads(whole.dumps())
    assert {one["kind"] for one in body["further"]} == set(kinds(whole))
    assert all(
        {"method", "estimate", "ci", "p_value", "n_units", "cautions", "reference"} <= set(o)
        for o in body["further"]
    )
    exploratory = analyze(
        pd.concat([frame, frame[frame["arm"] == C].assign(arm="neutral")]),
        scale="0:20:1",
        threshold=12,
        contrasts=[Contrast(T, C), Contrast(T, "neutral", family="exploratory", role="exploratory")],
    )
    assert len(exploratory.further) == len(whole.further)
