"""Boundaries and crossing probabilities: against rpact and mvtnorm in R, simulation, and identities.

tests/r/sequential.R wrote the values. rpact's own grid leaves 1e-7 in a boundary; mvtnorm's Miwa grid of 1,024 steps
1e-10 in a probability.
"""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from auditor.stats import spending
from auditor.stats.spending import (
    crossing,
    obrien_fleming_boundaries,
    obrien_fleming_error,
    spend,
    spending_boundaries,
)

TABLE = Path(__file__).parent.parent / "r" / "sequential.csv"
SCHEDULES = {"equal": [0.2, 0.4, 0.6, 0.8, 1.0], "uneven": [0.25, 0.4, 0.75, 1.0], "three": [0.3, 0.5, 1.0]}


def values(case: str, quantity: str) -> list[float]:
    with TABLE.open(encoding="utf-8") as file:
        found = [row for row in csv.DictReader(file) if (row["case"], row["quantity"]) == (case, quantity)]
    assert found
    return [float(row["value"]) for row in sorted(found, key=lambda row: int(row["index"]))]


def test_oracle_of_five_looks() -> None:
    # oracles.json, obf_k5: C = 2.04 recalled from Jennison and Turnbull, and its z to three decimals.
    assert [round(z, 3) for z in obrien_fleming_boundaries(range(1, 6), 0.05)] == [
        4.562,
        3.226,
        2.634,
        2.281,
        2.04,
    ]
    # The oracle's 2 million paths gave .050128 for C = 2.04; their standard error is .00015.
    assert obrien_fleming_error(range(1, 6), 2.04) == pytest.approx(0.050128, abs=3 * 0.00016)


@pytest.mark.parametrize("kind", ["OF", "asOF", "asP"])
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("alpha", [0.05, 0.0125])
@pytest.mark.parametrize("sides", [1, 2])
def test_boundaries_of_rpact(kind: str, schedule: str, alpha: float, sides: spending.Sides) -> None:
    times = SCHEDULES[schedule]
    if kind == "OF":
        ours = obrien_fleming_boundaries(times, alpha, sides)
    else:
        family: spending.Spending = "pocock" if kind == "asP" else "obrien-fleming"
        ours = spending_boundaries(times, [spend(t, alpha, family, sides) for t in times], sides)
    assert ours == pytest.approx(values(f"{kind}|{schedule}|{alpha}|{sides}", "boundary"), abs=2e-7)


@pytest.mark.parametrize("drift", [0, 0.2, -0.15])
def test_first_crossings_under_a_drift(drift: float) -> None:
    result = crossing([30, 50, 90, 120], [3.1, 2.4, 2.2, 2.05], [-2.0, -2.9, -1.2, -2.05], drift=drift)
    assert result.upper == pytest.approx(values(f"drift {drift}", "upper"), abs=2e-10)
    assert result.lower == pytest.approx(values(f"drift {drift}", "lower"), abs=2e-10)
    assert result.outside + result.onward == pytest.approx(1, abs=1e-13)


def test_repeated_tests_at_the_ordinary_level() -> None:
    # Armitage, McPherson and Rowe (1969), recalled and not looked up: .083, .107, .126, .142 for 2 to 5 tests at .05.
    z = float(stats.norm.isf(0.025))
    errors = [crossing(range(1, looks + 1), [z] * looks).outside for looks in (1, 2, 3, 4, 5)]
    assert errors[0] == pytest.approx(0.05, abs=1e-14)
    assert [round(error, 3) for error in errors[1:]] == [0.083, 0.107, 0.126, 0.142]
    # The reference table's peeking, which rejects .30, is that of some forty looks.
    assert crossing(range(1, 41), [z] * 40).outside == pytest.approx(0.30, abs=0.01)


def test_two_looks_by_a_bivariate_normal() -> None:
    # P(|Z1| < 2, |Z2| < 2) with correlation sqrt(1/3), by scipy's bivariate normal (good to 1e-8).
    law = stats.multivariate_normal([0, 0], [[1, math.sqrt(1 / 3)], [math.sqrt(1 / 3), 1]])
    inside = law.cdf([2, 2]) - law.cdf([-2, 2]) - law.cdf([2, -2]) + law.cdf([-2, -2])
    assert crossing([1, 3], [2, 2]).onward == pytest.approx(inside, abs=1e-7)


