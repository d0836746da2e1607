"""Across judges: the mean judge, how much judges differ, and where a further one would lie."""

from __future__ import annotations

from collections.abc import Sequence

from auditor.findings.drafts import Draft
from auditor.findings.further import Further
from auditor.findings.settings import Settings
from auditor.stats.meta import random_effects
from auditor.stats.shared_units import shared_covariance

#: Above this many judges their covariance is not computed: it has as many rows.
MOST_JUDGES = 200


def pooled(drafts: Sequence[Draft], settings: Settings) -> tuple[Further, ...]:
    """Random-effects meta-analysis of the primary contrast in points over the judges, and each judge's shrunken estimate.

    Judges that rated the same items are not independent: the covariance of their D over the shared units is used.

    Parameters
    ----------
    drafts : sequence of Draft
        Those of the primary contrast in points, one for each judge.
    settings : Settings
    """
    able = [draft for draft in drafts if len(draft.differences) >= 2]
    if len(able) < 2 or len(able) > MOST_JUDGES:
        return ()
    shared = shared_covariance([draft.differences for draft in able], [draft.units for draft in able])
    if len(shared.estimates) < 2:
        return ()
    result = random_effects(shared.estimates, shared.covariance, level=1 - settings.alpha)
    names = [able[number].finding.judge for number in shared.used]
    spread = "" if result.prediction.known else "; with two judges nothing can be said of a further one"
    return (
        Further(
            "pooled",
            "",
            "points",
            result,
            f"The mean over judges like these ({', '.join(names)}){spread}. Judges that rated the same items are not "
            "independent, and are not taken to be.",
        ),
    )
