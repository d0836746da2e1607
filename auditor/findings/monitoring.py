"""Looking at the data while they come, by a rule fixed beforehand: each look, whether it stops, and what holds after.

A look sees the complete units that have entered. A judge stops when one of its confirmatory findings crosses its
boundary, or when all of them are equivalent within their margins: a stop on the score alone could hide a judge that
moves only what lies under the pass mark. Each of the m members of the confirmatory family spends alpha / m.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pandas as pd

from auditor.findings.checks import unit_labels
from auditor.findings.drafts import Rows
from auditor.findings.pairs import Metric, pair
from auditor.findings.result import Finding, Findings
from auditor.findings.settings import Settings
from auditor.findings.verdicts import BLIND, FEWEST_FOR_EQUIVALENCE, FEWEST_UNITS, Verdict, overall
from auditor.stats.eprocess import EProcess, e_process
from auditor.stats.intervals import Interval
from auditor.stats.looks import Decision, Floats, look
from auditor.stats.proportions import tango_interval
from auditor.stats.sequential import Method, SequentialDesign, plan_looks, reschedule, sequential_design
from auditor.stats.stopping import after_stopping

Rule = Method | Literal["e-process"]
#: The analysis of a part of the ratings, or None while it holds no pair.
Analyse = Callable[[pd.DataFrame], Findings | None]
#: Size of a typical difference for the e-process: this share of the scale's range, and of items passing.
_SCORE_SPREAD, _PASS_SPREAD = 1 / 20, 0.3


@dataclass(frozen=True)
class LookPlan:
    """When a judge's ratings are looked at, and what each look may spend; fixed before the first call.

    Parameters
    ----------
    rule : str
        ``obrien-fleming``, ``obrien-fleming-spending``, ``pocock-spending``, or ``e-process``.
    looks : int
        The most looks; there are fewer where there are fewer units.
    order : tuple of str
        Independent units (``group:NAME``, or ``item:NAME``) in the order in which they enter.
    members : int
        Confirmatory findings in the family.

    Examples
    --------
    >>> LookPlan("obrien-fleming", 2, ("item:a", "item:b", "item:c"), 1).ends
    (2, 3)
    """

    rule: Rule
    looks: int
    order: tuple[str, ...]
    members: int

    @property
    def ends(self) -> tuple[int, ...]:
        """Units that have entered at each look."""
        return plan_looks(len(self.order), looks=self.looks)


@dataclass(frozen=True)
class Step:
    """One look at one confirmatory finding.

    Parameters
    ----------
    metric : {'score', 'pass_rate'}
    look, n_units : int
        Which look, from 1, and the units paired by then.
    estimate : float or None
        Mean difference so far.
    p_value, bound : float or None
        The look's p-value and the value at or below which it rejects; of an e-process the anytime-valid p and alpha / m.
    interval : Interval
        Repeated interval (of an e-process, the confidence sequence).
    decision : str
        ``continue``, ``inflated``, ``deflated``, ``equivalent`` or ``inconclusive``.
    """

    metric: Metric
    look: int
    n_units: int
    estimate: float | None
    p_value: float | None
    bound: float | None
    interval: Interval
    decision: Decision


@dataclass(frozen=True)
class Course:
    """The looks at one judge, in order.

    Parameters
    ----------
    judge, rule : str
    ends : tuple of int
        Units asked at each planned look.
    steps : tuple of Step
    held : int
        Looks held.
    stopped : bool
        Whether no further unit is needed: a boundary was crossed, or all units are in.
    calls_planned, calls_saved : int
        Calls for ratings of this judge, and how many of them were not needed.
    """

    judge: str
    rule: Rule
    ends: tuple[int, ...]
    steps: tuple[Step, ...] = ()
    held: int = 0
    stopped: bool = False
    calls_planned: int = 0
    calls_saved: int = 0

    @property
    def units(self) -> int:
        """Units that entered."""
        return self.ends[self.held - 1] if self.held else 0

    @property
    def early(self) -> bool:
        """Whether it stopped before the last look."""
        return self.stopped and self.held < len(self.ends)

    def sentence(self) -> str:
        """What happened, in plain words."""
        saved = (
            f"; {self.calls_saved} of {self.calls_planned} planned calls were not needed"
            if self.early
            else ""
        )
        end = "stopped" if self.early else ("went to its end" if self.stopped else "goes on")
        return (
            f"{self.judge}: looking by {self.rule} {end} at look {self.held} of {len(self.ends)}, after {self.units} "
            f"of {self.ends[-1]} units{saved}."
        )


@dataclass
class _Member:
    """One confirmatory finding of a judge while its looks are held."""

    metric: Metric
    design: SequentialDesign | None
    sizes: list[int] = field(default_factory=list)
    values: Floats = field(default_factory=lambda: np.empty(0))
    step: Step | None = None


def watch(
    frame: pd.DataFrame, judge: str, plan: LookPlan, settings: Settings, complete: int, analyse: Analyse
) -> tuple[Course, tuple[Finding, ...]]:
    """Hold every look whose units are complete, until one stops.

    Parameters
    ----------
    frame : DataFrame
        The judge's ratings in all phases.
    judge : str
    plan : LookPlan
    settings : Settings
        Those of the whole analysis.
    complete : int
        Looks whose units have all been asked.
    analyse : callable
        The analysis of a part of `frame`, for the flags that forbid to claim equivalence.

    Returns
    -------
    Course
    tuple of Finding
        The judge's confirmatory findings at the last look, with numbers that are valid after stopping; empty while
        there is no look with a pair.
    """
    position = positions(frame, plan)
    members: dict[Metric, _Member] = {}
    steps: list[Step] = []
    findings: list[Finding] = []
    held, stopped = 0, False
    for held in range(1, min(complete, len(plan.ends)) + 1):
        part = frame[position < plan.ends[held - 1]]
        found = analyse(part)
        if found is None:
            continue
        findings = [f for f in found.confirmatory if f.judge == judge]
        for finding in findings:
            member = members.setdefault(finding.metric, _member(finding, plan, settings))
            _look(member, finding, part, held, plan, settings)
            if member.step is not None:
                steps.append(member.step)
        reached = [member.step.decision if member.step else "continue" for member in members.values()]
        stopped = bool({"inflated", "deflated"} & set(reached)) or set(reached) == {"equivalent"}
        if stopped:
            break
    course = Course(judge, plan.rule, plan.ends, tuple(steps), held, stopped or held == len(plan.ends))
    final = tuple(_finding(members[finding.metric], finding, plan, settings) for finding in findings)
    return course, final


def positions(frame: pd.DataFrame, plan: LookPlan) -> pd.Series[float]:
    """The place of each row's unit in the order of entry; NaN for a row of no unit in it."""
    place = {unit: number for number, unit in enumerate(plan.order)}
    return pd.Series(unit_labels(frame), index=frame.index).map(place)


