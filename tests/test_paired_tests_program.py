"""analysis/paired_tests.py, run as a reviewer runs it: a CSV in, JSON out.

Expected values are hand arithmetic (in a comment) or were copied from oracles.json (R 4.2.2, or enumeration).
Estimates and p-values are exact fractions rounded once, so they are compared at 1e-12; SDs and intervals pass
through floats and a t quantile, and are compared at 1e-9, or at 1e-6 where the oracle gives that tolerance.
"""

import functools
import json
import math
import random
import runpy
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

PROGRAM = Path(__file__).parents[1] / "analysis" / "paired_tests.py"
EXACT = 1e-12
ORACLE = 1e-6

# R datasets::sleep (Student 1908); differences, drug 2 minus drug 1.
SLEEP = ["1.2", "2.4", "1.3", "1.3", "0", "1", "1.8", "0.8", "4.6", "1.4"]
# Darwin (1876), in Fisher (1935) sec. 21: crossed minus self-fertilised maize, eighths of an inch.
DARWIN = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
# Invented, with ties and zeros (oracles.json: tied_zero_signedrank).
TIED = [0, 0, 0, 1, 1, 1, 2, -1, 3, 0, 2, -1, 1, 4, 0, 1, -2, 0, 1, 2]


@functools.cache
def run(csv: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the program on this text; a warning in it is an error."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "ratings.csv")
        path.write_text(csv, encoding="utf-8")
        command = [sys.executable, "-W", "error", str(PROGRAM), str(path), *options]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def findings(csv: str, *options: str) -> dict[tuple[str, str], dict[str, Any]]:
    done = run(csv, *options)
    assert (done.returncode, done.stderr) == (0, "")
    return {(f["judge"], f["metric"]): f for f in json.loads(done.stdout)["findings"]}


def bounds(found: dict[str, Any]) -> list[float]:
    return [found["ci"]["low"], found["ci"]["high"]]


def pairs(judge: str, treatment: list[str], control: list[str], threshold: str = "") -> str:
    """One row for each arm and item: judge, item, arm, threshold, score."""
    return "".join(
        f"{judge},i{n},deletion,{threshold},{t}\n{judge},i{n},decoupled,{threshold},{c}\n"
        for n, (t, c) in enumerate(zip(treatment, control, strict=True))
    )


PAIR_HEADER = "judge,item,arm,threshold,score\n"
ORACLES = (
    PAIR_HEADER
    + pairs("darwin", [str(100 + d) for d in DARWIN], ["100"] * 15)
    # McNemar: 150 pass under treatment only, 86 under control only; 20 that agree change nothing.
    + pairs("agresti", ["14"] * 150 + ["9"] * 86 + ["14"] * 20, ["9"] * 150 + ["14"] * 106, threshold="12")
    + pairs("sleep", SLEEP, ["0"] * 10)
    + pairs("tied", [str(100 + d) for d in TIED], ["100"] * 20)
)


def oracle(judge: str, metric: str = "score") -> dict[str, Any]:
    return findings(ORACLES, "--scale", "0:200", "--margin", "2.2930")[judge, metric]


def test_sleep_agrees_with_r() -> None:
    found = oracle("sleep")
    assert found["estimate"] == pytest.approx(1.58, rel=EXACT)
    # oracles.json sleep_paired: t.test of R 4.2.2; dz = mean / sd = 1.28455756259105.
    assert found["ci"]["level"] == 0.95
    assert bounds(found) == pytest.approx([0.700114236723018, 2.45988576327698], rel=ORACLE)
    assert found["sd_d"] == pytest.approx(1.58 / 1.28455756259105, rel=ORACLE)
    assert found["p_value"] == 4 / 1024  # enumerated in R on integers; floats lose ties and give another p


def test_equivalence_turns_where_the_90_percent_interval_ends() -> None:
    # oracles.json tost_sleep_pm2: ci90 ends at 2.29300526702928.
    assert oracle("sleep")["equivalent"] is False  # margin 2.2930
    csv = PAIR_HEADER + pairs("sleep", SLEEP, ["0"] * 10)
    assert findings(csv, "--scale", "0:200", "--margin", "2.2931")["sleep", "score"]["equivalent"] is True


def test_darwins_maize() -> None:
    found = oracle("darwin")
    assert found["estimate"] == pytest.approx(314 / 15, rel=EXACT)
    assert found["p_value"] == 1726 / 32768  # Fisher: 863 arrangements on one side
    # R 4.2.2: the interval excludes zero although the exact p is above .05.
    assert bounds(found) == pytest.approx([0.0311933183929742, 41.8354733482737], rel=ORACLE)


def test_zeros_and_ties() -> None:
    assert oracle("tied")["p_value"] == 0.0399169921875  # perm_mean_p, enumerated


def test_pass_rate_with_one_rating_a_cell_is_exact_mcnemar() -> None:
    found = oracle("agresti", "pass_rate")
    assert found["p_value"] == pytest.approx(3.71593613957143e-05, rel=ORACLE)  # R 4.2.2, exact_p
    # The same by hand: 2 P(Binomial(236, 1/2) >= 150).
    by_hand = 2 * sum(math.comb(236, k) for k in range(150, 237)) / 2**236
    assert found["p_value"] == pytest.approx(by_hand, rel=EXACT)
    assert found["estimate"] == pytest.approx((150 - 86) / 256, rel=EXACT)
    assert found["n_units"] == 256


def test_without_a_threshold_there_is_no_pass_rate() -> None:
    found = findings(ORACLES, "--scale", "0:200", "--margin", "2.2930")
    assert list(found) == [  # judges sorted, the score first
        ("agresti", "score"),
        ("agresti", "pass_rate"),
        ("darwin", "score"),
        ("sleep", "score"),
        ("tied", "score"),
    ]


PAIRING = """judge,item,arm,wording,replicate,group,phase,status,score
replicates,a,deletion,1,1,,,,10
replicates,a,deletion,1,2,,,,11
replicates,a,deletion,1,3,,,,12
replicates,a,decoupled,1,1,,,,8
replicates,a,decoupled,1,2,,,,9
replicates,b,deletion,1,1,,,,5
replicates,b,decoupled,1,1,,,,4
replicates,b,decoupled,1,2,,,,6
replicates,b,decoupled,1,3,,,,6
replicates,c,deletion,1,1,,,,7
replicates,c,decoupled,1,1,,,,6
wordings,a,deletion,1,1,,,,9
wordings,a,decoupled,1,1,,,,5
wordings,a,deletion,2,1,,,,9
wordings,a,deletion,2,2,,,,10
wordings,a,deletion,2,3,,,,11
wordings,a,decoupled,2,1,,,,9
wordings,a,decoupled,2,2,,,,9
wordings,a,decoupled,2,3,,,,9
wordings,a,deletion,3,1,,,,20
wordings,b,deletion,1,1,,,,7
wordings,b,decoupled,1,1,,,,7
wordings,c,deletion,1,1,,,,20
wordings,c,decoupled,2,1,,,,0
missing,a,deletion,1,1,,,ok,8
missing,a,deletion,1,2,,,refused,0
missing,a,decoupled,1,1,,,ok,6
missing,a,decoupled,1,2,,,unparseable,
missing,b,deletion,1,1,,,ok,9
missing,b,decoupled,1,1,,,ok,
missing,c,deletion,1,1,,,refused,20
missing,c,decoupled,1,1,,,,1
missing,d,deletion,1,1,,,failed,n/a
missing,e,neutral,1,1,,,ok,3
missing,f,deletion,1,1,,,,5
missing,f,decoupled,1,1,,,,5
ids,NA,deletion,1,1,,,,9
ids,NA,decoupled,1,1,,,,8
ids,007,deletion,1,1,,,,9
ids,007,decoupled,1,1,,,,7
ids,7,deletion,1,1,,,,9
ids,7,decoupled,1,1,,,,5
ids,7.0,deletion,1,1,,,,9
ids,7.0,decoupled,1,1,,,,1
groups,a,deletion,1,1,g1,,,6
groups,a,decoupled,1,1,g1,,,5
groups,b,deletion,1,1,g1,,,8
groups,b,decoupled,1,1,g1,,,5
groups,c,deletion,1,1,NA,,,9
groups,c,decoupled,1,1,NA,,,5
groups,g1,deletion,1,1,,,,4
groups,g1,decoupled,1,1,,,,5
phases,a,deletion,1,1,,main,,6
phases,a,decoupled,1,1,,,,5
phases,a,deletion,1,2,,pilot,,20
phases,a,decoupled,1,2,,aa,,0
phases,b,deletion,1,1,,main,,8
phases,b,decoupled,1,1,,main,,6
phases,c,deletion,1,1,,control,,999
phases,c,decoupled,1,1,,shadow,,what happens below?
unpaired,a,deletion,1,1,,,,9
unpaired,b,decoupled,1,1,,,,9
"""


def pairing(judge: str, *options: str) -> dict[str, Any]:
    return findings(PAIRING, "--scale", "0:20", *options)[judge, "score"]


def test_unequal_replicates_are_averaged_within_the_cell() -> None:
    # a: 11 - 17/2 = 5/2; b: 5 - 16/3 = -1/3; c: 1. In sixths 15, -2, 6: sum 19.
    # With the first sign fixed, |15 +- 2 +- 6| is 23, 19, 11, 7: two of four reach 19.
    found = pairing("replicates")
    assert found["estimate"] == pytest.approx(19 / 18, rel=EXACT)
    assert found["p_value"] == 0.5
    assert found["n_items"] == found["n_units"] == 3


def test_wordings_weigh_the_same_and_pair_within() -> None:
    # a: wording 1: 4; wording 2: 10 - 9 = 1 (three replicates, one weight); wording 3 has no partner: 5/2.
    # b: 0. c has the treatment in one wording and the control in another: dropped.
    found = pairing("wordings")
    assert found["estimate"] == 1.25
    assert (found["n_items"], found["n_dropped"]) == (2, 1)


def test_a_missing_rating_is_never_a_zero() -> None:
    # a: 8 - 6 = 2, from the replicates that are there; f: 0. b, c and d have no pair; e is in neither arm.
    found = pairing("missing")
    assert found["estimate"] == 1.0
    assert (found["n_items"], found["n_dropped"]) == (2, 3)


def test_ids_are_text() -> None:
    # "NA", "007", "7" and "7.0" are four items: 1, 2, 4, 8. All signs alike: 2 of 16.
    found = pairing("ids")
    assert (found["n_items"], found["estimate"], found["p_value"]) == (4, 3.75, 0.125)


def test_the_unit_is_the_group() -> None:
    # Group g1: (1 + 3)/2 = 2; group "NA": 4; the item that is *named* g1 has no group and stands alone: -1.
    found = pairing("groups")
    assert (found["n_items"], found["n_units"]) == (4, 3)
    assert found["estimate"] == pytest.approx(5 / 3, rel=EXACT)
    # Deviations 1/3, 7/3, -8/3: (1 + 49 + 64) / 9 / 2 = 19/3.
    assert found["sd_d"] == pytest.approx(math.sqrt(19 / 3), rel=1e-9)
    # t(.975, 2 df) = .95 sqrt(2 / (1 - .95^2)), the closed form of the quantile for two degrees of freedom.
    half = 0.95 * math.sqrt(2 / (1 - 0.95**2)) * math.sqrt(19 / 3 / 3)
    assert bounds(found) == pytest.approx([5 / 3 - half, 5 / 3 + half], rel=1e-9)
    assert found["p_value"] == 0.5  # |2 +- 4 +- 1| is 7, 5, 1, 3: two of four reach 5


def test_other_phases_are_ignored() -> None:
    # a: 1; b: 2; c is not in the main phase at all, so it was not dropped either, and its text is not read.
    found = pairing("phases")
    assert (found["n_items"], found["n_dropped"], found["estimate"]) == (2, 0, 1.5)


def test_a_judge_without_a_pair_has_nulls_and_no_part_in_holm() -> None:
    found = pairing("unpaired")
    assert found == {
        "judge": "unpaired",
        "metric": "score",
        "n_items": 0,
        "n_units": 0,
        "n_dropped": 2,
        "estimate": None,
        "sd_d": None,
        "ci": {"level": 0.95, "low": None, "high": None},
        "p_value": None,
        "p_adjusted": None,
        "equivalent": None,
    }


def test_swapping_the_arms_turns_the_sign_and_nothing_else() -> None:
    for judge in ("replicates", "wordings", "missing", "ids", "groups", "phases"):
        there, back = pairing(judge), pairing(judge, "--treatment", "decoupled", "--control", "deletion")
        assert back["estimate"] == -there["estimate"]
        assert bounds(back) == pytest.approx([-bound for bound in reversed(bounds(there))], rel=EXACT)
        for key in ("n_items", "n_units", "n_dropped", "p_value", "p_adjusted", "equivalent"):
            assert back[key] == there[key]


SWEEP = """item,arm,threshold,score
a,deletion,10,11
a,decoupled,10.0,9
a,deletion,12,13
a,decoupled,12,12
b,deletion,10,20
b,decoupled,12,0
c,deletion,,15
c,decoupled,,10
d,deletion,10,10
d,decoupled,10,4
"""


def test_thresholds_pair_within_and_each_row_has_its_own_pass_mark() -> None:
    found = findings(SWEEP, "--scale", "0:20")
    # a: (2 + 1)/2; c: 5, unstated in both arms; d: 6. b never meets its partner.
    score = found["judge", "score"]
    assert (score["n_items"], score["n_dropped"]) == (3, 1)
    assert score["estimate"] == pytest.approx(12.5 / 3, rel=EXACT)
    # a: at 10, 1 - 0; at 12, 1 - 1: 1/2. d: 1 - 0 (10 passes at 10). c has no pass mark: dropped here with b.
    passes = found["judge", "pass_rate"]
    assert (passes["n_items"], passes["n_dropped"], passes["estimate"]) == (2, 2, 0.75)


def test_a_given_threshold_leaves_others_out_and_marks_the_blank_ones() -> None:
    found = findings(SWEEP, "--scale", "0:20", "--threshold", "12")
    # a at 12: 1; c: 5. b has a row at 12 and is dropped; d, only at 10, is left out and not counted.
    score = found["judge", "score"]
    assert (score["n_items"], score["n_dropped"], score["estimate"]) == (2, 1, 3.0)
    # a: 1 - 1; c against 12: 1 - 0.
    passes = found["judge", "pass_rate"]
    assert (passes["n_items"], passes["n_dropped"], passes["estimate"]) == (2, 1, 0.5)


def test_a_scale_of_two_values_has_the_score_metric_only() -> None:
    csv = PAIR_HEADER + pairs("j", ["1", "1", "0"], ["0", "0", "0"])
    found = findings(csv, "--scale", "0:1:1", "--threshold", "1")
    assert list(found) == [("j", "score")]
    assert found["j", "score"]["p_value"] == 0.5  # binomial(2, 1/2): two of four


def test_three_columns_are_enough_and_one_unit_has_no_spread() -> None:
    found = findings("item,arm,score\nx,deletion,7.25\nx,decoupled,7\n", "--scale", "0:20")
    assert found == {
        ("judge", "score"): {
            "judge": "judge",
            "metric": "score",
            "n_items": 1,
            "n_units": 1,
            "n_dropped": 0,
            "estimate": 0.25,
            "sd_d": None,
            "ci": {"level": 0.95, "low": None, "high": None},
            "p_value": 1.0,  # both signs reach the observed sum
            "p_adjusted": 1.0,
            "equivalent": None,
        }
    }


def test_holm_over_all_judges_and_equal_differences() -> None:
    # All differences equal and positive: p = 2 / 2^n, 1/256, 1/64, 1/64 for n = 9, 7, 7. Of 1 and -1: 1.
    # Holm (1979): 4/256; 3/64; the larger of 3/64 and 2/64; 1.
    csv = PAIR_HEADER + pairs("b", ["6", "5"], ["5", "6"])
    csv += "".join(pairs(judge, ["5.1"] * n, ["5"] * n) for judge, n in [("a", 7), ("c", 9), ("d", 7)])
    found = findings(csv, "--scale", "0:20", "--alpha", "0.1")
    raw = [found[judge, "score"]["p_value"] for judge in "abcd"]
    assert raw == [1 / 64, 1.0, 1 / 256, 1 / 64]
    adjusted = [found[judge, "score"]["p_adjusted"] for judge in "abcd"]
    assert adjusted == pytest.approx([3 / 64, 1.0, 4 / 256, 3 / 64], rel=EXACT)
    c = found["c", "score"]
    assert (c["estimate"], c["sd_d"], c["ci"]) == (0.1, 0.0, {"level": 0.9, "low": 0.1, "high": 0.1})
    assert c["equivalent"] is True  # the point 0.1 is inside the default margin, 2.5 % of 20 = 0.5


def test_the_holm_of_statsmodels_is_the_holm_of_r() -> None:
    # oracles.json padjust_BH1995: p.adjust of R 4.2.2 on fifteen p-values (Benjamini and Hochberg 1995).
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.324, 0.4262, 0.5719]
    p += [0.6528, 0.759, 1]
    holm = [0.0015, 0.0056, 0.0247, 0.114, 0.2211, 0.278, 0.278, 0.278, 0.3213, 1, 1, 1, 1, 1, 1]
    assert list(multipletests(p, method="holm")[1]) == pytest.approx(holm, rel=ORACLE)


