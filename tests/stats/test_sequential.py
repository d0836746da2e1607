"""Designs: looks, levels, changed schedules, and what a design costs.

Values of tests/r/sequential.csv are rpact's; test_spending.py checks the boundaries themselves.
"""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from auditor.stats.sequential import (
    FEWEST_FOR_EQUIVALENCE,
    Method,
    expected_units,
    plan_looks,
    reschedule,
    sequential_design,
)
from auditor.stats.spending import crossing, spend

TABLE = Path(__file__).parent.parent / "r" / "sequential.csv"
METHODS: list[Method] = ["obrien-fleming", "obrien-fleming-spending", "pocock-spending"]


def value(case: str, quantity: str) -> float:
    with TABLE.open(encoding="utf-8") as file:
        (row,) = (row for row in csv.DictReader(file) if (row["case"], row["quantity"]) == (case, quantity))
    return float(row["value"])


def test_looks_fall_on_complete_blocks() -> None:
    assert plan_looks(200) == (40, 80, 120, 160, 200)
    assert plan_looks(103, looks=4, block=10) == (30, 50, 80, 103)  # 25.75, 51.5, 77.25 to the nearest ten
    assert plan_looks(3, looks=5) == (1, 2, 3)
    assert plan_looks(7, looks=5, block=7) == plan_looks(7, looks=1) == (7,)
    for bad in ({"n_units": 0}, {"n_units": 5, "looks": 0}, {"n_units": 5, "block": 0}):
        with pytest.raises(ValueError, match="at least 1"):
            plan_looks(**bad)


@given(n=st.integers(1, 3000), looks=st.integers(1, 12), block=st.integers(1, 40))
def test_planned_looks_increase_to_the_end(n: int, looks: int, block: int) -> None:
    ends = plan_looks(n, looks=looks, block=block)
    assert ends[-1] == n
    assert len(ends) <= looks
    assert all(a < b for a, b in zip((0, *ends), ends, strict=False))
    assert all(end % block == 0 for end in ends[:-1])


def test_a_design_holds_its_levels() -> None:
    design = sequential_design(plan_looks(200), margin=0.5)
    assert design.looks == 5
    assert design.fractions == (0.2, 0.4, 0.6, 0.8, 1.0)
    # 2 (1 - Phi(4.5617)) = 5.07e-6 ... 2 (1 - Phi(2.0401)) = .04134.
    assert design.nominal == pytest.approx([2 * stats.norm.sf(z) for z in design.boundaries], rel=1e-12)
    assert design.nominal[-1] == pytest.approx(0.04134, abs=1e-5)
    assert design.spent[0] == pytest.approx(design.nominal[0], rel=1e-9)
    assert design.spent[-1] == pytest.approx(0.05, rel=1e-9)
    # Both one-sided equivalence tests at .05 each: rpact's last boundary, one-sided, of five looks.
    assert design.equivalence_boundaries[-1] == pytest.approx(1.75086581883231, abs=2e-6)
    assert sum(crossing(design.units, design.equivalence_boundaries, [-math.inf] * 5).upper) == pytest.approx(
        0.05
    )
    assert sequential_design([40, 200]).equivalence_boundaries == ()
    assert (
        sequential_design([40, 200], margin=1, alpha=0.01, equivalence_alpha=0.05).equivalence_alpha == 0.05
    )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("alpha", [0.05, 0.05 / 8])
def test_members_of_a_family_spend_their_share(method: Method, alpha: float) -> None:
    design = sequential_design([30, 70, 75, 200], alpha=alpha, method=method)
    assert design.spent[-1] == pytest.approx(alpha, rel=1e-8)
    assert np.all(np.diff(design.spent) > 0)
    assert crossing(design.units, design.boundaries).outside == pytest.approx(alpha, rel=1e-8)


def test_design_errors() -> None:
    for units in ([], [10, 10], [10.5, 20], [0, 5]):
        with pytest.raises(ValueError, match=r"units|look"):
            sequential_design(units)
    for margin in (0, -1, math.inf, math.nan):
        with pytest.raises(ValueError, match="margin"):
            sequential_design([10, 20], margin=margin)
    for alpha in (0, 1, -0.1):
        with pytest.raises(ValueError, match="alpha"):
            sequential_design([10, 20], alpha=alpha)
    with pytest.raises(ValueError, match="method"):
        sequential_design([10, 20], method="pocock")  # type: ignore[arg-type]


def test_an_unchanged_schedule_changes_nothing_in_a_spending_design() -> None:
    for method in ("obrien-fleming-spending", "pocock-spending"):
        design = sequential_design(plan_looks(200), method=method, margin=1)  # type: ignore[arg-type]
        for held in range(5):
            same = reschedule(design, held, design.units)
            assert same.boundaries == pytest.approx(design.boundaries, rel=1e-9)
            assert same.equivalence_boundaries == pytest.approx(design.equivalence_boundaries, rel=1e-9)


@settings(max_examples=25, deadline=None)
@given(
    method=st.sampled_from(METHODS),
    held=st.integers(0, 4),
    more=st.lists(st.integers(1, 80), min_size=1, max_size=4),
    alpha=st.sampled_from([0.05, 0.01]),
)
def test_a_changed_schedule_spends_exactly_alpha(
    method: Method, held: int, more: list[int], alpha: float
) -> None:
    design = sequential_design(plan_looks(200), alpha=alpha, method=method, margin=1.0)
    units = design.units[:held]
    for step in more:
        units = (*units, (units[-1] if units else 0) + step)
    changed = reschedule(design, held, units)
    assert changed.boundaries[:held] == design.boundaries[:held]
    assert crossing(units, changed.boundaries).outside == pytest.approx(alpha, rel=1e-7)
    one_sided = crossing(units, changed.equivalence_boundaries, [-math.inf] * len(units))
    assert one_sided.outside == pytest.approx(alpha, rel=1e-7)
    assert changed.kept == held


