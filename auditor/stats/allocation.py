"""What the next call buys: the variance of a mean difference by items, wordings and replicates."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from auditor.stats.components import VarianceComponents
from auditor.stats.designs import ARMS, Design, Scope, Shares, Step, variance_of_mean
from auditor.stats.result import Caution


class Option(NamedTuple):
    """One way to go on.

    Parameters
    ----------
    step : {'items', 'wordings', 'wordings_per_item', 'replicates'}
        What there is more of.
    cost : float
        Of one step, in calls: one item more in all its cells, one wording, or one replicate in every cell.
    variance : float
        Of the mean after one step.
    variance_same_cost : float
        Of the mean after as many steps, or parts of one, as cost the same for every option. A step that costs nothing
        is taken once.
    known : bool
        Whether the components say what this step does; else `variance_same_cost` is only what is sure.
    """

    step: Step
    cost: float
    variance: float
    variance_same_cost: float
    known: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """Result of `allocation`.

    Parameters
    ----------
    design : Design
        Where the steps start.
    variance, standard_error : float
        Of the mean under `design`.
    shares : Shares
        The parts of `variance`.
    options : tuple of Option
        Ways to go on, the best first: the least variance for the same cost.
    spent : float
        That cost, in calls.
    optimum : Design or None
        Least variance for the budget; None without a budget, or if it does not reach for two items.
    optimum_variance : float or None
    scope : {'these wordings', 'wordings like these'}
    cautions : tuple of Caution
    """

    design: Design
    variance: float
    standard_error: float
    shares: Shares
    options: tuple[Option, ...]
    spent: float
    optimum: Design | None
    optimum_variance: float | None
    scope: Scope
    cautions: tuple[Caution, ...]

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of the cautions."""
        return tuple(caution.code for caution in self.cautions)


def allocation(
    components: VarianceComponents,
    design: Design | None = None,
    *,
    scope: Scope = "wordings like these",
    item_cost: float = 0.0,
    wording_cost: float = 0.0,
    budget: float | None = None,
    most_items: int | None = None,
    most_wordings: int = 10,
    most_replicates: int = 10,
) -> Allocation:
    """Say where the next call is best spent, and how a budget of calls is.

    Parameters
    ----------
    components : VarianceComponents
        Of a pilot.
    design : Design, optional
        Where to start; default the pilot's own numbers.
    scope : {'these wordings', 'wordings like these'}
        Whether differences between wordings count as error. For these wordings, their number stays as it is.
    item_cost, wording_cost : float
        What a new item and a new wording cost beside their calls, in calls.
    budget : float, optional
        Calls in both arms, with the costs above, that an optimum may spend.
    most_items, most_wordings, most_replicates : int
        What there is to be had. Without `most_items` there are as many items as the budget pays for.

    Returns
    -------
    Allocation

    Raises
    ------
    ValueError
        For a design with less than one of anything or more wordings of an item than there are, a negative cost, or
        limits below one.

    Notes
    -----
    Takes the components as known. From a small pilot they are not, and the order of options that are close may be
    wrong. The optimum is found by trying every number of wordings, wordings of an item and replicates, with as many
    items as the budget leaves; equal variances go to the cheaper design.

    Examples
    --------
    Two items, each in the same two wordings, twice: items differ most, so the next call goes to another item.

    >>> from auditor.stats.components import variance_components
    >>> parts = variance_components([2, 4, 4, 6, 7, 9, 7, 11], list("aaaabbbb"), list("uuvvuuvv"))
    >>> parts.item, parts.wording, parts.interaction, parts.replicate
    (10.0, 1.0, 0.0, 3.5)
    >>> result = allocation(parts, budget=100)
    >>> [(option.step, option.cost, round(option.variance_same_cost, 3)) for option in result.options]
    [('items', 8.0, 4.125), ('wordings', 8.0, 5.625), ('replicates', 8.0, 5.792)]
    >>> result.optimum, round(result.optimum_variance, 3)
    (Design(items=50, wordings=10, wordings_per_item=1, replicates=1), 0.37)
    """
    start = _pilot(components) if design is None else design
    _check(
        start,
        (item_cost, wording_cost),
        (1 if most_items is None else most_items, most_wordings, most_replicates),
        budget,
    )
    cautions = list(_cautions(components, scope))
    shares = variance_of_mean(components, start, scope)
    # One more replicate in every cell sets what every option may spend.
    spent = start.plus("replicates").calls - start.calls
    costs = item_cost, wording_cost
    options = [_option(components, start, step, scope, costs, spent) for step in _steps(start, scope)]
    options.sort(key=lambda option: option.variance_same_cost)
    optimum = variance = None
    if budget is not None:
        pool = range(1, most_wordings + 1) if scope == "wordings like these" else [int(start.wordings)]
        optimum = _optimum(components, scope, costs, budget, pool, most_items, most_replicates)
        if optimum is None:
            cautions.append(Caution("budget_too_small", "The budget does not pay for two items."))
        else:
            variance = sum(variance_of_mean(components, optimum, scope))
    return Allocation(
        design=start,
        variance=sum(shares),
        standard_error=math.sqrt(sum(shares)),
        shares=shares,
        options=tuple(options),
        spent=spent,
        optimum=optimum,
        optimum_variance=variance,
        scope=scope,
        cautions=tuple(cautions),
    )


