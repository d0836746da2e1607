"""From a ledger to the findings and the report, asking nobody."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from auditor.arms import Arm, ArmSet, Texts, Wording
from auditor.collect import Collected, Ledger
from auditor.errors import InputError
from auditor.findings import Findings, Verdict, analyze
from auditor.findings.settings import Settings, make_settings
from auditor.findings.stages import combine
from auditor.plan import Design, Plan, make_plan
from auditor.ratings import COLUMNS, Ratings
from auditor.rationales import mentions
from auditor.records import Item, JudgeIdentity
from auditor.report import build_report_input, write_report
from auditor.study.answers import count_answers
from auditor.study.extension import (
    EVENT,
    Joined,
    open_all,
    stage_folders,
    stage_of_items,
    stage_sizes,
    without_pilot,
)
from auditor.study.lock import Lock, check_lock, deviations, require_lock
from auditor.study.sequential import Watched, quiet, watched


@dataclass(frozen=True)
class Audit:
    """A finished audit: the run folder, the findings, and the ratings behind them.

    Attributes
    ----------
    folder : Path
        Holds ``report.html``, ``report.md``, ``findings.json``, ``ratings.csv`` and the ledger.
    findings : Findings
    ratings : DataFrame
        One row for each trial.
    collected : Collected or None
        What the run did; None if the report was made again from the ledger.
    """

    folder: Path
    findings: Findings
    ratings: pd.DataFrame = field(repr=False)
    collected: Collected | None = field(default=None, repr=False)

    @property
    def verdict(self) -> Verdict:
        """The verdict over all confirmatory findings."""
        return self.findings.verdict

    @property
    def report(self) -> Path:
        """The page to open."""
        return self.folder / "report.html"

    def to_frame(self) -> pd.DataFrame:
        """One row for each finding."""
        return self.findings.to_frame()

    def to_json(self) -> dict[str, Any]:
        """The findings as JSON values."""
        return self.findings.to_json()

    def __repr__(self) -> str:
        return f"{self.findings!r}\n  report: {self.report}"

    def _repr_html_(self) -> str:
        return self.findings._repr_html_()


def ratings_frame(ledger: Ledger, items: Iterable[Item], placement: str) -> pd.DataFrame:
    """The ratings of a ledger in the columns of the contract."""
    by_id = {item.id: item for item in items}
    rows = []
    for row in ledger.rating_rows():
        item = by_id[row["item"]]
        rows.append(
            {
                **{
                    name: row[name]
                    for name in ("judge", "item", "arm", "wording", "replicate", "item_hash", "phase")
                },
                "threshold": float("nan") if row["threshold"] is None else row["threshold"],
                "score": float("nan") if row["value"] is None else row["value"],
                "status": row["status"] or "failed",
                "group": item.group or "",
                "gold": float("nan") if item.gold is None else item.gold,
                "correct": float("nan") if item.correct is None else float(item.correct),
                "placement": placement,
                "expected_score": float("nan") if row["expected_score"] is None else row["expected_score"],
                "mentions_stakes": _mention(row["rationale"], item),
            }
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _mention(rationale: str | None, item: Item) -> float:
    """Whether a reason mentions the stakes, in words that are not the item's own; NaN without a reason."""
    if not rationale:
        return float("nan")
    return float(mentions(rationale, known=f"{item.task}\n{item.output}").stakes)


def analyse_run(
    folder: Path, ledger: Ledger, plan: Plan, collected: Collected | None, lock: Lock | None
) -> Audit:
    """Analyse what a ledger holds, and write the report.

    Raises
    ------
    InputError
        If nothing was asked, or nothing can be paired.
    """
    frame = ratings_frame(ledger, plan.items, plan.design.placement)
    if frame.empty:
        raise InputError("no trial was asked yet", where=str(folder))
    if plan.design.sequential:
        interim = quiet(partial(_findings, plan, primary=True))
        settings = _settings(plan, frame)
        seen = watched(plan, ledger, frame, settings, interim, quiet(partial(_findings, plan)))
        frame = seen.ratings
        findings = _findings(plan, frame) if seen.findings is None else seen.findings
    else:
        findings = _findings(plan, frame)
    findings = replace(findings, answers=count_answers(plan, ledger.answer_rows()))
    report = build_report_input(
        plan, findings, frame, ledger, None if lock is None else lock.shown(deviations(lock, plan, frame))
    )
    write_report(folder, report)
    return Audit(folder, findings, frame, collected)


def _findings(plan: Plan, frame: pd.DataFrame, *, primary: bool = False) -> Findings:
    """The analysis that a plan fixed, of all ratings or of a part of them."""
    design = plan.design
    present = set(frame.loc[frame["phase"] == "main", "arm"])
    return analyze(
        Ratings(frame),
        scale=design.scale,
        threshold=design.threshold,
        margin=design.margin if design.margin_chosen else None,
        pass_margin=design.pass_margin,
        alpha=design.alpha,
        seed=design.seed,
        contrasts=[
            c
            for c in plan.contrasts
            if c.family == "confirmatory" or (not primary and set(c.arms) <= present)
        ],
        simulated=any(judge.simulated for judge in plan.judges),
        absent="design",  # what was asked and lost has a row with its status
    )