def test_spending_after_a_change_by_hand() -> None:
    # Pocock type, look 1 of [50, 100] held, then 60 and 120 units. With f(t) = .05 log(1 + (e - 1) t), spent_1 = f(.5) =
    # .031006; f(50/120) = .026998, f(60/120) = .031006;
    # spent_2 = .031006 + .018994 * (.031006 - .026998) / (.05 - .026998).
    changed = reschedule(sequential_design([50, 100], method="pocock-spending"), 1, [50, 60, 120])
    assert changed.spent[0] == pytest.approx(0.031006, abs=1e-6)
    assert spend(50 / 120, 0.05, "pocock") == pytest.approx(0.026998, abs=1e-6)
    assert changed.spent[1] == pytest.approx(0.031006 + 0.018994 * 0.004008 / 0.023002, abs=2e-6)
    assert changed.spent[2] == pytest.approx(0.05, abs=1e-9)


def test_looks_held_cannot_be_changed() -> None:
    design = sequential_design([40, 80, 120])
    for held, units in ((1, [41, 80]), (3, [40, 80, 120]), (4, [40, 80, 120, 160]), (-1, [40])):
        with pytest.raises(ValueError, match="already held"):
            reschedule(design, held, units)


@pytest.mark.parametrize("effect", [0, 0.22, 0.44, 0.88])
def test_expected_units_of_rpact(effect: float) -> None:
    result = expected_units(sequential_design(plan_looks(200)), effect)
    # rpact's constant differs by 1e-8; its power at .22 counts one side only to 6e-7, and more is not to be had.
    assert result.rejects == pytest.approx(value(f"operating {effect}", "rejects"), abs=1e-6)
    assert result.expected_units == pytest.approx(value(f"operating {effect}", "units"), abs=1e-5)


def test_operating_characteristics_add_up_and_turn_with_the_sign() -> None:
    design = sequential_design([25, 60, 100], margin=0.4)
    for effect in (0.0, 0.1, 0.5, 3.0, 40.0):
        for margin in (None, 0.3, 0.8):
            ahead = expected_units(design, effect, standard_margin=margin)
            back = expected_units(design, -effect, standard_margin=margin)
            assert ahead.inflated == pytest.approx(back.deflated, abs=1e-12)
            assert ahead.expected_units == pytest.approx(back.expected_units, rel=1e-12)
            ends = ahead.inflated + ahead.deflated + ahead.equivalent + ahead.inconclusive
            assert ends == pytest.approx(1, abs=1e-12)
            assert sum(ahead.stops) == pytest.approx(1, abs=1e-12)
            assert ahead.expected_units == pytest.approx(np.dot(ahead.stops, design.units), rel=1e-12)
    assert expected_units(design, 40.0).expected_units == pytest.approx(25)
    assert expected_units(design, 0.0).equivalent == 0
    # Stopping for equivalence cannot make a false rejection more likely.
    assert expected_units(design, 0.0, standard_margin=0.4).rejects < 0.05


def test_equivalence_stops_by_simulated_means() -> None:
    # Known standard deviation: 100,000 paths of mean scores, the repeated interval held against the margin.
    design, margin, effect = sequential_design(plan_looks(200), margin=1.0), 0.3, 0.08
    units = np.array(design.units)
    rng = np.random.default_rng(11)
    steps = np.diff(units, prepend=0)
    means = np.cumsum(rng.normal(size=(100_000, 5)) * np.sqrt(steps) + effect * steps, axis=1) / units
    half = np.array(design.equivalence_boundaries) / np.sqrt(units)
    equivalent = np.abs(means) + half < margin
    rejects = np.abs(means) * np.sqrt(units) >= design.boundaries
    first = np.where((equivalent | rejects).any(axis=1), (equivalent | rejects).argmax(axis=1), 4)
    result = expected_units(design, effect, standard_margin=margin)
    rows = np.arange(100_000)
    share = equivalent[rows, first].mean()
    assert abs(share - result.equivalent) < 3.29 * math.sqrt(share * (1 - share) / 100_000)
    assert abs(units[first].mean() - result.expected_units) < 3.29 * units[first].std() / math.sqrt(100_000)


def test_equivalence_is_falsely_claimed_at_most_at_its_level() -> None:
    # At a true mean on the margin each one-sided test rejects at most at equivalence_alpha, over all looks.
    for margin in (0.1, 0.2, 0.3, 0.5):
        design = sequential_design(plan_looks(200), margin=1.0)
        assert expected_units(design, margin, standard_margin=margin).equivalent <= 0.05 + 1e-12
    assert expected_units(design, 0.5, standard_margin=0.5).equivalent > 0.01


def test_few_units_are_never_equivalent() -> None:
    design = sequential_design([FEWEST_FOR_EQUIVALENCE - 1, FEWEST_FOR_EQUIVALENCE], margin=1.0)
    result = expected_units(design, 0.0, standard_margin=5.0)
    assert result.stops[0] == pytest.approx(design.spent[0], rel=1e-9)  # only a rejection ends the first look
    assert result.equivalent > 0.9


def test_expected_units_errors() -> None:
    with pytest.raises(ValueError, match="margin"):
        expected_units(sequential_design([10, 20]), 0.0, standard_margin=0.5)
    with pytest.raises(ValueError, match="margin"):
        expected_units(sequential_design([10, 20], margin=1), 0.0, standard_margin=0.0)
    with pytest.raises(ValueError, match="drift"):
        expected_units(sequential_design([10, 20]), math.nan)
