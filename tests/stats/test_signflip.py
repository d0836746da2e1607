"""The sign-flip test against enumeration of all sign patterns.

Shares of 2^n patterns are dyadic rationals, so exact p-values are compared with ==. Monte Carlo shares are compared
within 4.5 binomial standard errors (one in 150,000 for each comparison) plus the 1 / (m + 1) that is added.
"""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

from auditor.stats import signflip
from auditor.stats.mcnemar import mcnemar
from auditor.stats.signflip import sign_flip_test, to_lattice

SIDES = ("two-sided", "greater", "less")


def enumerate_p(values, alternative: str) -> float:
    """Share of all sign patterns at least as extreme, in exact fractions."""
    exact = [Fraction(str(value)) for value in values]
    observed = sum(exact)
    hits = 0
    for signs in itertools.product((1, -1), repeat=len(exact)):
        flipped = sum(s * v for s, v in zip(signs, exact, strict=True))
        hits += {
            "two-sided": abs(flipped) >= abs(observed),
            "greater": flipped >= observed,
            "less": flipped <= observed,
        }[alternative]
    return hits / 2 ** len(exact)


@pytest.mark.parametrize("alternative", SIDES)
@pytest.mark.parametrize("n", [1, 2, 3])
def test_every_vector_of_small_integers(n: int, alternative: str) -> None:
    for values in itertools.product(range(-3, 4), repeat=n):  # zeros and ties among them
        assert sign_flip_test(values, alternative=alternative).p_value == enumerate_p(values, alternative), (
            values
        )


@pytest.mark.parametrize("alternative", SIDES)
def test_random_integers_and_decimals(alternative: str) -> None:
    rng = np.random.default_rng(20)
    for n in (4, 6, 8, 9):
        for denominator in (1, 10, 100, 4):
            whole = rng.integers(-12, 13, n)
            expected = enumerate_p([Fraction(int(w), denominator) for w in whole], alternative)
            floats = sign_flip_test(whole / denominator, alternative=alternative)
            assert (floats.p_value, floats.method) == (expected, "exact")
            assert sign_flip_test(whole, alternative=alternative).p_value == expected


def test_floats_that_only_look_like_ties() -> None:
    # 0.1 + 0.2 is not 0.3 in binary, but those three differences have ties: |.1 + .2 - .3| = 0.
    values = [0.1, 0.2, 0.3]
    assert sign_flip_test([0.1, 0.2, 0.1 + 0.2]).p_value == enumerate_p(values, "two-sided") == 0.25
    # The smallest of all: -.1 - .2 + .3 = 0, which every pattern reaches.
    assert sign_flip_test([-0.1, -0.2, 0.3]).p_value == 1.0


@pytest.mark.parametrize("n", [1, 2, 5, 10, 50])
def test_equal_differences_reach_the_smallest_p(n: int) -> None:
    assert sign_flip_test([3] * n).p_value == 2.0 / 2**n  # all signs alike: two patterns
    assert sign_flip_test([3] * n, alternative="greater").p_value == 1.0 / 2**n
    assert sign_flip_test([3] * n, alternative="less").p_value == 1.0


def test_p_is_never_zero() -> None:
    assert 0 < sign_flip_test([1] * 3000).p_value < 1e-300  # 2^-2999 is below the smallest float
    assert sign_flip_test(np.full(40, math.pi), flips=999).p_value == 1 / 1000  # (0 + 1) / (999 + 1)


@pytest.mark.parametrize("values", [[0], [0, 0, 0], [0.0] * 40])
@pytest.mark.parametrize("alternative", SIDES)
def test_no_difference_at_all(values: list[float], alternative: str) -> None:
    assert sign_flip_test(values, alternative=alternative).p_value == 1.0


def test_zeros_do_not_change_the_p_value_but_are_counted() -> None:
    plain, padded = sign_flip_test([5, -2, 4, 4]), sign_flip_test([5, 0, -2, 4, 0, 0, 4])
    assert (plain.p_value, plain.n, padded.n) == (padded.p_value, 4, 7)


@pytest.mark.parametrize("values", [[], np.zeros(0), np.zeros(0, dtype=np.int64)])
def test_nothing_is_refused(values) -> None:
    with pytest.raises(ValueError, match="at least one"):
        sign_flip_test(values)


@pytest.mark.parametrize("bad", [math.inf, -math.inf, math.nan])
def test_what_is_not_finite_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        sign_flip_test([1.0, bad, 2.0])


def test_signs_of_ones_are_mcnemar() -> None:
    for gained, lost in itertools.product(range(9), repeat=2):
        if gained + lost:
            p = sign_flip_test([1] * gained + [-1] * lost + [0] * 3).p_value
            assert p == pytest.approx(mcnemar(gained, lost).p_exact, rel=1e-12)


