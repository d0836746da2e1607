"""Step-down max-T against a count of all sign patterns in R, against coin, and against the single test.

``tests/r/maxt.csv`` is written by ``tests/r/maxt.R`` (R 4.2.2, coin 1.4.2). Shares of 2^n patterns are dyadic and are
compared exactly; coin's come from 1,000,000 random swaps and are compared within 4.5 binomial standard errors.
"""

import csv
import itertools
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from auditor.stats.maxt import max_t
from auditor.stats.multiplicity import adjust
from auditor.stats.signflip import sign_flip_test


@pytest.fixture(scope="module")
def table() -> dict[tuple[str, str], np.ndarray]:
    found = defaultdict(list)
    with (Path(__file__).parents[1] / "r" / "maxt.csv").open() as lines:
        for row in csv.DictReader(lines):
            value = row["value"]
            found[row["case"], row["quantity"]].append(np.nan if value == "NA" else float(value))
    return {key: np.array(values) for key, values in found.items()}


def matrix(table, case: str) -> np.ndarray:
    return table[case, "D"].reshape(-1, 10).T  # R lists it by column


@pytest.mark.parametrize("case", ["full", "gaps"])
def test_all_patterns_counted_in_r(table, case: str) -> None:
    results = max_t(matrix(table, case))
    assert [r.p_value for r in results] == table[case, "p"].tolist()
    assert [r.adjusted_p for r in results] == table[case, "adjusted"].tolist()
    assert all(r.resamples is None for r in results)
    finite = [r.statistic for r in results if r.statistic is not None]
    expected = table[case, "t"][np.isfinite(table[case, "t"])]
    assert np.abs(finite) == pytest.approx(expected, rel=1e-12)


def test_coin(table) -> None:
    results = max_t(matrix(table, "full"))
    for ours, theirs in (
        ([r.adjusted_p for r in results], table["full", "coin"]),
        ([r.p_value for r in results], table["full", "coin_alone"]),
    ):
        for p, q in zip(ours, theirs, strict=True):
            assert q == pytest.approx(p, abs=4.5 * np.sqrt(p * (1 - p) / 1e6))


@pytest.mark.parametrize("case", ["full", "gaps"])
def test_random_flips_against_the_count(table, case: str) -> None:
    D, flips = matrix(table, case), 500  # below 2^9 = 512 patterns
    exact, averaged = max_t(D), np.zeros((2, matrix(table, case).shape[1]))
    runs = 40
    for seed in range(runs):
        drawn = max_t(D, flips=flips, seed=seed)
        assert {r.resamples for r in drawn} == {flips}
        averaged += np.array([[r.p_value for r in drawn], [r.adjusted_p for r in drawn]]) / runs
    for j, result in enumerate(exact):
        for p, q in ((result.p_value, averaged[0, j]), (result.adjusted_p, averaged[1, j])):
            # (b + 1) / (m + 1) has mean (m p + 1) / (m + 1); a running maximum adds a little.
            mean = (flips * p + 1) / (flips + 1)
            assert q == pytest.approx(mean, abs=4.5 * np.sqrt(p * (1 - p) / (flips * runs)) + 1e-3)


def test_a_random_p_value_is_never_zero() -> None:
    # Forty positive units: no random pattern comes near, so that b = 0 and p = 1 / (m + 1).
    D = np.column_stack([np.full(40, 3.0), np.arange(5.0, 45.0)])
    for result in max_t(D, flips=99):
        assert (result.p_value, result.adjusted_p, result.resamples) == (1 / 100, 1 / 100, 99)


def by_definition(D: np.ndarray) -> list[float]:
    """Adjusted p-values by looping over patterns, hypotheses and the sets below them."""

    def t(column: np.ndarray) -> float:
        if not column.any():
            return 0.0
        return np.inf if np.ptp(column) == 0 else abs(stats.ttest_1samp(column, 0).statistic)

    observed = [t(column) for column in D.T]
    order = sorted(range(D.shape[1]), key=lambda j: -observed[j])
    hits = np.zeros(D.shape[1])
    for signs in itertools.product((1, -1), repeat=D.shape[0]):
        flipped = [t(column) for column in (D * np.array(signs)[:, None]).T]
        for place, j in enumerate(order):
            hits[j] += max(flipped[i] for i in order[place:]) >= observed[j] * (1 - 1e-9)
    p = hits / 2 ** D.shape[0]
    running = np.maximum.accumulate(p[order])
    return [float(running[order.index(j)]) for j in range(D.shape[1])]


def test_by_definition() -> None:
    rng = np.random.default_rng(4)
    for _ in range(3):
        D = rng.integers(-2, 4, (6, 3)).astype(float)
        assert [r.adjusted_p for r in max_t(D)] == by_definition(D)


small = st.integers(0, 10_000).map(lambda seed: np.random.default_rng(seed).integers(-4, 6, (9, 4)))


@settings(max_examples=40, deadline=None)
@given(small, st.permutations(range(4)))
def test_identities(D: np.ndarray, order) -> None:
    results = max_t(D)
    for j, result in enumerate(results):
        alone = sign_flip_test(D[:, j])
        assert (result.p_value, result.resamples) == (alone.p_value, None)
        assert result.adjusted_p >= result.p_value
        assert result.estimate == pytest.approx(D[:, j].mean(), abs=1e-12)
    by_size = sorted(results, key=lambda r: -abs(r.statistic) if r.statistic is not None else -np.inf)
    assert np.all(np.diff([r.adjusted_p for r in by_size]) >= 0)
    adjusted = [r.adjusted_p for r in results]
    assert [r.adjusted_p for r in max_t(-D)] == adjusted  # arms exchanged
    assert [r.adjusted_p for r in max_t(D * [1, 2, 7, 0.1])] == adjusted  # each on a scale of its own
    assert [r.adjusted_p for r in max_t(D[:, list(order)])] == [adjusted[j] for j in order]
    assert [r.adjusted_p for r in max_t(D[::-1])] == adjusted
    # The same test twice costs nothing; Holm would double it.
    assert [r.adjusted_p for r in max_t(np.column_stack([D, D[:, 0]]))] == [*adjusted, adjusted[0]]
    assert max_t(D[:, :1])[0].adjusted_p == results[0].p_value


