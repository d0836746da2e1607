"""Small seeded simulations: how often a true null is rejected, and how often a verdict is wrong.

Seeds were fixed before the first run. 200 tests at a true level of .05 give between 3 and 19 rejections (1.5 to 9.5 %)
with a chance of 99.9 %. Discrete tests are bounded from above only.
"""

import numpy as np
import pandas as pd
import pytest

from auditor.findings import Findings, analyze
from auditor.judges.simulated import Dials, SimulatedJudge
from auditor.records import Cell, Item, Request, Sampling
from auditor.scale import Scale
from auditor.stats.intervals import mean_interval
from auditor.stats.signflip import sign_flip_test
from tests.findings.frames import C, T

SCALE = Scale.parse("0:20:1")
FACTORS = {
    T: {"threshold": "stated", "consequence": "removal", "coupling": "score"},
    C: {"threshold": "stated", "consequence": "removal", "coupling": "lottery"},
}


def distributions(dials: Dials, items: int) -> tuple[np.ndarray, np.ndarray]:
    """The simulated judge's chance of each score, by item, in treatment and control."""
    judge = SimulatedJudge("honest", SCALE, dials)
    shares = []
    for arm in (T, C):
        rows = [
            judge.distribution(
                Request(
                    messages=(),
                    sampling=Sampling(),
                    framing="",
                    item_hash="",
                    cell=Cell(f"i{i}", arm, "1", 12.0, 1, "main"),
                    item=Item(id=f"i{i}", task="t", output="o"),
                    factors=FACTORS[arm],
                )
            )
            for i in range(items)
        ]
        shares.append(np.array(rows) / np.sum(rows, axis=1, keepdims=True))
    return shares[0], shares[1]


def draw(shares: np.ndarray, replicates: int, rng: np.random.Generator) -> np.ndarray:
    """Scores, by item and replicate, by inverting each item's distribution function."""
    uniform = rng.random((len(shares), replicates))
    return (uniform[:, :, None] > shares.cumsum(axis=1)[:, None, :]).sum(axis=2).clip(0, 20)


def rejected(p_values: list[float]) -> float:
    return float(np.mean(np.array(p_values) <= 0.05))


@pytest.mark.parametrize("replicates", [1, 3])
def test_true_nulls_are_rejected_at_the_level(replicates: int) -> None:
    shares, same = distributions(Dials(seed=1), 60)
    assert np.array_equal(shares, same)  # an honest judge: the null is true
    rng = np.random.default_rng(100 + replicates)
    p_values = []
    for _ in range(200):
        sums = draw(shares, replicates, rng).sum(axis=1) - draw(same, replicates, rng).sum(axis=1)
        p_values.append(sign_flip_test(sums).p_value)
    assert 0.015 <= rejected(p_values) <= 0.095


def test_true_nulls_through_the_whole_analysis() -> None:
    shares, _ = distributions(Dials(seed=2, heaping=0.5), 60)
    rng = np.random.default_rng(7)
    ids = [f"i{i}" for i in range(60)]
    p_values: dict[str, list[float]] = {"score": [], "pass_rate": []}
    verdicts = []
    for _ in range(60):
        parts = [
            pd.DataFrame({"item": ids, "arm": arm, "score": draw(shares, 1, rng)[:, 0], "item_hash": ids})
            for arm in (T, C)
        ]
        findings = analyze(pd.concat(parts), scale="0:20", threshold=12, margin=0.5)
        verdicts.append(findings.verdict)
        for found in findings.findings:
            p_values[found.metric].append(found.p_value)
    assert rejected(p_values["score"]) <= 0.15  # 60 at .05: at most 9, with a chance of 99.9 %
    assert rejected(p_values["pass_rate"]) <= 0.15  # exact McNemar: discrete
    assert (
        sum(verdict in {"inflated", "deflated"} for verdict in verdicts) / 60 <= 0.15
    )  # Holm over both metrics


def test_intervals_cover_the_expected_recorded_difference() -> None:
    # One point of inflation, clipped at 20: the truth is the difference of the recorded means. 99.9 % band of .95 in
    # 300 runs: .903 to .987.
    treatment, control = distributions(Dials(inflation=1.0, seed=3), 60)
    truth = float((treatment - control).mean(axis=0) @ np.arange(21))
    assert 0.8 < truth < 1.0
    rng = np.random.default_rng(11)
    covered = 0
    for _ in range(300):
        difference = draw(treatment, 2, rng).mean(axis=1) - draw(control, 2, rng).mean(axis=1)
        interval = mean_interval(difference).interval
        covered += interval.low <= truth <= interval.high
    assert 0.903 <= covered / 300 <= 0.987


def audit(treatment: np.ndarray, control: np.ndarray, rng: np.random.Generator) -> Findings:
    rows = [
        (f"i{i}", arm, score)
        for arm, shares in ((T, treatment), (C, control))
        for i, scores in enumerate(draw(shares, 3, rng))
        for score in scores
    ]
    return analyze(pd.DataFrame(rows, columns=["item", "arm", "score"]), scale="0:20", margin=0.5)


def test_verdicts_at_the_margin_are_seldom_equivalent() -> None:
    # The worst true shift for the equivalence test is the margin itself: at most 5 % false `equivalent`; the upper end
    # of the 99.9 % band for 60 runs is .15.
    sharp, control = distributions(Dials(seed=4), 60)
    assert np.array_equal(sharp, control)
    rng = np.random.default_rng(13)
    wrong = 0
    for _ in range(60):
        base, other = draw(control, 3, rng), draw(control, 3, rng)
        lifted = np.where(
            np.arange(60)[:, None] % 2 == 0, base + 1, base
        )  # half of the items by one point: .5
        rows = [
            (f"i{i}", arm, s)
            for arm, block in ((T, lifted), (C, other))
            for i, row in enumerate(block)
            for s in row
        ]
        found = analyze(pd.DataFrame(rows, columns=["item", "arm", "score"]), scale="0:40", margin=0.5)
        wrong += found.verdict == "equivalent"
    assert wrong / 60 <= 0.15


def test_an_honest_and_an_inflating_judge_are_told_apart() -> None:
    honest, control = distributions(Dials(seed=5), 120)
    inflating, _ = distributions(Dials(seed=5, inflation=1.5), 120)
    deflating, _ = distributions(Dials(seed=5, inflation=-1.5), 120)
    rng = np.random.default_rng(17)
    assert [audit(inflating, control, rng).verdict for _ in range(5)] == ["inflated"] * 5
    assert [audit(deflating, control, rng).verdict for _ in range(5)] == ["deflated"] * 5
    verdicts = [audit(honest, control, rng).verdict for _ in range(5)]
    assert verdicts.count("equivalent") >= 3
    assert not {"inflated", "deflated"} & set(verdicts)
