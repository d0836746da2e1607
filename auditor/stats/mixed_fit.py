"""Fits of linear mixed models by statsmodels' MixedLM, with what it gets wrong put right."""

from __future__ import annotations

import math
import warnings
from typing import Any, NamedTuple

import numpy as np

from auditor.stats.cells import Floats, Integers
from auditor.stats.layout import read_cells
from auditor.stats.result import Caution
from auditor.stats.satterthwaite import mean_error


class MixedParts(NamedTuple):
    """Variances in squared points; None where the model has no such part.

    Parameters
    ----------
    item, item_arm : float or None
        Between items: of their mean score over both arms, and of their difference between the arms.
    item_correlation : float or None
        Of these two; None at a variance of zero.
    wording, wording_arm : float or None
        The same between wordings, where these are random.
    cell : float or None
        Between wordings within items, the same in both arms.
    residual : float or None
        Of one rating.
    """

    item: float | None = None
    item_arm: float | None = None
    item_correlation: float | None = None
    wording: float | None = None
    wording_arm: float | None = None
    cell: float | None = None
    residual: float | None = None


class MixedData(NamedTuple):
    """Ratings: score, arm (-1/2 or +1/2), item and wording numbered from 0 without a gap."""

    score: Floats
    arm: Floats
    item: Integers
    wording: Integers
    n_dropped: int

    @property
    def cell(self) -> Integers:
        """Item and wording."""
        return self.item * (int(self.wording.max()) + 1) + self.wording


class Run(NamedTuple):
    """What statsmodels found; `flat` if its Hessian is not positive definite at the end."""

    estimate: float
    error: float
    covariance: Floats
    extra: Floats
    residual: float
    converged: bool
    flat: bool


class MixedFit(NamedTuple):
    """A fit, with degrees of freedom for the effect of the arm."""

    run: Run
    df: float
    parts: MixedParts


def items_with_both(data: MixedData) -> Integers:
    """Items that have a rating in both arms.

    Examples
    --------
    >>> arm, item = np.array([-0.5, 0.5, -0.5]), np.array([0, 0, 1])
    >>> items_with_both(MixedData(np.ones(3), arm, item, np.zeros(3, dtype=np.int64), 0)).tolist()
    [0]
    """
    control, treatment = (np.unique(data.item[data.arm == side]) for side in (-0.5, 0.5))
    return np.asarray(np.intersect1d(control, treatment))


def _repeated(codes: Integers, data: MixedData) -> bool:
    """Whether some code has two ratings in one arm."""
    return bool(np.max(np.bincount(2 * codes + (data.arm > 0))) > 1)


def _fixed_columns(data: MixedData) -> Floats:
    """Intercept, arm, deviations of the wordings from their mean, and these by arm."""
    count = int(data.wording.max()) + 1
    coded = np.vstack([np.eye(count - 1), np.full(count - 1, -1.0)])[data.wording]
    ones = np.ones((data.score.size, 1))
    return np.hstack([ones, data.arm[:, None], coded, coded * data.arm[:, None]])


def fit_fixed(data: MixedData) -> tuple[MixedFit | None, tuple[Caution, ...]]:
    """Fit items as groups, and wordings as fixed deviations from their mean.

    Parameters
    ----------
    data : MixedData
        Three items with both arms at least, and scores that are not all equal.

    Returns
    -------
    fit : MixedFit or None
        None if statsmodels fails.
    cautions : tuple of Caution

    Notes
    -----
    See `auditor.stats.mixed.mixed_model`, which is what to call.
    """
    design = _fixed_columns(data)
    if np.linalg.matrix_rank(design) < design.shape[1]:
        sentence = "A wording lacks an arm, so that the effect over all wordings cannot be told."
        return None, (Caution("wording_lacks_arm", sentence),)
    cautions: tuple[Caution, ...] = ()
    slope = _repeated(data.item, data)
    if not slope:
        sentence = "No item has two ratings in an arm: items' differences cannot be told from the residual."
        cautions = (Caution("slope_confounded", sentence),)
    columns = design[:, :2] if slope else design[:, :1]
    cells = _cells_within_items(data) if slope else None
    found = _run(data.score, design, data.item, columns, cells)
    if found is None:
        return None, cautions
    covariance = found.covariance
    spread = np.sqrt(np.maximum(np.diag(covariance), 0))
    correlation = None
    if slope and np.all(spread > 0):
        correlation = float(np.clip(covariance[0, 1] / (spread[0] * spread[1]), -1, 1))
    parts = MixedParts(
        item=float(covariance[0, 0]),
        item_arm=float(covariance[1, 1]) if slope else None,
        item_correlation=correlation,
        cell=float(found.extra[0]) if cells is not None else None,
        residual=found.residual,
    )
    return MixedFit(found, _df_fixed(data), parts), cautions


def _cells_within_items(data: MixedData) -> Any:
    """An intercept for each wording of an item, where items have several; None where they have one."""
    if np.unique(data.cell).size == np.unique(data.item).size:
        return None
    from statsmodels.regression.mixed_linear_model import VCSpec

    matrices = []
    for code in range(int(data.item.max()) + 1):
        cells = data.cell[data.item == code]
        matrices.append((cells[:, None] == np.unique(cells)).astype(np.float64))
    return VCSpec(["cell"], [[[str(i) for i in range(m.shape[1])] for m in matrices]], [matrices])


