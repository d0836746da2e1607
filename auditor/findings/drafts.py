"""One contrast of one judge, from its rows to the numbers; the verdict needs the whole family and comes later."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from auditor.arms import Contrast
from auditor.findings.absent import completed, why_dropped
from auditor.findings.checks import (
    blindness,
    compare_missing,
    control_constant,
    control_discrimination,
    lee,
    mark_far,
    tipping,
    worst_case,
)
from auditor.findings.models import requested
from auditor.findings.pairs import Floats, Metric, Pairs, pair
from auditor.findings.result import Finding
from auditor.findings.robustness import other_analyses
from auditor.findings.settings import Settings
from auditor.findings.verdicts import FEWEST_FOR_EQUIVALENCE, FEWEST_UNITS
from auditor.stats.discrimination import DiscriminationResult
from auditor.stats.effects import effect_sizes
from auditor.stats.intervals import Interval, equivalence_test, mean_interval
from auditor.stats.mcnemar import mcnemar
from auditor.stats.missing import LeeBounds, MissingTest, WorstCase
from auditor.stats.proportions import tango_interval
from auditor.stats.signflip import sign_flip_test


class Rows:
    """The rows of each judge, arm and phase, and what was already computed from them."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.by_key = dict(iter(frame.groupby(["judge", "phase", "arm"], sort=False)))
        self.empty = frame.iloc[:0]
        self.sees: dict[tuple[str, str, float | None], DiscriminationResult | None] = {}

    def of(self, judge: str, arm: str, mark: float | None, phase: str = "main") -> pd.DataFrame:
        """Rows of a judge in an arm and phase, at a pass mark or without one."""
        rows = self.by_key.get((judge, phase, arm), self.empty)
        return rows if mark is None else rows[rows["threshold"].isna() | (rows["threshold"] == mark)]

    def took_part(self, judge: str, contrast: Contrast) -> bool:
        """Whether a judge has a row in any of the contrast's arms, in the main phase."""
        return any((judge, "main", arm) in self.by_key for arm in contrast.arms)

    def discrimination(
        self, judge: str, arm: str, mark: float | None, settings: Settings
    ) -> DiscriminationResult | None:
        """Whether an arm's scores tell better from worse work; computed once."""
        key = (judge, arm, mark)
        if key not in self.sees:
            self.sees[key] = control_discrimination(self.of(judge, arm, mark), settings)
        return self.sees[key]


@dataclass(frozen=True)
class Draft:
    """A finding before the verdict, with what the verdict needs besides."""

    finding: Finding
    blind: tuple[str, ...]
    within: bool
    lee: LeeBounds | None
    shared: int
    differences: Floats = field(default_factory=lambda: np.empty(0), repr=False)
    units: tuple[str, ...] = field(default=(), repr=False)

    @property
    def family(self) -> str:
        """The finding's family."""
        return self.finding.family


@dataclass(frozen=True)
class Context:
    """What all metrics of one contrast and judge share."""

    judge: str
    contrast: Contrast
    settings: Settings
    mark: float | None
    control: pd.DataFrame
    sees: DiscriminationResult | None
    missing: MissingTest | None
    shared: int
    blind: tuple[str, ...]
    unproved: bool
    far: bool