def _member(finding: Finding, plan: LookPlan, settings: Settings) -> _Member:
    if plan.rule == "e-process":
        return _Member(finding.metric, None)
    design = sequential_design(
        plan.ends,
        alpha=settings.alpha / plan.members,
        method=plan.rule,
        margin=finding.margin,
        equivalence_alpha=settings.alpha,
    )
    return _Member(finding.metric, design)


def _differences(part: pd.DataFrame, finding: Finding, order: Sequence[str], settings: Settings) -> Floats:
    """D of each unit, in the order in which units enter."""
    own, rows = settings.for_judge(finding.judge), Rows(part)
    only = settings.threshold if settings.filter_threshold else None
    treatment = rows.of(finding.judge, finding.treatment, only)
    control = rows.of(finding.judge, finding.control, only)
    pairs = pair(treatment, control, finding.metric, settings.scale, own.threshold)
    found = dict(zip(dict.fromkeys(pairs.units), pairs.differences.tolist(), strict=True))
    return np.array([found[unit] for unit in order if unit in found], dtype=np.float64)


def _look(
    member: _Member, finding: Finding, part: pd.DataFrame, number: int, plan: LookPlan, settings: Settings
) -> None:
    values = _differences(part, finding, plan.order, settings)
    last = number == len(plan.ends)
    if not values.size or (member.sizes and values.size <= member.sizes[-1]):
        # No pair was added: nothing is spent, and nothing can have changed.
        if last and member.step is not None and member.step.decision == "continue":
            member.step = replace(member.step, look=number, decision="inconclusive")
        return
    member.values = values
    member.sizes.append(int(values.size))
    member.step = (
        _bet(member, finding, number, plan, settings, last=last)
        if member.design is None
        else _boundary(member, finding, number, plan, settings)
    )


