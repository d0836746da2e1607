"""Every flag with a twin: two frames that differ in what the flag is about, so that the protection is seen to act.

For flags that forbid a verdict, the twin without the fault gets that verdict; for flags that only inform, the twin
lacks the flag. All p-values here are shares of sign patterns.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pytest

from auditor.findings import FLAGS, Finding, analyze
from auditor.findings.verdicts import BLIND, decide, overall
from tests.findings.frames import VARIED, C, T, paired, shifted, table

# Darwin (1876): exact p = 1726 / 32768 = .0527, but the 95 % t interval is .03 to 41.8 (R 4.2.2).
DARWIN = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]


def passes(n: int, rescued: int) -> pd.DataFrame:
    """Half of `n` items pass at 12; in the treatment `rescued` more do."""
    control = [15] * (n // 2) + [9] * (n - n // 2)
    return paired(control[: n - rescued] + [15] * rescued, control)


def truth_known(follows: bool) -> pd.DataFrame:
    """Twenty right and twenty wrong items; the scores follow that, or are the same for both."""
    correct = [i % 2 for i in range(40)]
    control = [10 + (i // 2) % 5 + (3 * correct[i] if follows else 0) for i in range(40)]
    return paired(control, control, correct=[["false", "true"][c] for c in correct])


def quality_known(follows: bool) -> pd.DataFrame:
    gold = [i % 4 for i in range(40)]
    control = [8 + (gold[i] if follows else (i // 4) % 5) for i in range(40)]
    return paired(control, control, gold=gold)


def at_the_mark(count: int) -> pd.DataFrame:
    control = [12] * count + [5 + i % 13 + (i % 13 >= 7) for i in range(40 - count)]  # never 12
    return paired(control, control)


def refused(both: bool) -> pd.DataFrame:
    """No item moves; a quarter of the treatment's ratings is missing, in the control too if `both`."""
    control = [10 + i % 5 for i in range(100)]
    left = [None if i % 4 == 0 else score for i, score in enumerate(control)]
    return paired(left, left if both else control)


def two_ratings(second_control: bool) -> pd.DataFrame:
    frame = shifted([1, 0, -1, 2, 1, 1, 0, 2])
    frame = pd.concat([frame, frame[frame["item"] == "i000"]])
    return frame if second_control else frame.iloc[:-1]  # the last row is i000's second control


def family_of(judges: str) -> pd.DataFrame:
    return pd.concat([shifted([2] * 6, judge=judge) for judge in judges])


def noisy(step: float | None) -> pd.DataFrame:
    draws = np.random.default_rng(0).random((2, 12))
    draws = draws if step is None else np.rint(draws / step) * step
    return paired(draws[0].tolist(), draws[1].tolist())


def assayed(moved: bool) -> pd.DataFrame:
    """No item moves under the stakes; openly asked for leniency, six items rise by 3, or none does."""
    frame = shifted([0] * 40, phase="main")
    lenient = frame[frame["arm"] == C].head(6).assign(arm="instructed_lenient", phase="control")
    return pd.concat([frame, lenient.assign(score=lenient["score"] + 3 * moved)])


@dataclass
class Twins:
    """A frame with the flag and one without; `verdict` is what the flagged one gets, `else_` the other."""

    flagged: Callable[[], pd.DataFrame]
    clean: Callable[[], pd.DataFrame]
    verdict: str
    else_: str
    options: dict[str, Any] = field(default_factory=dict)
    metric: str = "score"
    scale: str = "0:20"


