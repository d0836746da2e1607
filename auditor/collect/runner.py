"""Asks every trial that has no outcome yet, stores each answer before anything else, and reads it.

A call that may have been paid for is never repeated by us within a run: retries are only for what the provider
refused to serve (`TransientJudgeError`).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence

from auditor.collect.asking import outcomes_of
from auditor.collect.budget import Amount, Spending, worst_case_of_stored
from auditor.collect.dispatch import Provider, Run
from auditor.collect.flow import Flow
from auditor.collect.ledger import Ledger
from auditor.collect.line import Line
from auditor.collect.progress import Collected, Progress, Silence
from auditor.errors import StorageError
from auditor.judges.base import Judge
from auditor.plan import Plan
from auditor.records import Trial, Usage


async def collect(
    plan: Plan,
    judges: Mapping[str, Judge],
    ledger: Ledger,
    *,
    concurrency: int | None = None,
    progress: Progress | None = None,
    stop: asyncio.Event | None = None,
    trials: Sequence[Trial] | None = None,
    flow: Flow | None = None,
) -> Collected:
    """Ask all trials of the plan that have no outcome.

    Parameters
    ----------
    plan : Plan
        Already stored in the ledger.
    judges : mapping
        By name; entered and left here.
    ledger : Ledger
    concurrency : int, optional
        Short for a flow of nothing but this. Judges behind one address share what it allows: fewer calls as soon as it
        refuses some or becomes slow, and more again later.
    progress : Progress, optional
    stop : asyncio.Event, optional
        Once set, no further trial is asked; calls in flight are awaited and stored.
    trials : sequence of Trial, optional
        Ask only these of the plan; all counts are of these then.
    flow : Flow, optional
        How fast, and for how much.

    Returns
    -------
    Collected

    Raises
    ------
    InputError
        If money is bounded and a judge's price is not known; nothing was asked then.
    StorageError
        If the ledger cannot be written; nothing more is asked then.
    """
    watcher, halt = progress or Silence(), stop or asyncio.Event()
    chosen = flow or Flow(concurrency=8 if concurrency is None else concurrency)
    spending = Spending(chosen.budget, chosen.price)
    spending.check_prices(list(judges))
    await _read_unread(plan, ledger)
    if spending.counted:
        _count_earlier(ledger, spending)
    done = ledger.finished_trials()
    wanted = plan.trials if trials is None else trials
    by_judge: dict[str, list[Trial]] = {}
    for trial in wanted:
        if trial.id not in done:
            by_judge.setdefault(trial.judge, []).append(trial)
    result = Collected(planned=len(wanted), before=len(wanted) - sum(map(len, by_judge.values())))
    del done
    watcher.begin(result.planned, result.before)
    run = Run(plan, ledger, watcher, halt, result, spending)
    run.providers = _providers(run, judges, by_judge, chosen)
    waker = asyncio.create_task(_wake_on_stop(run))
    try:
        async with asyncio.TaskGroup() as group:
            for provider in run.providers:
                group.create_task(provider.ask_all())
    except* StorageError as errors:
        raise _first(errors) from None
    finally:
        waker.cancel()
    result.stopped = halt.is_set()
    return result


def _providers(
    run: Run,
    judges: Mapping[str, Judge],
    by_judge: dict[str, list[Trial]],
    flow: Flow,
) -> list[Provider]:
    lines: dict[str, list[Line]] = {}
    for name in list(by_judge):
        judge, own = judges[name], by_judge.pop(name)
        ceiling = max(1, min(flow.concurrency, judge.parallel or flow.concurrency, len(own)))
        lines.setdefault(judge.provider, []).append(Line(judge, own, ceiling))
    return [
        Provider(run, group, flow.limits, adaptive=any(line.judge.name != address for line in group))
        for address, group in lines.items()
    ]


async def _wake_on_stop(run: Run) -> None:
    await run.stop.wait()
    run.wake()


def _first(errors: BaseExceptionGroup[StorageError]) -> StorageError:
    inner = errors.exceptions[0]
    return inner if isinstance(inner, StorageError) else _first(inner)


async def _read_unread(plan: Plan, ledger: Ledger) -> None:
    """Read replies that had arrived when an earlier process ended."""
    known: dict[str, Trial] = {}
    for name, attempt, reply in ledger.unread_replies():
        known = known or {trial.id: trial for trial in plan.trials}
        if name in known:
            await ledger.record(*outcomes_of(plan, known[name], attempt, reply))


def _count_earlier(ledger: Ledger, spending: Spending) -> None:
    """Count what earlier runs in the folder spent: the worst case where nobody knows whether a call was served."""
    for row in ledger.usages():
        usage = Usage(row["input_tokens"], row["output_tokens"], row["cached_tokens"])
        amount = spending.amount(row["judge"], usage, row["calls"])
        spending.spent.add(amount)
        spending.answered += row["answered"]
    for judge, request in ledger.uncertain_requests():
        worst = spending.amount(judge, worst_case_of_stored(json.loads(request)), 0)
        spending.spent.add(Amount(0, worst.tokens, worst.cost))
