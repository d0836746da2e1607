"""The ordinal model: its estimate against ordinal::clm (tests/r/ordinal.R), its interval by simulation."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from auditor.stats.ordinal import ordinal_model

NAN = math.nan


def read(case: str) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    with (Path(__file__).parents[1] / "r" / "ordinal.csv").open() as file:
        for row in csv.DictReader(file):
            if row["case"] == case:
                found.setdefault(row["quantity"], []).append(float(row["value"]))
    return found


@pytest.mark.parametrize("case", ["five", "wide"])
def test_estimate_against_clm(case) -> None:
    r = read(case)
    item = np.arange(len(r["score"])) // 2
    result = ordinal_model(r["score"], r["arm"], item, draws=50)
    assert result.estimate == pytest.approx(r["estimate"][0], abs=1e-7)
    assert result.thresholds == pytest.approx(r["thresholds"], abs=1e-7)
    assert result.odds_ratio == pytest.approx(math.exp(r["estimate"][0]), rel=1e-6)
    assert result.scores == tuple(sorted(set(r["score"])))
    assert (result.n_units, result.n_ratings, result.resamples) == (item.max() + 1, item.size, 50)
    assert result.codes == ()


def data(seed: int, items: int = 40, effect: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    item, arm = np.repeat(np.arange(items), 4), np.tile([0, 0, 1, 1], items)
    latent = rng.normal(0, 1, items)[item] + rng.normal(0, 0.7, items)[item] * (arm - 0.5)
    latent += rng.normal(0, 1, item.size) + effect * arm
    return np.clip(np.rint(4 + 1.5 * latent), 0, 7), arm, item


def test_identities() -> None:
    score, arm, item = data(1, effect=0.4)
    first = ordinal_model(score, arm, item, seed=3)
    assert ordinal_model(score, arm, item, seed=3) == first
    assert ordinal_model(score, arm, item, seed=4).interval != first.interval
    swapped = ordinal_model(score, 1 - arm, item, seed=3)
    assert swapped.estimate == pytest.approx(-first.estimate, abs=1e-7)
    assert (swapped.interval.low, swapped.interval.high) == pytest.approx(
        (-first.interval.high, -first.interval.low), abs=1e-7
    )
    assert swapped.p_value == first.p_value
    # Only the order counts.
    other = ordinal_model(np.exp(score) - 100, arm, item, seed=3)
    assert (other.estimate, other.interval, other.p_value) == (first.estimate, first.interval, first.p_value)


def test_ratings_of_one_item_are_drawn_together() -> None:
    # Each item five times over: the estimate is the same and the interval does not shrink.
    score, arm, item = data(2, effect=0.3)
    first = ordinal_model(score, arm, item, seed=1)
    again = ordinal_model(np.tile(score, 5), np.tile(arm, 5), np.tile(item, 5), seed=1)
    assert again.estimate == pytest.approx(first.estimate, abs=1e-7)
    assert again.interval.low == pytest.approx(first.interval.low, abs=1e-6)
    loose = ordinal_model(np.tile(score, 5), np.tile(arm, 5), np.arange(5 * score.size), seed=1)
    assert loose.standard_error < 0.6 * first.standard_error


def test_p_value_and_interval_come_from_the_draws() -> None:
    # 19 + 1 draws: the least p is 2 / 21, and the interval reaches from the lowest to the highest of 20.
    score, arm, item = data(3, effect=3.0)
    result = ordinal_model(score, arm, item, draws=20)
    assert result.p_value == pytest.approx(2 / 21)
    assert ordinal_model([1, 2, 3, 2] * 30, [0, 0, 0, 0] * 15 + [1] * 60, range(120)).p_value > 0.5


def test_arms_without_overlap() -> None:
    up = ordinal_model([1, 2, 2, 3] * 5, [0, 0, 1, 1] * 5, np.repeat(range(5), 4))
    assert (up.estimate, up.odds_ratio, up.interval.low, up.p_value) == (None, None, None, None)
    assert (up.codes, up.resamples, up.thresholds) == (("separated",), None, ())
    assert "treatment lies below" in up.cautions[0].sentence
    down = ordinal_model([1, 2, 2, 3] * 5, [1, 1, 0, 0] * 5, np.repeat(range(5), 4))
    assert "control lies below" in down.cautions[0].sentence
    # Only two of 30 items cross: one draw in eight has neither of them, and its estimate is infinite.
    score = [1, 2] * 28 + [2, 1] * 2
    few = ordinal_model(score, [0, 1] * 30, np.repeat(range(30), 2), draws=200)
    assert few.estimate == pytest.approx(2 * math.log(28 / 2), rel=1e-7)
    assert few.interval.low > 0
    assert few.interval.high is None
    assert few.codes == ("separated_draws",)
    # (1 - 2 / 30)^30 = .126 of 200; the 99.9 % band of the count.
    low, high = stats.binom.ppf([0.0005, 0.9995], 200, (1 - 2 / 30) ** 30)
    assert low <= few.separated_draws <= high


def test_degenerate() -> None:
    assert ordinal_model([], [], []).codes == ("no_units",)
    assert ordinal_model([1, 2], [1, 1], ["a", "b"]).codes == ("no_units",)
    assert ordinal_model([3, NAN, 3], [0, 1, 1], ["a", "a", "a"]).codes == ("no_spread",)
    assert ordinal_model([3, NAN, 3], [0, 1, 1], ["a", "a", "a"]).n_dropped == 1
    one = ordinal_model([1, 2, 3, 1, 2, 3, 3], [0, 0, 0, 1, 1, 1, 1], ["a"] * 7)
    assert (one.interval.low, one.p_value, one.codes) == (None, None, ("one_unit",))
    assert one.estimate is not None
    few = ordinal_model([1, 3, 3, 1, 2, 3, 2, 2], [0, 1] * 4, np.repeat(range(4), 2))
    assert few.codes[0] == "few_units"
    assert ordinal_model(range(4002), [0, 1] * 2001, np.repeat(range(2001), 2)).codes == ("too_many_items",)
    assert ordinal_model(range(102), [0, 1] * 51, np.repeat(range(51), 2)).codes == ("too_many_scores",)
    # Items with one arm only: some draws lack the other arm altogether.
    lone = ordinal_model([1, 2, 3, 1, 2, 3], [0, 0, 0, 1, 1, 1], range(6))
    assert {"few_units", "separated_draws"} == set(lone.codes)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"treatment": [0]}, "one arm for each"),
        ({"treatment": [0, 2]}, "1 for the treatment"),
        ({"score": [1, math.inf]}, "finite"),
        ({"item": ["a"]}, "label"),
        ({"level": 1.0}, "level"),
        ({"draws": 19}, "bootstrap samples"),
    ],
)
def test_wrong_input(arguments, sentence) -> None:
    with pytest.raises(ValueError, match=sentence):
        ordinal_model(**{"score": [1, 2], "treatment": [0, 1], "item": ["a", "a"], **arguments})


def test_coverage_where_items_react_differently() -> None:
    # 40 items of two ratings an arm whose effects vary symmetrically about nothing: the true log odds ratio is 0. The
    # 99.9 % band of 600 runs about .945, halfway between the nominal level and the .94 that 20 to 50 items were seen
    # to have.
    runs, covered = 600, 0
    for seed in range(runs):
        interval = ordinal_model(*data(1000 + seed), draws=200, seed=seed).interval
        covered += interval.low <= 0 <= interval.high
    low, high = stats.binom.ppf([0.0005, 0.9995], runs, 0.945) / runs
    assert low <= covered / runs <= high
