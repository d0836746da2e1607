"""From drafts to findings: adjusting within families, and applying the verdict rule."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from auditor.findings.drafts import Draft
from auditor.findings.result import Finding
from auditor.findings.settings import Settings
from auditor.findings.verdicts import BLIND, decide
from auditor.stats.maxt import max_t
from auditor.stats.missing import LeeBounds
from auditor.stats.multiplicity import adjust
from auditor.stats.power import units_needed

#: Flips times units times tests.
_MOST_FLIPPED = 2_000_000_000


def give_verdicts(drafts: Sequence[Draft], settings: Settings) -> list[Finding]:
    """Adjust all p-values within their families, and give each finding its verdict."""
    adjusted: dict[int, float | None] = {}
    methods: dict[str, Literal["holm", "bh"]] = {"confirmatory": "holm", "exploratory": "bh"}
    for family, method in methods.items():
        members = [i for i, draft in enumerate(drafts) if draft.family == family]
        # A judge without a single pair stays in the family, with the p-value of nothing seen.
        tested = [drafts[i].finding.p_value for i in members]
        if settings.family == "max-t":
            values: list[float | None] = list(_max_t([drafts[i] for i in members], settings))
        else:
            values = adjust([1.0 if p is None else p for p in tested], method)
        adjusted.update(zip(members, values, strict=True))
    sizes = Counter(draft.family for draft in drafts)
    findings = [
        # Benjamini and Hochberg's procedure has no level of its own for one test.
        with_verdict(d, adjusted[i], settings, sizes[d.family] if d.family == "confirmatory" else 1)
        for i, d in enumerate(drafts)
    ]
    return sorted(findings, key=lambda finding: finding.family != "confirmatory")


def _max_t(drafts: Sequence[Draft], settings: Settings) -> list[float]:
    """Step-down max-T p-values of one family, with one set of flips for all: units keep their sign in every test.

    Units are the judges' items and groups: an item that two judges rated flips in both. Findings without enough units
    to be tested get 1.
    """
    if not drafts:
        return []
    units = list(dict.fromkeys(unit for draft in drafts for unit in draft.units))
    place = {unit: number for number, unit in enumerate(units)}
    matrix = np.full((max(1, len(units)), len(drafts)), np.nan)
    for column, draft in enumerate(drafts):
        matrix[[place[unit] for unit in draft.units], column] = draft.differences
    flips = int(np.clip(_MOST_FLIPPED // max(1, matrix.size), 2_000, 100_000))
    found = max_t(matrix, level=1 - settings.alpha, flips=flips, seed=settings.seed)
    return [1.0 if one.adjusted_p is None else one.adjusted_p for one in found]


def with_verdict(draft: Draft, p_adjusted: float | None, settings: Settings, tests: int = 1) -> Finding:
    """A finding with its verdict, by the adjusted p-value of its family of so many `tests`."""
    finding, alpha = draft.finding, settings.alpha
    if finding.estimate is None:
        return finding
    flags = list(finding.flags)
    significant = p_adjusted is not None and p_adjusted <= alpha
    if finding.p_value is not None and finding.p_value <= alpha and not significant:
        flags.append("not_after_adjustment")
    verdict = decide(
        n_units=finding.n_units,
        estimate=finding.estimate,
        p_adjusted=p_adjusted,
        alpha=alpha,
        within_margin=draft.within,
        flags=flags,
    )
    if verdict == "equivalent" and significant:
        flags.append("detectable")
    if draft.lee is not None and _lee_changes(draft.lee, verdict, draft.blind, finding):
        flags = [flag for flag in flags if flag != "detectable"]
        flags.append("withheld")
        verdict = "inconclusive"
    return replace(
        finding,
        p_adjusted=p_adjusted,
        verdict=verdict,
        flags=tuple(dict.fromkeys(flags)),
        items_needed=_items_needed(finding, settings, tests) if verdict == "inconclusive" else None,
    )


def _lee_changes(lee: LeeBounds, verdict: str, blind: tuple[str, ...], finding: Finding) -> bool:
    """Whether either of Lee's bounds alone would have led to another verdict."""
    for estimate, wide, narrow in (
        (lee.low, lee.interval_low, lee.narrow_low),
        (lee.high, lee.interval_high, lee.narrow_high),
    ):
        at_bound = decide(
            n_units=finding.n_units,
            estimate=estimate,
            p_adjusted=0.0 if wide.excludes_zero() else 1.0,
            alpha=0.05,
            within_margin=narrow.inside(finding.margin),
            flags=blind,
        )
        if at_bound != verdict:
            return True
    return False


def _items_needed(finding: Finding, settings: Settings, tests: int) -> int | None:
    """Further items: units for 80 % power of both questions at this SD, less those that are there.

    The difference is tested at alpha over the number of tests in its family, equivalence at alpha. None where more
    items of the same kind would not help: the judge was blind or its ratings are missing, or there are as many as
    the formula asks for already and the truth seems to lie between zero and the margin.
    """
    if not finding.sd_d or {"withheld", *BLIND} & set(finding.flags):
        return None
    alphas = {"alpha": settings.alpha, "test_alpha": settings.alpha / max(1, tests)}
    needed = units_needed(finding.sd_d, finding.margin, **alphas)
    if needed is None or needed <= finding.n_units:
        return None
    per_unit = finding.n_items / finding.n_units
    return max(1, math.ceil((needed - finding.n_units) * per_unit))