def test_three_hundred_units_with_three_replicates() -> None:
    draw = random.Random(20)
    csv, thirds = "item,arm,score\n", []
    for item in range(300):
        treatment, control = [draw.choices(range(21), k=3) for _ in range(2)]
        csv += "".join(f"{item},deletion,{s}\n" for s in treatment)
        csv += "".join(f"{item},decoupled,{s}\n" for s in control)
        thirds.append(sum(treatment) - sum(control))
    found = findings(csv, "--scale", "0:20")["judge", "score"]
    assert found["estimate"] == pytest.approx(sum(thirds) / 900, rel=EXACT)
    # Another road to p: the distribution of the sum, unit by unit, in floats and with both tails.
    reach = sum(abs(d) for d in thirds)
    chance = np.zeros(2 * reach + 1)
    chance[reach] = 1
    for d in thirds:
        chance = (np.roll(chance, d) + np.roll(chance, -d)) / 2
    sums = np.arange(-reach, reach + 1)
    assert found["p_value"] == pytest.approx(float(chance[abs(sums) >= abs(sum(thirds))].sum()), rel=1e-9)


HEAD = "item,arm,score\n"
NO_PAIR = HEAD + "a,deletion,1\nb,decoupled,1\n"
# Sixty scores with sixteen decimals: 2^60 sign patterns, and hardly two of them have the same sum.
FINE = [
    f"{n},{arm},{math.sqrt(n + k) % 1}\n"
    for n in range(60)
    for k, arm in enumerate(["deletion", "decoupled"])
]


