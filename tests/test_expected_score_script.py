"""The comparison of expected and sampled scores, on a judge of which both are known."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "analysis"))
    import expected_score

    return expected_score


def ratings(sampled, expected, replicates=1):
    """Rows from treatment scores by item and replicate; the control gives 0."""
    rows = []
    for item, (one, other) in enumerate(zip(sampled, expected, strict=True)):
        for replicate in range(replicates):
            place = {"item": str(item), "replicate": replicate + 1, "phase": "main"}
            rows.append(
                {**place, "arm": "deletion", "score": one[replicate], "expected_score": other[replicate]}
            )
            rows.append({**place, "arm": "decoupled", "score": 0.0, "expected_score": 0.0})
    return pd.DataFrame(rows)


def test_the_numbers_are_those_of_arithmetic(script):
    # differences 0, 4, 8: variance 16; expected 1, 2, 3: variance 1
    found = script.compare(ratings([[0.0], [4.0], [8.0]], [[1.0], [2.0], [3.0]]))
    assert (found.sd_sampled, found.sd_expected, found.ratio) == pytest.approx((4, 1, 16))
    assert (found.mean_sampled, found.mean_expected) == (4, 2)
    assert (found.calls, found.pairs, found.lost) == (6, 3, 0)
    assert found.deviation == pytest.approx((6 - 12) / 6)


def test_variances_are_pooled_over_replicates_and_not_their_means(script):
    # replicate 1: 0, 4, 8 (variance 16); replicate 2: 0, 0, 6 (variance 12): 14. Means of both would vary by 13.
    found = script.compare(
        ratings([[0.0, 0.0], [4.0, 0.0], [8.0, 6.0]], [[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]], 2)
    )
    assert found.sd_sampled**2 == pytest.approx(14)
    assert found.ratio == pytest.approx(14)


def test_items_without_an_expected_score_are_left_out_of_both_and_counted(script):
    found = script.compare(ratings([[0.0], [4.0], [8.0], [100.0]], [[1.0], [2.0], [3.0], [np.nan]]))
    assert (found.pairs, found.lost) == (3, 1)
    assert found.sd_sampled == pytest.approx(4)
    with pytest.raises(ValueError, match="only 2 items"):
        script.compare(ratings([[0.0], [4.0], [8.0]], [[1.0], [2.0], [np.nan]]))


def test_a_judge_that_is_sure_gains_nothing(script):
    found = script.compare(ratings([[0.0], [4.0], [8.0]], [[0.0], [4.0], [8.0]]))
    assert (found.ratio, found.low, found.high) == (1, 1, 1)


def test_the_quick_form_recovers_the_noise_that_the_simulated_judge_has(
    script, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(
        sys, "argv", ["expected_score.py", "--quick", "--items", "30", "--out", str(tmp_path)]
    )
    runpy.run_path(str(ROOT / "analysis" / "expected_score.py"), run_name="__main__")
    page = (tmp_path / "expected-score.md").read_text(encoding="utf-8")
    assert capsys.readouterr().out.strip() == page.strip()
    row = next(line for line in page.splitlines() if line.startswith("| none |"))
    sampled, expected = (float(cell) for cell in row.split("|")[4:6])
    # Each rating has noise of 1.5 and of rounding to whole numbers (1/12), the ends of the scale and the rescue less or
    # more of it: the difference of two adds about 2 x 2.33 = 4.7 to the variance of the expected one. 120 pairs: a
    # variance is known to sqrt(2 / 120) = 13 %; a third is allowed for.
    assert sampled**2 - expected**2 == pytest.approx(2 * (1.5**2 + 1 / 12), rel=0.33)
    assert "expected score: 0 with reason `none`, 0 with reason `before`." in page.replace("\n", " ")
