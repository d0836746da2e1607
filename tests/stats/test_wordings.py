"""Both scopes of the mean difference: against lmerTest and matrices in R (tests/r/components.R), and by simulation.

Tolerances: lmerTest takes Satterthwaite's degrees of freedom from a numerical Hessian, good to a relative 1e-4; standard
errors come from REML estimates, good to 1e-5; what R computes by matrices agrees to 1e-9.
"""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from auditor.stats.intervals import mean_interval
from auditor.stats.wordings import these_wordings, wordings_like_these

REML = 1e-5
HESSIAN = 1e-4
MATRICES = 1e-9
NAN = math.nan


def read(case: str) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    with (Path(__file__).parents[1] / "r" / "components.csv").open() as file:
        for row in csv.DictReader(file):
            if row["case"] == case:
                found.setdefault(row["quantity"], []).append(float(row["value"]))
    return found


@pytest.mark.parametrize(("case", "codes"), [("crossed", ()), ("nested", ())])
def test_balanced_against_lmertest(case, codes) -> None:
    r = read(case)
    result = wordings_like_these(r["difference"], r["item"], r["wording"])
    assert result.estimate == pytest.approx(r["mean"][0], abs=1e-9)
    assert result.standard_error == pytest.approx(r["se"][0], rel=REML)
    assert result.df == pytest.approx(r["df"][0], rel=HESSIAN)
    assert result.p_value == pytest.approx(r["p"][0], rel=HESSIAN)
    half = stats.t.ppf(0.975, r["df"][0]) * r["se"][0]
    assert result.interval.high - result.estimate == pytest.approx(half, rel=HESSIAN)
    assert (result.codes, result.general) == (codes, True)


def test_wordings_that_differ_less_than_chance_against_lmertest() -> None:
    r = read("boundary")
    result = wordings_like_these(r["difference"], r["item"], r["wording"])
    assert result.standard_error == pytest.approx(r["se"][0], rel=REML)
    assert result.df == pytest.approx(24, rel=1e-12)  # items alone: 25 - 1
    assert result.codes == ("few_wordings", "no_wording_variance")
    assert result.general is False
    # Then both scopes agree.
    item_level = these_wordings(r["difference"], r["item"], r["wording"])
    assert result.interval.low == pytest.approx(item_level.interval.low, rel=1e-9)


def test_sparse_against_matrices_in_r() -> None:
    r = read("sparse")
    result = wordings_like_these(r["difference"], r["item"], r["wording"])
    assert result.estimate == pytest.approx(r["mean"][0], rel=MATRICES)
    assert result.standard_error == pytest.approx(r["se"][0], rel=MATRICES)
    assert result.df == pytest.approx(r["df"][0], rel=MATRICES)
    assert result.p_value == pytest.approx(r["p"][0], rel=MATRICES)


def test_crossed_by_hand() -> None:
    # Rows are items, columns wordings. Means of items 2.5, 4.25, 2.25; of wordings 2, 10/3, 5/3, 5; in all 3.
    # SS of items 4 (.25 + 1.5625 + .5625) = 9.5 on 2; of wordings 3 (1 + 1/9 + 16/9 + 4) = 62/3 on 3; in all 32,
    # so that 11/6 on 6 is left: mean squares 4.75, 62/9 and 11/36, and (4.75 + 62/9 - 11/36) / 12 = 34/36.
    d = [2, 3, 1, 4, 3, 5, 3, 6, 1, 2, 1, 5]
    result = wordings_like_these(d, list("aaaabbbbcccc"), list("stuv") * 3)
    assert result.standard_error == pytest.approx(math.sqrt(34 / 36), rel=1e-12)
    # Satterthwaite (1946): (sum of mean squares)^2 / sum of squares over degrees of freedom.
    squares = (4.75**2 / 2, (62 / 9) ** 2 / 3, (11 / 36) ** 2 / 6)
    assert result.df == pytest.approx((4.75 + 62 / 9 - 11 / 36) ** 2 / sum(squares), rel=1e-12)


def test_one_wording_an_item_is_the_t_test_of_the_wordings() -> None:
    d = [1, 3, 2, 6, 5, 1, 4, 1, 5, 4]  # wordings 1, 3.5, 1.5, 5.5, 4.5: more apart than their items
    result = wordings_like_these(d, range(10), list("abcde") * 2)
    means = [(d[i] + d[i + 5]) / 2 for i in range(5)]
    expected = mean_interval(means).interval
    assert (result.interval.low, result.interval.high) == pytest.approx(
        (expected.low, expected.high), rel=1e-9
    )
    assert result.df == pytest.approx(4, rel=1e-9)
    assert (result.by_wording.interval.low, result.by_wording.df) == (pytest.approx(expected.low), 4)
    assert result.by_wording.p_value == pytest.approx(stats.ttest_1samp(means, 0).pvalue, rel=1e-9)
    assert result.by_wording.codes == ()


