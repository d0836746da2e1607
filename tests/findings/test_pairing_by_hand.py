"""`analyze` on small frames, with the arithmetic in comments.

Estimates and p-values are fractions of small integers, rounded once: compared at 1e-12. SDs and interval ends pass
through a square root and a t quantile: 1e-9.
"""

import math

import pandas as pd
import pytest

from auditor.arms import Contrast
from auditor.errors import InputError
from auditor.findings import Finding, Findings, analyze, pair
from auditor.ratings import load_ratings
from auditor.scale import Scale
from tests.findings.frames import VARIED, C, T, paired, shifted, table

EXACT, FLOAT = 1e-12, 1e-9


def one(findings: Findings, metric: str = "score", judge: str = "judge") -> Finding:
    (found,) = [f for f in findings.findings if f.metric == metric and f.judge == judge]
    return found


UNEQUAL = table(
    "item arm score",
    [
        *[("a", T, s) for s in (10, 11, 12)],
        *[("a", C, s) for s in (8, 9)],
        ("b", T, 5),
        *[("b", C, s) for s in (4, 6, 6)],
        ("c", T, 7),
        ("c", C, 6),
    ],
)


def test_unequal_replicates() -> None:
    # a: 11 - 17/2 = 5/2; b: 5 - 16/3 = -1/3; c: 1. In sixths 15, -2, 6: sum 19, mean 19/3.
    # Deviations 26/3, -25/3, -1/3: (676 + 625 + 1) / 9 / 2 = 651/9, SD sqrt(651)/3 sixths.
    # With the first sign fixed |15 +- 2 +- 6| is 23, 19, 11, 7: two of four patterns reach 19.
    found = one(analyze(UNEQUAL, scale="0:20"))
    assert found.estimate == pytest.approx(19 / 18, rel=EXACT)
    assert found.sd_d == pytest.approx(math.sqrt(651) / 18, rel=FLOAT)
    # t(.975, 2 df) = .95 sqrt(2 / (1 - .95^2)), the closed form for two degrees of freedom.
    half = 0.95 * math.sqrt(2 / (1 - 0.95**2)) * math.sqrt(651) / 18 / math.sqrt(3)
    assert found.interval.low == pytest.approx(19 / 18 - half, rel=FLOAT)
    assert found.interval.high == pytest.approx(19 / 18 + half, rel=FLOAT)
    assert (found.p_value, found.test_method) == (0.5, "exact")
    assert (found.n_items, found.n_units, found.n_dropped, found.n_ratings) == (3, 3, 0, 11)
    assert "unbalanced" in found.flags
    # Control means 17/2, 16/3, 6; treatment 11, 5, 7.
    assert found.control_mean == pytest.approx((17 / 2 + 16 / 3 + 6) / 3, rel=EXACT)
    assert found.treatment_mean == pytest.approx(23 / 3, rel=EXACT)
    assert found.percent_of_scale == pytest.approx(100 * 19 / 18 / 20, rel=EXACT)


def test_replicates_of_decimals_stay_exact() -> None:
    # Three tenths of .1, .2, .3: D = .2 - .1 = .1 for x; y: .1 - .2 = -.1; z: (.1 + .2 + .3)/3 - .2 = 0. p = 1.
    frame = table(
        "item arm score",
        [
            ("x", T, 0.2),
            ("x", C, 0.1),
            ("y", T, 0.1),
            ("y", C, 0.2),
            *[("z", T, s) for s in (0.1, 0.2, 0.3)],
            ("z", C, 0.2),
        ],
    )
    found = one(analyze(frame, scale="0:1"))
    assert (found.estimate, found.p_value) == (0.0, 1.0)
    assert found.sd_d == pytest.approx(0.1, rel=FLOAT)  # deviations .1, -.1, 0: .02 / 2 = .1^2


@pytest.mark.parametrize(
    ("scale", "unit"), [("0:10:0.5", 0.5), ("1:5:0.25", 0.25), ("-1:1:0.1", 0.1), ("0:20:2", 2)]
)
def test_scales_with_a_step(scale: str, unit: float) -> None:
    # Sum 7, sum of sizes 9 (five ones and two twos): a pattern reaches 7 when those with a minus add to at most 1:
    # none, or one of the five ones. 6 of 128 patterns, and as many on the other side.
    steps = [1, 1, 2, -1, 1, 2, 0, 1]
    low = Scale.parse(scale).low
    frame = paired([low + (2 + s) * unit for s in steps], [low + 2 * unit] * 8)
    found = one(analyze(frame, scale=scale))
    assert found.estimate == pytest.approx(7 * unit / 8, rel=EXACT)
    assert (found.p_value, found.test_method) == (2 * 6 / 128, "exact")