def test_a_finer_grid_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    times, bounds = [1, 1.1, 2, 3, 4, 5, 5.01], [2.2] * 7
    coarse = crossing(times, bounds, inside=[0, 0, 0.2, 0.5, 0.5, 1, 1], drift=1.0)
    monkeypatch.setattr(spending, "_PANEL", 1.0)
    monkeypatch.setattr(spending, "_REACH", 12.0)
    fine = crossing(times, bounds, inside=[0, 0, 0.2, 0.5, 0.5, 1, 1], drift=1.0)
    for a, b in ((coarse.upper, fine.upper), (coarse.lower, fine.lower), (coarse.inside, fine.inside)):
        assert a == pytest.approx(b, rel=1e-12, abs=1e-15)


def test_boundaries_by_simulated_paths() -> None:
    # 200,000 paths, 99.9 % band. Run once with 1e6 paths of seed 1: five equal looks .049954, uneven looks .049772
    # (band .0493 to .0507).
    rng = np.random.default_rng(7)
    for times in SCHEDULES.values():
        steps = np.sqrt(np.diff(times, prepend=0.0))
        z = np.cumsum(rng.normal(size=(200_000, len(times))) * steps, axis=1) / np.sqrt(times)
        share = np.any(np.abs(z) >= obrien_fleming_boundaries(times, 0.05), axis=1).mean()
        assert abs(share - 0.05) < 3.29 * math.sqrt(0.05 * 0.95 / 200_000)


def test_an_inner_region_by_simulated_paths() -> None:
    rng = np.random.default_rng(8)
    times, upper, inner, drift = (
        np.array([10, 25, 40]),
        np.array([2.5, 2.2, 2.0]),
        np.array([0.0, 0.6, 2.3]),
        0.2,
    )
    steps = rng.normal(size=(200_000, 3)) * np.sqrt(np.diff(times, prepend=0)) + drift * np.diff(
        times, prepend=0
    )
    z = np.cumsum(steps, axis=1) / np.sqrt(times)
    result = crossing(times, upper, inside=inner, drift=drift)
    running, tops = np.ones(len(z), dtype=bool), np.maximum(upper, inner)
    for k in range(3):
        now = z[:, k]
        seen = [
            (running & (now >= tops[k])),
            (running & (now <= -tops[k])),
            (running & (np.abs(now) < inner[k])),
        ]
        for share, chance in zip(seen, (result.upper[k], result.lower[k], result.inside[k]), strict=True):
            assert abs(share.mean() - chance) <= 3.29 * math.sqrt(chance * (1 - chance) / len(z)) + 1e-5
        running &= (np.abs(now) < tops[k]) & (np.abs(now) >= inner[k])
    assert result.onward == 0  # the inner region swallows the last boundary


def test_spending_functions() -> None:
    # Lan and DeMets: at t = .25, 2 * 2 (1 - Phi(z_.0125 / .5)) with z_.0125 = 2.2414; 1 - Phi(4.4828) = 3.684e-6.
    assert spend(0.25, 0.05) == pytest.approx(4 * 3.684e-6, rel=1e-3)
    # .05 log(1 + 1.718282 / 2) = .05 * .620115.
    assert spend(0.5, 0.05, "pocock") == pytest.approx(0.05 * 0.620115, rel=1e-6)
    for kind in ("obrien-fleming", "pocock"):
        assert spend(0, 0.05, kind) == 0
        assert spend(1, 0.05, kind) == spend(7, 0.05, kind) == 0.05
        assert spend(0.3, 0.05, kind, 2) == pytest.approx(2 * spend(0.3, 0.025, kind, 1), rel=1e-12)
    with pytest.raises(ValueError, match="below zero"):
        spend(-0.1, 0.05)
    with pytest.raises(ValueError, match="'pocock'"):
        spend(0.5, 0.05, "haybittle")  # type: ignore[arg-type]


times_lists = st.lists(st.integers(1, 60), min_size=1, max_size=6, unique=True).map(sorted)
alphas = st.sampled_from([1e-6, 0.0005, 0.0125, 0.05, 0.2])


@settings(max_examples=40, deadline=None)
@given(times=times_lists, alpha=alphas, sides=st.sampled_from([1, 2]))
def test_boundaries_spend_alpha(times: list[int], alpha: float, sides: spending.Sides) -> None:
    bounds = obrien_fleming_boundaries(times, alpha, sides)
    low = [-b if sides == 2 else -math.inf for b in bounds]
    assert crossing(times, bounds, low).outside == pytest.approx(alpha, rel=1e-9)
    assert bounds == pytest.approx([bounds[-1] * math.sqrt(times[-1] / t) for t in times], rel=1e-12)
    # Only ratios of information matter.
    assert bounds == pytest.approx(obrien_fleming_boundaries([t / 7 for t in times], alpha, sides), rel=1e-9)


