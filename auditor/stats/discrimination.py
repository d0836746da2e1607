"""Does a judge tell better from worse work, where that is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from auditor.stats.weighted_ranks import areas_of, correlations_of, resampled

_DRAWS, _FEWEST_DRAWS = 2_000, 200
_MOST_CELLS = 4_000_000


@dataclass(frozen=True, slots=True)
class DiscriminationResult:
    """How well scores follow the truth.

    Parameters
    ----------
    measure : {'auroc', 'spearman'}
    estimate : float
        Chance that a right output scores above a wrong one (ties half), or the rank correlation with quality.
    chance : float
        The value of a judge that sees nothing: 0.5 or 0.
    low : float
        Lower end of the one-sided 95 % bootstrap interval.
    n : int
        Items with a known truth.
    """

    measure: Literal["auroc", "spearman"]
    estimate: float
    chance: float
    low: float
    n: int

    @property
    def shown(self) -> bool:
        """Whether the data show that the judge is better than chance."""
        return self.low > self.chance


def auroc(scores: ArrayLike, correct: ArrayLike) -> float | None:
    """Area under the ROC curve: the Mann-Whitney probability with ties counted half (Hanley and McNeil 1982).

    None if one of the two classes is absent.

    Examples
    --------
    >>> auroc([1, 2, 2, 3], [False, False, True, True])
    0.875
    """
    values, truth = np.asarray(scores, dtype=np.float64), np.asarray(correct, dtype=bool)
    right, wrong = int(truth.sum()), int((~truth).sum())
    if not right or not wrong:
        return None
    ranks = stats.rankdata(values)
    return float((ranks[truth].sum() - right * (right + 1) / 2) / (right * wrong))


def discrimination(
    scores: ArrayLike,
    truth: ArrayLike,
    units: ArrayLike,
    *,
    measure: Literal["auroc", "spearman"],
    seed: int = 0,
) -> DiscriminationResult | None:
    """Estimate discrimination with a lower bound from a bootstrap over independent units.

    Parameters
    ----------
    scores : array_like, shape (n,)
        Mean score of each item.
    truth : array_like, shape (n,)
        Right or wrong (``auroc``), or known quality (``spearman``).
    units : array_like, shape (n,)
        Label of each item's independent unit, resampled as a whole.
    measure : {'auroc', 'spearman'}
    seed : int

    Returns
    -------
    DiscriminationResult or None
        None where it cannot be judged: fewer than 5 items of a class, or fewer than 10 items or 2 levels.

    Notes
    -----
    Percentile bootstrap (Efron 1979) with 2,000 draws, fewer (down to 200) above 2,000 items, where the bound hardly
    moves with them; draws that miss a class count at chance.
    """
    values = np.asarray(scores, dtype=np.float64)
    known = np.asarray(truth, dtype=np.float64)
    if measure == "auroc" and min(int(known.sum()), int((1 - known).sum())) < 5:
        return None
    if measure == "spearman" and (values.size < 10 or np.unique(known).size < 2):
        return None
    chance = 0.5 if measure == "auroc" else 0.0

    _, codes = np.unique(np.asarray(units).astype(str), return_inverse=True)
    right = known > 0.5
    one_arm = values[None, :]
    statistic = areas_of(one_arm, right) if measure == "auroc" else correlations_of(one_arm, known)
    n_draws = int(np.clip(_MOST_CELLS // values.size, _FEWEST_DRAWS, _DRAWS))
    draws = resampled(statistic, codes.astype(np.int64), int(codes.max()) + 1, n_draws, seed)[:, 0]
    area = auroc(values, right) if measure == "auroc" else _spearman(values, known)
    estimate = chance if area is None else area
    low = float(np.quantile(np.where(np.isnan(draws), chance, draws), 0.05))
    return DiscriminationResult(measure, estimate, chance, low, int(values.size))


def _spearman(values: NDArray[np.float64], known: NDArray[np.float64]) -> float:
    first, second = stats.rankdata(values), stats.rankdata(known)
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])
