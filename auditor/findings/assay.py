"""Checks of the experiment itself: the noise of asking twice, and whether the judge could have moved at all."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from auditor.arms import Contrast, noise_floor, positive_control
from auditor.findings.drafts import Context, Draft, Rows, make_draft
from auditor.findings.families import with_verdict
from auditor.findings.pairs import pair
from auditor.findings.result import Finding
from auditor.findings.settings import Settings
from auditor.findings.verdicts import FEWEST_UNITS


def run_checks(
    rows: Rows, judges: Sequence[str], wanted: Sequence[Contrast], settings: Settings
) -> list[Finding]:
    """The noise floor and the positive control of each judge that has them."""
    control = wanted[0].control
    planned = (
        (noise_floor(control), "aa"),
        *((positive_control(arm, control), "control") for arm in _lenient_arms(rows)),
    )
    found = []
    for judge in judges:
        own = settings.for_judge(judge)
        for contrast, phase in planned:
            again, first = rows.of(judge, contrast.treatment, None, phase), rows.of(judge, control, None)
            if again.empty or first.empty:
                continue
            draft = _checked(judge, contrast, again, first, own)
            found.append(with_verdict(draft, draft.finding.p_value, own))
    return found


def _checked(
    judge: str, contrast: Contrast, again: pd.DataFrame, first: pd.DataFrame, settings: Settings
) -> Draft:
    """One check, in points: only the items that have it, in whatever wording if none is shared."""
    first = first[first["item"].isin(again["item"])]
    shared = again.merge(first[["item", "wording"]], on=["item", "wording"])
    pairs = pair(again, first, "score", settings.scale, settings.threshold, across_wordings=shared.empty)
    common = len(set(again["item"]) & set(first["item"]))
    context = Context(
        judge, contrast, settings, None, first, None, None, common, (), unproved=False, far=False
    )
    return make_draft(context, "score", pairs, None, None)


def _lenient_arms(rows: Rows) -> list[str]:
    return list(dict.fromkeys(str(arm) for _, phase, arm in rows.by_key if phase == "control"))


def did_not_move(finding: Finding) -> bool:
    """Whether this is a positive control that failed, with enough items to tell."""
    return finding.role == "positive_control" and finding.n_units >= FEWEST_UNITS and not finding.moved