def _settings(plan: Plan, frame: pd.DataFrame) -> Settings:
    design = plan.design
    return make_settings(
        frame,
        design.scale,
        design.threshold,
        design.margin,
        design.pass_margin,
        design.alpha,
        design.seed,
        "design",
    )


def look_so_far(plan: Plan, ledger: Ledger, memo: dict[tuple[str, int], Findings | None]) -> Watched:
    """Hold the looks of a sequential run whose trials have been asked; `memo` keeps what earlier ones showed."""
    frame = ratings_frame(ledger, plan.items, plan.design.placement)
    interim = quiet(partial(_findings, plan, primary=True), memo)
    return watched(plan, ledger, frame, _settings(plan, frame), interim, interim)


def report_stages(folder: Path, lock: Lock | None) -> Audit:
    """Analyse a run together with the stages that were added to it, and write the report into its folder.

    Raises
    ------
    InputError
        If nothing can be paired.
    """
    with ExitStack() as stack:
        ledgers = open_all(stack, folder)
        plans = [stored_plan(ledger) for ledger in ledgers]
        first = plans[0]
        design = first.design
        frame = pd.concat(
            [
                ratings_frame(ledger, plan.items, design.placement)
                for ledger, plan in zip(ledgers, plans, strict=True)
            ],
            ignore_index=True,
        )
        whole = replace(
            first,
            items=tuple(item for plan in plans for item in plan.items),
            trials=tuple(trial for plan in plans for trial in plan.trials),
        )
        findings = combine(
            _findings(whole, frame),
            frame,
            stage_of_items(ledgers),
            stage_sizes(ledgers),
            _settings(first, frame),
        )
        answers = count_answers(first, ledgers[0].answer_rows())
        findings = replace(findings, answers=answers)
        registration = None
        if lock is not None:
            added = f"Extended after its end, by {len(ledgers) - 1} stage(s)."
            registration = lock.shown([added, *deviations(lock, whole, frame)])
        write_report(folder, build_report_input(whole, findings, frame, Joined(ledgers), registration))
        return Audit(folder, findings, frame, None)


def report_again(folder: Path) -> Audit:
    """Analyse a run folder's ledger and write its report again, asking nobody.

    Raises
    ------
    InputError
        If it holds no run.
    """
    if not folder.is_dir():
        raise InputError(
            "there is no such folder", where=str(folder), remedy="give the --out folder of a run"
        )
    with Ledger(folder / "ledger.sqlite", create=False) as ledger:
        plan = stored_plan(ledger)
        lock = check_lock(folder, plan)
        require_lock(folder, lock, ledger.event(plan.id, "lock"))
        if not stage_folders(folder):
            return analyse_run(folder, ledger, plan, None, lock)
    return report_stages(folder, lock)


def stored_plan(ledger: Ledger) -> Plan:
    """Rebuild the plan of a ledger, with the pass marks that its pilot found.

    Raises
    ------
    InputError
        If it was made by a version whose arms and wordings had another form.
    """
    _, content = ledger.plan_content()
    try:
        arms = {entry["name"]: Arm(**entry) for entry in content["arms"]}
        # A set that was named has all its arms here; what it held at the time is what the plan holds.
        named = [name for name in content["design"]["arms"] if name not in arms]
        texts = Texts(
            arms=arms,
            sets={name: ArmSet(name, tuple(arms)) for name in named},
            wordings=tuple(Wording(**entry) for entry in content["wordings"]),
            markers={},
            hash="",
        )
        design = Design.from_json(content["design"])
    except (TypeError, KeyError):
        raise InputError(
            "the run was planned by an earlier version, whose arms and wordings had another form",
            where=str(ledger.path.parent),
            remedy="analyse its ratings.csv with 'auditor analyze', or use the version that made it",
        ) from None
    judges = [
        JudgeIdentity(**entry, simulated=entry["name"].startswith("simulated:"))
        for entry in content["judges"]
    ]
    plan = make_plan(design, ledger.load_items(), texts, judges)
    return with_stored_marks(plan, ledger)


def with_stored_marks(plan: Plan, ledger: Ledger) -> Plan:
    """A plan with the pass marks in its ledger; without the pilot, where the marks are those of an earlier stage."""
    stored = ledger.event(plan.id, "thresholds") if plan.design.piloted else None
    if stored is None:
        return plan
    whole = plan.with_marks({judge: (float(entry["mark"]),) for judge, entry in stored.items()})
    return whole if ledger.event(plan.id, EVENT) is None else without_pilot(whole)
