"""Variance components of paired differences over items, wordings and replicates, by the method of moments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from auditor.stats.layout import PARTS, Cells, identified, read_cells, solve_moments
from auditor.stats.result import Caution

#: Below this number of wordings nothing is claimed about wordings like these.
FEWEST_WORDINGS = 5
_FEWEST_REPEATS = 5


class Parts(NamedTuple):
    """One number for each source of variance, None where the data cannot tell it."""

    item: float | None
    wording: float | None
    interaction: float | None
    replicate: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VarianceComponents:
    """Result of `variance_components`; variances are in squared points of the scale.

    Parameters
    ----------
    mean : float or None
        Mean of the items' means, each over its wordings, all alike.
    item, wording, interaction, replicate : float or None
        How far true differences vary between items, between wordings and between items differently in each wording,
        and how far one difference varies when both arms are asked again. None where it cannot be told, or where it
        is part of another (see `confounded`). Never below zero.
    raw : Parts
        The same before truncation at zero: unbiased.
    confounded : tuple of str
        Parts that these data cannot tell apart; the first of them carries their sum.
    n_items, n_wordings, n_cells, n_differences : int
        A cell is an item in a wording.
    n_dropped : int
        Entries without a difference.
    wordings_per_item, replicates : float
        Harmonic means over items and over cells: those that count in the variance of the mean.
    df_interaction, df_replicate : int
        Degrees of freedom left for these two.
    cautions : tuple of Caution
    method, reference : str
    """

    mean: float | None
    item: float | None
    wording: float | None
    interaction: float | None
    replicate: float | None
    raw: Parts
    confounded: tuple[str, ...]
    n_items: int
    n_wordings: int
    n_cells: int
    n_differences: int
    n_dropped: int
    wordings_per_item: float
    replicates: float
    df_interaction: int
    df_replicate: int
    cautions: tuple[Caution, ...] = ()
    method: str = "Henderson's method 1 on cell means"
    reference: str = "Henderson 1953; Searle, Casella and McCulloch 1992, chapter 5"

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of the cautions."""
        return tuple(caution.code for caution in self.cautions)


def variance_components(
    difference: ArrayLike,
    item: ArrayLike,
    wording: ArrayLike,
    *,
    replicates: ArrayLike | None = None,
    sampling_variance: ArrayLike | None = None,
) -> VarianceComponents:
    """Split the variance of paired differences into items, wordings, items in wordings, and replicates.

    Parameters
    ----------
    difference : array_like, shape (n,)
        Treatment minus control, in points; NaN where missing. Several entries of one item and wording are its
        replicates; they are averaged, and cells count alike.
    item, wording : array_like, shape (n,)
        Labels of each entry. Crossed, one wording an item, or anything between.
    replicates : array_like, shape (n,), optional
        Pairs of ratings behind each entry, where entries are means already; default 1.
    sampling_variance : array_like, shape (n,), optional
        Variance of each entry given its item and wording, for one entry a cell (see `auditor.stats.sampling`). It
        stands in for the replicates.

    Returns
    -------
    VarianceComponents

    Raises
    ------
    ValueError
        For lengths that differ, an infinite difference, fewer than one replicate, a negative sampling variance, or a
        sampling variance for several entries of one cell.

    Notes
    -----
    The model is D = mean + item + wording + item:wording + replicate, all random, independent and of one variance
    each. Sums of squares about the mean of the cell means, between items, between wordings and between cells, are
    equated to their expectations (Henderson 1953, Biometrics 9:226, method 1; Searle, Casella and McCulloch 1992,
    Variance Components, chapter 5). Unlike there, cells are averaged first and replicates enter by s2 / k, so that a
    cell with many replicates does not weigh more; the share of the replicates is subtracted exactly. For balanced
    data that is the analysis of variance, and equals REML where no part is negative. Normality is not needed for the
    estimates. Wordings chosen for being unlike each other make `wording` too large.

    Examples
    --------
    Two items in two wordings, each asked twice.

    >>> parts = variance_components([2, 4, 3, 5, 7, 9, 6, 8], list("aaaabbbb"), list("uuvvuuvv"))
    >>> parts.raw
    Parts(item=7.5, wording=-0.5, interaction=0.0, replicate=2.0)
    >>> parts.item, parts.wording, parts.codes
    (7.5, 0.0, ('few_wordings', 'few_repeats', 'negative_variance'))
    """
    cells = read_cells(difference, item, wording, replicates, sampling_variance)
    raw, confounded = _split(cells)
    item_part, wording_part, interaction, replicate = (None if v is None else max(v, 0.0) for v in raw)
    return VarianceComponents(
        mean=float(cells.weights @ cells.values) if cells.n else None,
        item=item_part,
        wording=wording_part,
        interaction=interaction,
        replicate=replicate,
        raw=raw,
        confounded=confounded,
        n_items=cells.n_items,
        n_wordings=cells.n_wordings,
        n_cells=cells.n,
        n_differences=cells.n_differences,
        n_dropped=cells.n_dropped,
        wordings_per_item=float(1 / np.mean(1 / cells.per_item)) if cells.n else 0.0,
        replicates=float(1 / np.mean(1 / cells.replicates)) if cells.n else 0.0,
        df_interaction=cells.df_interaction,
        df_replicate=cells.df_within,
        cautions=_cautions(cells, raw, confounded),
    )


