"""Judges on shared units, against R and by hand.

``tests/r/meta.csv`` is written by ``tests/r/meta.R`` (R 4.2.2), which sums the covariance item by item. Sums of some
forty products agree to a relative 1e-12; t tails are compared at 1e-9.
"""

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from auditor.stats.intervals import mean_interval
from auditor.stats.shared_units import compare_judges, shared_covariance
from auditor.stats.signflip import sign_flip_test


@pytest.fixture(scope="module")
def table() -> dict[tuple[str, str], np.ndarray]:
    found = defaultdict(list)
    with (Path(__file__).parents[1] / "r" / "meta.csv").open() as lines:
        for row in csv.DictReader(lines):
            found[row["case"], row["quantity"]].append(float(row["value"]))
    return {key: np.array(values) for key, values in found.items()}


def test_covariance_against_r(table) -> None:
    D = [table["shared", f"d_{j}"] for j in range(1, 7)]
    items = [table["shared", f"items_{j}"].astype(int) for j in range(1, 7)]
    result = shared_covariance(D, items)
    np.testing.assert_allclose(result.estimates, table["shared", "means"], rtol=1e-12)
    np.testing.assert_allclose(result.covariance, table["shared", "V"].reshape(6, 6), rtol=1e-12, atol=1e-15)
    assert result.covariance[0, 1] == pytest.approx(table["shared", "plain_1_2"][0], rel=1e-12)  # cov() / n
    assert result.covariance[2, 5] == 0.0  # items 1 to 25 and 31 to 40
    for a in range(6):
        for b in range(6):
            assert result.shared[a, b] == len(set(items[a]) & set(items[b]))
    assert (result.used, result.cautions) == (tuple(range(6)), ())


def test_covariance_by_hand() -> None:
    # Deviations -1, 1, 0 (n = 3) and -1, 1 (n = 2): variances 2 / (3 x 2) and 2 / (2 x 1); products on a and b 1 + 1,
    # over sqrt(3 x 2 x 2 x 1).
    result = shared_covariance([[1, 3, 2], [2, 4], [0, 5]], [["a", "b", "c"], ["a", "b"], ["x", "y"]])
    expected = [[1 / 3, 2 / np.sqrt(12), 0], [2 / np.sqrt(12), 1, 0], [0, 0, 6.25]]
    np.testing.assert_allclose(result.covariance, expected, rtol=1e-14)
    assert (result.covariance[0, 2], result.covariance[1, 2]) == (0.0, 0.0)
    assert result.shared.tolist() == [[3, 2, 0], [2, 2, 0], [0, 0, 2]]
    assert [caution.code for caution in result.cautions] == ["noisy_covariance"]  # 3 judges, 2 shared units


def test_items_of_one_unit_are_averaged_first() -> None:
    split = shared_covariance([[1, 3, 5, 0], [2, 2, 7]], [["a", "a", "b", "c"], ["a", "b", "c"]])
    whole = shared_covariance([[2, 5, 0], [2, 2, 7]], [["a", "b", "c"], ["a", "b", "c"]])
    np.testing.assert_array_equal(split.covariance, whole.covariance)
    np.testing.assert_array_equal(split.estimates, whole.estimates)


def test_judges_without_a_variance() -> None:
    result = shared_covariance([[1, 2], [5], [], [0, 4]], [["a", "b"], ["a"], [], ["a", "b"]])
    assert result.used == (0, 3)
    assert result.estimates.tolist() == [1.5, 2.0]
    assert "judges_left_out" in [caution.code for caution in result.cautions]
    for nothing in (shared_covariance([], []), shared_covariance([[1.0]], [["a"]])):
        assert (nothing.covariance.shape, nothing.estimates.shape, nothing.used) == ((0, 0), (0,), ())


def test_equal_values_have_no_variance_whatever_the_rounding() -> None:
    # (.1 + .1 + .1) / 3 is not .1 in binary.
    result = shared_covariance(
        [[0.1] * 5, [1, 2, 3, 4, 6]], [["a", "a", "a", "b", "c"], ["a", "b", "c", "d", "e"]]
    )
    assert result.covariance[0, 0] == 0.0
    assert result.covariance[0, 1] == 0.0
    assert result.covariance[1, 1] > 0


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 6), st.floats(-20, 20))
def test_covariance_identities(seed: int, k: int, shift: float) -> None:
    rng = np.random.default_rng(seed)
    items = [np.flatnonzero(rng.random(12) < 0.6) for _ in range(k)]
    items = [names if names.size >= 2 else np.array([0, 1]) for names in items]
    D = [rng.normal(size=names.size) for names in items]
    plain = shared_covariance(D, items).covariance
    assert np.linalg.eigvalsh(plain).min() > -1e-12  # a covariance whatever the overlap
    for j, d in enumerate(D):
        assert plain[j, j] == pytest.approx(d.var(ddof=1) / d.size, rel=1e-9)
    np.testing.assert_allclose(shared_covariance([d + shift for d in D], items).covariance, plain, atol=1e-9)
    np.testing.assert_allclose(
        shared_covariance([-2 * d for d in D], items).covariance, 4 * plain, atol=1e-12
    )
    order = rng.permutation(k)
    turned = shared_covariance([D[i] for i in order], [items[i] for i in order]).covariance
    np.testing.assert_allclose(turned, plain[np.ix_(order, order)], atol=1e-12)


