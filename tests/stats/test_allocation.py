"""Where the next call is best spent; expected values by arithmetic and by trying every design."""

import itertools
import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.stats.allocation import allocation
from auditor.stats.components import Parts, VarianceComponents, variance_components
from auditor.stats.designs import Design, variance_of_mean


def pilot(item, wording, interaction, replicate, *, confounded=(), cautions=(), n=(40, 5, 200), k=2.0):
    return VarianceComponents(
        mean=0.0,
        item=item,
        wording=wording,
        interaction=interaction,
        replicate=replicate,
        raw=Parts(item, wording, interaction, replicate),
        confounded=confounded,
        n_items=n[0],
        n_wordings=n[1],
        n_cells=n[2],
        n_differences=int(n[2] * k),
        n_dropped=0,
        wordings_per_item=n[2] / n[0],
        replicates=k,
        df_interaction=9,
        df_replicate=9,
        cautions=cautions,
    )


KNOWN = pilot(0.4, 0.1, 0.2, 2.0)


def test_the_pilot_is_the_start() -> None:
    # .4 / 40 + .1 / 5 + .2 / 200 + 2 / 400 = .01 + .02 + .001 + .005
    result = allocation(KNOWN)
    assert result.design == (40, 5, 5, 2)
    assert result.shares == pytest.approx((0.01, 0.02, 0.001, 0.005))
    assert result.variance == pytest.approx(0.036)
    assert result.standard_error == pytest.approx(math.sqrt(0.036))


def test_options_of_a_crossed_design_by_hand() -> None:
    # One more replicate in each of 200 cells and 2 arms costs 400 calls. The same pays for 400 / 20 = 20 items in all
    # their cells, or 400 / 160 = 2.5 wordings of all items.
    result = allocation(KNOWN)
    assert result.spent == 400
    options = {option.step: option for option in result.options}
    assert [options[step].cost for step in ("items", "wordings", "replicates")] == [20, 160, 400]
    assert options["items"].variance == pytest.approx(0.4 / 41 + 0.1 / 5 + 0.2 / 205 + 2 / 410)
    assert options["items"].variance_same_cost == pytest.approx(0.4 / 60 + 0.1 / 5 + 0.2 / 300 + 2 / 600)
    assert options["wordings"].variance == pytest.approx(0.4 / 40 + 0.1 / 6 + 0.2 / 240 + 2 / 480)
    assert options["wordings"].variance_same_cost == pytest.approx(0.4 / 40 + 0.1 / 7.5 + 0.2 / 300 + 2 / 600)
    assert options["replicates"].variance == options["replicates"].variance_same_cost
    assert options["replicates"].variance == pytest.approx(0.4 / 40 + 0.1 / 5 + 0.2 / 200 + 2 / 600)
    # .0273, .0307, .0343
    assert [option.step for option in result.options] == ["wordings", "items", "replicates"]
    assert all(option.known for option in result.options)


def test_options_with_one_wording_an_item() -> None:
    # A sixth wording costs no call then. A second wording of each item costs what a second replicate costs, and is
    # never worse.
    result = allocation(KNOWN, Design(200, 5, 1, 1))
    options = {option.step: option for option in result.options}
    assert options["wordings"].cost == 0
    assert options["wordings"].variance_same_cost == options["wordings"].variance
    assert options["wordings"].variance == pytest.approx(0.4 / 200 + 0.1 / 6 + 0.2 / 200 + 2 / 200)
    assert options["wordings_per_item"].cost == options["replicates"].cost == 400
    assert options["wordings_per_item"].variance < options["replicates"].variance
    priced = allocation(KNOWN, Design(200, 5, 1, 1), wording_cost=100, item_cost=3)
    options = {option.step: option for option in priced.options}
    assert (options["wordings"].cost, options["items"].cost) == (100, 2 + 3)
    assert options["wordings"].variance_same_cost == pytest.approx(0.4 / 200 + 0.1 / 9 + 0.2 / 200 + 2 / 200)
    # For the wordings as they are, more of them is another question.
    steps = [
        option.step for option in allocation(KNOWN, Design(200, 5, 1, 1), scope="these wordings").options
    ]
    assert "wordings" not in steps


@pytest.mark.parametrize("costs", [(0, 0), (5, 0), (0, 50), (3, 20)])
def test_the_optimum_is_the_best_of_all_designs(costs) -> None:
    # Every design within the limits and the budget, also those that leave money over.
    result = allocation(
        KNOWN,
        budget=240,
        item_cost=costs[0],
        wording_cost=costs[1],
        most_items=30,
        most_wordings=4,
        most_replicates=3,
    )
    best = min(
        sum(variance_of_mean(KNOWN, Design(n, j, m, k), "wordings like these"))
        for n, j, m, k in itertools.product(range(2, 31), range(1, 5), range(1, 5), range(1, 4))
        if m <= j and 2 * n * m * k + costs[0] * n + costs[1] * j <= 240
    )
    assert result.optimum_variance == pytest.approx(best, rel=1e-9)
    assert sum(variance_of_mean(KNOWN, result.optimum, result.scope)) == result.optimum_variance