WORDINGS = table(
    "item arm wording score",
    [
        ("a", T, "1", 9),
        ("a", C, "1", 5),
        *[("a", T, "2", s) for s in (9, 10, 11)],
        *[("a", C, "2", 9)] * 3,
        ("a", T, "3", 20),
        ("b", T, "1", 7),
        ("b", C, "1", 7),
        ("c", T, "1", 20),
        ("c", C, "2", 0),
    ],
)


def test_two_wordings_weigh_the_same_and_pair_within() -> None:
    # a: wording 1: 4; wording 2: 10 - 9 = 1, three replicates and one weight; wording 3 has no partner: 5/2. b: 0.
    # c has the treatment in one wording and the control in the other: dropped.
    found = one(analyze(WORDINGS, scale="0:20"))
    assert found.estimate == 1.25
    assert (found.n_items, found.n_dropped) == (2, 1)
    assert found.n_ratings == 2 + 6 + 2  # what has no partner did not enter
    scale = Scale.parse("0:20")
    rows = load_ratings(WORDINGS, scale).frame
    pairs = pair(rows[rows["arm"] == T], rows[rows["arm"] == C], "score", scale, None)
    assert pairs.n_dropped_cells == 3
    assert "unbalanced" not in found.flags  # only 3 against 3 and 1 against 1 were compared


SWEEP = table(
    "item arm threshold score",
    [
        ("a", T, 10, 11),
        ("a", C, 10, 9),
        ("a", T, 12, 13),
        ("a", C, 12, 12),
        ("b", T, 10, 20),
        ("b", C, 12, 0),
        ("d", T, 10, 10),
        ("d", C, 10, 4),
    ],
)


def test_a_list_of_thresholds() -> None:
    findings = analyze(SWEEP, scale="0:20")
    # a: (2 + 1)/2; d: 6; b never meets its partner.
    score = one(findings)
    assert (score.estimate, score.n_items, score.n_dropped, score.threshold) == (3.75, 2, 1, None)
    # Each row has its own mark. a: at 10, 1 - 0; at 12, 1 - 1: 1/2. d: 1 - 0 (10 passes at 10).
    passes = one(findings, "pass_rate")
    assert (passes.estimate, passes.n_items, passes.threshold) == (0.75, 2, None)


def test_one_of_several_thresholds() -> None:
    findings = analyze(SWEEP, scale="0:20", threshold=10)
    # At 10: a: 2, d: 6; b has no control there.
    score, passes = one(findings), one(findings, "pass_rate")
    assert (score.estimate, score.n_items, score.n_dropped, score.threshold) == (4.0, 2, 1, 10.0)
    assert (passes.estimate, passes.rescued, passes.condemned) == (1.0, 2, 0)
    with pytest.raises(InputError, match="no rating was made at the threshold 11"):
        analyze(SWEEP, scale="0:20", threshold=11)


def test_groups_of_unequal_size() -> None:
    # Group g: (1 + 3 + 2)/3 = 2; group h: (4 + 5)/2 = 9/2; the item that is *named* g has no group: -1. Mean 11/6.
    # In halves 4, 9, -2: |4 +- 9 +- 2| is 15, 11, 3, 7: two of four reach 11.
    differences = {"a": (1, "g"), "b": (3, "g"), "c": (2, "g"), "d": (4, "h"), "e": (5, "h"), "g": (-1, "")}
    rows = [(item, arm, 10 + d * (arm == T), g) for item, (d, g) in differences.items() for arm in (T, C)]
    findings = analyze(table("item arm score group", rows), scale="0:20")
    found = one(findings)
    assert found.estimate == pytest.approx(11 / 6, rel=EXACT)
    assert (found.n_items, found.n_units, found.p_value) == (6, 3, 0.5)
    # Deviations from 11/6 in sixths: 1, 16, -17: (1 + 256 + 289) / 36 / 2.
    assert found.sd_d == pytest.approx(math.sqrt(546 / 72), rel=FLOAT)
    assert any("groups are the unit" in note for note in findings.notes)