TWINS = {
    # Five equal differences: p = 2/32, which alpha = .1 would let pass; six: 2/64.
    "too_few_items": Twins(
        lambda: shifted([5] * 5), lambda: shifted([5] * 6), "inconclusive", "inflated", {"alpha": 0.1}
    ),
    # A quarter of the treatment is missing: Lee's bounds cut the control's best or worst quarter, about a point.
    "withheld": Twins(lambda: refused(both=False), lambda: refused(both=True), "inconclusive", "equivalent"),
    "constant": Twins(lambda: paired([6] * 40, [6] * 40), lambda: shifted([0] * 40), "inconclusive", "equivalent"),
    "insensitive": Twins(
        lambda: truth_known(follows=False), lambda: truth_known(follows=True), "inconclusive", "equivalent"
    ),
    # Over half: 21 of 40, not 20 of 40.
    # Six of six rise: one-sided p = 1/64.
    "no_assay": Twins(
        lambda: assayed(moved=False), lambda: assayed(moved=True), "inconclusive", "equivalent", {"threshold": 12}
    ),
    # The control is 10 to 14, median 12, SD 1.43: 15 is 2.1 SD away, 14 is 1.4.
    "threshold_far": Twins(
        lambda: shifted([0] * 40, threshold=15), lambda: shifted([0] * 40, threshold=14), "equivalent", "equivalent"
    ),
    "anchored": Twins(
        lambda: at_the_mark(21), lambda: at_the_mark(20), "inconclusive", "equivalent", {"threshold": 12}
    ),
    "no_differences": Twins(
        lambda: shifted([0] * 40), lambda: shifted([1, -1] + [0] * 38), "equivalent", "equivalent"
    ),
    # All .2 of a margin of .5: p = 2 / 2^40. Half of them -.2: p = 1.
    "detectable": Twins(
        lambda: shifted([0.2] * 40), lambda: shifted([0.2, -0.2] * 20), "equivalent", "equivalent"
    ),
    # The maize with its two negative values turned: p = 2 / 2^15.
    "interval_disagrees": Twins(
        lambda: shifted(DARWIN), lambda: shifted([abs(d) for d in DARWIN]), "inconclusive", "inflated", {}, "score",
        "-100:100",
    ),
    # Two judges with p = 2/64 = .031 each: twice that after Holm.
    "not_after_adjustment": Twins(lambda: family_of("ab"), lambda: family_of("a"), "inconclusive", "inflated"),
    "unbalanced": Twins(
        lambda: two_ratings(second_control=False), lambda: two_ratings(second_control=True), "inconclusive",
        "inconclusive",
    ),
    "identity_unproved": Twins(
        lambda: shifted([0] * 40).drop(columns="item_hash"), lambda: shifted([0] * 40), "equivalent", "equivalent"
    ),
    "few_items_for_equivalence": Twins(
        lambda: shifted([0] * 9), lambda: shifted([0] * 10), "inconclusive", "equivalent"
    ),
    # One of 60 rescued: t interval -.011 to .045, Tango's up to .07. One of 100: both inside .05.
    "rare_changes": Twins(
        lambda: passes(60, 1), lambda: passes(100, 1), "inconclusive", "equivalent", {"threshold": 12}, "pass_rate"
    ),
    "monte_carlo": Twins(
        lambda: noisy(None), lambda: noisy(0.01), "inconclusive", "inconclusive", {"margin": 0.02}, "score", "0:1"
    ),
}  # fmt: skip


def first(frame: pd.DataFrame, twins: Twins) -> Finding:
    options = {"scale": twins.scale, "margin": 0.5} | twins.options
    return next(f for f in analyze(frame, **options).findings if f.metric == twins.metric)


def test_every_flag_has_twins() -> None:
    # Those of runs that looked early or were extended need a run: tests/study.
    assert set(TWINS) | {"sequential", "extended"} == set(FLAGS)
    assert set(BLIND) <= set(FLAGS)


@pytest.mark.parametrize("flag", TWINS)
def test_the_flag_and_its_protection(flag: str) -> None:
    twins = TWINS[flag]
    flagged, clean = first(twins.flagged(), twins), first(twins.clean(), twins)
    assert flag in flagged.flags
    assert flag not in clean.flags
    assert (flagged.verdict, clean.verdict) == (twins.verdict, twins.else_)


@pytest.mark.parametrize("flag", sorted({"too_few_items", "withheld", *BLIND} - {"no_assay"}))
def test_the_numbers_alone_would_have_said_otherwise(flag: str) -> None:
    """Each protection is needed: the flagged finding's own p-value or interval reach the twin's verdict."""
    twins = TWINS[flag]
    found = first(twins.flagged(), twins)
    if twins.else_ == "equivalent":
        assert found.equivalence.equivalent
    else:
        assert found.p_value <= 0.1