def _boundary(member: _Member, finding: Finding, number: int, plan: LookPlan, settings: Settings) -> Step:
    """A look of a group sequential design, whose boundaries follow the number of units that were really paired."""
    assert member.design is not None
    *before, n_units = member.sizes
    lost = plan.ends[number - 1] - n_units
    units = (*before, n_units, *(end - lost for end in plan.ends[number:]))
    if units != member.design.units:
        member.design = reschedule(member.design, len(before), units)
    held = len(member.sizes)
    seen = look(member.design, held, member.values)
    inside = seen.decision == "equivalent" and _may_be_equivalent(finding)
    if inside and _counts_passes(member.metric, settings):
        level = 1 - 2 * member.design.equivalence_nominal[held - 1]
        inside = _tango_inside(member.values, finding.margin, level, settings)
    decision = _decision(seen.mean, finding, inside=inside, significant=seen.significant)
    if decision == "continue" and number == len(plan.ends):
        decision = "inconclusive"
    return Step(
        member.metric, number, n_units, seen.mean, seen.p_value, seen.nominal, seen.interval, decision
    )


def _bet(
    member: _Member, finding: Finding, number: int, plan: LookPlan, settings: Settings, *, last: bool
) -> Step:
    """A look of the e-process, which may be held at any time."""
    share = settings.alpha / plan.members
    bets = _evidence(member, share, settings)
    narrow = _evidence(member, 2 * settings.alpha, settings).interval
    inside = (
        narrow.inside(finding.margin)
        and member.values.size >= FEWEST_FOR_EQUIVALENCE
        and bool(np.any(member.values != member.values[0]))
        and _may_be_equivalent(finding)
    )
    significant = bets.p_value is not None and bets.p_value <= share
    decision = _decision(float(bets.direction), finding, inside=inside, significant=significant)
    if decision == "continue" and last:
        decision = "inconclusive"
    return Step(
        member.metric,
        number,
        int(member.values.size),
        bets.estimate,
        bets.p_value,
        share,
        bets.interval,
        decision,
    )


def _evidence(member: _Member, alpha: float, settings: Settings) -> EProcess:
    passes = _counts_passes(member.metric, settings)
    unit = settings.scale.span if member.metric == "score" else 1.0
    return e_process(member.values, alpha=alpha, spread=unit * (_PASS_SPREAD if passes else _SCORE_SPREAD))


def _counts_passes(metric: Metric, settings: Settings) -> bool:
    return metric == "pass_rate" or settings.scale.two_valued


def _tango_inside(values: Floats, margin: float, level: float, settings: Settings) -> bool:
    span = settings.scale.span if settings.scale.two_valued else 1.0
    up, down = int(np.sum(values > 1e-12)), int(np.sum(values < -1e-12))
    return tango_interval(up, down, len(values), level).inside(margin / span)


def _may_be_equivalent(finding: Finding) -> bool:
    return not any(flag in BLIND for flag in finding.flags)


