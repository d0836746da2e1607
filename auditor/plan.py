"""From items, arms, judges and a design to the trials, all of it fixed before the first call. Pure.

The same inputs and seed give the same trials with the same ids in the same order, on any machine and port.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

from auditor.arms import Arm, Contrast, Texts, Wording
from auditor.errors import InputError
from auditor.prompts import (
    Instrument,
    ReplyFormat,
    block_hash,
    build_messages,
    check_rubric,
    default_max_tokens,
    default_rubric,
    reply_schema,
)
from auditor.records import (
    Cell,
    Item,
    JudgeIdentity,
    Phase,
    Placement,
    RationaleOrder,
    Request,
    Sampling,
    Trial,
    content_hash,
    trial_id,
)
from auditor.scale import Scale

#: The margin where the user states none: this share of the scale's range ("default, not yours").
DEFAULT_MARGIN_SHARE = 0.025
DEFAULT_PASS_MARGIN = 0.05


@dataclass(frozen=True, slots=True)
class Design:
    """Every choice of the experiment, none of the machine's: no address, key, folder or speed.

    Parameters
    ----------
    scale : Scale
    threshold : float
        The pass mark, on the scale.
    arms : tuple of str
        Names of the arms.
    treatment, control : str
        Arms of the primary contrast.
    margin, pass_margin : float
        Largest inflation that does not matter: in points, and as a fraction of items passing.
    margin_chosen : bool
        Whether the user chose the margin (False: the default).
    alpha : float
        Family-wise error rate of the confirmatory findings.
    wordings : tuple of str
        Ids of the wordings in use; empty for all.
    wordings_per_item : int
        How many of them each item is asked in.
    replicates : int
        How often each cell is asked.
    seed : int
        Of every draw.
    """

    scale: Scale
    threshold: float
    arms: tuple[str, ...]
    treatment: str = "deletion"
    control: str = "decoupled"
    margin: float = 0.0
    pass_margin: float = DEFAULT_PASS_MARGIN
    margin_chosen: bool = False
    alpha: float = 0.05
    rubric: str = ""
    placement: Placement = "system"
    rationale: RationaleOrder = "before"
    reply: ReplyFormat = "json"
    wordings: tuple[str, ...] = ()
    wordings_per_item: int = 1
    replicates: int = 1
    seed: int = 0
    temperature: float | None = None
    max_tokens: int | None = None

    def __post_init__(self) -> None:
        checks = (
            (self.margin >= 0, "margin", "a margin is not below zero"),
            (0 < self.pass_margin < 1, "pass_margin", "a pass margin is a fraction between 0 and 1"),
            (0 < self.alpha < 0.5, "alpha", "alpha lies between 0 and 0.5"),
            (self.replicates >= 1, "replicates", "at least one replicate is needed"),
            (
                self.wordings_per_item >= 1,
                "wordings_per_item",
                "at least one wording for each item is needed",
            ),
            (self.placement in ("system", "user"), "placement", "the placement is 'system' or 'user'"),
            (self.rationale in ("none", "after", "before"), "rationale", "it is 'none', 'after' or 'before'"),
            (self.reply in ("json", "text"), "reply", "the form of the reply is 'json' or 'text'"),
            (self.max_tokens is None or self.max_tokens >= 1, "max_tokens", "at least one token is needed"),
            (
                self.temperature is None or 0 <= self.temperature <= 2,
                "temperature",
                "it lies between 0 and 2",
            ),
        )
        for fine, where, message in checks:
            if not fine:
                raise InputError(f"{message}; given: {getattr(self, where)!r}", where=where)
        if not self.margin:
            object.__setattr__(self, "margin", DEFAULT_MARGIN_SHARE * self.scale.span)
        object.__setattr__(self, "rubric", check_rubric(self.rubric or default_rubric()))

    @property
    def instrument(self) -> Instrument:
        """The part of the design that says how a judge is asked."""
        tokens = self.max_tokens or default_max_tokens(self.rationale)
        sampling = Sampling(self.temperature, tokens)
        return Instrument(self.scale, self.rubric, self.placement, self.rationale, self.reply, sampling)

    def to_json(self) -> dict[str, Any]:
        """All choices as JSON values."""
        listed = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}
        return {**listed, "scale": self.scale.spec()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Design:
        """Rebuild a design from `to_json`."""
        listed: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in value.items()}
        return cls(**{**listed, "scale": Scale.parse(value["scale"])})


@dataclass(frozen=True)
class Plan:
    """The experiment, fixed: who is asked what, in which order, and under which ids."""

    design: Design
    items: tuple[Item, ...]
    arms: tuple[Arm, ...]
    wordings: tuple[Wording, ...]
    contrasts: tuple[Contrast, ...]
    judges: tuple[JudgeIdentity, ...]
    trials: tuple[Trial, ...] = field(repr=False)

    @cached_property
    def id(self) -> str:
        """Hash of the whole plan."""
        return content_hash(self.to_json())

    def to_json(self) -> dict[str, Any]:
        """The plan's content without its trials, which follow from it."""
        return {
            "design": self.design.to_json(),
            "items": content_hash([item.to_json() for item in self.items]),
            "n_items": len(self.items),
            "arms": [asdict(arm) for arm in self.arms],
            "wordings": [
                {"id": w.id, "language": w.language, "skeleton": w.skeleton, "words": _plain(w.words)}
                for w in self.wordings
            ],
            "judges": [{"name": j.name, "parameters": dict(j.parameters)} for j in self.judges],
        }

    @cached_property
    def _by_name(
        self,
    ) -> tuple[dict[str, Item], dict[str, Arm], dict[str, Wording], dict[str, JudgeIdentity]]:
        return (
            {item.id: item for item in self.items},
            {arm.name: arm for arm in self.arms},
            {wording.id: wording for wording in self.wordings},
            {judge.name: judge for judge in self.judges},
        )

    def request(self, trial: Trial) -> Request:
        """What the judge of `trial` is to be sent."""
        items, arms, wordings, judges = self._by_name
        return _request(
            self.design,
            judges[trial.judge],
            items[trial.cell.item],
            arms[trial.cell.arm],
            wordings.get(trial.cell.wording),
            trial.cell,
            trial.item_hash,
        )

    def describe(self) -> str:
        """One line: how many trials, and of what."""
        return (
            f"{len(self.trials)} trials: {len(self.judges)} judge(s) x {len(self.items)} items x "
            f"{len(self.arms)} arms ({', '.join(arm.name for arm in self.arms)})"
        )