def test_covariance_is_right_on_average() -> None:
    # Judges of 30 and 20 units share 15; their D of a unit have covariance .6: the means' is 15 x .6 / (30 x 20) = .015.
    rng, runs, total = np.random.default_rng(31), 4000, 0.0
    for _ in range(runs):
        common = rng.normal(0, np.sqrt(0.6), 35)
        first = common[:30] + rng.normal(0, np.sqrt(0.4), 30)
        second = common[15:] + rng.normal(0, np.sqrt(0.4), 20)
        total += shared_covariance([first, second], [range(30), range(15, 35)]).covariance[0, 1]
    # One run has a standard deviation of about .0077, the mean of 4,000 runs .00012; the bias is
    # sqrt(30/29 20/19) (1 - 1/30 - 1/20 + 15/600) - 1 = -.016 of .015.
    assert total / runs == pytest.approx(0.015 * (1 - 0.016), abs=5 * 0.00012)


@pytest.mark.parametrize(
    ("D", "units", "message"),
    [
        ([[1, 2]], [], "its differences and their units"),
        ([[1, 2]], [["a"]], "one label"),
        ([[1, np.nan]], [["a", "b"]], "finite"),
        ([[1, np.inf]], [["a", "b"]], "finite"),
    ],
)
def test_what_the_covariance_refuses(D, units, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        shared_covariance(D, units)


def test_comparison_against_r(table) -> None:
    a, b = table["compare", "a"], table["compare", "b"]
    _, df, p, low, high = table["compare", "welch"]
    apart = compare_judges(a, range(8), b, range(100, 107))
    assert apart.paired is False
    assert apart.df == pytest.approx(df, rel=1e-12)
    assert apart.p_value == pytest.approx(p, rel=1e-9)
    assert [apart.interval.low, apart.interval.high] == pytest.approx([low, high], rel=1e-9)
    assert (apart.n_units, apart.only_first, apart.only_second) == (15, 8, 7)
    assert apart.codes == ("no_shared_units",)
    paired = compare_judges(a, range(8), b, range(7))
    assert [paired.interval.low, paired.interval.high] == pytest.approx(
        table["compare", "paired_interval"], rel=1e-9
    )
    assert paired.p_value == table["compare", "paired_p"][0]  # both count patterns of 2^7
    assert (paired.paired, paired.n_units, paired.only_first, paired.only_second) == (True, 7, 1, 0)
    assert "unshared_left_out" in paired.codes


def test_units_are_matched_by_label_not_by_place() -> None:
    labels = ["q", "w", "e", "r", "t", "z"]
    a, b = np.array([3, 2, 4, 3, 5, 2]), np.array([1, 0, 2, 2, 1, 1])
    order = [4, 0, 5, 2, 1, 3]
    plain = compare_judges(a, labels, b, labels)
    turned = compare_judges(a, labels, b[order], [labels[i] for i in order])
    assert (plain.estimate, plain.p_value) == (turned.estimate, turned.p_value)
    assert plain.p_value == sign_flip_test(a - b).p_value
    assert plain.interval == mean_interval(a - b).interval


def test_ties_survive_averaging() -> None:
    # Unit means of thirds and halves: differences 1/3, -1/3, 1/6, 1/2, ... are counted on a lattice of sixths.
    a = [1, 0, 0, 2, 2, 3, 0, 1]
    units_a = ["a", "a", "a", "b", "c", "d", "e", "f"]
    b = [0, 2, 3, 1, 4, 0, 1, 0]
    units_b = ["a", "b", "b", "c", "d", "e", "e", "f"]
    # a: 1/3 - 0, b: 2 - 5/2, c: 2 - 1, d: 3 - 4, e: 0 - 1/2, f: 1 - 0; times six:
    expected = sign_flip_test([2, -3, 6, -6, -3, 6])
    result = compare_judges(a, units_a, b, units_b)
    assert (result.p_value, result.resamples) == (expected.p_value, None)
    assert result.estimate == pytest.approx(2 / 36, rel=1e-12)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=2, max_size=12),
    st.integers(-5, 5),
    st.booleans(),
)
def test_comparison_identities(pairs, shift: int, share: bool) -> None:
    a, b = np.array(pairs).T
    first, second = range(a.size), range(a.size) if share else range(50, 50 + a.size)
    plain = compare_judges(a, first, b, second)
    swapped = compare_judges(b, second, a, first)
    assert swapped.estimate == pytest.approx(-plain.estimate, abs=1e-12)
    moved = compare_judges(a + shift, first, b + shift, second)
    assert moved.estimate == pytest.approx(plain.estimate, abs=1e-12)
    doubled = compare_judges(2 * a, first, 2 * b, second)
    assert doubled.estimate == pytest.approx(2 * plain.estimate, abs=1e-12)
    if plain.p_value is None:  # no shared unit and no spread
        assert swapped.p_value is None
    else:
        assert swapped.p_value == pytest.approx(plain.p_value, rel=1e-9)
        assert doubled.p_value == pytest.approx(plain.p_value, rel=1e-9)
    if plain.interval.known:
        assert swapped.interval.low == pytest.approx(-plain.interval.high, abs=1e-9)
        assert moved.interval.high == pytest.approx(plain.interval.high, abs=1e-9)


