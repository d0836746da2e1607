"""Frames in; estimates, intervals, verdicts out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from auditor.arms import PRIMARY, Contrast
from auditor.errors import InputError
from auditor.findings.checks import (
    blindness,
    compare_missing,
    control_constant,
    control_discrimination,
    lee,
    worst_case,
)
from auditor.findings.pairs import Metric, Pairs, arm_rows, pair
from auditor.findings.result import Finding, Findings
from auditor.findings.settings import Settings, make_settings, settings_json
from auditor.findings.verdicts import FEWEST_FOR_EQUIVALENCE, FEWEST_UNITS, decide, overall
from auditor.ratings import Ratings, load_ratings, status_counts
from auditor.scale import Scale
from auditor.stats.discrimination import DiscriminationResult
from auditor.stats.effects import effect_sizes
from auditor.stats.intervals import Interval, equivalence_test, mean_interval
from auditor.stats.mcnemar import mcnemar
from auditor.stats.missing import LeeBounds, MissingTest, WorstCase
from auditor.stats.multiplicity import adjust
from auditor.stats.power import units_needed
from auditor.stats.proportions import tango_interval
from auditor.stats.signflip import sign_flip_test


def analyze(
    ratings: str | Path | pd.DataFrame | Ratings,
    *,
    scale: str | Scale,
    treatment: str = PRIMARY.treatment,
    control: str = PRIMARY.control,
    threshold: float | str | None = None,
    margin: float | None = None,
    pass_margin: float = 0.05,
    alpha: float = 0.05,
    seed: int = 0,
    contrasts: Sequence[Contrast] | None = None,
    simulated: bool = False,
) -> Findings:
    """Estimate how far ratings rise from `control` to `treatment`, for every judge.

    Parameters
    ----------
    ratings : path, DataFrame or Ratings
        A ratings table; only the columns ``item``, ``arm`` and ``score`` are required.
    scale : str or Scale
        ``low:high[:step]``, grades from worst to best, or ``pass/fail``.
    treatment, control : str
        Arms of the primary contrast.
    threshold : float or str, optional
        The pass mark. Without one, and without a column of that name, there is no finding for pass rates. Where the
        column is there, only rows at this threshold (or without any) are used.
    margin : float, optional
        Largest inflation in points that does not matter; default 2.5 % of the scale's range.
    pass_margin : float
        The same for the share of items passing, as a fraction.
    alpha : float
        Family-wise error rate of the confirmatory findings.
    seed : int
        Of Monte Carlo flips and bootstraps.
    contrasts : sequence of Contrast, optional
        All contrasts to look at; default the primary one alone.

    Returns
    -------
    Findings

    Raises
    ------
    InputError
        For a faulty table, a missing arm, or arms that share no item.

    Examples
    --------
    >>> rows = [(f"item{i}", arm, 10 + i % 5 + 2 * (arm == "deletion"))
    ...         for i in range(20) for arm in ("decoupled", "deletion")]
    >>> frame = pd.DataFrame(rows, columns=["item", "arm", "score"])
    >>> analyze(frame, scale="0:20", margin=0.5).verdict
    'inflated'
    """
    parsed = Scale.parse(scale)
    table = load_ratings(ratings, parsed)
    frame = table.frame
    settings = make_settings(frame, parsed, threshold, margin, pass_margin, alpha, seed)
    wanted = tuple(contrasts) if contrasts is not None else (Contrast(treatment, control),)
    _require_arms(frame, wanted)
    judges = sorted(frame["judge"].unique().tolist())
    drafts = [
        draft
        for contrast in wanted
        for judge in judges
        if _took_part(frame, judge, contrast)
        for draft in _contrast_findings(frame, judge, contrast, settings)
    ]
    if not any(draft.shared for draft in drafts if draft.family == "confirmatory"):
        raise InputError(
            f"no item stands in both '{wanted[0].treatment}' and '{wanted[0].control}'",
            where="ratings",
            remedy="rate the same items in both arms, and check that wordings and thresholds agree between them",
        )
    findings = _verdicts(drafts, settings)
    significant = [
        (f.metric, f.verdict, f.p_adjusted is not None and f.p_adjusted <= alpha)
        for f in findings
        if f.family == "confirmatory"
    ]
    return Findings(
        verdict=overall(significant),
        findings=tuple(findings),
        ratings=_counts(frame),
        settings=settings_json(settings),
        notes=(*table.notes, *_notes(frame, settings, findings)),
        simulated=simulated or any(judge.startswith("simulated:") for judge in judges),
    )


def _took_part(frame: pd.DataFrame, judge: str, contrast: Contrast) -> bool:
    """Whether a judge has a row in either arm, in the main phase."""
    rows = (frame["judge"] == judge) & (frame["phase"] == "main")
    return bool((rows & frame["arm"].isin([contrast.treatment, contrast.control])).any())


def _require_arms(frame: pd.DataFrame, contrasts: Sequence[Contrast]) -> None:
    main = frame[frame["phase"] == "main"]
    present = list(dict.fromkeys(main["arm"].tolist()))
    for contrast in contrasts:
        if contrast.treatment == contrast.control:
            raise InputError(
                f"treatment and control are the same arm, '{contrast.control}'",
                where="treatment",
                remedy="name two arms",
            )
        for role, arm in (("treatment", contrast.treatment), ("control", contrast.control)):
            if arm not in present:
                raise InputError(
                    f"the {role} arm '{arm}' has no ratings; the arms are: {', '.join(present[:12]) or 'none'}",
                    where="field 'arm'",
                    remedy="name the arms to compare with --treatment and --control",
                )


@dataclass(frozen=True)
class _Draft:
    """A finding before the verdict, with what the verdict needs besides."""

    finding: Finding
    blind: tuple[str, ...]
    within: bool
    lee: LeeBounds | None
    shared: int

    @property
    def family(self) -> str:
        """The finding's family."""
        return self.finding.family


