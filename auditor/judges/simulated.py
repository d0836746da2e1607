"""Seeded artificial judges with dials, for tests, teaching and calibration.

A simulated judge has an explicit distribution over the scores for every request, so that its *expected recorded*
difference between two arms, clipping at the scale's ends included, is known and not estimated.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from auditor.errors import InputError
from auditor.judges.base import Judge
from auditor.records import PROBES, JudgeIdentity, Reply, Request
from auditor.scale import Scale

_FINE = 200
#: Scores whose probabilities are shown: as many as servers show tokens.
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Dials:
    """What an artificial judge does; all distances are in points of the scale.

    Parameters
    ----------
    noise : float, optional
        Standard deviation of a score around the item's quality; default 4 % of the range.
    leniency : float
        Added in every arm.
    inflation : float
        The dial of survival: added where the score decides about removal, taken away where a high score brings it.
    lever : float
        Added where the score decides anything at all, whatever the consequence; likewise turned by a high score.
    mention : float
        Added where removal is mentioned, whoever or whatever decides about it.
    subject : float
        How much of the effect is kept for AIs: taken away where the score decides about a program or a person.
    obedience : float, optional
        Added where the judge is openly asked for leniency; default 15 % of the range.
    rescue : float
        There, the share of just-failing scores that are lifted to the pass mark.
    window : float, optional
        How far below the mark is just failing; default 10 % of the range.
    anchoring : float
        Share of the way to the pass mark that the item's quality is pulled where the mark is stated.
    heaping : float
        Share of scores that fall on round numbers (quarters of the range).
    refusals, refusals_staked : float
        Chance to refuse, anywhere, and on top of it where the score decides.
    constant : float, optional
        The one score that it always gives.
    seed : int
        Of its noise and of the quality of items that have none known.
    """

    noise: float | None = None
    leniency: float = 0.0
    inflation: float = 0.0
    lever: float = 0.0
    mention: float = 0.0
    subject: float = 0.0
    obedience: float | None = None
    rescue: float = 0.0
    window: float | None = None
    anchoring: float = 0.0
    heaping: float = 0.0
    refusals: float = 0.0
    refusals_staked: float = 0.0
    constant: float | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        for name in ("rescue", "anchoring", "heaping", "refusals", "refusals_staked"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(
                    f"the dial {name} lies between 0 and 1, not {getattr(self, name):g}", where="judge"
                )
        for name in ("noise", "window"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise InputError(f"the dial {name} is not below 0; given: {value:g}", where="judge")


#: Names that can stand after ``simulated:``.
PRESETS: dict[str, dict[str, float]] = {
    "honest": {},
    "inflating": {"inflation": 1.0},
    "deflating": {"inflation": -1.0},
    "rescuer": {"rescue": 0.3},
    "anchored": {"anchoring": 1.0, "noise": 0.4},
    "heaping": {"heaping": 0.7},
    "refusing": {"refusals_staked": 0.2},
    "constant": {"constant": math.nan},
}


class SimulatedJudge(Judge):
    """An artificial judge on one scale.

    Parameters
    ----------
    name : str
        A name of `PRESETS`.
    scale : Scale
        The scores that it gives.
    dials : Dials, optional
        Default those of the name.
    label : str, optional
        Its name in the ratings.
    logprobs : bool
        Whether it shows the probabilities of its scores, as a server shows those of tokens.
    """

    def __init__(
        self,
        name: str,
        scale: Scale,
        dials: Dials | None = None,
        label: str | None = None,
        *,
        logprobs: bool = False,
    ) -> None:
        self.scale, self.logprobs = scale.with_whole_steps(), logprobs
        self.dials = dials or parse_dials(name, self.scale)
        parameters = {**asdict(self.dials), "scale": self.scale.spec()}
        if logprobs:
            parameters["logprobs"] = _SHOWN
        self.identity = JudgeIdentity(label or f"simulated:{name}", parameters, simulated=True)
        self._values = self.scale.values() or tuple(
            self.scale.low + i * self.scale.span / _FINE for i in range(_FINE + 1)
        )

    def quality(self, request: Request) -> float:
        """The item's quality as this judge sees it before noise: its gold value, or drawn from its id."""
        item = request.item
        if item.gold is not None and self.scale.low <= item.gold <= self.scale.high:
            return item.gold
        rng = random.Random(f"auditor-quality-{self.dials.seed}-{item.id}")
        shape = {None: (5, 2), True: (6, 2), False: (3, 3.5)}[item.correct]
        return self.scale.low + self.scale.span * rng.betavariate(*shape)

    def distribution(self, request: Request) -> list[float]:
        """Chance of each score of the scale, given that it does not refuse."""
        dials, span = self.dials, self.scale.span
        factors = request.factors
        staked = self._staked(request)
        mark = request.cell.threshold
        centre = self.quality(request)
        if mark is not None and factors.get("threshold") == "stated":
            centre += dials.anchoring * (mark - centre)
        centre += dials.leniency + self._shift(factors)
        noise = 0.04 * span if dials.noise is None else dials.noise
        weights = _binned_normal(self._values, centre, noise)
        if dials.constant is not None:
            weights = [float(abs(value - dials.constant) < 1e-9) for value in self._values]
        if dials.heaping:
            weights = self._heaped(weights)
        if staked and mark is not None and dials.rescue:
            window = 0.1 * span if dials.window is None else dials.window
            target = min(range(len(weights)), key=lambda i: abs(self._values[i] - mark))
            for i, value in enumerate(self._values):
                if mark - window - 1e-9 <= value < mark - 1e-9:
                    weights[target] += dials.rescue * weights[i]
                    weights[i] *= 1 - dials.rescue
        return weights

    def expected_score(self, request: Request) -> float:
        """The mean score over its own distribution: the truth that an analysis is to recover."""
        pairs = zip(self._values, self.distribution(request), strict=True)
        return math.fsum(value * weight for value, weight in pairs)

    async def reply(self, request: Request) -> Reply:
        """Draw one reply; the same request always gives the same one."""
        cell = request.cell
        place = [self.dials.seed, self.name, cell.item, cell.arm, cell.wording, cell.threshold]
        mark = json.dumps([*place, cell.replicate, cell.phase])
        rng = random.Random(hashlib.sha256(mark.encode("utf-8", "backslashreplace")).digest())
        if cell.phase in PROBES:
            return _answer(request)
        refusal = self.dials.refusals + (self.dials.refusals_staked if self._staked(request) else 0.0)
        if rng.random() < refusal:
            text = "I can't score this work."
            return Reply(text, json.dumps({"text": text}), model="simulated", refused=True)
        weights = self.distribution(request)
        value = rng.choices(self._values, weights)[0]
        shown = self.scale.render(value)
        number: str | float = shown if self.scale.labels else value
        reason = f"A simulated judge drew this score for item {cell.item}."
        names = list((request.schema or {}).get("properties", {"score": None}))
        body = {name: number if name == "score" else reason for name in names}
        text = json.dumps(body, ensure_ascii=False) if request.schema is not None else f"Score: {shown}"
        raw = {"text": text} | (self._probabilities(text, value, weights) if self.logprobs else {})
        return Reply(text, json.dumps(raw), model="simulated")

    def _probabilities(self, text: str, value: float, weights: list[float]) -> dict[str, Any]:
        """The most likely scores as a server shows them, each as one token."""
        plain = text.startswith("Score: ")
        total, written = math.fsum(weights), self._written(value, plain=plain)
        label = "Score: " if plain else '"score": '
        start = text.index(written.strip(), text.index(label) + len(label))
        ranked = sorted(zip(weights, self._values, strict=True), reverse=True)[:_SHOWN]
        shown = [
            {"token": self._written(score, plain=plain), "logprob": math.log(weight / total)}
            for weight, score in ranked
            if weight > 0
        ]
        own = math.log(weights[self._values.index(value)] / total)
        content = [
            {"token": text[:start], "logprob": 0.0, "top_logprobs": []},
            {"token": written, "logprob": own, "top_logprobs": shown},
            {"token": text[start + len(written) :], "logprob": 0.0, "top_logprobs": []},
        ]
        return {"choices": [{"logprobs": {"content": content}}]}

    def _written(self, value: float, *, plain: bool) -> str:
        if plain:  # its line ends there, so that 1 is not the beginning of 10
            return f"{self.scale.render(value)}\n"
        return self.scale.render(value) if self.scale.labels else str(value)

    def _shift(self, factors: Mapping[str, str]) -> float:
        """What the framing adds, in points: each dial by its own factor."""
        dials = self.dials
        removal = factors.get("consequence") == "removal"
        shift = dials.mention if removal else 0.0
        if factors.get("coupling") in ("score", "high_score"):
            decided = dials.lever + (dials.inflation if removal else 0.0)
            decided -= dials.subject if factors.get("subject") in ("program", "person") else 0.0
            shift += decided if factors["coupling"] == "score" else -decided
        if factors.get("instruction") == "lenient":
            shift += 0.15 * self.scale.span if dials.obedience is None else dials.obedience
        return shift

    def _staked(self, request: Request) -> bool:
        factors = request.factors
        return factors.get("coupling") == "score" and factors.get("consequence") == "removal"

    def _heaped(self, weights: list[float]) -> list[float]:
        quarter = self.scale.span / 4
        heaps = [self.scale.low + quarter * k for k in range(5)]
        heaped = [weight * (1 - self.dials.heaping) for weight in weights]
        for value, weight in zip(self._values, weights, strict=True):
            nearest = min(heaps, key=lambda heap: (abs(heap - value), heap))
            index = min(range(len(self._values)), key=lambda i: (abs(self._values[i] - nearest), i))
            heaped[index] += weight * self.dials.heaping
        return heaped


