"""Adding items to a finished, inconclusive run: each addition is a stage of its own, in a folder within the run's.

A stage is planned like the run, with its pass marks, on items (and groups) that no earlier stage had. Its weight in the
combined test is fixed in its ledger before it asks anything.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from auditor.arms import Texts
from auditor.collect import Ledger
from auditor.errors import InputError
from auditor.items import draw, draw_evenly
from auditor.plan import Plan, make_plan
from auditor.plan.layout import unit_of
from auditor.records import Item

Run = Callable[[Plan, Path], Awaitable[Any]]
EVENT = "extends"


def stage_folders(folder: Path) -> list[Path]:
    """The folders of the stages that were added to a run, in order."""
    found: list[Path] = []
    while (folder / f"stage-{len(found) + 2}" / "ledger.sqlite").is_file():
        found.append(folder / f"stage-{len(found) + 2}")
    return found


def check_extension(extend: Sequence[int], plan: Plan) -> None:
    """Refuse what cannot be extended.

    Raises
    ------
    InputError
        For a stage without items, or a sequential run.
    """
    if any(isinstance(size, bool) or size < 1 for size in extend):
        raise InputError("a stage adds at least one item", where="extend", remedy="e.g. --extend 40")
    if extend and plan.design.sequential:
        raise InputError(
            "a sequential run has spent its error on its looks and cannot be extended",
            where="extend",
            remedy="plan a new run with more items; both can be compared with 'auditor compare'",
        )


def refuse_verdict(verdict: str) -> None:
    """Only an inconclusive run is extended.

    Raises
    ------
    InputError
        If there is a verdict already.
    """
    if verdict != "inconclusive":
        raise InputError(
            f"the run has an answer already ({verdict}); adding items until it changes would not be a test",
            where="extend",
            remedy="leave --extend out",
        )


def next_items(
    candidates: Sequence[Item], used: Sequence[Item], size: int, seed: int, stage: int, stratify: str | None
) -> list[Item]:
    """Draw the items of a stage: none whose text, id or group an earlier stage had.

    Raises
    ------
    InputError
        If there are not enough.

    Examples
    --------
    >>> items = [Item(str(k), "2+2?", f"It is {k}.") for k in range(6)]
    >>> len(next_items(items, items[:3], 2, seed=0, stage=2, stratify=None))
    2
    """
    ids, units = {item.id for item in used}, {unit_of(item) for item in used}
    texts = {(item.task, item.output) for item in used}
    fresh = [
        item
        for item in candidates
        if item.id not in ids and unit_of(item) not in units and (item.task, item.output) not in texts
    ]
    if len(fresh) < size:
        raise InputError(
            f"{size} more items were asked for, and {len(fresh)} are left that no earlier stage used (nor their group)",
            where="extend",
            remedy="name a larger --items file that holds the earlier ones too, or fewer items",
        )
    by_seed = seed + 1_000_003 * stage
    return draw_evenly(fresh, size, by_seed, stratify) if stratify else draw(fresh, size, by_seed)


async def run_stages(
    first: Plan,
    folder: Path,
    sizes: Sequence[int],
    candidates: Sequence[Item],
    texts: Texts,
    stratify: str | None,
    run: Run,
    verdict: Callable[[], str],
) -> None:
    """Run every stage that is wanted, or go on where one was left.

    Parameters
    ----------
    first : Plan
        Of the run that is extended, with its pass marks.
    folder : Path
        Its run folder.
    sizes : sequence of int
        Items of each further stage.
    candidates : sequence of Item
        To draw from.
    texts : Texts
    stratify : str or None
    run : callable
        Runs a plan in a folder.
    verdict : callable
        The verdict over all stages so far.
    """
    used, units = list(first.items), [len({unit_of(item) for item in first.items})]
    for stage, size in enumerate(sizes, start=2):
        where = folder / f"stage-{stage}"
        if (where / "ledger.sqlite").is_file():
            plan = _stored(where, first, texts)
            if len(plan.items) != size:
                raise InputError(
                    f"stage {stage} was begun with {len(plan.items)} items, not {size}",
                    where="extend",
                    remedy=f"repeat --extend {len(plan.items)} for it",
                )
        else:
            refuse_verdict(verdict())
            items = next_items(candidates, used, size, first.design.seed, stage, stratify)
            plan = _stage_plan(first, items, texts)
            units_here = len({unit_of(item) for item in items})
            with Ledger(where / "ledger.sqlite") as ledger:
                ledger.add_plan(plan)
                ledger.add_event(plan, EVENT, {"of": first.id, "stage": stage, "units": [*units, units_here]})
                if first.design.piloted:
                    ledger.add_event(
                        plan,
                        "thresholds",
                        {judge: {"mark": m[0]} for judge, m in (first.marks or {}).items()},
                    )
        used += plan.items
        units.append(len({unit_of(item) for item in plan.items}))
        await run(plan, where)


def _stage_plan(first: Plan, items: Sequence[Item], texts: Texts) -> Plan:
    """The same design on other items; what the first stage has shown of the judge itself is not asked again."""
    design = replace(first.design, assay_items=0, probe_items=0)
    return make_plan(design, items, texts, list(first.judges))


def without_pilot(plan: Plan) -> Plan:
    """A plan without the trials of its pilot: the pass marks of a later stage are those of the first."""
    return replace(plan, trials=tuple(trial for trial in plan.trials if trial.cell.phase != "pilot"))


def _stored(folder: Path, first: Plan, texts: Texts) -> Plan:
    with Ledger(folder / "ledger.sqlite", create=False) as ledger:
        return _stage_plan(first, ledger.load_items(), texts)


class Joined:
    """The ledgers of all stages, for the report."""

    def __init__(self, ledgers: Sequence[Ledger]) -> None:
        self.ledgers = ledgers

    def transcript(self, judge: str, item: str, arm: str) -> list[dict[str, Any]]:
        """The attempts behind the ratings of one judge, item and arm."""
        return [row for ledger in self.ledgers for row in ledger.transcript(judge, item, arm)]

    def command(self) -> str:
        """What started the run."""
        return self.ledgers[0].command()

    def totals(self) -> dict[str, Any]:
        """Calls, errors, tokens and times of all stages."""
        return joined_totals([ledger.totals() for ledger in self.ledgers])


def joined_totals(totals: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Add up the totals of several ledgers.

    Examples
    --------
    >>> joined_totals([{"calls": 2, "first": "a", "last": "b"}, {"calls": 3, "first": "c", "last": "d"}])
    {'calls': 5, 'first': 'a', 'last': 'd'}
    """
    found: dict[str, Any] = {}
    for name in totals[0]:
        values = [total[name] for total in totals if total[name] is not None]
        if not values:
            found[name] = None
        elif name in ("first", "last"):
            found[name] = min(values) if name == "first" else max(values)
        elif isinstance(values[0], list):
            found[name] = [entry for value in values for entry in value]
        elif isinstance(values[0], Mapping):
            kinds = dict.fromkeys(kind for value in values for kind in value)
            found[name] = {kind: sum(value.get(kind, 0) for value in values) for kind in kinds}
        else:
            found[name] = sum(values)
    return found


def open_all(stack: ExitStack, folder: Path) -> list[Ledger]:
    """Open the ledgers of a run and of its stages."""
    places = [folder, *stage_folders(folder)]
    return [stack.enter_context(Ledger(place / "ledger.sqlite", create=False)) for place in places]


def stage_sizes(ledgers: Sequence[Ledger]) -> list[int]:
    """Units that each stage planned, as they were fixed when the last stage began."""
    last = ledgers[-1]
    event = last.event(last.plan_content()[0], EVENT)
    return [] if event is None else [int(units) for units in event["units"]]


def stage_of_items(ledgers: Sequence[Ledger]) -> dict[str, int]:
    """The stage of each item, from 0."""
    return {item.id: stage for stage, ledger in enumerate(ledgers) for item in ledger.load_items()}


def earlier_items(folder: str | Path | None) -> list[Item] | None:
    """The items of the run that is extended, or None if it was not begun.

    Raises
    ------
    InputError
        If no folder is named.
    """
    if folder is None:
        raise InputError(
            "a run is extended in its folder", where="out", remedy="name the folder of the run with --out"
        )
    path = Path(folder) / "ledger.sqlite"
    if not path.is_file():
        return None
    with Ledger(path, create=False) as ledger:
        return ledger.load_items()
