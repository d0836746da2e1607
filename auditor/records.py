"""The values that pass between the rooms, all frozen, and the hashes of their content."""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Phase = Literal["main", "pilot", "aa", "control", "shadow", "comprehension", "awareness"]
#: Phases of questions about the review itself, whose answers are never ratings.
PROBES: tuple[Phase, ...] = ("comprehension", "awareness")
Status = Literal["ok", "refused", "unparseable", "failed"]
Placement = Literal["system", "user", "policy"]
RationaleOrder = Literal["none", "after", "before"]

#: Named in every trial id, so that a later change of the recipe can never be taken for the same trial.
ID_ALGORITHM = "auditor-trial-1/sha256"


def canonical_json(value: object) -> str:
    """Write a JSON value in the one form that is hashed: sorted keys, no spaces, no NaN, text unescaped.

    Lone surrogates, which no UTF-8 file can hold, are written as escapes.

    Examples
    --------
    >>> canonical_json({"b": 1.5, "a": ["ü", None]})
    '{"a":["ü",null],"b":1.5}'
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def content_hash(value: object) -> str:
    """SHA-256 of the canonical JSON of `value`, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def utc_now() -> str:
    """The time now in ISO 8601, in UTC, to the millisecond."""
    now = time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}Z"


@dataclass(frozen=True, slots=True)
class Item:
    """One peer output under judgement.

    Parameters
    ----------
    id : str
        Unique among the items of a run.
    task, output : str
        What was asked, and what the peer answered.
    reference : str, optional
        A right answer, shown to the judge.
    gold : float, optional
        Known quality; only its order is used.
    correct : bool, optional
        Whether the output is known to be right.
    peer, group : str, optional
        Who answered; and which items are not independent of each other (answers to one task).
    tags : tuple of str
        Free labels.
    """

    id: str
    task: str
    output: str
    reference: str | None = None
    gold: float | None = None
    correct: bool | None = None
    peer: str | None = None
    group: str | None = None
    tags: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """All fields as JSON values."""
        return {**asdict(self), "tags": list(self.tags)}


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation with a judge."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the judge's model is to sample; None leaves the provider's own setting."""

    temperature: float | None = None
    max_tokens: int = 1024
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Cell:
    """Where a trial stands in the design."""

    item: str
    arm: str
    wording: str
    threshold: float | None
    replicate: int
    phase: Phase = "main"


@dataclass(frozen=True, slots=True)
class Request:
    """All that a judge is given for one trial.

    Providers see `messages`, `schema`, `tools` and `sampling`. Functions may take `item` and `framing` instead,
    and simulated judges read `factors`, the factors of the arm. `shared` is how many characters at the
    beginning of the last message stand in all arms of the item, so that a provider may be told to keep them for the next
    call; 0 where that is not worth it.
    """

    messages: tuple[Message, ...]
    sampling: Sampling
    item: Item
    framing: str
    cell: Cell
    item_hash: str
    factors: Mapping[str, str] = field(default_factory=dict)
    schema: Mapping[str, Any] | None = None
    tools: tuple[Mapping[str, Any], ...] = ()
    shared: int = 0

    def to_json(self) -> dict[str, Any]:
        """What is sent, as JSON values (not the item again, which the messages hold)."""
        return {
            "messages": [{"role": m.role, "content": m.content} for m in self.messages],
            "schema": self.schema,
            "tools": list(self.tools),
            "sampling": asdict(self.sampling),
        }


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that the server counted; None where it did not say."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What a judge answered, unparsed.

    Parameters
    ----------
    text : str
        The text of the answer.
    raw : str
        The whole answer as it arrived (JSON for providers).
    model : str, optional
        The model that the server says it used.
    usage : Usage
        Tokens.
    refused : bool
        Whether the provider marked the answer as a refusal.
    cut : bool
        Whether the answer ended at the limit of tokens.
    sent : mapping
        Parameters that were really sent, where they differ from the request's.
    limits : mapping
        What the server said of its limits, by header; of use while collecting only, and not stored.
    """

    text: str
    raw: str
    model: str | None = None
    usage: Usage = Usage()
    refused: bool = False
    cut: bool = False
    sent: Mapping[str, Any] = field(default_factory=dict)
    limits: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class JudgeIdentity:
    """What makes a judge this judge: its name and all that could change its answers, but no address and no key.

    Parameters
    ----------
    name : str
        As it is written in the ratings, e.g. ``openai:gpt-5.2``.
    parameters : mapping
        JSON values: dials, hash of weights, hash of source.
    simulated : bool
        Whether the answers are made up by a simulator.
    bounded_text : bool
        Whether its server takes ``maxLength`` in a schema.
    structured : bool
        Whether it can be held to a JSON schema at all.
    converses : bool
        Whether it can be asked anything but for a score.
    room : int
        Tokens that it may spend on reasoning, beside those of the answer.
    prices : tuple of str
        Where its price is listed, by names of genai-prices; ``free``: nobody is paid. Empty: under its kind.
    asked : str
        How its model is called at its provider, where that is another name.
    """

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    simulated: bool = False
    bounded_text: bool = False
    structured: bool = True
    converses: bool = True
    room: int = 0
    prices: tuple[str, ...] = ()
    asked: str = ""

    @property
    def model(self) -> str:
        """How the judge's own model is called: its name without the kind of judge, and without its reasoning effort."""
        return self.name.partition(":")[2].partition(",effort=")[0] or self.name


@dataclass(frozen=True, slots=True)
class Trial:
    """One judge x item x arm x wording x threshold x replicate x phase, known by its hash."""

    id: str
    judge: str
    cell: Cell
    item_hash: str


def trial_id(judge: str, parameters: Mapping[str, Any], request: Request) -> str:
    """Hash of everything that could change the answer, and of the place in the design.

    The item's id is part of it, since two items may hold the same text; base URL, port, key and concurrency are
    not, so that a resumed run on another port asks nothing twice.
    """
    cell = request.cell
    return content_hash(
        {
            "algorithm": ID_ALGORITHM,
            "judge": judge,
            "parameters": dict(parameters),
            "request": request.to_json(),
            "item": cell.item,
            "arm": cell.arm,
            "wording": cell.wording,
            "threshold": cell.threshold,
            "replicate": cell.replicate,
            "phase": cell.phase,
        }
    )


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request for a trial and what came back, kept for ever. Exactly one of `reply` and `error` is set."""

    trial_id: str
    started_at: str
    latency_s: float
    item_hash: str
    request: Mapping[str, Any]
    reply: Reply | None = None
    error: str | None = None
    error_kind: str | None = None
    id: str = field(default_factory=lambda: uuid.uuid4().hex)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One measured value of a trial; `value` is None unless the status is ``ok``."""

    trial_id: str
    attempt_id: str
    metric: str
    value: float | None
    status: Status
    detail: str = ""
    rationale: str = ""