@settings(max_examples=30, deadline=None)
@given(times=times_lists, alpha=alphas, kind=st.sampled_from(["obrien-fleming", "pocock"]))
def test_what_is_spent_is_what_was_asked(times: list[int], alpha: float, kind: spending.Spending) -> None:
    wanted = [spend(t / times[-1], alpha, kind) for t in times]
    exits = crossing(times, spending_boundaries(times, wanted))
    spent = np.cumsum(np.add(exits.upper, exits.lower))
    assert spent == pytest.approx(wanted, rel=1e-8, abs=1e-280)


@settings(max_examples=30, deadline=None)
@given(times=times_lists, drift=st.floats(-3, 3), bound=st.floats(0.5, 4))
def test_the_mirror_image(times: list[int], drift: float, bound: float) -> None:
    ahead, back = (crossing(times, [bound] * len(times), drift=d) for d in (drift, -drift))
    assert ahead.upper == pytest.approx(back.lower, rel=1e-9, abs=1e-15)
    assert ahead.onward == pytest.approx(back.onward, rel=1e-9, abs=1e-15)
    assert ahead.outside + ahead.onward == pytest.approx(1, abs=1e-12)


def test_one_look_is_the_ordinary_test() -> None:
    for sides in (1, 2):
        z = float(stats.norm.isf(0.01 / sides))
        assert obrien_fleming_boundaries([17], 0.01, sides) == pytest.approx((z,), abs=1e-9)
        assert spending_boundaries([17], [0.01], sides) == pytest.approx((z,), abs=1e-9)


def test_nothing_to_spend_is_an_infinite_boundary_and_no_warning() -> None:
    assert spending_boundaries([1, 2], [0.0, 0.05])[0] == math.inf
    bounds = spending_boundaries(
        [1, 1000], [spend(0.001, 0.05), 0.05]
    )  # exp(-2500) is left for the first look
    assert bounds[0] == math.inf
    assert bounds[1] == pytest.approx(stats.norm.isf(0.025), abs=1e-9)
    assert spending_boundaries([1, 2], [0.3, 0.9999999])[1] >= 0
    far = crossing([1, 2], [math.inf, 2.0], drift=50.0)
    assert far.upper == (0.0, pytest.approx(1.0))
    assert far.onward < 1e-300


def test_boundaries_that_are_held_stay() -> None:
    bounds = spending_boundaries([1, 2, 3], [0.001, 0.01, 0.05], held=[3.0])
    assert bounds[0] == 3.0
    first = 2 * float(stats.norm.sf(3.0))
    exits = crossing([1, 2, 3], bounds)
    steps = np.add(exits.upper, exits.lower)
    # The later looks spend the steps that were asked for; the first what its boundary spends.
    assert steps == pytest.approx([first, 0.009, 0.04], rel=1e-9)


def test_two_hundred_looks() -> None:
    bounds = obrien_fleming_boundaries(range(1, 201), 0.05)
    # Between five looks (2.040) and continuous looking, where P(max |W| > c) = .05 at c = 2.2414: 4 (1 - Phi(c)) = .05,
    # but for paths that cross both.
    assert 2.04 < bounds[-1] < 2.2414
    assert bounds[-1] == pytest.approx(
        2.2414 - 0.5826 / math.sqrt(200), abs=2e-3
    )  # Siegmund's correction for steps


def test_errors() -> None:
    for times in ([], [0, 1], [1, 1], [2, 1], [1, math.inf], [1, math.nan]):
        with pytest.raises(ValueError, match=r"look|units"):
            crossing(times, [2.0] * len(times))
    with pytest.raises(ValueError, match="its bounds"):
        crossing([1, 2], [2.0])
    with pytest.raises(ValueError, match="below upper"):
        crossing([1], [-1.0], [1.0])
    with pytest.raises(ValueError, match="drift"):
        crossing([1], [1.0], drift=math.nan)
    with pytest.raises(ValueError, match="too close"):
        crossing([1, 1.00001], [2.0, 2.0])
    for alpha, sides in ((0, 2), (1, 2), (0.5, 1), (math.nan, 2)):
        with pytest.raises(ValueError, match="alpha"):
            obrien_fleming_boundaries([1, 2], alpha, sides)  # type: ignore[arg-type]
    for spent in ([0.05], [0.05, 0.01]):
        with pytest.raises(ValueError, match="spent"):
            spending_boundaries([1, 2], spent)