def contrast_findings(
    rows: Rows, judge: str, contrast: Contrast, settings: Settings, *, still: bool
) -> list[Draft]:
    """The drafts of one contrast and judge, one for each metric.

    `still` says that the judge's positive control did not move.
    """
    only = settings.threshold if settings.filter_threshold else contrast.at
    settings = settings.for_judge(judge) if contrast.at is None else replace(settings, threshold=contrast.at)
    treatment, control = rows.of(judge, contrast.treatment, only), rows.of(judge, contrast.control, only)
    second = None
    if contrast.minus is not None:
        second = tuple(
            rows.of(judge, arm, only) for arm in (contrast.minus.treatment, contrast.minus.control)
        )
    marks = sorted(set(treatment["threshold"].dropna()) | set(control["threshold"].dropna()))
    has_mark = settings.threshold is not None or bool(marks)
    metrics: list[Metric] = ["score"]
    if has_mark and not settings.scale.two_valued:
        metrics.append("pass_rate")
    full = completed(treatment, control, settings.absent)
    cells = full[1] if len(full[1]) else control
    missing = compare_missing(*full, settings)
    sees = rows.discrimination(judge, contrast.control, only, settings)
    context = Context(
        judge=judge,
        contrast=contrast,
        settings=settings,
        mark=settings.threshold if settings.threshold is not None and len(marks) <= 1 else None,
        control=cells,
        sees=sees,
        missing=missing,
        shared=len(set(treatment["item"]) & set(control["item"])),
        blind=(*blindness(cells, settings, sees), *(("no_assay",) if still else ())),
        unproved=bool((treatment["item_hash"] == "").any() or (control["item_hash"] == "").any()),
        far=mark_far(cells, settings),
    )
    drafts = []
    for metric in metrics:
        pairs = pair(treatment, control, metric, settings.scale, settings.threshold, minus=_two(second))
        bounds = worst = None
        if missing is not None and (missing.control or missing.treatment) and second is None:
            worst = worst_case(*full, metric, settings)
            bounds = lee(*full, metric, settings) if missing.differs else None
        draft = make_draft(context, metric, pairs, bounds, worst)
        more: dict[str, Any] = {}
        if pairs.n_dropped and second is None:
            more["dropped"] = why_dropped(treatment, control, set(pairs.items))
        if worst is not None and contrast.role == "primary" and draft.finding.estimate is not None:
            more["tipping"] = tipping(
                *full, metric, settings, settings.margin_of(metric) if draft.within else None
            )
        found = draft.finding
        if (
            settings.models
            and contrast.role == "primary"
            and metric == "score"
            and found.estimate is not None
        ):
            other = requested(
                settings.models, pairs, (treatment, control), found.estimate, found.p_value or 1.0, settings
            )
            more["robustness"] = (*found.robustness, *other)
        drafts.append(replace(draft, finding=replace(found, **more)))
    return drafts


def _two(frames: tuple[pd.DataFrame, ...] | None) -> tuple[pd.DataFrame, pd.DataFrame] | None:
    return None if frames is None else (frames[0], frames[1])


def make_draft(
    context: Context, metric: Metric, pairs: Pairs, lee: LeeBounds | None, worst: WorstCase | None
) -> Draft:
    """One finding without its verdict, from its pairs."""
    contrast, settings, control = context.contrast, context.settings, context.control
    blind, shared = context.blind, context.shared
    margin = settings.margin_of(metric)
    n_units = len(pairs.differences)
    flags: list[str] = []
    base = Finding(
        judge=context.judge,
        treatment=contrast.treatment,
        control=contrast.control,
        metric=metric,
        family=contrast.family,
        isolates=contrast.isolates,
        role=contrast.role,
        minus=contrast.minus.name if contrast.minus else None,
        at=contrast.at,
        threshold=context.mark,
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
        missing=context.missing,
        discrimination=context.sees,
    )
    if n_units == 0:
        return Draft(base, (), within=False, lee=None, shared=shared)
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
    if context.unproved:
        flags.append("identity_unproved")
    if context.far:
        flags.append("threshold_far")
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
        robustness=other_analyses(pairs, mean.estimate, test.p_value, settings)
        if contrast.role == "primary" and metric == "score"
        else (),
    )
    return Draft(
        finding,
        (*blind, *(["constant"] if constant else [])),
        within,
        lee,
        shared,
        pairs.differences,
        tuple(dict.fromkeys(pairs.units)),
    )


def _score_interval_inside(pairs: Pairs, margin: float, settings: Settings) -> bool:
    """Whether Tango's interval agrees that a pass rate moved by less than the margin.

    It is given the units that moved up and down, whatever the size of their step, so that with replicates or groups
    it errs on the side of caution.
    """
    level = 1 - 2 * settings.alpha
    up, down = int(np.sum(pairs.differences > 1e-12)), int(np.sum(pairs.differences < -1e-12))
    span = settings.scale.span if settings.scale.two_valued else 1.0
    return tango_interval(up, down, len(pairs.differences), level).inside(margin / span)
