"""Walks a plan: the pilot if there is one, the trials, the findings, the report; and does it again from a ledger."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from auditor.arms import Arm, ArmSet, Texts, Wording
from auditor.collect import Collected, Ledger, Progress, Silence, collect, hold_folder
from auditor.errors import IncompleteError, InputError
from auditor.files import write_whole
from auditor.findings import Findings, Verdict, analyze
from auditor.judges import Judge
from auditor.plan import Design, Plan, make_plan
from auditor.ratings import COLUMNS, Ratings
from auditor.records import Item, JudgeIdentity
from auditor.report import ReportInput, build_report_input, write_report
from auditor.study.answers import count_answers
from auditor.study.assumed import out_of_reach
from auditor.study.lock import Lock, check_lock, deviations, require_lock
from auditor.study.pilot import resolve_marks


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


async def run_plan(
    plan: Plan,
    judges: Mapping[str, Judge],
    folder: Path,
    *,
    concurrency: int = 8,
    progress: Progress | None = None,
) -> Audit:
    """Collect what a plan still lacks, analyse, and write the report.

    Raises
    ------
    OtherPlanError
        If the folder holds another plan.
    IncompleteError
        If trials stay unanswered; whatever could be analysed is in the folder then.
    KeyboardInterrupt
        If the user stopped it; what had arrived is stored.
    """
    watcher = progress or Silence()
    if concurrency < 1:
        raise InputError(f"at least one call at a time is needed, not {concurrency}", where="concurrency")
    with hold_folder(folder):
        lock = check_lock(folder, plan)
        with Ledger(folder / "ledger.sqlite") as ledger:
            return await _run(plan, judges, folder, ledger, lock, concurrency, watcher)


async def _run(
    plan: Plan,
    judges: Mapping[str, Judge],
    folder: Path,
    ledger: Ledger,
    lock: Lock | None,
    concurrency: int,
    watcher: Progress,
) -> Audit:
    require_lock(folder, lock, ledger.event(plan.id, "lock"))
    ledger.add_plan(plan, _command(sys.argv))
    if lock is not None:
        ledger.add_event(plan, "lock", {"hash": lock.hash, "locked_at": lock.locked_at})
    write_whole(folder / "plan.json", json.dumps(_readable(plan), indent=2, ensure_ascii=False) + "\n")
    if (warning := out_of_reach(plan)) is not None:
        watcher.say(warning)
    if plan.design.piloted:
        plan = await _with_pilot(plan, judges, ledger, concurrency, watcher)
    collected = await _collected(plan, judges, ledger, concurrency, watcher)
    reasons = "; ".join(f"{name}: {reason}" for name, reason in collected.given_up.items())
    try:
        result = _analyse(folder, ledger, plan, collected, lock)
    except InputError as error:
        if not collected.missing:
            raise
        raise IncompleteError(
            f"{collected.missing} of {collected.planned} trials have no answer ({reasons or 'see the ledger'}), "
            f"and there is nothing to analyse. When it is mended, run the same command: it asks only for these"
        ) from error
    if collected.missing:
        detail = reasons or next(filter(None, (ledger.last_error(name) for name in judges)), "see the ledger")
        raise IncompleteError(
            f"{collected.missing} of {collected.planned} trials have no answer ({detail}). The report at "
            f"{result.report} counts them as missing; run the same command to ask for them again"
        )
    return result


async def _collected(
    plan: Plan, judges: Mapping[str, Judge], ledger: Ledger, concurrency: int, watcher: Progress
) -> Collected:
    """Ask what the plan lacks; a first Ctrl-C waits for the calls in flight, a second one drops them."""
    stop = asyncio.Event()
    with _gentle_interrupt(stop, watcher):
        try:
            collected = await collect(
                plan, judges, ledger, concurrency=concurrency, progress=watcher, stop=stop
            )
        except asyncio.CancelledError:
            if stop.is_set():  # the second Ctrl-C
                raise KeyboardInterrupt from None
            raise
    if collected.stopped:
        raise KeyboardInterrupt
    return collected


async def _with_pilot(
    plan: Plan, judges: Mapping[str, Judge], ledger: Ledger, concurrency: int, watcher: Progress
) -> Plan:
    """The plan with its pass marks: those found before, or else by asking the pilot now. Found once, they stay."""
    stored = ledger.event(plan.id, "thresholds")
    if stored is None:
        watcher.say(
            f"Pilot: {len(plan.trials)} questions under the rubric alone, to find each judge's pass mark."
        )
        collected = await _collected(plan, judges, ledger, concurrency, watcher)
        if collected.given_up:
            reasons = "; ".join(f"{name}: {reason}" for name, reason in collected.given_up.items())
            raise IncompleteError(
                f"the pilot could not be finished ({reasons}), so pass marks are not known. Run the same command "
                "when it is mended, leave that judge out, or state a pass mark with --threshold"
            )
        found = resolve_marks(ledger.rating_rows(), [judge.name for judge in plan.judges], plan.design.scale)
        content = {
            name: {
                "mark": result.mark,
                "passing": result.passing,
                "n": len(result.scores),
            }
            for name, result in found.items()
        }
        stored = ledger.add_event(plan, "thresholds", content)
    marks = {name: (float(entry["mark"]),) for name, entry in stored.items()}
    shown = ", ".join(f"{name} {plan.design.scale.render(own[0])}" for name, own in marks.items())
    watcher.say(f"Pass marks from the pilot: {shown}.")
    whole = plan.with_marks(marks)
    ledger.add_trials(whole)
    return whole


def _command(argv: Sequence[str]) -> str:
    """The command line, if it was ours; paths of this machine are cut down to their last part."""
    if not argv or not argv[0].endswith(("auditor", "auditor/__main__.py")) or argv[1:2] != ["run"]:
        return "auditor.audit(...) from Python"
    parts = [part.rsplit("/", 1)[-1] if part.startswith("/") else part for part in argv[1:]]
    return " ".join(["auditor", *(f'"{part}"' if " " in part else part for part in parts)])


def _readable(plan: Plan) -> dict[str, Any]:
    return {"plan_id": plan.id, "trials": len(plan.trials), **plan.to_json()}


@contextmanager
def _gentle_interrupt(stop: asyncio.Event, progress: Progress) -> Iterator[None]:
    """First Ctrl-C: ask nothing more, wait for the calls in flight. Second: drop them."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def interrupted() -> None:
        if stop.is_set() and task is not None:
            task.cancel()
            return
        stop.set()
        progress.say(
            "Stopping: waiting for the calls in flight, whose answers are stored (Ctrl-C again drops them)."
        )

    try:
        loop.add_signal_handler(signal.SIGINT, interrupted)
    except (ValueError, RuntimeError, NotImplementedError):
        yield  # not the main thread, or a system without signals: the default way of stopping stays
        return
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)


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
                "expected_score": float("nan"),
            }
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _analyse(
    folder: Path, ledger: Ledger, plan: Plan, collected: Collected | None, lock: Lock | None
) -> Audit:
    frame = ratings_frame(ledger, plan.items, plan.design.placement)
    if frame.empty:
        raise InputError("no trial was asked yet", where=str(folder))
    design = plan.design
    main = frame[frame["phase"] == "main"]
    present = set(main["arm"])
    findings = analyze(
        Ratings(frame),
        scale=design.scale,
        threshold=design.threshold,
        margin=design.margin if design.margin_chosen else None,
        pass_margin=design.pass_margin,
        alpha=design.alpha,
        seed=design.seed,
        contrasts=[c for c in plan.contrasts if c.family == "confirmatory" or set(c.arms) <= present],
        simulated=any(judge.simulated for judge in plan.judges),
    )
    findings = replace(findings, answers=count_answers(plan, ledger.answer_rows()))
    report: ReportInput = build_report_input(
        plan, findings, frame, ledger, None if lock is None else lock.shown(deviations(lock, plan, frame))
    )
    write_report(folder, report)
    return Audit(folder, findings, frame, collected)


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
        return _analyse(folder, ledger, plan, None, lock)


def stored_plan(ledger: Ledger) -> Plan:
    """Rebuild the plan of a ledger, with the pass marks that its pilot found.

    Raises
    ------
    InputError
        If it was made by a version whose arms and wordings had another form.
    """
    plan_id, content = ledger.plan_content()
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
    stored = ledger.event(plan_id, "thresholds") if design.piloted else None
    return plan if stored is None else plan.with_marks({k: (float(v["mark"]),) for k, v in stored.items()})
