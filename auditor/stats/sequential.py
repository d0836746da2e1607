"""Group sequential designs: when to look, what each look asks for, and what stopping early saves.

A design is fixed before the data. Its caller sees to three things that no test here can check: units enter in an order
drawn at random by a seed, a look falls on complete blocks (no unit is half rated), and the number of units at a look
does not depend on the effect seen so far. `looks` and `stopping` read the data.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from scipy import stats

from auditor.stats.spending import (
    Sides,
    Spending,
    check_information,
    crossing,
    obrien_fleming_boundaries,
    spend,
    spending_boundaries,
)

Method = Literal["obrien-fleming", "obrien-fleming-spending", "pocock-spending"]

LOOKS = 5
#: Equivalence is not claimed from fewer units.
FEWEST_FOR_EQUIVALENCE = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class SequentialDesign:
    """Looks and boundaries of a two-sided test and, with a margin, of an equivalence test beside it.

    Parameters
    ----------
    method : {'obrien-fleming', 'obrien-fleming-spending', 'pocock-spending'}
    units : tuple of int
        Independent units in all at each look.
    alpha : float
        Two-sided type I error over all looks.
    boundaries : tuple of float
        A look rejects where |Z| is at least its boundary; infinite where it has nothing to spend.
    spent : tuple of float
        Type I error used up by each look, cumulative.
    margin : float or None
        Of equivalence, in the units of the differences; None: no stop for equivalence.
    equivalence_alpha : float
        Type I error over all looks of each of the two one-sided tests.
    equivalence_boundaries : tuple of float
        One-sided; empty without a margin.
    kept : int
        Looks that were held before the schedule was changed; 0 for a design as planned.
    """

    method: Method
    units: tuple[int, ...]
    alpha: float
    boundaries: tuple[float, ...]
    spent: tuple[float, ...]
    margin: float | None = None
    equivalence_alpha: float = 0.05
    equivalence_boundaries: tuple[float, ...] = ()
    kept: int = 0

    @property
    def looks(self) -> int:
        """Number of looks."""
        return len(self.units)

    @property
    def fractions(self) -> tuple[float, ...]:
        """Share of all units at each look."""
        return tuple(n / self.units[-1] for n in self.units)

    @property
    def nominal(self) -> tuple[float, ...]:
        """Two-sided p-value at or below which each look rejects."""
        return tuple(2 * float(stats.norm.sf(z)) for z in self.boundaries)

    @property
    def equivalence_nominal(self) -> tuple[float, ...]:
        """One-sided level of both equivalence tests at each look."""
        return tuple(float(stats.norm.sf(z)) for z in self.equivalence_boundaries)


def plan_looks(n_units: int, *, looks: int = LOOKS, block: int = 1) -> tuple[int, ...]:
    """Numbers of units at (nearly) equally spaced looks, each on complete blocks; the last has all units.

    Parameters
    ----------
    n_units : int
        Units in all.
    looks : int
        Fewer are returned where there are not that many blocks.
    block : int
        Units that are collected together.

    Examples
    --------
    >>> plan_looks(200), plan_looks(100, looks=3, block=12)
    ((40, 80, 120, 160, 200), (36, 72, 100))
    """
    if n_units < 1 or looks < 1 or block < 1:
        raise ValueError("units, looks and the size of a block are at least 1")
    ends = {block * math.floor(n_units * k / looks / block + 0.5) for k in range(1, looks)}
    return (*sorted(end for end in ends if 0 < end < n_units), n_units)


def sequential_design(
    units: Sequence[int],
    *,
    alpha: float = 0.05,
    method: Method = "obrien-fleming",
    margin: float | None = None,
    equivalence_alpha: float | None = None,
) -> SequentialDesign:
    """Plan a group sequential test.

    Parameters
    ----------
    units : sequence of int, length K
        Independent units in all at each look, as from `plan_looks`; they need not be equally spaced.
    alpha : float
        Two-sided, over all looks. Each of m members of a confirmatory family spends alpha / m.
    method : {'obrien-fleming', 'obrien-fleming-spending', 'pocock-spending'}
        The first needs no spending function and is the default; the others are those of Lan and DeMets (1983).
    margin : float, optional
        Of equivalence, above zero, in the units of the differences.
    equivalence_alpha : float, optional
        Of each one-sided equivalence test; `alpha` unless given.

    Returns
    -------
    SequentialDesign

    Raises
    ------
    ValueError
        If units do not increase or are not whole, or alpha or the margin is out of range.

    Notes
    -----
    Equivalence is shown by rejecting both one-sided hypotheses at the same look, each with boundaries of its own that
    spend `equivalence_alpha`: the repeated 1 - 2 alpha interval lies inside the margin (Jennison and Turnbull 2000,
    chapter 9). Stopping for equivalence can only lower the chance to reject the hypothesis of no effect.

    Examples
    --------
    >>> design = sequential_design(plan_looks(200))
    >>> [round(p, 5) for p in design.nominal]
    [1e-05, 0.00126, 0.00845, 0.02256, 0.04134]
    """
    sizes = _whole(units)
    if margin is not None and not (margin > 0 and math.isfinite(margin)):
        raise ValueError("the margin of an equivalence test is finite and lies above zero")
    level = alpha if equivalence_alpha is None else equivalence_alpha
    boundaries = _boundaries(method, sizes, alpha, 2)
    return SequentialDesign(
        method=method,
        units=sizes,
        alpha=alpha,
        boundaries=boundaries,
        spent=_spent(sizes, boundaries, 2),
        margin=margin,
        equivalence_alpha=level,
        equivalence_boundaries=() if margin is None else _boundaries(method, sizes, level, 1),
    )


def _whole(units: Sequence[int]) -> tuple[int, ...]:
    sizes = tuple(int(n) for n in units)
    if any(size != n for size, n in zip(sizes, units, strict=True)):
        raise ValueError("looks are counted in whole units")
    check_information(sizes)
    return sizes


def spending_kind(method: Method) -> Spending:
    """The spending function of a method."""
    return "pocock" if method == "pocock-spending" else "obrien-fleming"


def _boundaries(method: Method, units: Sequence[int], alpha: float, sides: Sides) -> tuple[float, ...]:
    if method == "obrien-fleming":
        return obrien_fleming_boundaries(units, alpha, sides)
    if method not in ("obrien-fleming-spending", "pocock-spending"):
        raise ValueError("the method is 'obrien-fleming', 'obrien-fleming-spending' or 'pocock-spending'")
    spent = [spend(n / units[-1], alpha, spending_kind(method), sides) for n in units]
    return spending_boundaries(units, spent, sides)


def _spent(units: Sequence[int], boundaries: Sequence[float], sides: Sides) -> tuple[float, ...]:
    lower = [-bound if sides == 2 else -math.inf for bound in boundaries]
    exits = crossing(units, boundaries, lower)
    steps = [up + (down if sides == 2 else 0.0) for up, down in zip(exits.upper, exits.lower, strict=True)]
    return tuple(math.fsum(steps[: k + 1]) for k in range(len(steps)))


def reschedule(design: SequentialDesign, held: int, units: Sequence[int]) -> SequentialDesign:
    """Change the looks to come: other numbers of units, more or fewer looks, an overrun.

    The boundaries of the looks held stay. What they have not spent is shared out over the rest by the design's spending
    function f (that of O'Brien and Fleming's type for 'obrien-fleming'), with t the share of the new total:
    spent_k = spent_h + (alpha - spent_h) (f(t_k) - f(t_h)) / (alpha - f(t_h)). The last look spends all that is left.

    Parameters
    ----------
    design : SequentialDesign
    held : int
        Looks already held.
    units : sequence of int
        The whole new schedule; it begins with the units of the looks held.

    Raises
    ------
    ValueError
        If the looks held are changed, or none is left.

    Notes
    -----
    Valid only if the change does not depend on the effect seen so far (Lan and DeMets 1983; Jennison and Turnbull 2000,
    chapter 7). Adding units because the result was nearly significant is an extension: see `stages`.

    Examples
    --------
    The last look came at 213 units in place of 200: nothing before it changes.

    >>> design = sequential_design(plan_looks(200))
    >>> late = reschedule(design, 4, [40, 80, 120, 160, 213])
    >>> [round(z, 3) for z in late.boundaries], round(late.spent[-1], 6)
    ([4.562, 3.226, 2.634, 2.281, 2.058], 0.05)
    """
    sizes = _whole(units)
    if not 0 <= held < len(sizes) or sizes[:held] != design.units[:held]:
        raise ValueError("looks already held keep their units, and at least one look is still to come")
    boundaries = _shared_out(design.method, sizes, design.alpha, design.boundaries[:held], 2)
    narrow = _shared_out(
        design.method, sizes, design.equivalence_alpha, design.equivalence_boundaries[:held], 1
    )
    return SequentialDesign(
        method=design.method,
        units=sizes,
        alpha=design.alpha,
        boundaries=boundaries,
        spent=_spent(sizes, boundaries, 2),
        margin=design.margin,
        equivalence_alpha=design.equivalence_alpha,
        equivalence_boundaries=() if design.margin is None else narrow,
        kept=held,
    )


def _shared_out(
    method: Method, units: tuple[int, ...], alpha: float, held: tuple[float, ...], sides: Sides
) -> tuple[float, ...]:
    if not held:
        return _boundaries(method, units, alpha, sides)
    used = _spent(units[: len(held)], held, sides)
    planned = [spend(n / units[-1], alpha, spending_kind(method), sides) for n in units]
    left, base = alpha - used[-1], planned[len(held) - 1]
    spent = [used[-1] + left * (error - base) / (alpha - base) for error in planned[len(held) :]]
    return spending_boundaries(units, [*used, *spent], sides, held=held)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operating:
    """What a design does at one standardised effect.

    Parameters
    ----------
    effect : float
        Mean over standard deviation.
    expected_units : float
    inflated, deflated, equivalent, inconclusive : float
        Chance of each end; they add up to 1.
    stops : tuple of float
        Chance that each look is the last.
    """

    effect: float
    expected_units: float
    inflated: float
    deflated: float
    equivalent: float
    inconclusive: float
    stops: tuple[float, ...]

    @property
    def rejects(self) -> float:
        """Chance to reject the hypothesis of no effect, in either direction."""
        return self.inflated + self.deflated


def expected_units(
    design: SequentialDesign, effect: float, *, standard_margin: float | None = None
) -> Operating:
    """Expected number of units and chance of each end, by the integration that made the boundaries.

    Parameters
    ----------
    design : SequentialDesign
    effect : float
        True mean over standard deviation of the differences.
    standard_margin : float, optional
        The margin over the standard deviation; without it no look stops for equivalence.

    Raises
    ------
    ValueError
        If a standard margin is given for a design without one, or is not above zero.

    Notes
    -----
    Z is taken as normal. Where a look's level is small and its units few, tests of the data are more cautious: a
    sign-flip test of n units knows no p-value below 2^(1 - n).

    Examples
    --------
    >>> result = expected_units(sequential_design(plan_looks(200)), 0.22)
    >>> round(result.rejects, 3), round(result.expected_units)
    (0.866, 151)
    """
    inside = None
    if standard_margin is not None:
        if design.margin is None or not standard_margin > 0:
            raise ValueError("a margin above zero is given for a design with a margin, and for no other")
        inside = [
            max(0.0, standard_margin * math.sqrt(n) - bound) if n >= FEWEST_FOR_EQUIVALENCE else 0.0
            for n, bound in zip(design.units, design.equivalence_boundaries, strict=True)
        ]
    exits = crossing(design.units, design.boundaries, inside=inside, drift=effect)
    stops = [math.fsum(parts) for parts in zip(exits.upper, exits.lower, exits.inside, strict=True)]
    stops[-1] += exits.onward
    return Operating(
        effect=float(effect),
        expected_units=math.fsum(n * chance for n, chance in zip(design.units, stops, strict=True)),
        inflated=math.fsum(exits.upper),
        deflated=math.fsum(exits.lower),
        equivalent=math.fsum(exits.inside),
        inconclusive=exits.onward,
        stops=tuple(stops),
    )
