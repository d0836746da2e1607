"""Differences read as numbers and as integers: arithmetic by hand, compared with == where it is exact."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.stats.differences import as_differences, as_lattice, no_interval, unit_cautions


def test_integers_are_taken_without_rounding() -> None:
    # 2^60 + 1 has no float of its own: as a float it would be 2^60, a multiple of the other.
    lattice = as_lattice([2**60 + 1, 2**59])
    assert lattice is not None
    assert lattice.integers.tolist() == [2**60 + 1, 2**59]
    assert lattice.step == 1.0


def test_a_common_divisor_is_taken_out() -> None:
    lattice = as_lattice([6, -9, 0])
    assert lattice is not None
    assert (lattice.integers.tolist(), lattice.step) == ([2, -3, 0], 3.0)


def test_decimals_and_thirds() -> None:
    decimals = as_lattice([0.1 + 0.2, -0.3, 1.2])
    assert decimals is not None
    assert decimals.integers.tolist() == [1, -1, 4]
    assert decimals.step == pytest.approx(0.3, rel=1e-15)
    assert as_lattice([1 / 3, 2 / 3]) is None
    thirds = as_lattice([1 / 3, 2 / 3], exact=[5, 10])  # up to one factor, as from a common denominator of 15
    assert thirds is not None
    assert thirds.integers.tolist() == [1, 2]
    assert thirds.step == pytest.approx(1 / 3, rel=1e-15)


def test_floats_given_as_exact_are_no_help() -> None:
    assert as_lattice([1 / 3, 2 / 3], exact=[1 / 3, 2 / 3]) is None
    lattice = as_lattice([3, 4], exact=[3.0, 4.0])
    assert lattice is not None
    assert lattice.integers.tolist() == [3, 4]


@pytest.mark.parametrize("exact", [[1, 2, 3], [-1, -2], [1, 3], [[1, 2]]])
def test_exact_must_belong_to_the_differences(exact: list[int]) -> None:
    with pytest.raises(ValueError, match="exact"):
        as_lattice([0.5, 1.0], exact=exact)


@pytest.mark.parametrize("values", [[1.0, float("nan")], [float("inf")], [-1e101]])
def test_missing_and_infinite_differences_are_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="finite"):
        as_differences(values)


def test_a_table_is_refused() -> None:
    with pytest.raises(ValueError, match="one row"):
        as_differences([[1, 2], [3, 4]])


def test_nothing_and_nothing_but_zeros() -> None:
    assert as_lattice([]) is None
    zeros = as_lattice([0.0, 0.0])
    assert zeros is not None
    assert (zeros.integers.tolist(), zeros.step) == ([0, 0], 1.0)


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=20), st.sampled_from([1, 2, 5, 10, 100]))
def test_integers_times_step_are_the_differences(whole: list[int], denominator: int) -> None:
    values = np.array(whole) / denominator
    lattice = as_lattice(values)
    assert lattice is not None
    assert lattice.integers * lattice.step == pytest.approx(values, rel=1e-12, abs=1e-12)
    assert int(np.gcd.reduce(lattice.integers)) in (0, 1)
    assert as_lattice(values, exact=whole) is not None


def test_cautions() -> None:
    def codes(values: list[int]) -> list[str]:
        return [caution.code for caution in unit_cautions(np.array(values))]

    assert codes([1, -2, 3, 0, 5, -6, 2, 1]) == []
    assert codes([1, -2, 3]) == ["few_units"]  # 2 / 2^3 = .25
    assert codes([0] * 6) == ["no_differences"]
    assert codes([2] * 6) == ["no_spread"]
    assert codes([0] * 20 + [1, 2]) == ["few_moving"]
    assert "0.5" in unit_cautions(np.array([0] * 20 + [1, 2]))[0].sentence  # 2 / 2^2
    assert "0.95" in no_interval(3, 0.95).sentence