def _decision(direction: float, finding: Finding, *, inside: bool, significant: bool) -> Decision:
    """By the order of the verdict rule."""
    if finding.n_units < FEWEST_UNITS or "withheld" in finding.flags:
        return "continue"
    if inside:
        return "equivalent"
    if significant and direction != 0:
        return "inflated" if direction > 0 else "deflated"
    return "continue"


def _finding(member: _Member, finding: Finding, plan: LookPlan, settings: Settings) -> Finding:
    """A confirmatory finding with the numbers that hold after the last look."""
    step = member.step
    if step is None:
        return finding
    estimate, interval, p_value = step.estimate, step.interval, step.p_value
    name = "e-process for symmetry, two-sided"
    if member.design is not None:
        # The repeated interval and p hold whatever made the looking end; here the other metric may have.
        after = after_stopping(member.design, len(member.sizes), member.values)
        estimate, interval, p_value = after.mean, after.repeated_interval, after.repeated_p_value
        name = f"group sequential sign-flip ({plan.rule}), two-sided"
    p_adjusted = None if p_value is None else min(1.0, plan.members * p_value)
    significant = p_adjusted is not None and p_adjusted <= settings.alpha
    verdict: Verdict = "inconclusive" if step.decision == "continue" else step.decision
    dropped = {"interval_disagrees", "not_after_adjustment", "detectable", "rare_changes", "monte_carlo"}
    flags = [flag for flag in finding.flags if flag not in dropped]
    if verdict == "equivalent" and significant:
        flags.append("detectable")
    percent = None
    if estimate is not None and member.metric == "score":
        percent = 100 * estimate / settings.scale.span
    return replace(
        finding,
        estimate=estimate,
        interval=interval,
        p_value=p_value,
        p_adjusted=p_adjusted,
        verdict=verdict,
        flags=(*flags, "sequential"),
        items_needed=finding.items_needed if verdict == "inconclusive" else None,
        percent_of_scale=percent,
        test=name,
        test_method="sequential",
        equivalence=None,
    )


def monitor(
    frame: pd.DataFrame,
    plans: Mapping[str, LookPlan],
    complete: Mapping[str, int],
    settings: Settings,
    analyse: Analyse,
    interim: Analyse,
) -> tuple[Findings | None, dict[str, Course], pd.DataFrame]:
    """Watch every judge, and give the whole analysis at the point where each of them stopped or stands.

    Parameters
    ----------
    frame : DataFrame
        All ratings.
    plans : mapping of LookPlan
        By judge.
    complete : mapping of int
        Looks of each judge whose units have all been asked.
    settings : Settings
    analyse, interim : callable
        The whole analysis of a part of `frame`, and that of the primary contrast alone.

    Returns
    -------
    Findings or None
        None while no look holds a pair.
    dict of Course
        By judge.
    DataFrame
        The ratings that the findings rest on: those of complete looks, up to each judge's last one.
    """
    courses: dict[str, Course] = {}
    valid: dict[tuple[str, str], Finding] = {}
    kept = []
    for judge, plan in plans.items():
        own = frame[frame["judge"] == judge]
        courses[judge], found = watch(own, judge, plan, settings, complete.get(judge, 0), interim)
        valid |= {(judge, finding.metric): finding for finding in found}
        kept.append(own[positions(own, plan) < courses[judge].units])
    ratings = pd.concat(kept) if kept else frame.iloc[:0]
    findings = analyse(ratings) if len(ratings) else None
    if findings is None:
        return None, courses, ratings
    members = tuple(
        valid.get((f.judge, f.metric), f) if f.family == "confirmatory" else f for f in findings.findings
    )
    verdicts = [
        (f.metric, f.verdict, f.p_adjusted is not None and f.p_adjusted <= settings.alpha)
        for f in members
        if f.family == "confirmatory"
    ]
    notes = (
        *findings.notes,
        "The confirmatory findings take account of the looks; all other analyses treat the ratings as if their number "
        "had been fixed.",
    )
    return replace(findings, findings=members, verdict=overall(verdicts), notes=notes), courses, ratings