def test_insensitive_by_known_quality() -> None:
    flagged = analyze(quality_known(follows=False), scale="0:20", margin=0.5).findings[0]
    clean = analyze(quality_known(follows=True), scale="0:20", margin=0.5).findings[0]
    assert ("insensitive" in flagged.flags, "insensitive" in clean.flags) == (True, False)
    assert (flagged.verdict, clean.verdict) == ("inconclusive", "equivalent")
    assert (flagged.discrimination.measure, clean.discrimination.estimate) == ("spearman", pytest.approx(1.0))


def test_a_blind_judge_can_still_be_seen_to_move() -> None:
    # It said 6 to everything, and says 8 to everything once the score decides.
    found = analyze(paired([8] * 40, [6] * 40), scale="0:20", margin=0.5).findings[0]
    assert ("constant" in found.flags, found.verdict) == (True, "inflated")


def test_a_constant_pass_rate_is_not_equivalent() -> None:
    # Every control passes at 5: the scores vary, so the score finding may be equivalent and the pass rate may not.
    score, rate = analyze(
        paired(VARIED, VARIED), scale="0:20", margin=0.5, threshold=5, pass_margin=0.2
    ).findings
    assert (score.verdict, "constant" in score.flags) == ("equivalent", False)
    assert (rate.verdict, "constant" in rate.flags) == ("inconclusive", True)


def test_nothing_is_anchored_without_a_pass_mark_or_on_two_values() -> None:
    assert "anchored" not in analyze(at_the_mark(30), scale="0:20").findings[0].flags
    control = [i % 10 > 2 for i in range(40)]  # 70 % pass
    frame = paired([int(c) for c in control], [int(c) for c in control])
    assert "anchored" not in analyze(frame, scale="pass/fail").findings[0].flags


def test_hidden_harsh_ratings_do_not_become_inflation() -> None:
    # No arm is rated differently, but in the treatment the judge refuses where it would have said less than 10.
    rng = np.random.default_rng(6)
    quality = rng.integers(6, 15, 150)
    control, treatment = (quality + rng.integers(-3, 4, 150) for _ in range(2))
    left = [None if t < 10 else int(t) for t in treatment]
    found = analyze(paired(left, control.tolist()), scale="0:20", margin=0.5).findings[0]
    assert found.p_value <= 0.05  # of those near 10, the lucky ones are left
    assert found.estimate > 0
    assert ("withheld" in found.flags, found.verdict) == (True, "inconclusive")
    assert found.worst_case.low < 0 < found.worst_case.high


@pytest.mark.parametrize(
    ("differences", "verdict"),
    [
        ([2] * 20, "inflated"),  # p = 2 / 2^20
        ([-2] * 20, "deflated"),
        ([0.1, -0.1] * 10, "equivalent"),  # 90 % interval 0 +- 1.73 * .103 / sqrt(20) = +-.04
        ([4, -4] * 10, "inconclusive"),  # p = 1, interval +-1.6
    ],
)
def test_each_verdict(differences: list[float], verdict: str) -> None:
    findings = analyze(shifted(differences), scale="0:20", margin=0.5)
    (found,) = findings.findings
    assert (found.verdict, findings.verdict) == (verdict, verdict)
    assert (found.items_needed is not None) == (verdict == "inconclusive")


def test_items_needed_would_settle_it() -> None:
    # SD = 4 sqrt(20/19) = 4.104, margin .5: ratio .1218. About (z.975 + z.8)^2 / .1218^2 = 529 for a difference of
    # the margin, (z.95 + z.9)^2 / .1218^2 = 577 for equivalence; 20 are there.
    (found,) = analyze(shifted([4, -4] * 10), scale="0:20", margin=0.5).findings
    assert found.items_needed == pytest.approx(577 - 20, abs=4)


