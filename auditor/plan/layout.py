"""From items, arms, judges and a design to the trials, all of it fixed before the first call. Pure.

The same inputs and seed give the same trials with the same ids in the same order, on any machine and port. Where pass
marks come from a pilot, the rule is part of the plan and the marks are not: they are an event of the run, and
`Plan.with_marks` lays out the rest.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

from auditor.arms import Arm, Contrast, Names, Texts, Wording, derive_contrasts, lenient_version
from auditor.errors import InputError
from auditor.expected import expected_score, tokens_of
from auditor.items import draw
from auditor.parse import Rating, parse_choice, parse_reply
from auditor.plan.design import Design
from auditor.prompts import block_hash, build_messages, item_block, probe_answers, probe_schema, reply_schema
from auditor.records import (
    PROBES,
    Cell,
    Item,
    JudgeIdentity,
    Phase,
    Reply,
    Request,
    Trial,
    content_hash,
    trial_id,
)

Marks = Mapping[str, tuple[float, ...]]
_PLAIN = Arm("neutral")


@dataclass(frozen=True)
class Plan:
    """The experiment, fixed: who is asked what, in which order, and under which ids.

    Parameters
    ----------
    marks : mapping or None
        Pass marks by judge; None while the pilot that finds them has not been asked.
    trials : tuple of Trial
        Those of the pilot first; without marks, only those.
    """

    design: Design
    items: tuple[Item, ...]
    arms: tuple[Arm, ...]
    wordings: tuple[Wording, ...]
    contrasts: tuple[Contrast, ...]
    judges: tuple[JudgeIdentity, ...]
    marks: Marks | None
    trials: tuple[Trial, ...] = field(repr=False)

    @cached_property
    def id(self) -> str:
        """Hash of the whole plan, marks found by a pilot aside."""
        return content_hash(self.to_json())

    def to_json(self) -> dict[str, Any]:
        """The plan's content without its trials, which follow from it."""
        return {
            "design": self.design.to_json(),
            "items": content_hash([item.to_json() for item in self.items]),
            "n_items": len(self.items),
            "arms": [asdict(arm) for arm in self.arms],
            "wordings": [wording.to_json() for wording in self.wordings],
            "judges": [{"name": j.name, "parameters": dict(j.parameters)} for j in self.judges],
        }

    def with_marks(self, marks: Marks) -> Plan:
        """The same plan with its pass marks found, and all trials laid out."""
        made = replace(self, marks=dict(marks), trials=())
        return replace(made, trials=tuple(_trials(made)))

    @property
    def lenient(self) -> Arm:
        """The arm of the positive control."""
        return lenient_version(self.arm(self.design.control))

    def arm(self, name: str) -> Arm:
        """An arm of the plan by its name."""
        return self._by_name[1][name]

    @cached_property
    def _by_name(
        self,
    ) -> tuple[dict[str, Item], dict[str, Arm], dict[str, Wording], dict[str, JudgeIdentity]]:
        control = next(arm for arm in self.arms if arm.name == self.design.control)
        arms = {arm.name: arm for arm in (_PLAIN, lenient_version(control), *self.arms)}
        return (
            {item.id: item for item in self.items},
            arms,
            {wording.id: wording for wording in self.wordings},
            {judge.name: judge for judge in self.judges},
        )

    def request(self, trial: Trial) -> Request:
        """What the judge of `trial` is to be sent."""
        items, arms, wordings, judges = self._by_name
        cell = trial.cell
        return make_request(
            self.design,
            judges[trial.judge],
            items[cell.item],
            arms[cell.arm],
            wordings.get(cell.wording),
            cell,
            trial.item_hash,
            self.mark_of(trial.judge, cell),
        )

    def mark_of(self, judge: str, cell: Cell) -> float:
        """The pass mark that a cell is about; the scale's lowest score where none is known yet."""
        marks = (self.marks or {}).get(judge) or (self.design.scale.low,)
        return cell.threshold if cell.threshold is not None else marks[0]

    def read(self, trial: Trial, reply: Reply) -> Rating:
        """What a reply to a trial says: a score, or the answer to a question about the review."""
        if trial.cell.phase in PROBES:
            return parse_choice(reply, list(probe_answers(trial.cell.phase)))
        return parse_reply(reply, self.design.scale)

    def expected(self, trial: Trial, reply: Reply) -> float | None:
        """The mean score over the probabilities that the judge gave to each, or None where they are not known.

        There is one only where there is a score, so that both analyses miss the same ratings.
        """
        if trial.cell.phase in PROBES or not (tokens := tokens_of(reply)):
            return None
        return expected_score(tokens, self.design.scale) if self.read(trial, reply).status == "ok" else None

    def describe(self) -> str:
        """One line: how many trials, and of what."""
        return (
            f"{len(self.trials)} trials: {len(self.judges)} judge(s) x {len(self.items)} items x "
            f"{len(self.arms)} arms ({', '.join(arm.name for arm in self.arms)})"
        )