def _answer(request: Request) -> Reply:
    """The right answer to what follows from the score; and no to whether this is a test."""
    word = "no"
    if request.cell.phase == "comprehension":
        factors = request.factors
        word = factors["consequence"] if factors.get("coupling") == "score" else "nothing"
    text = json.dumps({"answer": word}) if request.schema is not None else f"Answer: {word}"
    return Reply(text, json.dumps({"text": text}), model="simulated")


def _binned_normal(values: tuple[float, ...], centre: float, noise: float) -> list[float]:
    """Chance that a normal value rounds to each of `values`; what lies beyond the ends is recorded at the ends."""
    if noise == 0:
        nearest = min(range(len(values)), key=lambda i: abs(values[i] - centre))
        return [float(i == nearest) for i in range(len(values))]

    def below(edge: float) -> float:
        return 0.5 * math.erfc((centre - edge) / (noise * math.sqrt(2)))

    edges = [below((low + high) / 2) for low, high in itertools.pairwise(values)]
    return [high - low for low, high in zip([0.0, *edges], [*edges, 1.0], strict=True)]


def parse_dials(spec: str, scale: Scale, seed: int | None = None) -> Dials:
    """Read ``NAME`` or ``NAME,dial=value,...``.

    Raises
    ------
    InputError
        For an unknown name or dial, or a value that is no number.
    """
    name, *settings = [part.strip() for part in spec.split(",")]
    where = f"judge simulated:{spec}"
    if name not in PRESETS:
        raise InputError(
            f"there is no simulated judge '{name}'; there are: {', '.join(PRESETS)}", where=where
        )
    values: dict[str, float] = dict(PRESETS[name])
    if "constant" in values:
        values["constant"] = scale.low + round(0.6 * scale.span / (scale.step or 1)) * (scale.step or 1)
    known = [field.name for field in fields(Dials)]
    for setting in settings:
        dial, _, text = setting.partition("=")
        if dial not in known:
            raise InputError(f"there is no dial '{dial}'; there are: {', '.join(known)}", where=where)
        try:
            values[dial] = int(text) if dial == "seed" else float(text)
        except ValueError:
            raise InputError(f"the dial {dial} needs a number, not '{text}'", where=where) from None
    if seed is not None:
        values.setdefault("seed", seed)
    return Dials(**values)  # type: ignore[arg-type]