def _split(cells: Cells) -> tuple[Parts, tuple[str, ...]]:
    """Solve the moment equations for what can be told, and say which parts a sum holds."""
    if cells.n < 2:
        return Parts(None, None, None, cells.replicate), ()
    parts, carrier = identified(cells)
    solved = dict(zip(parts, solve_moments(cells, parts, cells.sampling), strict=True))
    held = [name for name in PARTS if name not in parts or name == "interaction"]
    if cells.n_wordings == 1:
        held.remove("wording")
    if cells.n_items == 1:
        held.remove("item")
    if carrier != "interaction":
        solved[carrier] = solved.pop("interaction")
        held = [carrier, *(name for name in held if name != carrier)]
    if cells.sampling is None:
        held.append("replicate")
    raw = Parts(solved.get("item"), solved.get("wording"), solved.get("interaction"), cells.replicate)
    return raw, tuple(held) if len(held) > 1 else ()


def _cautions(cells: Cells, raw: Parts, confounded: tuple[str, ...]) -> tuple[Caution, ...]:
    found = []
    if cells.n == 0:
        return (Caution("no_units", "There is no difference to split."),)
    if cells.n_items == 1:
        found.append(Caution("one_unit", "One item does not show how far items differ."))
    if cells.n_wordings == 1:
        found.append(Caution("one_wording", "One wording does not show how far wordings differ."))
    elif cells.n_wordings < FEWEST_WORDINGS:
        sentence = f"{cells.n_wordings} wordings do not show well how far wordings differ."
        found.append(Caution("few_wordings", sentence))
    if confounded:
        first, *rest = (_WORDS[name] for name in confounded)
        sentence = f"These data cannot tell {first} from {' and '.join(rest)}: the former holds the sum."
        found.append(Caution("confounded", sentence))
    elif 0 < cells.df_interaction < _FEWEST_REPEATS:
        sentence = f"Only {cells.df_interaction} degrees of freedom tell items from wordings within items."
        found.append(Caution("few_repeats", sentence))
    negative = [_WORDS[name] for name, value in zip(Parts._fields, raw, strict=True) if (value or 0.0) < 0]
    if negative:
        sentence = f"The estimate for {' and '.join(negative)} was below zero and was set to zero."
        found.append(Caution("negative_variance", sentence))
    return tuple(found)


_WORDS = {
    "item": "items",
    "wording": "wordings",
    "interaction": "wordings within items",
    "replicate": "replicates",
}