def test_these_wordings_is_the_t_test_of_the_items() -> None:
    # Two replicates of (a, u) count as one cell; a: ((1 + 3) / 2 + 4) / 2 = 3, b: 7, c: 1.
    result = these_wordings([1, 3, 4, 7, 1, NAN], list("aaabcc"), list("uuvuvu"))
    assert (result.estimate, result.n_units, result.df, result.n_ratings) == (11 / 3, 3, 2, 10)
    assert result.p_value == pytest.approx(stats.ttest_1samp([3, 7, 1], 0).pvalue, rel=1e-12)
    expected = mean_interval([3, 7, 1]).interval
    assert (result.interval.low, result.interval.high) == pytest.approx((expected.low, expected.high))
    # With two pairs behind the second entry the cell is (1 + 2 * 3) / 3.
    weighted = these_wordings([1, 3, 7], list("aab"), list("uuu"), replicates=[1, 2, 1])
    assert weighted.estimate == pytest.approx((7 / 3 + 7) / 2)


def test_degenerate() -> None:
    empty = wordings_like_these([], [], [])
    assert (empty.estimate, empty.interval.low, empty.p_value, empty.codes) == (
        None,
        None,
        None,
        ("no_units",),
    )
    assert empty.by_wording.codes == these_wordings([], [], []).codes == ("no_units",)
    one_wording = wordings_like_these([1, 2, 3], list("abc"), ["u"] * 3)
    assert (one_wording.estimate, one_wording.interval.low, one_wording.codes) == (
        2.0,
        None,
        ("one_wording",),
    )
    assert one_wording.by_wording.codes == ("one_wording",)
    one_item = wordings_like_these([1, 2, 3], ["a"] * 3, list("uvw"))
    assert (one_item.estimate, one_item.p_value, one_item.codes) == (2.0, None, ("one_unit", "few_wordings"))
    assert these_wordings([1, 2, 3], ["a"] * 3, list("uvw")).codes == ("one_unit",)
    for value, p_value in ((0.0, 1.0), (0.1, None)):
        equal = wordings_like_these([value] * 10, list("aabbccddee"), list("uv") * 5)
        assert (equal.interval.low, equal.interval.high) == (equal.estimate, equal.estimate)
        assert (equal.standard_error, equal.df, equal.p_value) == (0.0, None, p_value)
        assert equal.codes == ("few_wordings", "no_spread")
        assert these_wordings([value] * 10, list("aabbccddee"), list("uv") * 5).p_value == p_value
    # Only wordings differ: items and cells have no variance, and 5 wordings leave 4 degrees of freedom.
    only = wordings_like_these([1, 2, 3, 4, 5] * 3, np.repeat(list("abc"), 5), list("stuvw") * 3)
    assert (only.df, only.standard_error) == pytest.approx((4, math.sqrt(2.5 / 5)))
    # Two items in two wordings, and only the interaction moves.
    result = wordings_like_these([1, -1, -1, 1], list("aabb"), list("uvuv"))
    assert result.interval.known
    huge = wordings_like_these([1e99, 3e99, 2e99, 7e99], list("aabb"), list("uvuv"))
    small = wordings_like_these([1, 3, 2, 7], list("aabb"), list("uvuv"))
    assert (huge.df, huge.standard_error) == pytest.approx((small.df, 1e99 * small.standard_error))
    with pytest.raises(ValueError, match="level"):
        wordings_like_these([1], ["a"], ["u"], 1.0)
    with pytest.raises(ValueError, match="finite"):
        these_wordings([math.inf], ["a"], ["u"])


layouts = st.integers(2, 24).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(-9, 9), min_size=n, max_size=n),
        st.lists(st.integers(0, 7), min_size=n, max_size=n),
        st.lists(st.integers(0, 9), min_size=n, max_size=n),
    )
)


