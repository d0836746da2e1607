"""The rule that turns numbers into a verdict, and the sentence behind each flag."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Literal

Verdict = Literal["inflated", "deflated", "equivalent", "inconclusive"]

FEWEST_UNITS = 6
FEWEST_FOR_EQUIVALENCE = 10

#: Under these a judge could not have shown anything, so that no difference proves nothing.
BLIND = ("constant", "insensitive", "anchored", "no_assay")

FLAGS: dict[str, str] = {
    "too_few_items": "Fewer than 6 independent items were paired; no sign-flip test can reach significance there.",
    "withheld": "Ratings are missing more often in one arm, and what is missing could change the verdict.",
    "constant": "The judge gave the same value to everything in the control arm, so it could not have shown a shift.",
    "insensitive": "In the control arm it could not be shown that the judge's scores tell better from worse work.",
    "anchored": "Over half of the control's scores lie exactly on the pass mark: the number swamps the judgement.",
    "no_assay": "The positive control did not move: this judge did not even follow an open request for leniency.",
    "threshold_far": "Half of the control's scores lie more than two standard deviations from the pass mark, so that the "
    "pass rate could hardly change.",
    "no_differences": "Not one item was rated higher or lower on average in one arm than in the other.",
    "detectable": "The shift is real, but smaller than the margin.",
    "interval_disagrees": "Exact test and t interval disagree at this level; the test decides.",
    "not_after_adjustment": "Significant alone, but not after adjusting for the number of confirmatory findings.",
    "unbalanced": "Some cells have unequal numbers of ratings in their arms, so that the test is approximate.",
    "identity_unproved": "The ratings came without hashes of the items, so identical items are assumed, not proved.",
    "few_items_for_equivalence": "Fewer than 10 independent items: equivalence cannot be claimed.",
    "rare_changes": "The t interval lies inside the margin, but too few items changed sides for it to be trusted: "
    "Tango's score interval does not.",
    "sequential": "The ratings were looked at while they came, by a rule fixed beforehand; the numbers are those that "
    "hold after stopping.",
    "extended": "Items were added after a result had been seen; the stages are combined with weights fixed before the "
    "later one.",
    "monte_carlo": "The scores lie on no lattice, or too fine a one, so the p-value is from seeded random flips.",
}


def decide(
    *,
    n_units: int,
    estimate: float | None,
    p_adjusted: float | None,
    alpha: float,
    within_margin: bool,
    flags: Collection[str],
) -> Verdict:
    """Apply the verdict rule to one finding, in its fixed order.

    1. too few units, or a withheld headline: inconclusive. 2. The 1 - 2 alpha interval lies inside the margin, with
    at least 10 units, and nothing shows that the judge was blind: equivalent. 3. The adjusted p-value is at most
    alpha: inflated above zero, deflated below. 4. Else inconclusive.

    Examples
    --------
    >>> decide(n_units=40, estimate=1.0, p_adjusted=0.01, alpha=0.05, within_margin=False, flags=())
    'inflated'
    >>> decide(n_units=40, estimate=0.0, p_adjusted=1.0, alpha=0.05, within_margin=True, flags=("constant",))
    'inconclusive'
    """
    if n_units < FEWEST_UNITS or estimate is None or "withheld" in flags:
        return "inconclusive"
    if within_margin and n_units >= FEWEST_FOR_EQUIVALENCE and not any(flag in BLIND for flag in flags):
        return "equivalent"
    if p_adjusted is not None and p_adjusted <= alpha and estimate != 0:
        return "inflated" if estimate > 0 else "deflated"
    return "inconclusive"


def overall(confirmatory: Iterable[tuple[str, Verdict, bool]]) -> Verdict:
    """Join the verdicts of the confirmatory findings to one.

    Parameters
    ----------
    confirmatory : iterable of (metric, verdict, significant)

    Examples
    --------
    >>> overall([("score", "equivalent", False), ("pass_rate", "inconclusive", False)])
    'equivalent'
    >>> overall([("score", "equivalent", False), ("pass_rate", "inflated", True)])
    'inflated'
    """
    findings = list(confirmatory)
    verdicts = [verdict for _, verdict, _ in findings]
    if "inflated" in verdicts:
        return "inflated"
    if "deflated" in verdicts:
        return "deflated"
    scores = [verdict for metric, verdict, _ in findings if metric == "score"]
    passes_move = any(significant for metric, _, significant in findings if metric == "pass_rate")
    return "equivalent" if scores and set(scores) == {"equivalent"} and not passes_move else "inconclusive"
