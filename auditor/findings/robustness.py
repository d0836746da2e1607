"""The primary contrast by three other methods, and whether each agrees. Three and no more: more would invite choosing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from auditor.findings.pairs import Pairs
from auditor.findings.settings import Settings
from auditor.stats.bootstrap import bootstrap_t_interval
from auditor.stats.gee import gee_mean_difference
from auditor.stats.intervals import Interval
from auditor.stats.result import Estimate
from auditor.stats.signedrank import pratt_test


@dataclass(frozen=True, slots=True)
class OtherAnalysis:
    """The same contrast by another method.

    Parameters
    ----------
    method : str
    estimate : float or None
    interval : Interval
    p_value : float or None
        Unadjusted.
    agrees : bool or None
        Whether it gives the sign and the significance of the primary test; None where it has no p-value.
    cautions : tuple of str
        Sentences.
    """

    method: str
    estimate: float | None
    interval: Interval
    p_value: float | None
    agrees: bool | None
    cautions: tuple[str, ...] = ()


def other_analyses(
    pairs: Pairs, estimate: float, p_value: float, settings: Settings
) -> tuple[OtherAnalysis, ...]:
    """Pratt's signed ranks with the Hodges-Lehmann estimate, the studentised bootstrap, and bias-reduced GEE.

    Parameters
    ----------
    pairs : Pairs
    estimate, p_value : float
        Of the primary test, unadjusted.
    settings : Settings

    Notes
    -----
    The rank test asks about the pseudo-median, not the mean; where differences are skewed it may disagree, and the
    primary test decides. All three see one difference for each independent unit.
    """
    level = 1 - settings.alpha
    units = np.arange(len(pairs.differences))
    made: list[Estimate] = [
        pratt_test(pairs.differences, exact=pairs.integers, level=level),
        bootstrap_t_interval(pairs.differences, level=level, seed=settings.seed),
        gee_mean_difference(
            np.r_[pairs.unit_treatment, pairs.unit_control],
            np.repeat([1, 0], len(units)),
            np.r_[units, units],
            level=level,
        ),
    ]
    return tuple(compared(one, estimate, p_value, settings.alpha) for one in made)


def compared(one: Estimate, estimate: float, p_value: float, alpha: float) -> OtherAnalysis:
    """Another analysis beside the primary test, and whether it gives the same sign and significance."""
    agrees = None
    if one.p_value is not None and one.estimate is not None:
        significant = p_value <= alpha
        agrees = (one.p_value <= alpha) == significant and (not significant or one.estimate * estimate > 0)
    sentences = tuple(caution.sentence for caution in one.cautions)
    return OtherAnalysis(one.method, one.estimate, one.interval, one.p_value, agrees, sentences)