def fit_random(data: MixedData) -> tuple[MixedFit | None, tuple[Caution, ...]]:
    """Fit one group of all, with independent parts for items and wordings, each also by arm.

    Parameters
    ----------
    data : MixedData
        As in `fit_fixed`, with two wordings at least.

    Returns
    -------
    fit : MixedFit or None
        None if statsmodels fails.
    cautions : tuple of Caution

    Notes
    -----
    statsmodels has crossed parts only within one group, whose matrix is of ratings by ratings.
    """
    from statsmodels.regression.mixed_linear_model import VCSpec

    arm = data.arm[:, None]
    names, matrices = [], []
    sources = {"item": data.item, "wording": data.wording}
    if np.unique(data.cell).size > max(np.unique(codes).size for codes in sources.values()):
        sources["cell"] = data.cell
    for name, codes in sources.items():
        levels = (codes[:, None] == np.unique(codes)).astype(np.float64)
        names.append(name)
        matrices.append(levels)
        if name == "wording" or (name == "item" and _repeated(data.item, data)):
            names.append(name + "_arm")
            matrices.append(levels * arm)
    spec = VCSpec(names, [[[str(i) for i in range(m.shape[1])]] for m in matrices], [[m] for m in matrices])
    design = np.hstack([np.ones_like(arm), arm])
    found = _run(data.score, design, np.zeros(data.score.size, dtype=np.int64), None, spec)
    if found is None:
        return None, ()
    parts = MixedParts(residual=found.residual, **dict(zip(names, found.extra.tolist(), strict=True)))
    return MixedFit(found, _df_random(data), parts), ()


def _run(score: Floats, design: Floats, groups: Integers, columns: Floats | None, extra: Any) -> Run | None:
    """Fit by statsmodels, on scores of unit spread; None if it fails in any way. None of its warnings gets out."""
    from statsmodels.regression.mixed_linear_model import MixedLM

    centre, scale = float(score.mean()), float(score.std())
    with warnings.catch_warnings(record=True) as said, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        try:
            model = MixedLM((score - centre) / scale, design, groups=groups, exog_re=columns, exog_vc=extra)
            fit = model.fit(reml=True, method=["lbfgs", "bfgs", "cg"])
            error = _gls_error(fit, design, groups, columns, extra)
            estimate, residual = float(fit.fe_params[1]), float(fit.scale)
            covariance, parts, converged = np.asarray(fit.cov_re), np.asarray(fit.vcomp), bool(fit.converged)
        except (ValueError, ArithmeticError, IndexError, RuntimeError):  # LinAlgError is a ValueError
            return None
    if not np.all(np.isfinite([estimate, residual, *covariance.ravel(), *parts])):
        return None
    return Run(
        estimate * scale,
        error * scale,
        covariance * scale**2,
        parts * scale**2,
        residual * scale**2,
        converged and math.isfinite(error) and error > 0,
        any("Hessian" in str(warning.message) for warning in said),
    )


def _gls_error(fit: Any, design: Floats, groups: Integers, columns: Floats | None, extra: Any) -> float:
    """Standard error of the arm by generalised least squares, (X' V^-1 X)^-1, at the fitted variances.

    That is lme4's. statsmodels inverts the Hessian over all parameters, which is not positive definite at a boundary.
    """
    information = np.zeros((design.shape[1], design.shape[1]))
    for group in range(int(groups.max()) + 1):
        rows = groups == group
        v = float(fit.scale) * np.eye(int(rows.sum()))
        if columns is not None:
            v += columns[rows] @ np.asarray(fit.cov_re) @ columns[rows].T
        for part, matrices in zip(
            np.asarray(fit.vcomp), extra.mats if extra is not None else (), strict=True
        ):
            v += part * matrices[group] @ matrices[group].T
        x = design[rows]
        information += x.T @ np.linalg.solve(v, x)
    return math.sqrt(float(np.linalg.inv(information)[1, 1]))


def _df_fixed(data: MixedData) -> float:
    """Items with both arms, less the columns of wordings that their differences tell apart."""
    both = items_with_both(data)
    count = int(data.wording.max()) + 1
    coded = np.vstack([np.eye(count - 1), np.full(count - 1, -1.0)])
    rows = np.array([[1.0, *coded[np.unique(data.wording[data.item == code])].mean(axis=0)] for code in both])
    return float(max(both.size - int(np.linalg.matrix_rank(rows)), 1))


def _df_random(data: MixedData) -> float:
    """Satterthwaite's, from the differences of the cells with both arms; wordings less one if these do not say."""
    size = int(data.cell.max()) + 1
    arms = [data.arm == side for side in (-0.5, 0.5)]
    counts = [np.bincount(data.cell[arm], minlength=size) for arm in arms]
    both = np.flatnonzero((counts[0] > 0) & (counts[1] > 0))
    low, high = (np.bincount(data.cell[arm], data.score[arm], size)[both] for arm in arms)
    width = int(data.wording.max()) + 1
    cells = read_cells(high / counts[1][both] - low / counts[0][both], both // width, both % width)
    if cells.n_items > 1 and cells.n_wordings > 1:
        found = mean_error(cells).df
        if found is not None:
            return found
    return float(width - 1)
