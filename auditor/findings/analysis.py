"""Frames in; estimates, intervals, verdicts out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from auditor.arms import PRIMARY, Contrast
from auditor.errors import InputError
from auditor.findings.pairs import Metric, Pairs, arm_rows, pair
from auditor.findings.result import Finding, Findings
from auditor.findings.verdicts import FEWEST_FOR_EQUIVALENCE, FEWEST_UNITS, decide, overall
from auditor.ratings import Ratings, load_ratings, status_counts
from auditor.scale import Scale
from auditor.stats.discrimination import DiscriminationResult, discrimination
from auditor.stats.effects import effect_sizes
from auditor.stats.intervals import Interval, equivalence_test, mean_interval
from auditor.stats.mcnemar import mcnemar
from auditor.stats.missing import LeeBounds, MissingTest, WorstCase, lee_bounds, manski_bounds, missing_test
from auditor.stats.multiplicity import adjust
from auditor.stats.power import units_needed
from auditor.stats.proportions import tango_interval
from auditor.stats.signflip import sign_flip_test


@dataclass(frozen=True)
class Settings:
    """Everything that the numbers depend on besides the ratings."""

    scale: Scale
    threshold: float | None
    margin: float
    margin_chosen: bool
    pass_margin: float
    alpha: float
    seed: int
    filter_threshold: bool = False

    def margin_of(self, metric: Metric) -> float:
        """The margin in the metric's own unit."""
        return self.margin if metric == "score" else self.pass_margin


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
    settings = _settings(frame, parsed, threshold, margin, pass_margin, alpha, seed)
    wanted = tuple(contrasts) if contrasts is not None else (Contrast(treatment, control),)
    _require_arms(frame, wanted)
    judges = sorted(frame["judge"].unique().tolist())
    drafts = [
        draft
        for contrast in wanted
        for judge in judges
        for draft in _contrast_findings(frame, judge, contrast, settings)
    ]
    if not any(draft.n_items for draft in drafts if draft.family == "confirmatory"):
        raise InputError(
            f"no item has a rating in both '{wanted[0].treatment}' and '{wanted[0].control}'",
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
        settings=_settings_json(settings),
        notes=(*table.notes, *_notes(frame, settings, findings)),
        simulated=simulated,
    )


def _settings(
    frame: pd.DataFrame,
    scale: Scale,
    threshold: float | str | None,
    margin: float | None,
    pass_margin: float,
    alpha: float,
    seed: int,
) -> Settings:
    if margin is not None and not margin > 0:
        raise InputError(f"the margin must lie above zero, not {margin:g}", where="margin")
    if not 0 < pass_margin < 1:
        raise InputError(
            f"the pass margin is a fraction between 0 and 1, not {pass_margin:g}", where="pass_margin"
        )
    if not 0 < alpha < 0.5:
        raise InputError(f"alpha lies between 0 and 0.5, not {alpha:g}", where="alpha")
    present = sorted(frame["threshold"].dropna().unique().tolist())
    mark: float | None = None
    if threshold is not None:
        mark = scale.threshold(threshold)
        if present and mark not in present:
            listed = ", ".join(f"{value:g}" for value in present)
            raise InputError(
                f"no rating was made at the threshold {mark:g}; the column 'threshold' holds {listed}",
                where="threshold",
                remedy="give one of these, or leave --threshold out",
            )
    elif len(present) == 1:
        mark = float(present[0])
    elif scale.two_valued:
        mark = scale.high
    return Settings(
        scale=scale,
        threshold=mark,
        margin=0.025 * scale.span if margin is None else margin,
        margin_chosen=margin is not None,
        pass_margin=pass_margin,
        alpha=alpha,
        seed=seed,
        filter_threshold=threshold is not None and bool(present),
    )


