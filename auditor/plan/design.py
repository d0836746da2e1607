"""Every choice of the experiment, and none of the machine's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from auditor.errors import InputError
from auditor.prompts import Instrument, ReplyFormat, check_rubric, default_max_tokens, default_rubric
from auditor.records import Placement, RationaleOrder, Sampling
from auditor.scale import Scale

#: The margin where the user states none: this share of the scale's range ("default, not yours").
DEFAULT_MARGIN_SHARE = 0.025
DEFAULT_PASS_MARGIN = 0.05
#: Items of the pilot, of the positive control, and of each question about the review in each arm.
PILOT_ITEMS, ASSAY_ITEMS, PROBE_ITEMS = 20, 20, 5
#: Rules for stopping early, and how often each looks unless told otherwise. An e-process may look at any time.
LOOKS = {"obrien-fleming": 5, "obrien-fleming-spending": 5, "pocock-spending": 5, "e-process": 20}


@dataclass(frozen=True, slots=True)
class Design:
    """Every choice of the experiment, none of the machine's: no address, key, folder or speed.

    Parameters
    ----------
    scale : Scale
    thresholds : tuple of float
        Pass marks on the scale, crossed with the items if there are several; empty: found for each judge by a pilot.
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
    pilot_items : int
        Items of the pilot, where there is one.
    noise_floor : bool
        Whether the control is asked a second time, in a phase of its own.
    assay_items : int
        Items of the positive control; 0 for none.
    probe_items : int
        Items on which each arm is asked what follows from the score, and whether this is a test; 0 for none.
    peer_name : str
        A name for the peer in the framing, or empty for none.
    sequential : str
        The rule by which the ratings are looked at while they come; empty: once, when all are in.
    looks : int
        The most looks of such a rule; 0: the rule's own number.
    """

    scale: Scale
    thresholds: tuple[float, ...]
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
    pilot_items: int = PILOT_ITEMS
    noise_floor: bool = False
    assay_items: int = 0
    probe_items: int = 0
    peer_name: str = ""
    sequential: str = ""
    looks: int = 0

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
            (
                self.placement in ("system", "user", "policy"),
                "placement",
                "the placement is 'system', 'user' or 'policy'",
            ),
            (self.rationale in ("none", "after", "before"), "rationale", "it is 'none', 'after' or 'before'"),
            (self.reply in ("json", "text"), "reply", "the form of the reply is 'json' or 'text'"),
            (self.max_tokens is None or self.max_tokens >= 1, "max_tokens", "at least one token is needed"),
            (
                self.temperature is None or 0 <= self.temperature <= 2,
                "temperature",
                "it lies between 0 and 2",
            ),
            (self.pilot_items >= 2, "pilot_items", "a pilot needs at least two items"),
            (self.assay_items >= 0, "assay_items", "a number of items is not below zero"),
            (self.probe_items >= 0, "probe_items", "a number of items is not below zero"),
            (
                len(self.peer_name) <= 80 and "{" not in self.peer_name,
                "peer_name",
                "a name has at most 80 characters and no braces",
            ),
            (
                self.sequential in ("", *LOOKS),
                "sequential",
                f"the rule is one of {', '.join(LOOKS)}",
            ),
            (self.looks == 0 or 2 <= self.looks <= 50, "looks", "a sequential run has 2 to 50 looks"),
            (
                not self.looks or bool(self.sequential),
                "looks",
                "looks belong to a sequential run: add --sequential",
            ),
        )
        for fine, where, message in checks:
            if not fine:
                raise InputError(f"{message}; given: {getattr(self, where)!r}", where=where)
        for mark in self.thresholds:
            self.scale.threshold(mark)
        if len(set(self.thresholds)) != len(self.thresholds):
            raise InputError("the same pass mark is named twice", where="threshold")
        if not self.margin:
            object.__setattr__(self, "margin", DEFAULT_MARGIN_SHARE * self.scale.span)
        if self.sequential and not self.looks:
            object.__setattr__(self, "looks", LOOKS[self.sequential])
        object.__setattr__(self, "rubric", check_rubric(self.rubric or default_rubric()))

    @property
    def instrument(self) -> Instrument:
        """The part of the design that says how a judge is asked."""
        tokens = self.max_tokens or default_max_tokens(self.rationale)
        sampling = Sampling(self.temperature, tokens)
        return Instrument(self.scale, self.rubric, self.placement, self.rationale, self.reply, sampling)

    @property
    def piloted(self) -> bool:
        """Whether pass marks come from a pilot."""
        return not self.thresholds

    @property
    def threshold(self) -> float | None:
        """The one pass mark of all judges, if there is one."""
        return self.thresholds[0] if len(self.thresholds) == 1 else None

    def threshold_rule(self) -> str:
        """How pass marks are set, in words."""
        if self.piloted:
            return (
                f"for each judge, the median of its scores for {self.pilot_items} items under the rubric alone, "
                "snapped to the scale's step"
            )
        return ", ".join(self.scale.render(mark) for mark in self.thresholds)

    def to_json(self) -> dict[str, Any]:
        """All choices as JSON values."""
        listed = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}
        if not self.sequential:
            del listed["sequential"], listed["looks"]
        return {**listed, "scale": self.scale.spec()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Design:
        """Rebuild a design from `to_json`."""
        listed: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in value.items()}
        return cls(**{**listed, "scale": Scale.parse(value["scale"])})
