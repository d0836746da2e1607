"""Variance of a cell's difference against R's var (tests/r/components.R) at a relative 1e-9, and by hand."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.stats.sampling import cell_sampling_variance

MATRICES = 1e-9
NAN = math.nan


def read(case: str) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    with (Path(__file__).parents[1] / "r" / "components.csv").open() as file:
        for row in csv.DictReader(file):
            if row["case"] == case:
                found.setdefault(row["quantity"], []).append(float(row["value"]))
    return found


def test_ratings_of_both_arms_against_r() -> None:
    r = read("within")
    treatment, control = np.reshape(r["treatment"], (5, 3)), np.reshape(r["control"], (5, 2))
    result = cell_sampling_variance(treatment, control)
    assert [result.treatment, result.control] == pytest.approx(r["pooled"], rel=MATRICES)
    assert result.replicate == pytest.approx(sum(r["pooled"]), rel=MATRICES)
    assert result.cells == pytest.approx([r["pooled"][0] / 3 + r["pooled"][1] / 2] * 5, rel=MATRICES)
    assert (result.df_treatment, result.df_control) == (10, 5)


def test_ratings_with_gaps() -> None:
    # Treatment: rows (1, 3) and (5,): variance 2 on 1 degree of freedom. Control: (2, 2) and (4, 8): (0 + 8) / 2 = 4.
    result = cell_sampling_variance([[1, 3], [5, NAN], [NAN, NAN]], [[2, 2], [4, 8], [NAN, 1]])
    assert (result.treatment, result.control) == (2.0, 4.0)
    assert result.cells == (2 / 2 + 4 / 2, 2 / 1 + 4 / 2, math.inf)
    none = cell_sampling_variance([1, 2], [3, 4])
    assert (none.replicate, none.cells, none.cautions[0].code) == (None, None, "no_replicates")
    with pytest.raises(ValueError, match="the same cells"):
        cell_sampling_variance([1, 2], [3])


arms = st.integers(1, 6).flatmap(
    lambda n: st.lists(
        st.lists(st.lists(st.integers(-9, 9), min_size=2, max_size=4), min_size=n, max_size=n).map(
            lambda rows: [row[: min(map(len, rows))] for row in rows]
        ),
        min_size=2,
        max_size=2,
    )
)


@given(arms, st.integers(-50, 50))
def test_identities(both, constant) -> None:
    treatment, control = (np.array(rows, dtype=float) for rows in both)
    result = cell_sampling_variance(treatment, control)
    swapped = cell_sampling_variance(control, treatment)
    assert (swapped.treatment, swapped.control) == (result.control, result.treatment)
    assert swapped.cells == pytest.approx(result.cells)
    moved = cell_sampling_variance(treatment + constant, control)
    assert moved.cells == pytest.approx(result.cells, abs=1e-9)
    doubled = cell_sampling_variance(2 * treatment, 2 * control)
    assert doubled.cells == pytest.approx(4 * np.array(result.cells), abs=1e-9)
    assert result.replicate == pytest.approx(result.treatment + result.control)
