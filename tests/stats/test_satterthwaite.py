"""Standard error and degrees of freedom over items and wordings, against matrices of cells by cells.

`test_wordings.py` has them against lmerTest.
"""

import math
import time

import numpy as np
import pytest

from auditor.stats.layout import PARTS, identified, moment_matrix, read_cells, solve_moments
from auditor.stats.satterthwaite import form_trace, mean_error


@pytest.mark.parametrize(
    ("items", "wordings", "kept"), [(6, 4, 1.0), (6, 4, 0.75), (4, 9, 0.8), (12, 3, 0.5), (5, 5, 0.6)]
)
def test_degrees_of_freedom_by_matrices_of_cells(items, wordings, kept) -> None:
    # The quadratic form of the variance by its action on unit vectors, and var(y'Ay) = 2 tr(ASAS) without any
    # shortcut: replaces the block algebra by matrices of cells by cells.
    rng = np.random.default_rng(items * wordings)
    chosen = rng.random(items * wordings) < kept
    item = np.repeat(np.arange(items), wordings)[chosen]
    wording = np.tile(np.arange(wordings), items)[chosen]
    d = (
        2 * rng.normal(size=items)[item]
        + 2 * rng.normal(size=wordings)[wording]
        + 3 * rng.normal(size=item.size)
    )
    cells = read_cells(d, item, wording)
    assert identified(cells) == (PARTS, "interaction")
    theta = solve_moments(cells, PARTS)
    assert min(theta) > 0  # seeds were taken for which nothing is truncated
    zi, zw = np.eye(cells.n_items)[cells.item], np.eye(cells.n_wordings)[cells.wording]
    q = cells.weights
    share = [q @ zi @ zi.T @ q, q @ zw @ zw.T @ q, q @ q]
    form = np.zeros((cells.n, cells.n))
    one = np.full((cells.n, cells.n), 1 / cells.n)
    projections = (zi @ np.linalg.pinv(zi), zw @ np.linalg.pinv(zw), np.eye(cells.n))
    for weight, projection in zip(
        np.linalg.solve(moment_matrix(cells, PARTS).T, share), projections, strict=True
    ):
        form += weight * (projection - one)
    s = theta[0] * zi @ zi.T + theta[1] * zw @ zw.T + theta[2] * np.eye(cells.n)
    variance = cells.values @ form @ cells.values
    result = mean_error(cells)
    assert result.dropped == ()
    assert result.standard_error == pytest.approx(math.sqrt(variance), rel=1e-9)
    assert result.df == pytest.approx(variance**2 / np.trace(form @ s @ form @ s), rel=1e-9)


def test_the_trace_for_any_weights() -> None:
    # Also where wordings are more than items, and for parts that no data would give.
    rng = np.random.default_rng(2)
    for items, wordings in ((3, 8), (8, 3)):
        item, wording = np.repeat(np.arange(items), wordings), np.tile(np.arange(wordings), items)
        chosen = rng.random(item.size) < 0.7
        cells = read_cells(rng.normal(size=chosen.sum()), item[chosen], wording[chosen])
        weights, parts = rng.normal(size=3), rng.random(3)
        zi, zw = np.eye(cells.n_items)[cells.item], np.eye(cells.n_wordings)[cells.wording]
        one, unit = np.full((cells.n, cells.n), 1 / cells.n), np.eye(cells.n)
        projections = (zi @ np.linalg.pinv(zi), zw @ np.linalg.pinv(zw), unit)
        form = sum(w * (p - one) for w, p in zip(weights, projections, strict=True))
        s = sum(v * z for v, z in zip(parts, (zi @ zi.T, zw @ zw.T, unit), strict=True))
        expected = np.trace(form @ s @ form @ s)
        assert form_trace(cells, weights.tolist(), parts.tolist()) == pytest.approx(expected, rel=1e-10)


def test_parts_below_zero_are_left_out_one_by_one() -> None:
    # Two items in two wordings, and only the interaction moves: mean squares 0, 0 and 4, both factors below zero. What
    # is left is the variance of four values, 4 / 3, over 4, on 3 degrees of freedom.
    result = mean_error(read_cells([1, -1, -1, 1], list("aabb"), list("uvuv")))
    assert set(result.dropped) == {"item", "wording"}
    assert result.standard_error == pytest.approx(math.sqrt(1 / 3), rel=1e-12)
    assert result.df == pytest.approx(3, rel=1e-12)
    equal = mean_error(read_cells([2, 2, 2, 2], list("aabb"), list("uvuv")))
    assert equal == (0.0, None, ())


def test_five_thousand_items_are_quick() -> None:
    item, wording = np.repeat(np.arange(5000), 5), np.tile(np.arange(5), 5000)
    rng = np.random.default_rng(3)
    cells = read_cells(rng.normal(size=5000)[item] + rng.normal(size=item.size), item, wording)
    start = time.process_time()
    mean_error(cells)
    assert time.process_time() - start < 1