@pytest.mark.parametrize(
    ("csv", "says"), [("item,arm\na,deletion\n", "missing column score"), (NO_PAIR, "no item has ratings")]
)
def test_a_refusal_is_one_line_and_exit_status_two(csv: str, says: str) -> None:
    done = run(csv, "--scale", "0:20")
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("csv", "says"),
    [
        pytest.param("", "cannot read", id="empty"),
        pytest.param(HEAD, "no item has ratings", id="header-only"),
        pytest.param(HEAD + "a,deletion,nan\na,decoupled,1\n", "neither blank nor a number", id="nan"),
        pytest.param(HEAD + "a,deletion,21\na,decoupled,1\n", "outside the scale", id="off-scale"),
        pytest.param(
            HEAD + "a,deletion,1,ok\na,decoupled,1,ok\n", "more fields than the header", id="ragged"
        ),
        pytest.param(HEAD + ",deletion,1\n,decoupled,1\n", "an item has no name", id="no-name"),
        pytest.param("item,arm,score,group\na,deletion,1,g\na,decoupled,1,h\n", "two groups", id="groups"),
        pytest.param(HEAD + "".join(FINE), "too fine", id="too-fine"),
    ],
)
def test_other_refusals(
    csv: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ratings.csv").write_text(csv, encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["paired_tests.py", str(tmp_path / "ratings.csv"), "--scale", "0:20"])
    with pytest.raises(SystemExit) as stop:  # in this process, to be quick
        runpy.run_path(str(PROGRAM), run_name="__main__")
    out, err = capsys.readouterr()
    assert (stop.value.code, out, err.count("\n")) == (2, "", 1)
    assert says in err


def test_the_program_is_independent_and_short() -> None:
    text = PROGRAM.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 150
    assert "import auditor" not in text
    assert "from auditor" not in text
