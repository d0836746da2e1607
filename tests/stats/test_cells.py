"""Pairing of cells, in integers where there is a lattice. Expected values are fractions worked out in the comments."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.stats.cells import mean_test, pair_cells, unit_integers
from auditor.stats.signflip import sign_flip_test

NAN = math.nan
ratings = st.lists(
    st.tuples(*(st.one_of(st.none(), st.integers(0, 20)) for _ in range(5)), st.integers(0, 3)),
    min_size=1,
    max_size=9,
)


def arrays(rows):
    table = np.array([[NAN if value is None else value for value in row] for row in rows], dtype=float)
    return table[:, :3], table[:, 3:5], [f"u{int(unit)}" for unit in table[:, 5]]


def exact_units(rows) -> dict[str, Fraction]:
    """The unit differences in exact fractions: mean of replicates, their difference, mean of cells."""
    found: dict[str, list[Fraction]] = {}
    for *values, unit in rows:
        high = [value for value in values[:3] if value is not None]
        low = [value for value in values[3:5] if value is not None]
        if high and low:
            found.setdefault(f"u{unit}", []).append(
                Fraction(sum(high), len(high)) - Fraction(sum(low), len(low))
            )
    return {unit: sum(values, Fraction(0)) / len(values) for unit, values in found.items()}


@given(ratings)
def test_integers_are_the_exact_differences_up_to_a_factor(rows) -> None:
    paired, expected = pair_cells(*arrays(rows)), exact_units(rows)
    assert dict(zip(paired.units, paired.differences, strict=True)) == pytest.approx(
        {unit: float(value) for unit, value in expected.items()}, abs=1e-12
    )
    assert paired.integers is not None
    assert paired.n_dropped == sum(
        all(v is None for v in row[:3]) or all(v is None for v in row[3:5]) for row in rows
    )
    factors = {
        Fraction(int(paired.integers[i])) / expected[unit]
        for i, unit in enumerate(paired.units)
        if expected[unit]
    }
    assert len(factors) <= 1
    assert all(factor > 0 for factor in factors)
    assert all((paired.integers[i] == 0) == (expected[unit] == 0) for i, unit in enumerate(paired.units))


@given(ratings)
def test_exchanging_the_arms_turns_the_sign_and_a_constant_moves_nothing(rows) -> None:
    treatment, control, units = arrays(rows)
    one = pair_cells(treatment, control, units)
    turned, moved = pair_cells(control, treatment, units), pair_cells(treatment + 7, control + 7, units)
    assert (one.differences == -turned.differences).all()
    assert moved.differences == pytest.approx(one.differences, abs=1e-12)
    if one.units:
        p = sign_flip_test(one.exact).p_value
        assert p == sign_flip_test(turned.exact).p_value == sign_flip_test(moved.exact).p_value


def test_thirds_are_tied_exactly() -> None:
    # 1/3 in floating point differs by how it came about; 2/3 - 1/3 - 1/3 is a tie of the sign-flip test all the same.
    # D = 2/3, -1/3, -1/3: the sum is 0, so every pattern is as extreme.
    paired = pair_cells([[1, 1, 0], [0, 0, 0], [7, 7, 7]], [[0, 0, 0], [0, 1, 0], [7, 8, 7]])
    assert paired.integers.tolist() == [6, -3, -3]
    assert sign_flip_test(paired.exact).p_value == 1.0


def test_single_and_unbalanced() -> None:
    assert pair_cells([1, 2], [1, NAN]).single is True
    assert pair_cells([[1, 2]], [[1, 2]]).single is False
    assert pair_cells([1, 2], [1, 2], ["a", "a"]).single is False
    assert pair_cells([[1, NAN]], [[1, 2]]).unbalanced is True
    assert pair_cells([[1, NAN]], [[2, NAN]]).unbalanced is False


def test_off_the_lattice_there_are_no_integers() -> None:
    paired = pair_cells([math.pi, 2.0], [1.0, math.e])
    assert paired.integers is None
    assert paired.exact is paired.differences


def test_integers_too_large_are_left_out() -> None:
    primes = np.array([999_983, 999_979, 999_961, 999_959])  # their product is about 1e24
    assert unit_integers(np.ones(4, dtype=np.int64), primes, np.arange(4)) is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1, 2], [1]), "the same cells"),
        (([1, math.inf], [1, 2]), "finite"),
        (([1, 1e101], [1, 2]), "finite"),
        (([1, 2], [1, 2], ["a"]), "one label"),
        ((np.zeros((2, 2, 2)), [1, 2]), "one row for each cell"),
    ],
)
def test_faults_are_named(arguments, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pair_cells(*arguments)
    with pytest.raises(ValueError, match="level"):
        mean_test([1.0], level=1.0)


def test_degenerate_means() -> None:
    empty = mean_test([])
    assert (empty.estimate, empty.p_value, empty.interval.known) == (None, None, False)
    assert [c.code for c in empty.cautions] == ["no_units"]
    one = mean_test([2.0])
    assert (one.estimate, one.p_value, one.interval.known) == (2.0, 1.0, False)
    assert [c.code for c in one.cautions] == ["few_units"]
    two = mean_test([1.0, 3.0])  # t with one degree of freedom: 2 +- 12.706 * 1
    assert two.interval.high == pytest.approx(2 + 12.7062047, abs=1e-6)
    assert two.p_value == 0.5
    equal = mean_test([0.5] * 8)
    assert (equal.estimate, equal.p_value, equal.interval.known) == (0.5, 2 / 2**8, False)
    assert [c.code for c in equal.cautions] == ["no_spread"]
    zero = mean_test([0.0] * 8)
    assert (zero.estimate, zero.p_value, zero.interval.known) == (0.0, 1.0, False)
    assert [c.code for c in mean_test([0] * 30 + [1, -1]).cautions] == ["few_moving"]
    assert mean_test(list(range(-3, 9))).cautions == ()