def _contrast_findings(
    frame: pd.DataFrame, judge: str, contrast: Contrast, settings: Settings
) -> list[_Draft]:
    only = settings.threshold if settings.filter_threshold else None
    treatment = arm_rows(frame, judge, contrast.treatment, only)
    control = arm_rows(frame, judge, contrast.control, only)
    marks = sorted(set(treatment["threshold"].dropna()) | set(control["threshold"].dropna()))
    has_mark = settings.threshold is not None or bool(marks)
    metrics: list[Metric] = ["score"]
    if has_mark and not settings.scale.two_valued:
        metrics.append("pass_rate")
    mark = settings.threshold if settings.threshold is not None and len(marks) <= 1 else None
    sees = control_discrimination(control, settings)
    missing = compare_missing(treatment, control, settings)
    blind = blindness(control, settings, sees)
    unproved = bool((treatment["item_hash"] == "").any() or (control["item_hash"] == "").any())
    shared = len(set(treatment["item"]) & set(control["item"]))
    drafts = []
    for metric in metrics:
        pairs = pair(treatment, control, metric, settings.scale, settings.threshold)
        bounds = worst = None
        if missing is not None and (missing.control or missing.treatment):
            worst = worst_case(treatment, control, metric, settings)
            bounds = lee(treatment, control, metric, settings) if missing.differs else None
        drafts.append(
            _draft(
                judge,
                contrast,
                metric,
                mark,
                pairs,
                settings,
                blind,
                sees,
                missing,
                bounds,
                worst,
                control,
                shared,
                unproved,
            )
        )
    return drafts


def _draft(
    judge: str,
    contrast: Contrast,
    metric: Metric,
    mark: float | None,
    pairs: Pairs,
    settings: Settings,
    blind: tuple[str, ...],
    sees: DiscriminationResult | None,
    missing: MissingTest | None,
    lee: LeeBounds | None,
    worst: WorstCase | None,
    control: pd.DataFrame,
    shared: int,
    unproved: bool,
) -> _Draft:
    margin = settings.margin_of(metric)
    n_units = len(pairs.differences)
    flags: list[str] = []
    base = Finding(
        judge=judge,
        treatment=contrast.treatment,
        control=contrast.control,
        metric=metric,
        family=contrast.family,
        isolates=contrast.isolates,
        threshold=mark,
        n_items=len(pairs.items),
        n_units=n_units,
        n_dropped=pairs.n_dropped,
        n_ratings=pairs.n_ratings,
        estimate=None,
        sd_d=None,
        interval=Interval(1 - settings.alpha, None, None),
        p_value=None,
        p_adjusted=None,
        margin=margin,
        verdict="inconclusive",
        flags=("too_few_items",),
        missing=missing,
        discrimination=sees,
    )
    if n_units == 0:
        return _Draft(base, (), within=False, lee=None, shared=shared)
    mean = mean_interval(pairs.differences, 1 - settings.alpha)
    test = sign_flip_test(pairs.differences if pairs.integers is None else pairs.integers, seed=settings.seed)
    equivalence = equivalence_test(pairs.differences, margin, settings.alpha)
    if n_units < FEWEST_UNITS:
        flags.append("too_few_items")
    elif n_units < FEWEST_FOR_EQUIVALENCE:
        flags.append("few_items_for_equivalence")
    constant = control_constant(control[control["item"].isin(pairs.items)], metric, settings)
    flags += [*(["constant"] if constant else []), *blind]
    if not np.any(pairs.differences) and not constant:
        flags.append("no_differences")
    if mean.interval.known and mean.interval.excludes_zero() != (test.p_value <= settings.alpha):
        flags.append("interval_disagrees")
    if pairs.unbalanced:
        flags.append("unbalanced")
    if test.method == "monte-carlo":
        flags.append("monte_carlo")
    if unproved:
        flags.append("identity_unproved")
    passes = metric == "pass_rate" or settings.scale.two_valued
    moved = pairs.item_differences
    rescued, condemned = int(np.sum(moved > 1e-12)), int(np.sum(moved < -1e-12))
    within = equivalence.equivalent
    if passes and within and not _score_interval_inside(pairs, margin, settings):
        flags.append("rare_changes")
        within = False
    finding = replace(
        base,
        estimate=mean.estimate,
        sd_d=mean.sd,
        interval=mean.interval,
        p_value=test.p_value,
        flags=tuple(flags),
        treatment_mean=float(pairs.unit_treatment.mean()),
        control_mean=float(pairs.unit_control.mean()),
        percent_of_scale=None if metric == "pass_rate" else 100 * mean.estimate / settings.scale.span,
        test_method=test.method,
        equivalence=equivalence,
        effects=effect_sizes(pairs.unit_treatment, pairs.unit_control),
        mcnemar=mcnemar(rescued, condemned) if passes and pairs.single else None,
        rescued=rescued if passes else None,
        condemned=condemned if passes else None,
        lee=lee,
        worst_case=worst,
    )
    return _Draft(finding, (*blind, *(["constant"] if constant else [])), within, lee, shared)