def test_a_group_of_one_is_an_item() -> None:
    alone = one(analyze(shifted([1, 2, -1, 3]), scale="0:20"))
    grouped = one(analyze(shifted([1, 2, -1, 3], group=["w", "x", "y", "z"]), scale="0:20"))
    assert grouped == alone


def test_an_arm_without_a_wording_stands_beside_each_wording() -> None:
    rows = [
        ("a", T, "1", 9),
        ("a", T, "2", 12),
        ("a", "neutral", "", 8),
        ("b", T, "1", 5),
        ("b", "neutral", "", 6),
        ("c", "neutral", "", 6),
    ]
    frame = table("item arm wording score", rows)
    # a: (1 + 4)/2; b: -1; c has no treatment.
    found = one(analyze(frame, scale="0:20", control="neutral"))
    assert (found.estimate, found.n_items, found.n_dropped) == (0.75, 2, 1)
    turned = one(analyze(frame, scale="0:20", treatment="neutral", control=T))
    assert (turned.estimate, turned.n_items, turned.n_dropped) == (-0.75, 2, 1)


def test_an_arm_without_a_threshold_is_scored_at_those_of_the_other() -> None:
    rows = [
        ("a", T, 10, 11),
        ("a", T, 14, 13),
        ("a", "neutral", None, 12),
        ("b", T, 10, 9),
        ("b", T, 14, 15),
        ("b", "neutral", None, 9),
    ]
    findings = analyze(table("item arm threshold score", rows), scale="0:20", control="neutral")
    # Score. a: (-1 + 1)/2; b: (0 + 6)/2.
    assert one(findings).estimate == 1.5
    # Pass. a: at 10, 1 - 1; at 14, 0 - 0: 0. b: at 10, 0 - 0; at 14, 1 - 0: 1/2.
    assert one(findings, "pass_rate").estimate == 0.25
    # At 14 alone. a: 0 - 0; b: 1 - 0.
    at14 = analyze(table("item arm threshold score", rows), scale="0:20", control="neutral", threshold=14)
    assert (one(at14).estimate, one(at14, "pass_rate").estimate) == (3.5, 0.5)


def test_plain_and_framed_with_both_wordings_and_a_threshold() -> None:
    rows = [(i, T, w, 12, 12 + k) for k, i in enumerate("ab") for w in ("1", "2")]
    rows += [(i, "neutral", "", None, 11) for i in "ab"]
    findings = analyze(table("item arm wording threshold score", rows), scale="0:20", control="neutral")
    assert (one(findings).estimate, one(findings).n_items) == (1.5, 2)  # a: 1 and 1; b: 2 and 2
    assert one(findings, "pass_rate").estimate == 1.0
    assert one(findings).threshold == 12.0


def test_other_phases_are_ignored() -> None:
    main = shifted([1, 2, 3, -1, 2, 2], phase="main", replicate=1)
    others = [
        main.assign(phase=phase, score=score, replicate=replicate)
        for phase, score, replicate in (("pilot", 20, 2), ("aa", 0, 3), ("shadow", 1, 4))
    ]
    findings = analyze(pd.concat([main, *others]), scale="0:20", threshold=12)
    alone = analyze(main, scale="0:20", threshold=12)
    assert findings.findings == alone.findings
    assert findings.ratings == alone.ratings
    assert any("24 ratings of the pilot, or of shadow calls" in note for note in findings.notes)


def test_missing_scores_are_dropped_and_counted_never_zero() -> None:
    rows = [
        ("a", T, 1, 8, "ok"),
        ("a", T, 2, None, "refused"),
        ("a", C, 1, 6, "ok"),
        ("a", C, 2, None, "unparseable"),
        ("b", T, 1, 9, ""),
        ("b", C, 1, None, "failed"),
        ("c", T, 1, None, ""),
        ("c", C, 1, 1, "ok"),
        ("d", T, 1, None, "refused"),
        ("f", T, 1, 5, "ok"),
        ("f", C, 1, 5, "ok"),
        ("e", "neutral", 1, 3, "ok"),
    ]
    findings = analyze(table("item arm replicate score status", rows), scale="0:20")
    found = one(findings)
    # a: 8 - 6, from the replicates that are there; f: 0. b, c and d have no pair; e is in neither arm.
    assert (found.estimate, found.n_items, found.n_dropped, found.n_ratings) == (1.0, 2, 3, 4)
    counts = {(c["judge"], c["arm"]): c for c in findings.ratings}
    assert (counts["judge", T]["ok"], counts["judge", T]["refused"], counts["judge", T]["unparseable"]) == (
        3,
        2,
        1,
    )
    assert counts["judge", T]["missing"] == pytest.approx(3 / 6)
    assert found.dropped == {"only_in_treatment": 1, "no_score_in_treatment": 1, "no_score_in_control": 1}
    # By item (a, b, c, d, f): treatment 1/2, 0, 1, 1, 0; control 1/2, 1, 0, 1 (no row), 0.
    assert (found.missing.treatment, found.missing.control, found.missing.n) == (1 / 2, 1 / 2, 5)
    # By design: d was asked in the treatment alone.
    found = one(analyze(table("item arm replicate score status", rows), scale="0:20", absent="design"))
    assert (found.missing.treatment, found.missing.control, found.missing.n) == (3 / 8, 3 / 8, 4)


