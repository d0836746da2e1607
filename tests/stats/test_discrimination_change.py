"""Change in discrimination against R's pROC, a bootstrap in R, and identities.

``tests/r/discrimination_change.csv`` is written by ``tests/r/discrimination_change.R`` (R 4.2.2, pROC 1.18.0). DeLong's
quantities are sums of some thousand halves: compared at 1e-10. R's bootstrap has 20,000 draws, ours 20,000 others: a
standard error is good to 1 / sqrt(2 x 20,000) = .5 % in each, and compared at 3 %; a 2.5 % percentile to about
sqrt(.025 x .975 / 20,000) / (density .058 / se) = .02 standard errors in each, and compared at .12.
"""

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from auditor.stats.discrimination import auroc
from auditor.stats.discrimination_change import (
    DiscriminationChange,
    auroc_change,
    delong_covariance,
    spearman_change,
)


@pytest.fixture(scope="module")
def table() -> dict[tuple[str, str], np.ndarray]:
    found = defaultdict(list)
    with (Path(__file__).parents[1] / "r" / "discrimination_change.csv").open() as lines:
        for row in csv.DictReader(lines):
            found[row["case"], row["quantity"]].append(float(row["value"]))
    return {key: np.array(values) for key, values in found.items()}


def ends(result: DiscriminationChange) -> list[float | None]:
    return [result.interval.low, result.interval.high]


@pytest.mark.parametrize("case", ["ties", "continuous", "small", "two_each"])
def test_delong_against_proc(table, case: str) -> None:
    want = {quantity: values for (name, quantity), values in table.items() if name == case}
    result = auroc_change(want["treatment"], want["control"], want["correct"])
    joint = delong_covariance([want["treatment"], want["control"]], want["correct"] == 1)
    assert np.diagonal(joint) == pytest.approx(want["variances"], rel=1e-10, abs=1e-15)
    assert joint[0, 1] == joint[1, 0] == pytest.approx(want["covariance"][0], rel=1e-10, abs=1e-15)
    assert [result.treatment, result.control] == pytest.approx(want["areas"], rel=1e-12)
    assert result.estimate / result.standard_error == pytest.approx(want["z"][0], rel=1e-10)
    assert result.p_value == pytest.approx(want["p"][0], rel=1e-9)
    assert ends(result) == pytest.approx(want["interval"], rel=1e-9)
    assert result.resamples is None
    assert result.codes == (("few_of_a_class",) if case in {"small", "two_each"} else ())


def test_units_against_a_bootstrap_in_r(table) -> None:
    # R's are plain percentiles of 2.5 %; ours are expanded, so that the level is asked for at which they are the same.
    level = 1 - 2 * stats.t.sf(stats.norm.ppf(0.975) / np.sqrt(30 / 29), 29)
    data = {q: table["units", q] for q in ("treatment", "control", "correct", "gold", "unit")}
    arms, how = (data["treatment"], data["control"]), {"units": data["unit"], "level": level, "draws": 20_000}
    area, rank = auroc_change(*arms, data["correct"], **how), spearman_change(*arms, data["gold"], **how)
    for result, measure, single in ((area, "areas", "area"), (rank, "correlations", "correlation")):
        assert [result.treatment, result.control] == pytest.approx(table["units", measure], rel=1e-12)
        error = table["units", f"{single}_se"][0]
        assert result.standard_error == pytest.approx(error, rel=0.03)
        assert ends(result) == pytest.approx(table["units", f"{single}_interval"], abs=0.12 * error)
        assert (result.n_units, result.n_items, result.resamples) == (30, 90, 20_000)
        assert result.codes == ()


def test_delong_by_hand() -> None:
    # Wrong 1 and 2, right 2, 3 and 4: the right ones lie above .75, 1 and 1 of the wrong (variance .0208), the wrong
    # below 1 and 5/6 of the right (variance .0139): .0208 / 3 + .0139 / 2.
    joint = delong_covariance([[1, 2, 2, 3, 4]], [False, False, True, True, True])
    assert joint[0, 0] == pytest.approx((1 / 48) / 3 + (1 / 72) / 2, rel=1e-12)
    with pytest.raises(ValueError, match="two items of each class"):
        delong_covariance([[1, 2, 3]], [True, False, False])


def test_a_bootstrap_p_value_is_where_the_interval_meets_zero() -> None:
    rng = np.random.default_rng(41)
    quality = np.arange(40)
    control, treatment = quality + 12 * rng.normal(size=40), quality + 17 * rng.normal(size=40)
    p = spearman_change(treatment, control, quality).p_value
    assert 0.001 < p < 0.5
    inside = spearman_change(treatment, control, quality, level=1 - 0.9 * p)
    outside = spearman_change(treatment, control, quality, level=1 - 1.1 * p)
    assert not inside.interval.excludes_zero()
    assert outside.interval.excludes_zero()


