"""What a report shows, gathered from plan, findings, ratings and ledger into plain values."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Protocol

import numpy as np
import pandas as pd

from auditor.findings import Findings, Pairs, arm_rows, pair
from auditor.plan import Plan
from auditor.records import Item, utc_now
from auditor.scale import Scale

_MOST_MOVED = 3


class TranscriptSource(Protocol):
    """Where replies can be looked up."""

    def transcript(self, judge: str, item: str, arm: str) -> list[dict[str, Any]]:
        """The attempts behind the ratings of one judge, item and arm."""

    def command(self) -> str:
        """What started the run."""

    def totals(self) -> dict[str, Any]:
        """Calls, errors, tokens and times."""


@dataclass(frozen=True)
class Side:
    """What a judge said of one item in one arm."""

    arm: str
    score: str
    status: str
    wording: str
    reply: str
    prompt: str


@dataclass(frozen=True)
class MovedItem:
    """An item whose rating moved, with the replies in both arms."""

    item: Item
    difference: float
    sides: tuple[Side, ...]


@dataclass(frozen=True, slots=True)
class Registration:
    """What a report says of a locked plan."""

    hash: str
    locked_at: str
    deviations: tuple[str, ...]
    contrasts: tuple[str, ...]


@dataclass(frozen=True)
class JudgeView:
    """One judge's data for figures and transcripts; `mark` is its pass mark, the middle one of several."""

    name: str
    simulated: bool
    mark: float
    pairs: Pairs
    scores: Mapping[str, list[float]]
    moved: tuple[MovedItem, ...]


@dataclass(frozen=True)
class ReportInput:
    """All that the forms of the report are made from."""

    findings: Findings
    plan: Plan
    judges: tuple[JudgeView, ...]
    totals: Mapping[str, Any]
    asked: int
    frame: pd.DataFrame
    made_at: str
    versions: Mapping[str, str]
    command: str
    registration: Registration | None = None

    @property
    def scale(self) -> Scale:
        """The scale of the scores."""
        return self.plan.design.scale

    @property
    def planned(self) -> int:
        """Trials that were to be asked: those of the plan, or of a sequential run those that were needed."""
        looks = self.findings.looks
        if looks:
            return sum(course["calls_planned"] - course["calls_saved"] for course in looks)
        return len(self.plan.trials)

    @property
    def answered(self) -> int:
        """Trials with an outcome, whatever it was."""
        asked: int = sum(sum(row["counts"].values()) + row["other"] for row in self.findings.answers)
        rated = self.frame["status"] != "failed"
        if self.findings.looks:  # whose plan is counted without its pilot
            rated &= self.frame["phase"] != "pilot"
        return int(rated.sum()) + asked

    def pass_mark_text(self) -> str:
        """The pass mark, or how it was found."""
        if self.plan.design.threshold is not None:
            return self.scale.render(self.plan.design.threshold)
        if not self.plan.design.piloted:
            return ", ".join(self.scale.render(mark) for mark in self.plan.design.thresholds) + " (swept)"
        shown = [self.scale.render(view.mark) for view in self.judges]
        return f"{', '.join(shown)} (each judge's own median, from a pilot)"


def build_report_input(
    plan: Plan,
    findings: Findings,
    frame: pd.DataFrame,
    source: TranscriptSource,
    registration: Registration | None = None,
) -> ReportInput:
    """Gather what the report shows."""
    views = tuple(
        _view(plan, frame, judge.name, judge.simulated, source)
        for judge in plan.judges
        if ((frame["judge"] == judge.name) & (frame["phase"] == "main")).any()
    )
    return ReportInput(
        findings=findings,
        plan=plan,
        judges=views,
        totals=source.totals(),
        asked=len(frame),
        frame=frame,
        made_at=utc_now(),
        versions={
            "judge-auditor": version("judge-auditor"),
            "python": platform.python_version(),
            "numpy": version("numpy"),
            "scipy": version("scipy"),
            "pandas": version("pandas"),
            "system": f"{platform.system()} {platform.machine()}",
        },
        command=source.command(),
        registration=registration,
    )


def _view(
    plan: Plan, frame: pd.DataFrame, judge: str, simulated: bool, source: TranscriptSource
) -> JudgeView:
    design = plan.design
    treatment, control = arm_rows(frame, judge, design.treatment), arm_rows(frame, judge, design.control)
    marks = sorted((plan.marks or {}).get(judge, ()))
    mark = marks[len(marks) // 2] if marks else design.scale.high
    pairs = pair(treatment, control, "score", design.scale, mark)
    scores = {}
    for arm in plan.arms:
        rows = arm_rows(frame, judge, arm.name)
        scores[arm.name] = rows.loc[rows["status"] == "ok", "score"].tolist()
    differences = pairs.item_differences
    order = np.argsort(-np.abs(differences), kind="stable")[:_MOST_MOVED]
    by_id = {item.id: item for item in plan.items}
    moved = tuple(
        MovedItem(
            by_id[pairs.items[i]],
            float(differences[i]),
            tuple(
                side
                for arm in (design.control, design.treatment)
                for side in _sides(source, design.scale, judge, pairs.items[i], arm)
            ),
        )
        for i in order
        if differences[i]
    )
    return JudgeView(judge, simulated, mark, pairs, scores, moved)


def _sides(source: TranscriptSource, scale: Scale, judge: str, item: str, arm: str) -> list[Side]:
    sides = []
    for row in source.transcript(judge, item, arm)[:1]:
        messages = row["request"]["messages"]
        prompt = "\n\n".join(f"[{message['role']}]\n{message['content']}" for message in messages)
        score = "no score" if row["value"] is None else scale.render(row["value"])
        sides.append(Side(arm, score, row["status"], row["wording"], row["text"] or "", prompt))
    return sides
