"""Walks a plan: the pilot if there is one, the trials (in blocks, if it is sequential), the findings, the report."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from auditor.collect import Collected, Flow, Ledger, Progress, Silence, collect, hold_folder
from auditor.errors import IncompleteError, InputError
from auditor.files import write_whole
from auditor.findings import Findings
from auditor.judges import Judge
from auditor.plan import Plan
from auditor.records import Trial
from auditor.study.assumed import out_of_reach
from auditor.study.lock import Lock, check_lock, require_lock
from auditor.study.pilot import resolve_marks
from auditor.study.results import Audit, analyse_run, look_so_far, with_stored_marks
from auditor.study.sequential import ask_by_looks


async def run_plan(
    plan: Plan,
    judges: Mapping[str, Judge],
    folder: Path,
    *,
    flow: Flow | None = None,
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
    chosen = flow or Flow()
    with hold_folder(folder):
        lock = check_lock(folder, plan)
        with Ledger(folder / "ledger.sqlite", store_text=chosen.store_text) as ledger:
            return await _run(plan, judges, folder, ledger, lock, chosen, watcher)


async def _run(
    plan: Plan,
    judges: Mapping[str, Judge],
    folder: Path,
    ledger: Ledger,
    lock: Lock | None,
    flow: Flow,
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
        plan = await _with_pilot(plan, judges, ledger, flow, watcher)
    if plan.design.sequential:
        memo: dict[tuple[str, int], Findings | None] = {}
        collected = await ask_by_looks(
            plan,
            ledger,
            lambda block: _collected(plan, judges, ledger, flow, watcher, block),
            lambda: look_so_far(plan, ledger, memo),
            watcher,
        )
    else:
        collected = await _collected(plan, judges, ledger, flow, watcher)
    reasons = _reasons(collected)
    try:
        result = analyse_run(folder, ledger, plan, collected, lock)
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


def _reasons(collected: Collected) -> str:
    """Why trials have no answer, as far as it has one reason."""
    parts = [f"{name}: {reason}" for name, reason in collected.given_up.items()]
    if collected.budget:
        parts.append(f"the budget is used up: {collected.budget}; raise it to go on")
    return "; ".join(parts)


async def _collected(
    plan: Plan,
    judges: Mapping[str, Judge],
    ledger: Ledger,
    flow: Flow,
    watcher: Progress,
    trials: Sequence[Trial] | None = None,
) -> Collected:
    """Ask what the plan lacks; a first Ctrl-C waits for the calls in flight, a second one drops them."""
    stop = asyncio.Event()
    with _gentle_interrupt(stop, watcher):
        try:
            collected = await collect(
                plan, judges, ledger, flow=flow, progress=watcher, stop=stop, trials=trials
            )
        except asyncio.CancelledError:
            if stop.is_set():  # the second Ctrl-C
                raise KeyboardInterrupt from None
            raise
    if collected.stopped:
        raise KeyboardInterrupt
    return collected


async def _with_pilot(
    plan: Plan, judges: Mapping[str, Judge], ledger: Ledger, flow: Flow, watcher: Progress
) -> Plan:
    """The plan with its pass marks: those found before, or else by asking the pilot now. Found once, they stay."""
    stored = ledger.event(plan.id, "thresholds")
    if stored is None:
        watcher.say(
            f"Pilot: {len(plan.trials)} questions under the rubric alone, to find each judge's pass mark."
        )
        collected = await _collected(plan, judges, ledger, flow, watcher)
        if reasons := _reasons(collected):
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
    shown = ", ".join(f"{name} {plan.design.scale.render(float(e['mark']))}" for name, e in stored.items())
    watcher.say(f"Pass marks from the pilot: {shown}.")
    whole = with_stored_marks(plan, ledger)
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
