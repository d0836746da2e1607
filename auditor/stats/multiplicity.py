"""Adjusted p-values of a family of tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from statsmodels.stats.multitest import multipletests


def adjust(p_values: Sequence[float | None], method: Literal["holm", "bh"]) -> list[float | None]:
    """Adjust p-values for their number.

    Parameters
    ----------
    p_values : sequence of float or None
        None (no test could be made) stays None and does not count towards the family.
    method : {'holm', 'bh'}
        Holm 1979 controls the family-wise error rate under any dependence; Benjamini and Hochberg 1995 the false
        discovery rate under independence or positive dependence.

    Returns
    -------
    list of float or None

    Examples
    --------
    >>> adjust([0.01, None, 0.04], "holm")
    [0.02, None, 0.04]
    """
    present = [p for p in p_values if p is not None]
    if not present:
        return list(p_values)
    adjusted = iter(multipletests(present, method={"holm": "holm", "bh": "fdr_bh"}[method])[1].tolist())
    return [None if p is None else float(next(adjusted)) for p in p_values]