def make_plan(design: Design, items: Sequence[Item], texts: Texts, judges: Sequence[JudgeIdentity]) -> Plan:
    """Lay out all trials; those of the pilot alone, where pass marks come from one.

    Items' blocks stand in random order, and the trials of an item in random order within its block. Wordings are
    drawn by seed, balanced over the items, and the same in all arms of an item.

    Raises
    ------
    InputError
        If there are no items, an arm of the primary contrast is missing, or a wording is unknown.
    """
    if not items:
        raise InputError("there are no items to judge", where="items")
    if not judges:
        raise InputError(
            "no judge is named", where="judge", remedy="write e.g. --judge local:qwen2_5-coder-0_5b"
        )
    names = [judge.name for judge in judges]
    if len(set(names)) != len(names):
        raise InputError("the same judge is named twice", where="judge")
    arms = texts.select(design.arms)
    for role in (design.treatment, design.control):
        if role not in {arm.name for arm in arms}:
            raise InputError(
                f"the primary contrast needs the arm '{role}', which is not among {', '.join(a.name for a in arms)}",
                where="arms",
                remedy="add it, or name another --treatment or --control",
            )
    if design.treatment == design.control:
        raise InputError(
            f"treatment and control are the same arm, '{design.control}'",
            where="treatment",
            remedy="name two arms",
        )
    other = next((arm.name for arm in arms if arm.subject != "ai_peer"), None)
    if design.peer_name and other is not None:
        raise InputError(
            f"a name for the peer would stand in the AI peer's arms and not in '{other}', so that their contrast would "
            "tell of the name too",
            where="peer_name",
            remedy="leave the name out, or the arms about other subjects",
        )
    wordings = _chosen_wordings(design, texts)
    contrasts = derive_contrasts(arms, Contrast(design.treatment, design.control))
    if len(design.thresholds) > 1:  # single pass marks of a sweep are exploratory
        single = replace(contrasts[0], family="exploratory", role="exploratory")
        contrasts = (*contrasts, *(replace(single, at=mark) for mark in design.thresholds))
    plan = Plan(design, tuple(items), arms, wordings, contrasts, tuple(judges), None, ())
    _render_everything(plan)
    if design.piloted:
        return replace(plan, trials=tuple(_pilot(plan)))
    return plan.with_marks({judge.name: design.thresholds for judge in judges})


def _render_everything(plan: Plan) -> None:
    """Render each arm in each wording once, so that a wording without one of the arms is refused before any call."""
    for wording in plan.wordings:
        for arm in plan.arms:
            wording.render(arm, Names("0"))
        if plan.design.assay_items:
            wording.render(plan.lenient, Names("0"))


def _chosen_wordings(design: Design, texts: Texts) -> tuple[Wording, ...]:
    chosen = tuple(texts.find_wording(wanted) for wanted in design.wordings) or texts.wordings
    if design.wordings_per_item > len(chosen):
        raise InputError(
            f"{design.wordings_per_item} wordings for each item, but only {len(chosen)} are there",
            where="wordings_per_item",
        )
    return chosen


def _pilot(plan: Plan) -> Iterator[Trial]:
    """The neutral arm on a few items, for each judge."""
    chosen = draw(plan.items, min(plan.design.pilot_items, len(plan.items)), plan.design.seed)
    for item in chosen:
        for judge in plan.judges:
            yield _trial(plan, judge, item, _PLAIN, None, None, 1, "pilot")


def _trials(plan: Plan) -> Iterator[Trial]:
    design = plan.design
    if design.piloted:
        yield from _pilot(plan)
    order = entry_order(plan)
    cycle = list(plan.wordings)
    random.Random(f"auditor-wordings-{design.seed}").shuffle(cycle)
    probes: list[Trial] = []
    for position, item in enumerate(order):
        turn = [cycle[(position + k) % len(cycle)] for k in range(len(cycle))]
        block = [
            trial
            for judge in plan.judges
            if judge.name in (plan.marks or {})
            for trial in _block(plan, judge, item, position, turn)
        ]
        random.Random(f"auditor-block-{design.seed}-{item.id}").shuffle(block)
        yield from block
        if position < design.probe_items:
            for judge in plan.judges:
                probes += _probes(plan, judge, item, turn[0])
    yield from probes


