"""Designs in items, wordings and replicates, and the variance that a mean has under them."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

from auditor.stats.components import VarianceComponents

Scope: TypeAlias = Literal["these wordings", "wordings like these"]
Step: TypeAlias = Literal["items", "wordings", "wordings_per_item", "replicates"]
#: Each cell is asked in both.
ARMS = 2


class Design(NamedTuple):
    """How many items, wordings in all, wordings of each item, and replicates of each cell in each arm."""

    items: float
    wordings: float
    wordings_per_item: float
    replicates: float

    @property
    def crossed(self) -> bool:
        """Whether every item is asked in every wording."""
        return self.wordings_per_item == self.wordings

    @property
    def calls(self) -> float:
        """Calls in both arms."""
        return ARMS * self.items * self.wordings_per_item * self.replicates

    def plus(self, step: Step, amount: float = 1.0) -> Design:
        """Add to one of the four; a crossed design stays crossed when it gets wordings."""
        if step == "wordings" and self.crossed:
            more = self.wordings + amount
            return self._replace(wordings=more, wordings_per_item=more)
        return self._replace(**{step: getattr(self, step) + amount})


class Shares(NamedTuple):
    """Variance of the mean from each source."""

    item: float
    wording: float
    interaction: float
    replicate: float


def variance_of_mean(components: VarianceComponents, design: Design, scope: Scope) -> Shares:
    """Variance of the mean difference under a design, by source.

    s2_item / N + s2_wording / J + s2_interaction / (N m) + s2_replicate / (N m k), for N items in m of J wordings each
    and k replicates, with equally many items a wording (Cronbach et al. 1972, The Dependability of Behavioral
    Measurements: the variance of a mean over random facets). For 'these wordings' the second term is left out.
    Parts that the pilot could not tell apart stay in the term of the one that carries their sum.

    Examples
    --------
    >>> from auditor.stats.components import variance_components
    >>> parts = variance_components([0, 4, 2, 6, 5, 1], list("aabbcc"), ["u"] * 6)
    >>> parts.item, parts.replicate
    (0.0, 8.0)
    >>> sum(variance_of_mean(parts, Design(100, 1, 1, 2), "these wordings"))
    0.04
    """
    cells = design.items * design.wordings_per_item
    item, wording, interaction, replicate = (
        getattr(components, name) or 0.0 for name in ("item", "wording", "interaction", "replicate")
    )
    return Shares(
        item / design.items,
        wording / design.wordings if scope == "wordings like these" else 0.0,
        interaction / cells,
        replicate / (cells * design.replicates),
    )