def test_three_hundred_items_once_beat_a_hundred_three_times() -> None:
    # 300 calls an arm. With as many items as one likes and free of cost, replicates never pay.
    result = allocation(KNOWN, budget=600, scope="these wordings")
    assert result.optimum == (300, 5, 1, 1)
    thrice = variance_of_mean(KNOWN, Design(100, 5, 1, 3), "these wordings")
    assert result.optimum_variance < sum(thrice)
    # With 100 items at hand the calls go to other wordings of them before they go to replicates.
    assert allocation(KNOWN, budget=600, scope="these wordings", most_items=100).optimum == (100, 5, 3, 1)
    # Where an item costs 30 calls beside, it is asked more: (30 + 2 10) 12 = 600, .4 / 12 + .2 / 60 + 2 / 120 = .0533;
    # one replicate has (30 + 10) 15 = 600 and .4 / 15 + 2.2 / 75 = .0560, three have 10 items and .0573.
    assert allocation(KNOWN, budget=600, item_cost=30, scope="these wordings").optimum == (12, 5, 5, 2)


def test_equal_variances_go_to_the_cheaper_design() -> None:
    still = pilot(0.4, 0.0, 0.0, 0.0)
    assert allocation(still, budget=1000, most_items=50).optimum == (50, 1, 1, 1)


def test_what_the_pilot_could_not_tell() -> None:
    # One wording an item, one replicate: items hold all, and what more replicates or wordings of an item do is open.
    parts = variance_components([1, 3, 2, 6, 5, 1, 4, 1, 5, 4], range(10), list("abcde") * 2)
    result = allocation(parts)
    assert result.codes == ("confounded",)
    known = {option.step: option.known for option in result.options}
    assert known == {"items": True, "wordings": True, "wordings_per_item": False, "replicates": False}
    options = {option.step: option for option in result.options}
    assert options["replicates"].variance == result.variance  # what is sure
    one = allocation(variance_components([1, 3, 2, 6], range(4), ["u"] * 4))
    assert one.codes == ("confounded", "wording_variance_unknown")
    assert {o.step: o.known for o in one.options}["wordings"] is False
    same = allocation(variance_components([1, 3, 2, 6], range(4), ["u"] * 4), scope="these wordings")
    assert same.codes == ("confounded",)
    few = variance_components([1, 3, 2, 6, 5, 1], list("aabbcc"), list("uv") * 3)
    assert "few_wordings" in allocation(few).codes
    assert "few_wordings" not in allocation(few, scope="these wordings").codes


def test_degenerate() -> None:
    single = variance_components([3], ["a"], ["u"])
    result = allocation(single, scope="these wordings")
    assert (result.variance, result.codes) == (0.0, ("no_components",))
    poor = allocation(KNOWN, budget=3)
    assert (poor.optimum, poor.optimum_variance, poor.codes) == (None, None, ("budget_too_small",))
    assert allocation(KNOWN, budget=4).optimum == (2, 10, 1, 1)
    assert allocation(KNOWN).optimum is None
    with pytest.raises(ValueError, match="at least one item"):
        allocation(variance_components([], [], []))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"design": Design(0, 1, 1, 1)}, "at least one item"),
        ({"design": Design(math.inf, 1, 1, 1)}, "at least one item"),
        ({"design": Design(5, 1, 2, 1)}, "more wordings than there are"),
        ({"item_cost": -1}, "not below zero"),
        ({"wording_cost": math.nan}, "not below zero"),
        ({"budget": math.inf}, "budget"),
        ({"most_items": 0}, "to be had"),
        ({"most_wordings": 0}, "to be had"),
    ],
)
def test_wrong_input(arguments, sentence) -> None:
    with pytest.raises(ValueError, match=sentence):
        allocation(KNOWN, **arguments)


parts = st.floats(0, 10)


@given(parts, parts, parts, parts, st.integers(4, 400))
@settings(max_examples=100, deadline=None)
def test_identities(item, wording, interaction, replicate, budget) -> None:
    known = pilot(item, wording, interaction, replicate)
    result = allocation(known, budget=budget)
    for option in result.options:
        assert option.variance <= result.variance + 1e-12
    ranked = [option.variance_same_cost for option in result.options]
    assert ranked == sorted(ranked)
    more = allocation(known, budget=budget + 50)
    assert more.optimum_variance <= result.optimum_variance + 1e-12
    assert result.optimum.calls <= budget
    doubled = replace(
        known, item=4 * item, wording=4 * wording, interaction=4 * interaction, replicate=4 * replicate
    )
    assert allocation(doubled).standard_error == pytest.approx(2 * result.standard_error)
