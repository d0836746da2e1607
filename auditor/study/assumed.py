"""What is assumed of a design before any data: how far differences spread, and what that lets it see."""

from __future__ import annotations

from auditor.plan import Plan
from auditor.stats.power import units_needed

#: Standard deviation of a paired difference as a share of the range, and share of items that change sides.
ASSUMED_SD, ASSUMED_DISCORDANT = 0.10, 0.10


def independent_units(plan: Plan) -> int:
    """Groups, and items without one."""
    return len({item.group or f"\0{item.id}" for item in plan.items})


def family_alpha(plan: Plan) -> float:
    """The level of the strictest test in the confirmatory family: all judges, both metrics (Holm's first step)."""
    return plan.design.alpha / (len(plan.judges) * (1 if plan.design.scale.two_valued else 2))


def out_of_reach(plan: Plan) -> str | None:
    """A sentence on the pass-rate margin, if the plan has too few items to reach it; None if it has enough."""
    design = plan.design
    span = design.scale.span if design.scale.two_valued else 1.0
    margin = design.margin / span if design.scale.two_valued else design.pass_margin
    units = independent_units(plan)
    needed = units_needed(ASSUMED_DISCORDANT**0.5, margin, alpha=family_alpha(plan))
    if needed is not None and units >= needed:
        return None
    wanted = "more than ten million" if needed is None else str(needed)
    return (
        f"{units} independent items are too few to show that pass rates move by less than {100 * margin:g} points: about "
        f"{wanted} are needed, if 10 % of them change sides ('auditor plan' says what these can see)."
    )