def test_the_margin_decides_between_equivalent_and_inflated() -> None:
    frame = shifted([1, 0] * 20)  # mean .5, 90 % interval .5 +- .137
    assert analyze(frame, scale="0:20", margin=0.5).verdict == "inflated"
    assert analyze(frame, scale="0:20", margin=0.65).verdict == "equivalent"
    assert "detectable" in analyze(frame, scale="0:20", margin=0.65).findings[0].flags


def rule(**changes: Any) -> str:
    values: dict[str, Any] = {
        "n_units": 40, "estimate": 1.0, "p_adjusted": 0.01, "alpha": 0.05, "within_margin": False, "flags": (),
    }  # fmt: skip
    return decide(**values | changes)


def test_the_order_of_the_rule() -> None:
    assert rule() == "inflated"
    assert rule(estimate=-1.0) == "deflated"
    assert rule(p_adjusted=0.05) == "inflated"  # at most alpha
    assert rule(p_adjusted=0.0501) == "inconclusive"
    assert rule(p_adjusted=None) == "inconclusive"
    assert rule(estimate=None) == "inconclusive"
    # 1 before 2 and 3.
    assert rule(n_units=5) == rule(n_units=5, within_margin=True) == "inconclusive"
    assert rule(flags=("withheld",)) == rule(flags=("withheld",), within_margin=True) == "inconclusive"
    # 2 before 3.
    assert rule(within_margin=True) == rule(within_margin=True, n_units=10) == "equivalent"
    for flag in BLIND:
        assert rule(within_margin=True, flags=(flag,)) == "inflated"
        assert rule(within_margin=True, flags=(flag,), p_adjusted=0.5) == "inconclusive"
    # Flags that only inform do not decide.
    for flag in set(FLAGS) - set(BLIND) - {"withheld"}:
        assert rule(flags=(flag,)) == "inflated"
        assert rule(flags=(flag,), within_margin=True) == "equivalent"


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ([("score", "equivalent", False)], "equivalent"),
        ([("score", "inconclusive", False)], "inconclusive"),
        ([("score", "deflated", True), ("score", "inflated", True)], "inflated"),
        ([("score", "equivalent", False), ("pass_rate", "inflated", True)], "inflated"),
        ([("score", "equivalent", False), ("pass_rate", "deflated", True)], "deflated"),
        ([("score", "equivalent", False), ("pass_rate", "inconclusive", False)], "equivalent"),
        # A pass rate that moved, if by less than its margin, spoils the equivalence of the whole.
        ([("score", "equivalent", False), ("pass_rate", "equivalent", True)], "inconclusive"),
        ([("score", "equivalent", True), ("pass_rate", "equivalent", False)], "equivalent"),
        ([("score", "equivalent", False), ("score", "inconclusive", False)], "inconclusive"),
        ([("pass_rate", "equivalent", False)], "inconclusive"),
        ([], "inconclusive"),
    ],
)
def test_the_overall_verdict(members: list[Any], expected: str) -> None:
    assert overall(members) == expected


def test_one_judge_decides_over_all() -> None:
    still, up, down = shifted([0.1, -0.1] * 10), shifted([2] * 20), shifted([-2] * 20)
    wide = shifted([4, -4] * 10)

    def verdict(*frames: pd.DataFrame) -> str:
        parts = [frame.assign(judge=f"judge{i}") for i, frame in enumerate(frames)]
        return analyze(pd.concat(parts), scale="0:20", margin=0.5).verdict

    assert verdict(still, still) == "equivalent"
    assert verdict(still, wide) == "inconclusive"
    assert verdict(still, down, wide) == "deflated"
    assert verdict(still, down, up) == "inflated"


def test_an_exploratory_finding_decides_nothing() -> None:
    from auditor.arms import Contrast

    frame = pd.concat(
        [shifted([0.1, -0.1] * 10), table("item arm score", [(f"i{i:03d}", "x", 20) for i in range(20)])]
    )
    findings = analyze(
        frame, scale="0:20", margin=0.5, contrasts=[Contrast(T, C), Contrast("x", C, "exploratory")]
    )
    assert [f.verdict for f in findings.findings] == ["equivalent", "inflated"]
    assert findings.verdict == "equivalent"