@given(layouts, st.integers(-50, 50))
@settings(max_examples=100, deadline=None)
def test_identities(layout, constant) -> None:
    d, item, wording = (np.array(column) for column in layout)
    for scope in (these_wordings, wordings_like_these):
        result = scope(d, item, wording)
        turned, moved, doubled = (
            scope(-d, item, wording),
            scope(d + constant, item, wording),
            scope(2 * d, item, wording),
        )
        for other, factor, shift in ((turned, -1, 0), (moved, 1, constant), (doubled, 2, 0)):
            assert other.estimate == pytest.approx(factor * result.estimate + shift, abs=1e-9)
            assert other.interval.known == result.interval.known
            if not result.interval.known:
                continue
            ends = sorted(factor * end + shift for end in (result.interval.low, result.interval.high))
            assert [other.interval.low, other.interval.high] == pytest.approx(ends, rel=1e-6, abs=1e-6)
        if result.p_value is not None:
            assert turned.p_value == pytest.approx(result.p_value, rel=1e-9)
            assert (result.p_value < 0.05) == result.interval.excludes_zero()


def rejections(wordings: int, crossed: bool, spread: float, runs: int, seed: int) -> np.ndarray:
    """Shares rejected at .05 over items, over items and wordings, over wordings.

    200 items, item x arm variance .45, one rating with SD 1 in each arm (so 2 for their difference): what the rates of
    the item-level t in the reference table imply.
    """
    rng = np.random.default_rng(seed)
    item = np.repeat(np.arange(200), wordings) if crossed else np.arange(200)
    wording = np.tile(np.arange(wordings), 200) if crossed else item % wordings
    found = np.zeros(3)
    for _ in range(runs):
        d = rng.normal(0, math.sqrt(0.45), 200)[item] + rng.normal(0, spread, wordings)[wording]
        d += rng.normal(0, math.sqrt(2), item.size)
        both = wordings_like_these(d, item, wording)
        p_values = (these_wordings(d, item, wording).p_value, both.p_value, both.by_wording.p_value)
        found += np.array(p_values) <= 0.05
    return found / runs


def band(rate: float, runs: int) -> tuple[float, float]:
    """The 99.9 % band of a share of `runs`."""
    low, high = stats.binom.ppf([0.0005, 0.9995], runs, rate) / runs
    return low, high


@pytest.mark.parametrize(
    ("wordings", "item_t", "crossed"), [(3, 0.442, 0.067), (5, 0.377, 0.056), (10, 0.325, 0.04)]
)
def test_type_one_error_of_crossed_wordings(wordings, item_t, crossed) -> None:
    runs = 600
    over_items, over_both, _ = rejections(wordings, True, 0.3, runs, seed=wordings)
    low, high = band(item_t, runs)
    assert low <= over_items <= high  # the reference: .442, .377, .325
    low, high = band(crossed, runs)
    assert (
        low <= over_both <= high
    )  # .067, .056, .040 in 3,000, 2,000 and 1,000 runs; reference .095, .057, .038


@pytest.mark.parametrize("wordings", [3, 5, 10])
def test_type_one_error_of_one_wording_an_item(wordings) -> None:
    runs = 800
    over_items, over_both, over_wordings = rejections(wordings, False, 0.3, runs, seed=10 + wordings)
    # Items carry s2_item + 2 = 2.45, wordings .09 200 / J on top: the t of the items rejects P(|Z| > 1.96 / ratio).
    ratio = math.sqrt(1 + 0.09 * 200 / wordings / 2.45)
    low, high = band(2 * stats.norm.sf(1.96 / ratio), runs)
    assert (
        low - 0.03 <= over_items <= high + 0.03
    )  # few wordings leave the mean within items a little off the normal
    for share in (over_both, over_wordings):
        assert share <= band(0.05, runs)[1]
    assert over_wordings >= band(0.05, runs)[0]


def test_wordings_that_share_items_are_not_independent() -> None:
    # Ten wordings that do not differ: their means move together with the items, and the t over wordings, which sees
    # only the 2 / 200 between them, rejects P(|t| > 2.26 / sqrt(1 + .45 10 / 2)) = .22 of true nulls.
    runs = 400
    _, over_both, over_wordings = rejections(10, True, 0.0, runs, seed=3)
    expected = 2 * stats.t.sf(stats.t.ppf(0.975, 9) / math.sqrt(1 + 0.45 * 10 / 2), 9)
    low, high = band(expected, runs)
    assert low <= over_wordings <= high
    assert over_both <= band(0.05, runs)[1]
    d = np.random.default_rng(1).normal(size=20)
    result = wordings_like_these(d, np.repeat(np.arange(4), 5), list("uvwxy") * 4)
    assert result.by_wording.codes == ("items_shared",)
