"""The moment equations against traces of matrices, and the reading of cells by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.stats.layout import (
    PARTS,
    identified,
    moment_matrix,
    read_cells,
    solve_moments,
    sums_of_squares,
)

layouts = st.integers(2, 20).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(-9, 9), min_size=n, max_size=n),
        st.lists(st.integers(0, 6), min_size=n, max_size=n),
        st.lists(st.integers(0, 4), min_size=n, max_size=n),
    )
)


@given(layouts)
@settings(max_examples=60, deadline=None)
def test_coefficients_are_traces(layout) -> None:
    # E y'Qy = tr(QV) for a form that ignores the mean; Q and V as matrices of cells by cells.
    cells = read_cells(*layout)
    one = np.full((cells.n, cells.n), 1 / cells.n)
    same = [(codes[:, None] == codes).astype(float) for codes in (cells.item, cells.wording)]
    same.append(np.eye(cells.n))
    forms = [block / block.sum(axis=1) - one for block in same]
    expected = [[np.trace(form @ block) for block in same] for form in forms]
    assert moment_matrix(cells, PARTS) == pytest.approx(np.array(expected), abs=1e-9)
    squares = [cells.values @ form @ cells.values for form in forms]
    assert sums_of_squares(cells) == pytest.approx(np.array(squares), abs=1e-9)


@given(layouts)
@settings(max_examples=60, deadline=None)
def test_what_is_identified_can_be_solved(layout) -> None:
    cells = read_cells(*layout)
    if cells.n < 2:
        return
    parts, carrier = identified(cells)
    assert parts[-1] == "interaction"
    assert np.linalg.cond(moment_matrix(cells, parts)) < 1e3
    assert np.all(np.isfinite(solve_moments(cells, parts)))
    if carrier == "interaction":
        assert parts == PARTS
        assert cells.df_interaction > 0


def test_cells_by_hand() -> None:
    # (a, u): entries 1 of two pairs and 4 of one: (2 1 + 4) / 3 = 2 with 3 pairs; (a, v): 5; (b, u): 8. Within cells
    # 2 (1 - 2)^2 + (4 - 2)^2 = 6 on one degree of freedom is the variance of one pair.
    cells = read_cells([5, 1, 4, 8], list("aaab"), list("vuuu"), [1, 2, 1, 1])
    assert cells.values.tolist() == [2.0, 5.0, 8.0]
    assert (cells.item.tolist(), cells.wording.tolist()) == ([0, 0, 1], [0, 1, 0])
    assert cells.replicates.tolist() == [3.0, 1.0, 1.0]
    assert cells.sampling.tolist() == pytest.approx([2.0, 6.0, 6.0])
    assert cells.replicate == pytest.approx(6.0)
    assert (cells.df_within, cells.n_differences) == (1, 5)
    assert cells.item_means.tolist() == [3.5, 8.0]
    assert cells.wording_means.tolist() == [5.0, 5.0]
    assert cells.weights.tolist() == [0.25, 0.25, 0.5]


@pytest.mark.parametrize(
    ("item", "wording", "df"),
    [
        ("aabb", "uvuv", 1),  # (2 - 1) (2 - 1)
        ("abcd", "uuvv", 0),
        ("aabbccdd", "uvuvwxwx", 2),  # two blocks that share nothing
        ("aabbcc", "uvvwwu", 1),  # a ring: 6 cells, 6 levels, one piece
    ],
)
def test_degrees_of_freedom_of_the_interaction(item, wording, df) -> None:
    assert read_cells(range(len(item)), list(item), list(wording)).df_interaction == df
