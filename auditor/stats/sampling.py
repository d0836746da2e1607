"""How far a cell's difference would vary if its ratings were asked again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from auditor.stats.cells import Floats, as_cells
from auditor.stats.result import Caution


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingVariance:
    """Result of `cell_sampling_variance`.

    Parameters
    ----------
    treatment, control : float or None
        Variance of one rating in each arm, pooled within cells; None without a cell of two ratings.
    replicate : float or None
        Their sum: the variance of the difference of one rating in each arm.
    cells : tuple of float, or None
        Variance of each cell's difference of means, infinite where the cell lacks an arm; None if an arm's variance
        is not known.
    df_treatment, df_control : int
    cautions : tuple of Caution
    """

    treatment: float | None
    control: float | None
    replicate: float | None
    cells: tuple[float, ...] | None
    df_treatment: int
    df_control: int
    cautions: tuple[Caution, ...] = ()


def cell_sampling_variance(treatment: ArrayLike, control: ArrayLike) -> SamplingVariance:
    """Say how far each cell's difference would vary if its ratings were asked again.

    Parameters
    ----------
    treatment, control : array_like, shape (n_cells, n_replicates)
        Ratings, one row for each cell, NaN where there is none; the arms may differ in number.

    Returns
    -------
    SamplingVariance

    Raises
    ------
    ValueError
        If the arms have different numbers of cells, or a rating is infinite.

    Notes
    -----
    s2_t / n_t + s2_c / n_c in each cell, with each arm's variance pooled over its cells. Assumes independent
    replicates and one variance for all cells of an arm; where some items are rated more steadily than others, the
    single values are off and their mean is right.

    Examples
    --------
    >>> result = cell_sampling_variance([[5, 7], [6, 6]], [[4, 6], [3, 7]])
    >>> result.treatment, result.control, result.cells
    (1.0, 5.0, (3.0, 3.0))
    """
    arms = as_cells(treatment, "treatment"), as_cells(control, "control")
    if arms[0].shape[0] != arms[1].shape[0]:
        raise ValueError("both arms need one row for each cell, and the same cells")
    (first, df_first), (second, df_second) = (_pooled(arm) for arm in arms)
    if first is None or second is None:
        caution = Caution("no_replicates", "No cell has two ratings in each arm to show how ratings vary.")
        return SamplingVariance(
            treatment=first,
            control=second,
            replicate=None,
            cells=None,
            df_treatment=df_first,
            df_control=df_second,
            cautions=(caution,),
        )
    counts = [np.count_nonzero(~np.isnan(arm), axis=1).astype(np.float64) for arm in arms]
    known = (counts[0] > 0) & (counts[1] > 0)
    variances = np.full(known.size, np.inf)
    variances[known] = first / counts[0][known] + second / counts[1][known]
    return SamplingVariance(
        treatment=first,
        control=second,
        replicate=first + second,
        cells=tuple(variances.tolist()),
        df_treatment=df_first,
        df_control=df_second,
    )


def _pooled(arm: Floats) -> tuple[float | None, int]:
    """Variance within rows, pooled over rows."""
    counts = np.count_nonzero(~np.isnan(arm), axis=1)
    df = int(np.sum(np.maximum(counts - 1, 0)))
    if df == 0:
        return None, 0
    kept = arm[counts > 0]
    means = np.nansum(kept, axis=1) / counts[counts > 0]
    return float(np.nansum((kept - means[:, None]) ** 2)) / df, df