def test_items_with_different_hashes_are_refused() -> None:
    frame = shifted([1] * 6)
    frame.loc[(frame["item"] == "i002") & (frame["arm"] == C), "item_hash"] = "other"
    with pytest.raises(InputError, match="item 'i002' was not the same in both arms"):
        analyze(frame, scale="0:20")
    # Where it does not concern the contrast, it does not matter.
    frame.loc[frame["item_hash"] == "other", "arm"] = "neutral"
    assert one(analyze(frame, scale="0:20")).n_items == 5


def test_judges_are_analysed_apart_and_sorted() -> None:
    frame = pd.concat([shifted([2] * 6, judge="b"), shifted([0, 1] * 3, judge="a")])
    findings = analyze(frame, scale="0:20")
    assert [f.judge for f in findings.findings] == ["a", "b"]
    assert [f.estimate for f in findings.findings] == [0.5, 2.0]


def test_holm_across_judges_and_metrics() -> None:
    # All differences equal: p = 2/2^n. a: 1/64 (n = 7), b: 1 (1 and -1), c: 1/256 (n = 9), d: 1/64.
    # Holm: 4/256; then 3/64, and the larger of 3/64 and 2/64; 1.
    parts = [
        shifted([1] * 7, judge="a"),
        shifted([1, -1], judge="b"),
        shifted([1] * 9, judge="c"),
        shifted([1] * 7, judge="d"),
    ]
    findings = analyze(pd.concat(parts), scale="0:20").findings
    assert [f.p_value for f in findings] == [1 / 64, 1.0, 1 / 256, 1 / 64]
    assert [f.p_adjusted for f in findings] == pytest.approx([3 / 64, 1.0, 4 / 256, 3 / 64], rel=EXACT)
    # With a pass mark that nothing crosses each judge has a second test with p = 1: eight tests.
    both = analyze(pd.concat(parts), scale="0:20", threshold=20)
    adjusted = {(f.judge, f.metric): f.p_adjusted for f in both.findings}
    assert adjusted["c", "score"] == pytest.approx(8 / 256, rel=EXACT)
    assert adjusted["a", "score"] == adjusted["d", "score"] == pytest.approx(7 / 64, rel=EXACT)
    assert adjusted["c", "pass_rate"] == 1.0


def test_a_judge_without_a_pair_stays_in_the_family_and_has_no_numbers() -> None:
    frame = pd.concat([shifted([1] * 6, judge="a"), shifted([1] * 6, judge="b").query("arm == @T")])
    a, b = analyze(frame, scale="0:20").findings
    assert (a.p_value, a.p_adjusted, a.verdict) == (1 / 32, 2 / 32, "inconclusive")
    assert (b.estimate, b.sd_d, b.p_value, b.p_adjusted, b.n_items, b.n_dropped) == (
        None,
        None,
        None,
        None,
        0,
        6,
    )
    assert (b.verdict, b.flags) == ("inconclusive", ("too_few_items",))


def test_exploratory_contrasts_are_adjusted_apart_by_benjamini_hochberg() -> None:
    frame = shifted([1] * 6)  # p = 1/32
    for name, differences in (("x", [2] * 7), ("y", [1, 2, 3, 4, 5, -1])):
        other = shifted(differences)
        frame = pd.concat([frame, other[other["arm"] == T].assign(arm=name)])
    contrasts = [Contrast("y", C, "exploratory"), Contrast(T, C), Contrast("x", C, "exploratory")]
    # x: the seventh item has no control: 1/32. y: 1 + 2 + 3 + 4 + 5 - 1 = 14 of 16: signs with the first sum moved by
    # at most 1: none, or one of the two ones: 3 of 64 on each side, 6/64.
    findings = analyze(frame, scale="0:20", contrasts=contrasts).findings
    assert [f.treatment for f in findings] == [T, "y", "x"]  # the confirmatory ones first
    assert [f.p_value for f in findings] == [1 / 32, 6 / 64, 1 / 32]
    # BH of 1/32 and 3/32: 2/32 and 3/32; Holm of one: itself.
    assert [f.p_adjusted for f in findings] == pytest.approx([1 / 32, 3 / 32, 2 / 32], rel=EXACT)
    assert findings[2].n_dropped == 1