def _score_interval_inside(pairs: Pairs, margin: float, settings: Settings) -> bool:
    """Whether Tango's interval agrees that a pass rate moved by less than the margin.

    It is given the units that moved up and down, whatever the size of their step, so that with replicates or groups
    it errs on the side of caution.
    """
    level = 1 - 2 * settings.alpha
    up, down = int(np.sum(pairs.differences > 1e-12)), int(np.sum(pairs.differences < -1e-12))
    span = settings.scale.span if settings.scale.two_valued else 1.0
    return tango_interval(up, down, len(pairs.differences), level).inside(margin / span)


def _verdicts(drafts: Sequence[_Draft], settings: Settings) -> list[Finding]:
    adjusted: dict[int, float | None] = {}
    methods: dict[str, Literal["holm", "bh"]] = {"confirmatory": "holm", "exploratory": "bh"}
    for family, method in methods.items():
        members = [i for i, draft in enumerate(drafts) if draft.family == family]
        # A judge without a single pair stays in the family, with the p-value of nothing seen.
        tested = [drafts[i].finding.p_value for i in members]
        values = adjust([1.0 if p is None else p for p in tested], method)
        adjusted.update(zip(members, values, strict=True))
    findings = [_with_verdict(draft, adjusted[i], settings) for i, draft in enumerate(drafts)]
    return sorted(findings, key=lambda finding: finding.family != "confirmatory")


def _with_verdict(draft: _Draft, p_adjusted: float | None, settings: Settings) -> Finding:
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
        items_needed=_items_needed(finding, settings) if verdict == "inconclusive" else None,
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


def _items_needed(finding: Finding, settings: Settings) -> int | None:
    if not finding.sd_d:
        return None
    needed = units_needed(finding.sd_d, finding.margin, alpha=settings.alpha)
    if needed is None:
        return None
    per_unit = finding.n_items / finding.n_units
    return max(0, round((needed - finding.n_units) * per_unit))


def _counts(frame: pd.DataFrame) -> tuple[dict[str, Any], ...]:
    main = frame[frame["phase"] == "main"]
    return tuple(
        {"judge": judge, "arm": arm, **counts, "missing": 1 - counts["ok"] / max(1, sum(counts.values()))}
        for (judge, arm), counts in status_counts(main).items()
    )


def _notes(frame: pd.DataFrame, settings: Settings, findings: Sequence[Finding]) -> list[str]:
    notes = []
    if not settings.margin_chosen:
        notes.append(
            f"The margin of {settings.margin:g} points is the default (2.5 % of the scale's range), not yours: "
            "state the largest inflation that would not matter to you."
        )
    if settings.scale.two_valued:
        notes.append(
            "The scale has two values, so the score is the pass itself and has one finding, not two."
        )
    elif all(finding.metric == "score" for finding in findings):
        notes.append("No pass mark is known, so pass rates were not analysed: give --threshold.")
    if frame["correct"].isna().all() and frame["gold"].isna().all():
        notes.append(
            "It is not known which outputs are right or good (no 'correct' or 'gold'), so it was not checked whether "
            "the judge tells them apart."
        )
    elif not any(finding.discrimination for finding in findings):
        notes.append(
            "Too few items of known quality to check whether the judge tells better from worse work."
        )
    others = int((frame["phase"] != "main").sum())
    if others:
        notes.append(f"{others} ratings of other phases than 'main' were not analysed.")
    if any(finding.n_units < finding.n_items for finding in findings):
        notes.append("Items that share a group are not independent: groups are the unit of inference.")
    return notes
