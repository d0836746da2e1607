"""Three other analyses of the primary contrast, and whether they agree with it."""

import pytest

from auditor.findings import analyze
from tests.findings.frames import shifted

# R datasets::sleep: mean 1.58, t interval .70 to 2.46; its bias-reduced GEE standard error is .409998 (tests/r/gee.csv).
SLEEP = [1.2, 2.4, 1.3, 1.3, 0, 1, 1.8, 0.8, 4.6, 1.4]


def primary(differences, **changes):
    return analyze(
        shifted(differences), **{"scale": "0:20", "threshold": 12, "margin": 0.5, **changes}
    ).primary[0]


def test_three_methods_and_no_more_stand_beside_the_primary_test():
    found = primary(SLEEP)
    assert len(found.robustness) == 3
    assert [other.agrees for other in found.robustness] == [True, True, True]
    ranks, bootstrap, gee = found.robustness
    assert "Pratt" in ranks.method
    assert bootstrap.estimate == pytest.approx(1.58)
    assert gee.estimate == pytest.approx(1.58)
    # 1.58 - t(.975, 9) * .409998 = 1.58 - 2.262157 * .409998
    assert gee.interval.low == pytest.approx(0.6525, abs=1e-3)
    assert found.to_json()["robustness"][0]["agrees"] is True


def test_a_rank_test_that_disagrees_says_so():
    # Forty small losses and eight large gains: the mean is +.083 (p large), the ranks see the losses.
    found = primary([-0.5] * 40 + [3.0] * 8)
    assert found.p_value > 0.05
    assert found.robustness[0].p_value < 0.05
    assert found.robustness[0].agrees is False


def test_only_the_primary_contrast_in_points_has_them():
    findings = analyze(shifted(SLEEP), scale="0:20", threshold=12, margin=0.5)
    assert [len(f.robustness) for f in findings.findings] == [3, 0]


@pytest.mark.parametrize("differences", [[0] * 12, [1] * 12, [1], [1, 2]])
def test_degenerate_differences_get_an_answer_or_a_caution(differences):
    for other in primary(differences).robustness:
        assert other.estimate is not None or other.cautions