def test_units_of_one_item_and_labels_in_any_order() -> None:
    rng = np.random.default_rng(9)
    correct = np.arange(30) % 2
    first, second = rng.integers(0, 9, 30), rng.integers(0, 9, 30)
    plain = auroc_change(first, second, correct)
    labelled = auroc_change(first, second, correct, units=[f"u{i}" for i in range(30)])
    assert plain == labelled
    order = rng.permutation(30)
    turned = auroc_change(first[order], second[order], correct[order])
    assert turned.p_value == pytest.approx(plain.p_value, rel=1e-9)


small = st.integers(0, 10_000)


@settings(max_examples=30, deadline=None)
@given(small)
def test_identities(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(8, 20))
    correct = np.r_[True, True, False, False, rng.random(n - 4) < 0.5]
    gold = rng.integers(0, 5, n) + np.arange(n) // (n - 1)
    first, second = rng.integers(0, 7, n), rng.integers(0, 7, n)
    units = rng.integers(0, max(2, n // 3), n)
    for change in (
        lambda a, b, c=correct: auroc_change(a, b, c),
        lambda a, b, c=correct: auroc_change(a, b, c, units=units, draws=99),
        lambda a, b: spearman_change(a, b, gold, draws=99),
    ):
        plain = change(first, second)
        swapped = change(second, first)
        assert swapped.estimate == -plain.estimate
        assert swapped.p_value == pytest.approx(plain.p_value, rel=1e-9) if plain.p_value else True
        if plain.interval.known:
            assert swapped.interval.low == pytest.approx(-plain.interval.high, abs=1e-12)
        moved = change(3 * first + 2, np.exp(second / 2))  # only the order counts
        assert moved.estimate == pytest.approx(plain.estimate, abs=1e-12)
        assert moved.p_value == plain.p_value
    wrong = auroc_change(first, second, ~correct)  # what ranks the right high ranks the wrong low
    assert wrong.estimate == pytest.approx(-auroc_change(first, second, correct).estimate, abs=1e-12)
    both = spearman_change(first, second, -gold, draws=9)
    assert both.estimate == pytest.approx(-spearman_change(first, second, gold, draws=9).estimate, abs=1e-12)


def test_equal_arms() -> None:
    scores, correct = [1, 2, 3, 2, 4, 1, 5, 3], [0, 0, 1, 0, 1, 1, 1, 0]
    for result in (
        auroc_change(scores, scores, correct),
        auroc_change(scores, scores, correct, units=[0, 0, 1, 1, 2, 2, 3, 3], draws=99),
        spearman_change(scores, scores, range(8), draws=99),
    ):
        assert (result.estimate, result.p_value, result.interval.low) == (0.0, 1.0, None)
        assert "no_spread" in result.codes


def test_perfect_and_blind_arms() -> None:
    correct = np.arange(24) % 2
    perfect = auroc_change(correct * 3, correct * 5 + 1, correct)
    assert (perfect.estimate, perfect.p_value, perfect.interval.low) == (0.0, 1.0, None)
    # From perfect to blind: the loss is .5 on these items, and no item contradicts it, so no spread to weigh it by.
    lost = auroc_change(np.full(24, 7), correct, correct)
    assert (lost.estimate, lost.control, lost.treatment) == (-0.5, 1.0, 0.5)
    assert (lost.p_value, lost.interval.low, lost.codes) == (None, None, ("no_spread",))
    blind = spearman_change(np.full(24, 7), np.arange(24), np.arange(24))
    assert (blind.estimate, blind.treatment) == (-1.0, 0.0)
    assert blind.codes == ("constant_scores", "no_spread")


@pytest.mark.parametrize("correct", [[1, 1, 1], [0, 0, 0], []])
def test_one_class_only(correct: list[int]) -> None:
    scores = list(range(len(correct)))
    for units in (None, ["a"] * len(correct)):
        result = auroc_change(scores, scores, correct, units=units)
        assert (result.estimate, result.p_value, result.interval.low) == (None, None, None)
        assert result.codes == ("one_class",)
        assert result.n_items == len(correct)
    flat = spearman_change(scores, scores, [4] * len(correct))
    assert (flat.estimate, flat.codes) == (None, ("one_class",))


def test_hardly_any_items() -> None:
    one_right = auroc_change([1, 2, 3, 4], [4, 1, 2, 3], [1, 0, 0, 0])
    assert one_right.estimate == pytest.approx(0 - 1)
    assert (one_right.p_value, one_right.interval.low, one_right.codes) == (None, None, ("few_of_a_class",))
    single = spearman_change([1], [2], [3])
    assert (single.estimate, single.codes) == (None, ("one_class",))
    pair = spearman_change([1, 2], [2, 1], [1, 2])  # half of the draws have one item twice
    assert pair.estimate == pytest.approx(2.0)
    assert {"few_units", "draws_left_out"} <= set(pair.codes)
    one_unit = auroc_change([1, 2, 3, 4], [4, 3, 1, 2], [1, 0, 1, 0], units=list("aaaa"))
    assert one_unit.estimate is not None
    assert (one_unit.interval.low, one_unit.n_units) == (None, 1)
    assert {"few_units", "no_spread"} <= set(one_unit.codes)


def test_ends_stay_within_what_is_possible() -> None:
    # Treatment ranks 7 of 9 pairs right, control 2 of 9; the normal interval would end beyond 1.
    up = [1, 2, 5, 3, 4, 6]
    result = auroc_change(up, [-x for x in up], [0, 0, 0, 1, 1, 1])
    assert result.estimate == pytest.approx(5 / 9)
    assert result.estimate + 1.96 * result.standard_error > 1
    assert result.interval.high == 1.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1, 2], [1], [0, 1]), "one score in each arm"),
        (([1, np.nan], [1, 2], [0, 1]), "finite"),
        (([1, 2], [1, np.inf], [0, 1]), "finite"),
        (([[1, 2]], [[1, 2]], [[0, 1]]), "one score in each arm"),
    ],
)
def test_what_is_refused(arguments, message: str) -> None:
    for change in (auroc_change, spearman_change):
        with pytest.raises(ValueError, match=message):
            change(*arguments)
        with pytest.raises(ValueError, match="level"):
            change([1, 2], [1, 2], [0, 1], level=2)
        with pytest.raises(ValueError, match="label"):
            change([1, 2], [1, 2], [0, 1], units=["a"])
        with pytest.raises(ValueError, match="draw"):
            change([1, 2], [1, 2], [0, 1], draws=0)
    with pytest.raises(ValueError, match="nothing else"):
        auroc_change([1, 2], [1, 2], [0, 2])