def _pilot(components: VarianceComponents) -> Design:
    return Design(
        components.n_items, components.n_wordings, components.wordings_per_item, components.replicates
    )


def _check(
    design: Design, costs: tuple[float, float], limits: tuple[int, int, int], budget: float | None
) -> None:
    if min(design) < 1 or not all(math.isfinite(number) for number in design):
        raise ValueError("a design has at least one item, wording and replicate")
    if design.wordings_per_item > design.wordings:
        raise ValueError("an item cannot be asked in more wordings than there are")
    if not all(0 <= cost < math.inf for cost in costs):
        raise ValueError("a cost is finite and not below zero")
    if min(limits) < 1:
        raise ValueError("there is at least one item, wording and replicate to be had")
    if budget is not None and not 0 <= budget < math.inf:
        raise ValueError("a budget is finite and not below zero")


def _cautions(components: VarianceComponents, scope: Scope) -> tuple[Caution, ...]:
    found = tuple(
        caution
        for caution in components.cautions
        if caution.code in {"confounded", "few_repeats", "few_wordings"}
        and (caution.code != "few_wordings" or scope == "wordings like these")
    )
    if scope == "wordings like these" and components.wording is None:
        sentence = "How far wordings differ is not known; it counts as nothing here, which is too little."
        found += (Caution("wording_variance_unknown", sentence),)
    if all(getattr(components, name) is None for name in ("item", "interaction", "replicate")):
        found += (Caution("no_components", "The pilot shows no variance that could be allocated."),)
    return found


def _steps(design: Design, scope: Scope) -> list[Step]:
    steps: list[Step] = ["items", "wordings", "wordings_per_item", "replicates"]
    if scope == "these wordings":
        steps.remove("wordings")
    if design.wordings < design.wordings_per_item + 1:
        steps.remove("wordings_per_item")
    return steps


def _option(
    components: VarianceComponents,
    start: Design,
    step: Step,
    scope: Scope,
    costs: tuple[float, float],
    spent: float,
) -> Option:
    one = start.plus(step)
    cost = _cost(one, costs) - _cost(start, costs)
    same = start.plus(step, spent / cost) if cost > 0 else one
    known = {
        "items": components.item is not None,
        "wordings": components.wording is not None
        and (components.interaction is not None or not start.crossed),
        "wordings_per_item": components.interaction is not None,
        "replicates": components.replicate is not None,
    }[step]
    after, equal = (sum(variance_of_mean(components, design, scope)) for design in (one, same))
    return Option(step, cost, after, equal, known)


def _cost(design: Design, costs: tuple[float, float]) -> float:
    return design.calls + costs[0] * design.items + costs[1] * design.wordings


def _optimum(
    components: VarianceComponents,
    scope: Scope,
    costs: tuple[float, float],
    budget: float,
    pool: Iterable[int],
    most_items: int | None,
    most_replicates: int,
) -> Design | None:
    best: tuple[tuple[float, float, Design], Design] | None = None
    for wordings in pool:
        for per_item in range(1, wordings + 1):
            for replicates in range(1, most_replicates + 1):
                each = costs[0] + ARMS * per_item * replicates
                items = int((budget - costs[1] * wordings) / each + 1e-9)
                design = Design(
                    items if most_items is None else min(items, most_items), wordings, per_item, replicates
                )
                if design.items < 2:
                    continue
                variance = sum(variance_of_mean(components, design, scope))
                # Rounded, so that designs that are equal but for rounding go to the cheaper one.
                key = float(f"{variance:.12g}"), _cost(design, costs), design
                if best is None or key < best[0]:
                    best = key, design
    return best[1] if best else None
