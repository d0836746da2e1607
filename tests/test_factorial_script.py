"""The simulation that shows each dial of a judge in its own contrast."""

import runpy
import sys
import xml.etree.ElementTree as ET
from fractions import Fraction
from math import comb
from pathlib import Path

import numpy as np
import pytest

from auditor.arms import load_texts
from auditor.findings import analyze
from auditor.plan import Design, make_plan
from auditor.ratings import Ratings
from auditor.records import Item, JudgeIdentity

ROOT = Path(__file__).resolve().parent.parent
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def runs(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "analysis"))
    import factorial_runs

    return factorial_runs


@pytest.fixture
def page(runs):
    import factorial

    return factorial


def _column(text, judge, contrast, place):
    rows = [[cell.strip(" *") for cell in line.strip("|").split("|")] for line in text.splitlines()]
    return next(row[place] for row in rows if row[:2] == [judge, contrast])


def test_the_quick_form_writes_a_page_and_a_figure_in_which_only_the_turned_dial_shows(
    runs, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(sys, "argv", ["factorial.py", "--quick", "--out", str(tmp_path)])
    runpy.run_path(str(ROOT / "analysis" / "factorial.py"), run_name="__main__")
    text = (tmp_path / "factorial.md").read_text(encoding="utf-8")
    assert capsys.readouterr().out.strip() == text.strip()
    for judge in runs.JUDGES:
        for contrast in runs.CONTRASTS:
            truth, estimate = (float(_column(text, judge, contrast, place)) for place in (2, 3))
            # A dial adds one point (anchoring .4 of about 2.8 points): far more than 0 is meant where a dial is meant.
            assert (abs(truth) > 0.5) == (contrast in runs.MEANT[judge]), (judge, contrast)
            # Largest SE: four ratings of SD sqrt(.8^2 + 1/12) = .85 an item, 40 items, 8 runs: 2 * .85 / sqrt(320)
            # = .095; the quality of the items is in both, and cancels. 4 SE, since 36 cells are looked at.
            assert abs(estimate - truth) < 0.38, (judge, contrast)
    assert "| deletion - decoupled | 0 of 8 (0.0 %) |" in text
    assert "| deletion - neutral | 8 of 8 (100.0 %) |" in text
    assert "| the published set | 8 of 8 (100.0 %) |" in text
    svg = ET.fromstring((tmp_path / "factorial.svg").read_text(encoding="utf-8"))
    words = " ".join("".join(node.itertext()) for node in svg.iter(f"{SVG}text"))
    assert "Each dial moves its own contrast" in words
    assert "mean of 8 runs" in words
    assert (tmp_path / "factorial.png").read_bytes().startswith(b"\x89PNG")


def test_the_contrasts_are_those_that_the_plan_derives_itself(runs):
    design = Design(scale=runs.SCALE, thresholds=(12.0,), arms=runs.ARMS)
    plan = make_plan(design, [Item("a", "task", "output")], load_texts(), [JudgeIdentity("j", {})])
    planned = {contrast.name for contrast in plan.contrasts}
    assert {contrast.name for contrast in (*runs.CONTRASTS.values(), runs.NEUTRAL)} <= planned


def test_numbers_are_those_of_the_findings(runs):
    audit = runs.Audit(runs.ARMS, "all", 12)
    judge = audit.judge(3)
    frame = audit.rate(judge)
    contrasts = list(runs.CONTRASTS.values())[::-1]  # the primary one first
    found = analyze(Ratings(frame), scale=runs.SCALE, threshold=12, seed=3, contrasts=contrasts)
    scores = {finding.contrast: finding for finding in found.findings if finding.metric == "score"}
    for contrast in contrasts:
        finding = scores[contrast.name]
        expected = (finding.estimate, finding.interval.low, finding.interval.high, finding.p_value)
        assert runs.measure(runs.Rows(frame), judge.name, contrast, 3) == expected, contrast.name


def test_the_truth_is_a_mean_over_units_and_both_differences_count(runs):
    expected = {
        "deletion": {"a": 5.0, "b": 8.0},
        "decoupled": {"a": 4.0, "b": 4.0},
        "relabel": {"a": 3.0, "b": 3.0},
        "relabel_decoupled": {"a": 3.0, "b": 2.0},
    }
    # ((5 - 4) + (8 - 4)) / 2 = 2.5; less ((3 - 3) + (3 - 2)) / 2 = 0.5
    assert runs.true_difference(expected, runs.CONTRASTS["primary"]) == 2.5
    assert runs.true_difference(expected, runs.CONTRASTS["survival"]) == 2.0


def test_what_is_expected_is_what_the_judge_gives_in_the_long_run(runs):
    audit = runs.Audit(("decoupled", "deletion"), "survival", 40)
    judges = [audit.judge(seed) for seed in range(25)]
    arms = [audit.rate(judge).groupby("arm")["score"].mean() for judge in judges]
    seen = float(np.mean([arm["deletion"] - arm["decoupled"] for arm in arms]))
    truth = float(np.mean([runs.true_difference(audit.truth(judge), runs.LEVER) for judge in judges]))
    # SE: two ratings of SD .85 an item, 40 items, 25 seeds: .85 * sqrt(2 / 1000) = .038; 4 SE
    assert seen == pytest.approx(truth, abs=0.15)


def test_the_bands_hold_all_but_one_in_a_thousand_of_binomial_counts(runs):
    def below(count, chance):  # in whole numbers: percent of chance, so that the sum is exact
        up, down = round(100 * chance), round(100 * (1 - chance))
        return Fraction(sum(comb(300, k) * up**k * down ** (300 - k) for k in range(count)), 100**300)

    for chance in (0.95, 0.05):
        low, high = runs.band(300, chance)
        # at most .0005 lies below the band and above it, and a band one narrower on either side would leave more
        assert below(low, chance) < Fraction(5, 10_000) <= below(low + 1, chance)
        assert 1 - below(high + 1, chance) <= Fraction(5, 10_000) < 1 - below(high, chance)


def _cell(runs, truth, low, high, p_value):
    n = len(truth)
    columns = [np.array(column) for column in (truth, low, high, p_value, truth)]
    assert n == len(p_value)
    return runs.Cell(*columns)


def test_an_interval_that_ends_on_the_truth_covers_it(runs):
    # such = (0 + 1 + 2) / 3 = 1: covered by the 1st (ends on it) and the 2nd; these: the 2nd and 3rd
    cell = _cell(runs, [0.0, 1.0, 2.0], [0.5, 0.5, 1.5], [1.0, 1.5, 2.5], [0.05, 0.2, 0.051])
    assert cell.such == 1.0
    assert cell.covered(cell.such) == 2
    assert cell.covered(cell.truth) == 2
    assert cell.rejected() == 1
    assert not cell.null


def test_what_lies_outside_its_band_is_marked_and_named(runs, page):
    good = _cell(runs, [0.0] * 100, [-1.0] * 95 + [0.5] * 5, [1.0] * 100, [0.5] * 95 + [0.01] * 5)
    bad = _cell(runs, [0.0] * 100, [-1.0] * 70 + [0.5] * 30, [1.0] * 100, [0.5] * 70 + [0.01] * 30)
    cells = {("mention", "mention"): good, ("mention", "lever"): bad}
    counts = dict.fromkeys(runs.JUDGES, 0)
    text = page.report(runs.Result(100, 60, cells, counts, dict.fromkeys(runs.CLAIMS, 0)))
    assert _column(text, "mention", "mention", 4) == "0.950"
    assert _column(text, "mention", "lever", 4) == _column(text, "mention", "lever", 5) == "0.700 !"
    assert _column(text, "mention", "lever", 6) == "0.300 !"
    assert text.count("1 of 2 (mention x lever)") == 3


def test_runs_below_one_are_refused(runs, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["factorial.py", "--runs", "0"])
    with pytest.raises(SystemExit):
        runpy.run_path(str(ROOT / "analysis" / "factorial.py"), run_name="__main__")
    assert "--runs is at least 1" in capsys.readouterr().err