def test_a_seed_repeats_and_another_differs() -> None:
    rng = np.random.default_rng(1)
    first, second = rng.normal(size=(2, 40))
    assert spearman_change(first, second, range(40), seed=3) == spearman_change(
        first, second, range(40), seed=3
    )
    assert spearman_change(first, second, range(40), seed=3) != spearman_change(
        first, second, range(40), seed=4
    )


def grades(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 10)


def test_type_one_error_of_delong() -> None:
    # Forty items, half of them right, arms that differ in level but not in discrimination; 2,000 runs, 99.9 % band.
    rng, runs, rejected = np.random.default_rng(40), 2000, 0
    correct = np.arange(40) % 2
    for _ in range(runs):
        ability = rng.normal(size=40)
        low, high = (grades(level + 1.5 * correct + ability + rng.normal(size=40)) for level in (4, 5))
        rejected += auroc_change(high, low, correct).p_value <= 0.05
    low, high = stats.binom.interval(0.999, runs, 0.05)
    assert low <= rejected <= high


def test_type_one_error_and_coverage_with_units() -> None:
    # Forty units of six items; how well a judge sees the right items varies by unit and arm. As if the items were
    # independent, DeLong's test rejects far too often.
    rng, runs, rejected, naive = np.random.default_rng(6), 400, 0, 0
    units, correct = np.repeat(np.arange(40), 6), np.tile([0, 1], 120)
    for run in range(runs):
        first, second = (
            grades(5 + (1.5 + 1.5 * rng.normal(size=40)[units]) * correct + rng.normal(size=240))
            for _ in range(2)
        )
        rejected += auroc_change(first, second, correct, units=units, draws=399, seed=run).p_value <= 0.05
        naive += auroc_change(first, second, correct).p_value <= 0.05
    low, high = stats.binom.interval(0.999, runs, 0.05)
    assert low <= rejected <= high
    assert naive > high


def test_type_one_error_of_rank_correlations() -> None:
    rng, runs, rejected = np.random.default_rng(60), 500, 0
    for run in range(runs):
        quality = rng.normal(size=60)
        seen = quality + 0.5 * rng.normal(size=60)
        first, second = (grades(5 + 1.5 * (seen + 0.9 * rng.normal(size=60))) for _ in range(2))
        rejected += spearman_change(first, second, np.rint(3 * quality), draws=399, seed=run).p_value <= 0.05
    low, high = stats.binom.interval(0.999, runs, 0.05)
    assert low <= rejected <= high


def test_a_lost_discrimination_is_found() -> None:
    rng = np.random.default_rng(5)
    correct = np.arange(100) % 2
    control, treatment = (
        grades(5 + 2 * correct + rng.normal(size=100)),
        grades(7 + 0.3 * correct + rng.normal(size=100)),
    )
    result = auroc_change(treatment, control, correct)
    assert result.estimate == pytest.approx(auroc(treatment, correct) - auroc(control, correct))
    assert result.interval.high < 0
    assert result.p_value < 1e-4
