"""The published JSON: its keys, and no NaN however poor the data."""

import json
from typing import Any, NoReturn

import pandas as pd
import pytest

from auditor.findings import FLAGS, SCHEMA_VERSION, Findings, analyze
from tests.findings.frames import C, T, paired, shifted, table

TOP = ["schema_version", "verdict", "findings"]
EACH = [
    "judge", "contrast", "metric", "family", "scope", "threshold", "n_items", "n_dropped", "estimate", "sd_d", "ci",
    "p_value", "p_adjusted", "verdict", "flags",
]  # fmt: skip
VERDICTS = {"inflated", "deflated", "equivalent", "inconclusive"}


def strict(findings: Findings) -> dict[str, Any]:
    def refuse(token: str) -> NoReturn:
        raise AssertionError(f"{token} is not JSON")

    return json.loads(findings.dumps(), parse_constant=refuse)


def number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def check(findings: Findings) -> dict[str, Any]:
    data = strict(findings)
    assert set(TOP) <= set(data)
    assert data["schema_version"] == SCHEMA_VERSION == "1"
    assert data["verdict"] in VERDICTS
    assert data["findings"]
    for found in data["findings"]:
        assert list(found)[: len(EACH)] == EACH
        assert set(found["contrast"]) == {"treatment", "control"}
        assert set(found["ci"]) == {"level", "low", "high"}
        assert found["metric"] in {"score", "pass_rate"}
        assert found["family"] in {"confirmatory", "exploratory"}
        assert found["verdict"] in VERDICTS
        assert set(found["flags"]) <= set(FLAGS)
        assert isinstance(found["n_items"], int)
        assert isinstance(found["n_dropped"], int)
        for name in ("threshold", "estimate", "sd_d", "p_value", "p_adjusted"):
            assert found[name] is None or number(found[name])
        for name in ("p_value", "p_adjusted"):
            assert found[name] is None or 0 < found[name] <= 1
        if found["ci"]["low"] is not None:
            assert found["ci"]["low"] <= found["estimate"] <= found["ci"]["high"]
    used = {flag for found in data["findings"] for flag in found["flags"]}
    assert data["flags"] == {flag: FLAGS[flag] for flag in used}
    return data


def missing_ratings() -> pd.DataFrame:
    return paired([None if i % 3 else 12 for i in range(30)], [10 + i % 5 for i in range(30)])


POOR = {
    "one item": lambda: paired([3], [2]),
    "one item without a spread, two ratings": lambda: pd.concat([paired([3], [2])] * 2),
    "constant": lambda: paired([6] * 12, [6] * 12),
    "equal differences": lambda: shifted([1] * 12),
    "a judge without a pair": lambda: pd.concat(
        [shifted([1] * 6, judge="a"), paired([4], [3], judge="b").query("arm == @T")]
    ),
    "nothing rated in one arm for a judge": lambda: pd.concat(
        [shifted([1] * 6, judge="a"), paired([None] * 6, [3] * 6, judge="b").astype({"score": float})]
    ),
    "missing ratings": missing_ratings,
    "known truth": lambda: shifted([0, 1] * 10, correct=["true", "false"] * 10, gold=list(range(20))),
    "thresholds": lambda: table(
        "item arm threshold score", [(i, a, t, t - 1) for i in "abcdefg" for a in (T, C) for t in (10, 12)]
    ),
}


@pytest.mark.parametrize("case", POOR)
@pytest.mark.parametrize("threshold", [None, 12])
def test_contract_on_poor_data(case: str, threshold: int | None) -> None:
    check(analyze(POOR[case](), scale="0:20", threshold=threshold))


def test_values() -> None:
    # D = 1, 0, 2, -1, 1, 1, 0, 2: sum 6 of 8: minus-signed sizes of at most 1: none, or one of the four ones.
    findings = analyze(shifted([1, 0, 2, -1, 1, 1, 0, 2]), scale="0:20", margin=0.5, threshold=20)
    data = check(findings)
    score, rate = data["findings"]
    assert score["judge"] == "judge"
    assert score["contrast"] == {"treatment": T, "control": C}
    assert (score["metric"], rate["metric"]) == ("score", "pass_rate")
    assert (score["n_items"], score["n_dropped"], score["estimate"]) == (8, 0, 0.75)
    assert score["p_value"] == pytest.approx(10 / 64, rel=1e-12)
    assert score["p_adjusted"] == pytest.approx(20 / 64, rel=1e-12)
    assert score["ci"]["level"] == 0.95
    assert score["threshold"] == rate["threshold"] == 20.0
    assert data["simulated"] is False
    assert (data["settings"]["margin"], data["settings"]["scale"]) == (0.5, "0:20")


def test_a_simulation_is_stamped() -> None:
    findings = analyze(shifted([1] * 6), scale="0:20", simulated=True)
    assert strict(findings)["simulated"] is True
    assert repr(findings).startswith("SIMULATED")


def test_text_stays_text() -> None:
    hostile = 'a"\\\u2028\n<b>é 日本'
    frame = shifted([1] * 6, judge=hostile)
    assert strict(analyze(frame, scale="0:20"))["findings"][0]["judge"] == hostile
    assert "<b>" not in analyze(frame, scale="0:20")._repr_html_()


def test_frame_has_a_row_for_each_finding() -> None:
    findings = analyze(shifted([1] * 6), scale="0:20", threshold=12)
    frame = findings.to_frame()
    assert frame["metric"].tolist() == ["score", "pass_rate"]
    assert frame["estimate"].tolist() == [f.estimate for f in findings.findings]
    assert frame["ci_low"].tolist() == [f.interval.low for f in findings.findings]