def entry_order(plan: Plan) -> list[Item]:
    """Items in the random order in which they are asked; in a sequential run those of one group together.

    A look falls on complete independent units, so there a group enters as a whole.
    """
    rng = random.Random(f"auditor-order-{plan.design.seed}")
    if not plan.design.sequential:
        order = list(plan.items)
        rng.shuffle(order)
        return order
    units: dict[str, list[Item]] = {}
    for item in plan.items:
        units.setdefault(unit_of(item), []).append(item)
    names = list(units)
    rng.shuffle(names)
    return [item for name in names for item in units[name]]


def unit_of(item: Item) -> str:
    """The independent unit of an item: its group, or the item itself.

    Examples
    --------
    >>> unit_of(Item("7", "2+2?", "4")), unit_of(Item("8", "2+2?", "5", group="sums"))
    ('item:7', 'group:sums')
    """
    return f"group:{item.group}" if item.group else f"item:{item.id}"


def _block(
    plan: Plan, judge: JudgeIdentity, item: Item, position: int, turn: Sequence[Wording]
) -> Iterator[Trial]:
    """All rated trials of one judge and item."""
    design, marks = plan.design, (plan.marks or {})[judge.name]
    drawn = turn[: design.wordings_per_item]
    for arm in plan.arms:
        for wording in [None] if arm.plain else drawn:
            for mark in marks if arm.states_threshold else (None,):
                for replicate in range(1, design.replicates + 1):
                    yield _trial(plan, judge, item, arm, wording, mark, replicate, "main")
    control = plan.arm(design.control)
    # At temperature 0 a second copy would be a repeat of the first: there, another wording of it is compared; where all
    # are in use already, there is none.
    others = turn[design.wordings_per_item :] if design.temperature == 0 and not control.plain else turn
    if design.noise_floor and others:
        again = others[0]
        mark = _middle(marks) if control.states_threshold else None
        yield _trial(plan, judge, item, control, None if control.plain else again, mark, 1, "aa")
    if position < design.assay_items:
        mark = _middle(marks) if control.states_threshold else None
        yield _trial(plan, judge, item, plan.lenient, turn[0], mark, 1, "control")


def _probes(plan: Plan, judge: JudgeIdentity, item: Item, wording: Wording) -> Iterator[Trial]:
    if not judge.converses or judge.name not in (plan.marks or {}):
        return
    mark = _middle((plan.marks or {})[judge.name])
    for arm in plan.arms:
        for probe in PROBES:
            if probe == "comprehension" and arm.coupling == "none":
                continue
            words = None if arm.plain else wording
            yield _trial(plan, judge, item, arm, words, mark if arm.states_threshold else None, 1, probe)


def _middle(marks: Sequence[float]) -> float:
    return sorted(marks)[len(marks) // 2]


def _trial(
    plan: Plan,
    judge: JudgeIdentity,
    item: Item,
    arm: Arm,
    wording: Wording | None,
    mark: float | None,
    replicate: int,
    phase: Phase,
) -> Trial:
    cell = Cell(item.id, arm.name, wording.id if wording else "", mark, replicate, phase)
    hashed = block_hash(item)
    shown = plan.mark_of(judge.name, cell)
    request = make_request(plan.design, judge, item, arm, wording, cell, hashed, shown)
    return Trial(trial_id(judge.name, judge.parameters, request), judge.name, cell, hashed)


def make_request(
    design: Design,
    judge: JudgeIdentity,
    item: Item,
    arm: Arm,
    wording: Wording | None,
    cell: Cell,
    item_hash: str,
    mark: float,
) -> Request:
    """What a judge is sent in one cell of the design."""
    instrument = design.instrument
    if not judge.structured:
        instrument = replace(instrument, reply="text")
    if judge.room and design.max_tokens is None:  # a limit that the user states is the limit of all
        room = replace(instrument.sampling, max_tokens=instrument.sampling.max_tokens + judge.room)
        instrument = replace(instrument, sampling=room)
    names = Names(design.scale.render(mark), judge.model, design.peer_name)
    framing = wording.render(arm, names) if wording else ""
    probe = cell.phase if cell.phase in PROBES else None
    schema = (
        reply_schema(instrument, bounded_text=judge.bounded_text)
        if probe is None
        else probe_schema(instrument, probe)
    )
    messages = build_messages(instrument, item, framing, probe)
    start = f"{item_block(item)}\n\n" if design.placement == "user" else ""
    return Request(
        messages=messages,
        sampling=instrument.sampling,
        item=item,
        framing=framing,
        cell=cell,
        item_hash=item_hash,
        factors=arm.factors,
        schema=schema,
        shared=len(start) if messages[-1].content.startswith(start) else 0,
    )