def test_dependence_is_used() -> None:
    # Holm adds the tails of all columns, max-T takes their union. One column's tail at another's t is not quite its
    # tail at its own, so that a single p-value may come out a little above Holm's.
    rng = np.random.default_rng(12)
    ours, theirs = [], []
    for _ in range(20):
        D = rng.normal(0.4, 1, (14, 1)) + rng.normal(0.2, 1, (14, 6))
        results = max_t(D)
        ours += [r.adjusted_p for r in results]
        theirs += adjust([r.p_value for r in results], "holm")
    assert np.all(np.array(ours) <= 1.25 * np.array(theirs) + 0.01)
    assert sum(ours) < 0.95 * sum(theirs)


def test_columns_of_nothing_little_and_zeros() -> None:
    D = np.full((8, 5), np.nan)
    D[:, 0] = [1, 2, 3, 1, 2, 4, 1, 1]
    D[:5, 1] = [9, 9, 9, 9, 9]
    D[:, 3] = 0.0
    D[0, 4] = 2.0
    first, little, empty, zeros, single = max_t(D)
    # All eight positive: 2 of 256 patterns; the column of zeros never reaches it.
    assert (first.p_value, first.adjusted_p) == (2 / 256, 2 / 256)
    assert (little.p_value, little.adjusted_p, little.statistic) == (None, None, None)
    assert little.codes == ("no_spread", "few_units")
    assert (empty.estimate, empty.p_value, empty.n_units, empty.codes) == (None, None, 0, ("no_units",))
    assert (zeros.estimate, zeros.p_value, zeros.adjusted_p, zeros.statistic) == (0.0, 1.0, 1.0, 0.0)
    assert zeros.codes == ("no_spread",)
    assert (single.estimate, single.interval.low, single.adjusted_p) == (2.0, None, None)
    counted = max_t(D, fewest_units=1)
    assert counted[1].p_value == 2 / 32
    assert counted[4].p_value == 1.0
    assert counted[0].adjusted_p > first.adjusted_p  # the column of five is infinite in 1 of 16 patterns


def test_equal_differences_are_infinite_and_not_lost() -> None:
    # The same number by seven ways of rounding, which would leave a variance of 1e-15 and t of 1e8.
    same = np.pi * (1 + 2.0**-52 * np.array([8, 6, 5, 4, 5, 8, 2]))
    for column in (np.full(7, 1 / 3), np.full(7, 5), same):
        first, second = max_t(np.column_stack([column, np.arange(7.0)]))
        assert (first.statistic, first.p_value, first.adjusted_p) == (None, 2 / 128, 2 / 128)
        assert second.adjusted_p == sign_flip_test(np.arange(7)).p_value
        assert first.codes == ("no_spread",)
        assert first.interval.low is None


def test_no_hypotheses_and_no_units() -> None:
    assert max_t(np.zeros((5, 0))) == ()
    assert [r.codes for r in max_t(np.zeros((0, 2)))] == [("no_units",)] * 2
    assert [r.adjusted_p for r in max_t(np.zeros((40, 2)))] == [1.0, 1.0]


@pytest.mark.parametrize(
    ("D", "message"),
    [([1.0, 2.0], "matrix"), ([[1.0], [np.inf]], "finite"), (np.zeros((2, 2, 2)), "matrix")],
)
def test_what_is_refused(D, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        max_t(D)
    with pytest.raises(ValueError, match="flip"):
        max_t([[1.0]], flips=0)


def test_a_seed_repeats_and_another_differs() -> None:
    D = np.random.default_rng(0).normal(0.3, 1, (40, 3))
    assert max_t(D, flips=999, seed=5) == max_t(D, flips=999, seed=5)
    assert max_t(D, flips=999, seed=5) != max_t(D, flips=999, seed=6)


def test_family_wise_error() -> None:
    # As in the design: 20 tests, 2 of them true (standardised effect .8 at 30 units), here with correlation .3 between
    # them. 1,000 runs at .05, 99.9 % band; without adjustment some true null falls in about half of the runs.
    rng, runs = np.random.default_rng(2020), 1000
    wrong = naive = power = power_holm = 0
    effects = np.r_[0.8, 0.8, np.zeros(18)]
    for run in range(runs):
        D = effects + np.sqrt(0.3) * rng.normal(size=(30, 1)) + np.sqrt(0.7) * rng.normal(size=(30, 20))
        results = max_t(D, flips=999, seed=run)
        adjusted = np.array([r.adjusted_p for r in results])
        plain = np.array([r.p_value for r in results])
        wrong += adjusted[2:].min() <= 0.05
        naive += plain[2:].min() <= 0.05
        power += np.count_nonzero(adjusted[:2] <= 0.05)
        order = np.argsort(plain)  # Holm by hand: a thousand calls of statsmodels take a minute
        holm = np.maximum.accumulate(plain[order] * np.arange(20, 0, -1))[np.argsort(order)]
        power_holm += np.count_nonzero(holm[:2] <= 0.05)
    low, high = stats.binom.interval(0.999, runs, 0.05)
    assert low <= wrong <= high
    assert naive > 0.35 * runs
    assert power >= power_holm
    assert power > 0.7 * 2 * runs
