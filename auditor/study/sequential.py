"""Asks in blocks and looks at the data between them, by the rule that the design fixed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import cast

import pandas as pd

from auditor.collect import Collected, Ledger, Progress
from auditor.errors import InputError
from auditor.findings import Findings
from auditor.findings.monitoring import Analyse, Course, LookPlan, Rule, monitor
from auditor.findings.settings import Settings
from auditor.plan import Plan
from auditor.plan.layout import entry_order, unit_of
from auditor.records import Trial

Ask = Callable[[Sequence[Trial]], Awaitable[Collected]]


@dataclass(frozen=True)
class Watched:
    """A sequential run as far as it has come.

    Attributes
    ----------
    findings : Findings or None
        None while no complete look holds a pair.
    ratings : DataFrame
        Those that the findings rest on.
    courses : mapping of Course
        By judge.
    """

    findings: Findings | None
    ratings: pd.DataFrame
    courses: Mapping[str, Course]


def look_plans(plan: Plan) -> dict[str, LookPlan]:
    """The looks of each judge of a sequential plan."""
    order = tuple(dict.fromkeys(unit_of(item) for item in entry_order(plan)))
    metrics = 1 if plan.design.scale.two_valued else 2
    looks = LookPlan(
        cast("Rule", plan.design.sequential), plan.design.looks, order, metrics * len(plan.judges)
    )
    return {judge.name: looks for judge in plan.judges}


def trials_by_unit(plan: Plan) -> dict[str, list[tuple[int, Trial]]]:
    """Of each judge, its trials with the place of their unit in the order of entry, without those of a pilot."""
    units = {item.id: unit_of(item) for item in plan.items}
    place = {
        unit: number for number, unit in enumerate(dict.fromkeys(units[i.id] for i in entry_order(plan)))
    }
    found: dict[str, list[tuple[int, Trial]]] = {judge.name: [] for judge in plan.judges}
    for trial in plan.trials:
        if trial.cell.phase != "pilot":
            found[trial.judge].append((place[units[trial.cell.item]], trial))
    return found


def watched(
    plan: Plan, ledger: Ledger, frame: pd.DataFrame, settings: Settings, interim: Analyse, analyse: Analyse
) -> Watched:
    """Hold all looks whose trials have all been asked, and analyse what they saw."""
    plans, trials, done = look_plans(plan), trials_by_unit(plan), ledger.finished_trials()
    complete = {}
    for judge, looks in plans.items():
        first_open = min((place for place, trial in trials[judge] if trial.id not in done), default=None)
        ends = looks.ends
        complete[judge] = len(ends) if first_open is None else sum(end <= first_open for end in ends)
    findings, courses, ratings = monitor(frame, plans, complete, settings, analyse, interim)
    counted = {judge: _counted(course, trials[judge]) for judge, course in courses.items()}
    if findings is not None:
        stopped = [course.sentence() for course in counted.values()]
        findings = replace(
            findings,
            looks=tuple({**asdict(course), "sentence": course.sentence()} for course in counted.values()),
            notes=(*stopped, *findings.notes),
        )
    return Watched(findings, ratings, counted)


def _counted(course: Course, trials: Sequence[tuple[int, Trial]]) -> Course:
    later = sum(place >= course.units for place, _ in trials)
    return replace(course, calls_planned=len(trials), calls_saved=later if course.stopped else 0)


async def ask_by_looks(
    plan: Plan, ledger: Ledger, ask: Ask, see: Callable[[], Watched], progress: Progress
) -> Collected:
    """Ask block by block, look after each, and leave off asking a judge that needs no more.

    A judge with an unanswered trial in its block is not looked at: a look falls on complete units. The others go on.

    Returns
    -------
    Collected
        Of all blocks together; its `planned` counts only what was needed.
    """
    trials = trials_by_unit(plan)
    total = Collected(planned=0)
    stuck: set[str] = set()
    state = see()
    while block := _block(state, trials, stuck, ledger.finished_trials()):
        collected = await ask(block)
        total.planned += collected.planned
        total.asked += collected.asked
        total.answered += collected.answered
        total.failed += collected.failed
        total.given_up |= collected.given_up
        done = ledger.finished_trials()
        stuck |= {trial.judge for trial in block if trial.id not in done}
        before, state = state, see()
        for judge, course in state.courses.items():
            if course.held > before.courses[judge].held:
                progress.say(course.sentence())
        if collected.stopped:
            total.stopped = True
            break
    return total


def _block(
    state: Watched, trials: Mapping[str, list[tuple[int, Trial]]], stuck: set[str], done: set[str]
) -> list[Trial]:
    """What the next look of each judge still lacks."""
    return [
        trial
        for judge, course in state.courses.items()
        if judge not in stuck and not course.stopped
        for place, trial in trials[judge]
        if place < course.ends[course.held] and trial.id not in done
    ]


def quiet(
    analyse: Callable[[pd.DataFrame], Findings], memo: dict[tuple[str, int], Findings | None] | None = None
) -> Analyse:
    """An analysis that gives None where there is no pair yet; with `memo`, made once for each judge and look."""
    known = {} if memo is None else memo

    def analysed(part: pd.DataFrame) -> Findings | None:
        key = (",".join(part["judge"].unique().tolist()), len(part))
        if key not in known:
            try:
                known[key] = analyse(part)
            except InputError:
                known[key] = None
        return known[key]

    return analysed