def test_turning_all_signs_keeps_p_and_exchanges_the_sides() -> None:
    values = np.array([7, -2, 3, 3, 0, -5, 4])
    assert sign_flip_test(values).p_value == sign_flip_test(-values).p_value
    greater = sign_flip_test(values, alternative="greater").p_value
    assert greater == sign_flip_test(-values, alternative="less").p_value


@pytest.mark.parametrize("alternative", SIDES)
def test_monte_carlo_against_the_exact_count(alternative: str) -> None:
    rng = np.random.default_rng(7)
    flips = 20_000
    for seed in range(6):
        whole = rng.integers(-5, 9, 25)  # with zeros and many ties of sums
        exact = sign_flip_test(whole, alternative=alternative).p_value
        drawn = sign_flip_test(whole * math.pi, alternative=alternative, flips=flips, seed=seed)
        assert (drawn.method, drawn.flips) == ("monte-carlo", flips)
        error = 4.5 * math.sqrt(exact * (1 - exact) / flips) + 1 / (flips + 1)
        assert abs(drawn.p_value - exact) <= error


def test_monte_carlo_counts_ties_that_rounding_parts() -> None:
    # |sum| of pi (1, 1, 1, -3) is 0, but in floats 4.4e-16: every pattern reaches it.
    assert sign_flip_test(np.array([1, 1, 1, -3]) * math.pi, flips=500).p_value == 1.0


def test_monte_carlo_is_a_function_of_its_seed() -> None:
    values = np.sqrt(np.arange(2, 22)) - 2.9
    first = sign_flip_test(values, seed=3, flips=2000).p_value
    assert first == sign_flip_test(values, seed=3, flips=2000).p_value
    assert first != sign_flip_test(values, seed=4, flips=2000).p_value


def test_the_order_of_the_units_does_not_change_a_monte_carlo_p() -> None:
    rng = np.random.default_rng(9)
    values = rng.normal(0.2, 1.0, 40)
    first = sign_flip_test(values, flips=2_000)
    assert first.method == "monte-carlo"
    for _ in range(5):
        assert sign_flip_test(rng.permutation(values), flips=2_000).p_value == first.p_value
    assert sign_flip_test(-values, flips=2_000).p_value == first.p_value


def test_monte_carlo_in_chunks_draws_every_flip(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = np.array([5, -2, 4, 4, 1, -3, 2, 2, 6, -1])
    exact = sign_flip_test(whole).p_value
    monkeypatch.setattr(signflip, "_CHUNK_CELLS", 700)  # 70 flips at a time, and a rest of 50
    drawn = sign_flip_test(whole * math.e, flips=10_000).p_value
    assert abs(drawn - exact) <= 4.5 * math.sqrt(exact * (1 - exact) / 10_000) + 1e-4


def test_too_large_a_sum_gives_way_to_monte_carlo() -> None:
    rng = np.random.default_rng(1)
    values = rng.integers(1, 10**6, 60) * 2 + 1
    assert int(np.abs(values).sum()) > signflip.LARGEST_SUM
    assert sign_flip_test(values, flips=100).method == "monte-carlo"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2, 3], [1, 2, 3]),
        ([2.0, 4.0, -6.0], [1, 2, -3]),  # by their greatest common divisor
        ([0.5, -1.25, 2.0], [2, -5, 8]),  # hundredths 50, -125, 200, by 25
        ([0.1, 0.2, 0.1 + 0.2], [1, 2, 3]),
        ([0.00001, 0.00003], [1, 3]),  # the finest lattice looked for
        ([0.0, 0.0], [0, 0]),
        ([1e6 + 0.1, -0.1], [10_000_001, -1]),
    ],
)
def test_lattice_found(values: list[float], expected: list[int]) -> None:
    lattice = to_lattice(values)
    assert lattice is not None
    assert lattice.tolist() == expected


@pytest.mark.parametrize(
    "values", [[math.sqrt(2)], [1.0, 1 / 3], [0.5, math.pi], [1e-6, 3e-6], [1.0, 1.000001]]
)
def test_no_lattice(values: list[float]) -> None:
    assert to_lattice(values) is None
    assert sign_flip_test(values, flips=50).method == "monte-carlo"


def test_five_hundred_units_with_three_replicates() -> None:
    # Another road: the distribution of the sum itself, unit by unit, instead of subset sums.
    thirds = np.random.default_rng(5).integers(-20, 23, 500)
    reach = int(np.abs(thirds).sum())
    chance = np.zeros(2 * reach + 1)
    chance[reach] = 1.0
    for step in thirds.tolist():
        chance = (np.roll(chance, step) + np.roll(chance, -step)) / 2
    sums = np.arange(-reach, reach + 1)
    expected = chance[np.abs(sums) >= abs(int(thirds.sum()))].sum()
    assert sign_flip_test(thirds).p_value == pytest.approx(
        expected, rel=1e-9
    )  # 500 additions in another order