def test_degenerate_comparisons() -> None:
    nothing = compare_judges([], [], [], [])
    assert (nothing.estimate, nothing.p_value, nothing.interval.low, nothing.n_units) == (None, None, None, 0)
    half = compare_judges([1.0, 2.0], ["a", "b"], [], [])
    assert (half.estimate, half.p_value) == (None, None)
    single = compare_judges([3], ["a"], [1], ["a"])
    assert (single.estimate, single.interval.low, single.p_value) == (2.0, None, 1.0)
    alone = compare_judges([3], ["a"], [1], ["b"])
    assert (alone.estimate, alone.interval.low, alone.p_value, alone.paired) == (2.0, None, None, False)
    two = compare_judges([3, 1], ["a", "b"], [1, 0], ["c", "d"])  # variances 2/2 and .5/2
    assert two.interval.known
    # 1.5 / sqrt(1.25); df = 1.25^2 / (1 + .0625)
    assert two.p_value == pytest.approx(2 * stats.t.sf(1.5 / np.sqrt(1.25), 1.5625 / 1.0625), rel=1e-12)
    alike = compare_judges([2, 2, 2], list("abc"), [2, 2, 2], list("xyz"))
    assert (alike.estimate, alike.interval.low, alike.p_value) == (0.0, None, None)
    assert "no_spread" in alike.codes
    zero = compare_judges([2, 2, 2], list("abc"), [2, 2, 2], list("abc"))
    assert (zero.estimate, zero.p_value) == (0.0, 1.0)
    rounded = compare_judges([0.3] * 3, list("abc"), [0.1, 0.1, 0.1], list("abc"))
    assert rounded.interval.low is None  # .3 - .1 three times: no spread
    nearly = compare_judges([1 / 3, 1 / 3 + 1], list("ab"), [0, 1], list("ab"))
    assert nearly.interval.low is None


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_a_comparison_refuses(bad: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        compare_judges([1, bad], ["a", "b"], [1], ["a"])
    with pytest.raises(ValueError, match="label"):
        compare_judges([1, 2], ["a"], [1], ["a"])
    with pytest.raises(ValueError, match="level"):
        compare_judges([1], ["a"], [1], ["a"], level=0)


def test_type_one_error() -> None:
    # Two judges with equal inflation and shared item effects; 20 shared items, and 12 against 25 others. 99.9 % band.
    rng, runs = np.random.default_rng(77), 1500
    paired = welch = covered = 0
    for _ in range(runs):
        ease = rng.normal(size=20)
        first, second = (np.rint(4 * (ease + rng.normal(size=20))) for _ in range(2))
        result = compare_judges(first, range(20), second, range(20))
        paired += result.p_value <= 0.05
        covered += result.interval.low <= 0 <= result.interval.high
        apart = compare_judges(rng.normal(0, 2, 12), range(12), rng.normal(0, 1, 25), range(30, 55))
        welch += apart.p_value <= 0.05
    low, high = stats.binom.interval(0.999, runs, 0.05)
    assert low <= paired <= high
    assert low <= runs - covered <= high
    assert low <= welch <= high