@pytest.mark.parametrize("scale", ["pass/fail", "0:1:1", "3:5:2"])
def test_a_scale_of_two_values_has_the_score_only(scale: str) -> None:
    low, high = Scale.parse(scale).low, Scale.parse(scale).high
    frame = paired([high, high, low, low], [low, low, high, low], threshold=high)
    (found,) = analyze(frame, scale=scale).findings
    # 1, 1, -1, 0: |sum| >= 1 for every pattern of three ones.
    assert (found.metric, found.estimate, found.p_value) == ("score", 0.25 * (high - low), 1.0)
    assert (found.rescued, found.condemned) == (2, 1)
    assert found.mcnemar.p_exact == 1.0


def test_pass_rate_with_one_rating_in_each_cell_is_mcnemar() -> None:
    # 7 rescued, 1 condemned (Bentur's table): 18/256; the other items change nothing.
    frame = paired([14] * 7 + [9] + [14] * 6 + [3] * 6, [9] * 7 + [14] + [12] * 6 + [11] * 6)
    found = one(analyze(frame, scale="0:20", threshold=12), "pass_rate")
    assert (found.p_value, found.mcnemar.p_exact) == (18 / 256, pytest.approx(18 / 256, rel=EXACT))
    assert (found.rescued, found.condemned, found.estimate) == (7, 1, 0.3)
    assert one(analyze(frame, scale="0:20", threshold=12)).mcnemar is None  # of passes only
    doubled = pd.concat([frame, frame])
    assert one(analyze(doubled, scale="0:20", threshold=12), "pass_rate").mcnemar is None


def test_labels_are_numbers_from_worst_to_best() -> None:
    frame = paired(["B", "A", "C"], ["C", "C", "C"])
    assert one(analyze(frame, scale="F,D,C,B,A")).estimate == 1.0  # 1, 2, 0
    passes = one(analyze(frame, scale="F,D,C,B,A", threshold="B"), "pass_rate")
    assert (passes.threshold, passes.estimate) == (3.0, pytest.approx(2 / 3, rel=EXACT))


def test_an_exactly_reached_pass_mark_is_a_pass() -> None:
    frame = paired([0.3, 0.3], [0.2, 0.1 + 0.2])  # the second control is .3 but for rounding
    assert one(analyze(frame, scale="0:1", threshold=0.3), "pass_rate").estimate == 0.5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"control": "nothing"}, "the control arm 'nothing' has no ratings"),
        ({"treatment": "nothing"}, "the treatment arm 'nothing' has no ratings"),
        ({"margin": 0}, "margin must lie above zero"),
        ({"margin": -1}, "margin must lie above zero"),
        ({"margin": math.nan}, "margin must lie above zero"),
        ({"pass_margin": 5}, "pass margin is a fraction"),
        ({"alpha": 0}, "alpha lies between"),
        ({"alpha": 0.5}, "alpha lies between"),
        ({"threshold": 0}, "everything passes at 0"),
        ({"threshold": 21}, "not on the scale"),
    ],
)
def test_refusals(options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        analyze(paired(VARIED, VARIED), **{"scale": "0:20", **options})


def test_arms_that_share_no_item_are_refused() -> None:
    frame = table("item arm score", [("a", T, 1), ("b", C, 1)])
    with pytest.raises(InputError, match="no item"):
        analyze(frame, scale="0:20")


def test_default_margins() -> None:
    findings = analyze(shifted([0, 1] * 5, [2, 3] * 5), scale="1:5", threshold=3, margin=None)
    assert one(findings).margin == pytest.approx(0.1, rel=EXACT)  # 2.5 % of 4
    assert one(findings, "pass_rate").margin == 0.05
    assert any("is the default" in note for note in findings.notes)
    assert not any("is the default" in note for note in analyze(UNEQUAL, scale="0:20", margin=1).notes)