def _require_arms(frame: pd.DataFrame, contrasts: Sequence[Contrast]) -> None:
    main = frame[frame["phase"] == "main"]
    present = list(dict.fromkeys(main["arm"].tolist()))
    for contrast in contrasts:
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
    family: str = field(init=False)
    n_items: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "family", self.finding.family)
        object.__setattr__(self, "n_items", self.finding.n_items)


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
    sees = _discrimination(control, settings)
    missing = _missing(treatment, control, settings)
    blind = _blindness(control, settings, sees)
    drafts = []
    for metric in metrics:
        pairs = pair(treatment, control, metric, settings.scale, settings.threshold)
        lee = worst = None
        if missing is not None and (missing.control or missing.treatment):
            worst = _worst_case(treatment, control, metric, settings)
            lee = _lee(treatment, control, metric, settings) if missing.differs else None
        drafts.append(
            _draft(judge, contrast, metric, mark, pairs, settings, blind, sees, missing, lee, worst, control)
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
        return _Draft(base, (), within=False, lee=None)
    mean = mean_interval(pairs.differences, 1 - settings.alpha)
    test = sign_flip_test(pairs.differences if pairs.integers is None else pairs.integers, seed=settings.seed)
    equivalence = equivalence_test(pairs.differences, margin, settings.alpha)
    if n_units < FEWEST_UNITS:
        flags.append("too_few_items")
    elif n_units < FEWEST_FOR_EQUIVALENCE:
        flags.append("few_items_for_equivalence")
    constant = np.ptp(pairs.control) == 0 and _control_constant(control, metric, settings)
    flags += [*(["constant"] if constant else []), *blind]
    if not np.any(pairs.differences) and not constant:
        flags.append("no_differences")
    if mean.interval.known and mean.interval.excludes_zero() != (test.p_value <= settings.alpha):
        flags.append("interval_disagrees")
    if pairs.unbalanced:
        flags.append("unbalanced")
    if test.method == "monte-carlo":
        flags.append("monte_carlo")
    if (control["item_hash"] == "").any():
        flags.append("identity_unproved")
    passes = metric == "pass_rate" or settings.scale.two_valued
    moved = pairs.item_differences
    rescued, condemned = int(np.sum(moved > 1e-12)), int(np.sum(moved < -1e-12))
    within = equivalence.equivalent
    if passes and within and not _score_interval_inside(pairs, rescued, condemned, margin, settings):
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
    return _Draft(finding, (*blind, *(["constant"] if constant else [])), within, lee)


def _score_interval_inside(
    pairs: Pairs, rescued: int, condemned: int, margin: float, settings: Settings
) -> bool:
    """Whether Tango's interval agrees that a pass rate moved by less than the margin.

    With replicates or groups it cannot be computed; there it guards against units none of which moved.
    """
    level = 1 - 2 * settings.alpha
    counts = (rescued, condemned) if pairs.single else (0, 0)
    span = settings.scale.span if settings.scale.two_valued else 1.0
    return tango_interval(*counts, len(pairs.differences), level).inside(margin / span)


def _control_constant(control: pd.DataFrame, metric: Metric, settings: Settings) -> bool:
    """Whether every single control rating has the same value."""
    values = _metric_values(control, metric, settings)
    values = values[~np.isnan(values)]
    return bool(values.size and np.ptp(values) == 0)


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


def _unit_labels(rows: pd.DataFrame) -> np.ndarray[Any, Any]:
    return np.where(rows["group"] != "", "group:" + rows["group"], "item:" + rows["item"])


def _discrimination(control: pd.DataFrame, settings: Settings) -> DiscriminationResult | None:
    rated = control[control["status"] == "ok"]
    checks: tuple[tuple[str, Literal["auroc", "spearman"]], ...] = (
        ("correct", "auroc"),
        ("gold", "spearman"),
    )
    for column, measure in checks:
        known = rated[rated[column].notna()]
        if known.empty:
            continue
        by_item = known.groupby("item", sort=False).agg(
            score=("score", "mean"), truth=(column, "first"), group=("group", "first")
        )
        labels = _unit_labels(by_item.reset_index())
        result = discrimination(
            by_item["score"],
            by_item["truth"],
            labels,
            measure=measure,
            seed=settings.seed,
        )
        if result is not None:
            return result
    return None


def _blindness(
    control: pd.DataFrame, settings: Settings, sees: DiscriminationResult | None
) -> tuple[str, ...]:
    """Why this judge could not have shown a shift, apart from giving one value to everything."""
    flags = []
    if sees is not None and not sees.shown:
        flags.append("insensitive")
    rated = control[control["status"] == "ok"]
    marks = rated["threshold"].fillna(np.nan if settings.threshold is None else settings.threshold)
    at_mark = np.isclose(rated["score"].to_numpy(dtype=float), marks.to_numpy(dtype=float), atol=1e-9)
    if len(rated) and not settings.scale.two_valued and float(at_mark.mean()) > 0.5:
        flags.append("anchored")
    return tuple(flags)


def _shared(treatment: pd.DataFrame, control: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    both = set(treatment["item"]) & set(control["item"])
    return treatment[treatment["item"].isin(both)], control[control["item"].isin(both)]


def _missing(treatment: pd.DataFrame, control: pd.DataFrame, settings: Settings) -> MissingTest | None:
    first, second = _shared(treatment, control)
    if first.empty:
        return None
    shares = []
    for rows in (first, second):
        table = pd.DataFrame(
            {"unit": _unit_labels(rows), "lost": (rows["status"] != "ok").to_numpy(dtype=float)}
        )
        shares.append(table.groupby("unit")["lost"].mean())
    high, low = shares[0].align(shares[1], join="inner")
    return missing_test(high.to_numpy(), low.to_numpy(), seed=settings.seed)


def _metric_values(
    rows: pd.DataFrame, metric: Metric, settings: Settings
) -> np.ndarray[Any, np.dtype[np.float64]]:
    scores = np.where(rows["status"] == "ok", rows["score"].to_numpy(dtype=np.float64), np.nan)
    if metric == "score":
        return scores
    marks = (
        rows["threshold"]
        .fillna(np.nan if settings.threshold is None else settings.threshold)
        .to_numpy(dtype=float)
    )
    passed = (scores >= marks - 1e-9).astype(np.float64)
    return np.where(np.isnan(scores) | np.isnan(marks), np.nan, passed)


def _lee(
    treatment: pd.DataFrame, control: pd.DataFrame, metric: Metric, settings: Settings
) -> LeeBounds | None:
    first, second = _shared(treatment, control)
    return lee_bounds(
        _metric_values(first, metric, settings),
        _metric_values(second, metric, settings),
        _unit_labels(first),
        _unit_labels(second),
        alpha=settings.alpha,
        seed=settings.seed,
    )


def _worst_case(
    treatment: pd.DataFrame, control: pd.DataFrame, metric: Metric, settings: Settings
) -> WorstCase:
    first, second = _shared(treatment, control)
    low, high = (settings.scale.low, settings.scale.high) if metric == "score" else (0.0, 1.0)
    ends = []
    for fill_treatment, fill_control in ((low, high), (high, low)):
        means = []
        for rows, fill in ((first, fill_treatment), (second, fill_control)):
            values = np.nan_to_num(_metric_values(rows, metric, settings), nan=fill)
            means.append(pd.Series(values).groupby(rows["item"].to_numpy()).mean())
        units = pd.Series(_unit_labels(first), index=first["item"].to_numpy())
        labels = units[~units.index.duplicated()].reindex(means[0].index).to_numpy()
        bound = manski_bounds(means[0].to_numpy(), means[1].to_numpy(), low, high, units=labels)
        ends.append(bound.low)
    return WorstCase(ends[0], ends[1])


def _counts(frame: pd.DataFrame) -> tuple[dict[str, Any], ...]:
    main = frame[frame["phase"] == "main"]
    return tuple(
        {"judge": judge, "arm": arm, **counts, "missing": 1 - counts["ok"] / max(1, sum(counts.values()))}
        for (judge, arm), counts in status_counts(main).items()
    )


def _settings_json(settings: Settings) -> dict[str, Any]:
    return {
        "scale": settings.scale.spec(),
        "threshold": settings.threshold,
        "margin": settings.margin,
        "margin_chosen": settings.margin_chosen,
        "pass_margin": settings.pass_margin,
        "alpha": settings.alpha,
        "seed": settings.seed,
    }


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
    if frame["group"].ne("").any():
        notes.append("Items that share a group are not independent: groups are the unit of inference.")
    return notes