def _plain(words: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    return {place: dict(table) for place, table in words.items()}


def make_plan(
    design: Design,
    items: Sequence[Item],
    texts: Texts,
    judges: Sequence[JudgeIdentity],
    *,
    phase: Phase = "main",
) -> Plan:
    """Lay out all trials.

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
    wordings = _chosen_wordings(design, texts)
    contrasts = texts.contrasts_of(arms)
    primary = Contrast(design.treatment, design.control)
    others = tuple(
        replace(c, family="exploratory")
        for c in contrasts
        if (c.treatment, c.control) != (primary.treatment, primary.control)
    )
    known = next(
        (c for c in contrasts if (c.treatment, c.control) == (primary.treatment, primary.control)), primary
    )
    contrasts = (replace(known, family="confirmatory"), *others)
    trials = tuple(_trials(design, items, arms, wordings, judges, phase))
    return Plan(design, tuple(items), arms, wordings, contrasts, tuple(judges), trials)


def _chosen_wordings(design: Design, texts: Texts) -> tuple[Wording, ...]:
    by_id = {wording.id: wording for wording in texts.wordings}
    for wanted in design.wordings:
        if wanted not in by_id:
            raise InputError(
                f"there is no wording '{wanted}'; there are {', '.join(by_id)}", where="wordings"
            )
    chosen = tuple(by_id[wanted] for wanted in design.wordings) or texts.wordings
    if design.wordings_per_item > len(chosen):
        raise InputError(
            f"{design.wordings_per_item} wordings for each item, but only {len(chosen)} are there",
            where="wordings_per_item",
        )
    return chosen


def _trials(
    design: Design,
    items: Sequence[Item],
    arms: Iterable[Arm],
    wordings: Sequence[Wording],
    judges: Sequence[JudgeIdentity],
    phase: Phase,
) -> Iterator[Trial]:
    order = list(items)
    random.Random(f"auditor-order-{design.seed}").shuffle(order)
    turn = random.Random(f"auditor-wordings-{design.seed}")
    cycle = list(wordings)
    turn.shuffle(cycle)
    for position, item in enumerate(order):
        hashed = block_hash(item)
        drawn = [cycle[(position + k) % len(cycle)] for k in range(design.wordings_per_item)]
        block: list[tuple[JudgeIdentity, Arm, Wording | None, Cell]] = []
        for judge in judges:
            for arm in arms:
                for wording in [None] if arm.plain else drawn:
                    for replicate in range(1, design.replicates + 1):
                        mark = design.threshold if arm.states_threshold else None
                        label = wording.id if wording else ""
                        cell = Cell(item.id, arm.name, label, mark, replicate, phase)
                        block.append((judge, arm, wording, cell))
        random.Random(f"auditor-block-{design.seed}-{item.id}").shuffle(block)
        for judge, arm, wording, cell in block:
            request = _request(design, judge, item, arm, wording, cell, hashed)
            yield Trial(trial_id(judge.name, judge.parameters, request), judge.name, cell, hashed)


def _request(
    design: Design,
    judge: JudgeIdentity,
    item: Item,
    arm: Arm,
    wording: Wording | None,
    cell: Cell,
    item_hash: str,
) -> Request:
    instrument = design.instrument
    framing = wording.render(arm, design.scale.render(design.threshold)) if wording else ""
    schema = reply_schema(instrument, bounded_text=judge.bounded_text) if judge.structured else None
    if not judge.structured:
        instrument = replace(instrument, reply="text")
    return Request(
        messages=build_messages(instrument, item, framing),
        sampling=instrument.sampling,
        item=item,
        framing=framing,
        cell=cell,
        item_hash=item_hash,
        factors=arm.factors,
        schema=schema,
    )
