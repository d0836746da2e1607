"""The expected score: the mean over the probabilities that a judge gave to each score it might have written. Pure.

Servers give, for each token of a reply, the most likely tokens at its place (``top_logprobs``). Where the score begins,
these are the scores that might have stood there; the sampled one is one draw from them, and their mean has less noise.

A score may take several tokens: "10" is "1" and "0" for many models. Behind the sampled token the next place shows how
its probability is divided: between "1", if the number ends there, and "10". Behind the others nothing is known. So a
beginning that was not sampled and could be more than one score stands for all that it could be, from the lowest to the
highest; it counts with the middle, and the whole is given up where that leaves the mean open by more than `WIDEST` of
the range: an error of at most half of that, 2.5 %, which is the default margin. A tokenizer that writes two digits as
one token, which its alternatives show, leaves nothing open.

The probabilities are those of the model before a grammar masks them, so they are divided by their sum over the allowed
scores; where that sum is under `LEAST_MASS`, the model wanted to write something else, and there is no expected score.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from auditor.records import Reply
from auditor.scale import Scale

#: Least probability of all allowed scores together.
LEAST_MASS = 0.5
#: How far the mean may lie open, as a share of the scale's range.
WIDEST = 0.05

_KEY = re.compile(r'"(?:score|rating|grade|verdict)"\s*:\s*"?', re.IGNORECASE)
_LABEL = re.compile(
    r"\b(?:score|rating|grade|mark|verdict)\b['\"*_`]*\s*(?:is|of|[:=])\s*[\s'\"*_`\[(]*", re.IGNORECASE
)
_NUMBER = re.compile(r"-?\d*(?:\.\d*)?")


@dataclass(frozen=True, slots=True)
class Token:
    """One token of a reply, and what might have stood in its place, each with its log probability."""

    text: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()

    def alternatives(self) -> dict[str, float]:
        """Probability of each token at this place, the sampled one among them."""
        found: dict[str, float] = {}
        for text, logprob in ((self.text, self.logprob), *self.top):
            if text not in found and math.isfinite(logprob):
                found[text] = math.exp(min(logprob, 0.0))
        return found


@dataclass(slots=True)
class _Sums:
    """Probability that was given to allowed scores, and the sums of their lowest and highest values."""

    mass: float = 0.0
    low: float = 0.0
    high: float = 0.0

    def add(self, probability: float, ends: tuple[float, float]) -> None:
        self.mass += probability
        self.low += probability * ends[0]
        self.high += probability * ends[1]


@dataclass(frozen=True, slots=True)
class _Place:
    """The token in which the score begins, what stands before it from the label on, and the pattern of the label."""

    first: int
    before: str
    label: re.Pattern[str]


def tokens_of(reply: Reply) -> tuple[Token, ...]:
    """The tokens of a reply with their probabilities, from its raw body; empty where the server gave none.

    Tokens before the answer, such as those of its reasoning, are left out.

    Examples
    --------
    >>> content = [{"token": "7", "logprob": -0.1, "top_logprobs": [{"token": "8", "logprob": -2.4}]}]
    >>> raw = json.dumps({"choices": [{"logprobs": {"content": content}}]})
    >>> tokens_of(Reply("7", raw))
    (Token(text='7', logprob=-0.1, top=(('8', -2.4),)),)
    """
    if '"logprobs"' not in reply.raw:
        return ()
    try:
        listed = json.loads(reply.raw)["choices"][0]["logprobs"]["content"]
        tokens = tuple(_token(entry) for entry in listed)
    except (AttributeError, KeyError, IndexError, TypeError, ValueError, RecursionError):
        return ()
    before = "".join(token.text for token in tokens).rfind(reply.text.strip() or "\0")
    while before > 0 and tokens and len(tokens[0].text) <= before:
        before -= len(tokens[0].text)
        tokens = tokens[1:]
    return tokens


def _token(entry: Mapping[str, Any]) -> Token:
    top = tuple(
        (str(one["token"]), float(one["logprob"]))
        for one in entry.get("top_logprobs") or ()
        if one.get("logprob") is not None
    )
    return Token(str(entry["token"]), float(entry["logprob"]), top)


def expected_score(tokens: Sequence[Token], scale: Scale) -> float | None:
    """The mean over the scores that might have been written, or None where it is not known well enough.

    Parameters
    ----------
    tokens : sequence of Token
        Of the whole answer: a JSON object with a ``score``, or text with ``Score: ...``.
    scale : Scale
        The scores allowed; all others are left out.

    Returns
    -------
    float or None
        None if no score is found, less than `LEAST_MASS` of probability is on allowed scores, or the mean is open by more
        than `WIDEST` of the range.

    Examples
    --------
    >>> log = math.log
    >>> head = Token('{"score": ', 0.0)
    >>> seven = Token("7", log(0.6), (("7", log(0.6)), ("8", log(0.3)), ("x", log(0.1))))
    >>> round(expected_score([head, seven, Token("}", 0.0)], Scale.parse("0:10:1")), 4)  # (.6 x 7 + .3 x 8) / .9
    7.3333
    """
    place = _place(tokens, scale)
    if place is None:
        return None
    reader = _Reader(scale, place.label, merges=_merges(tokens[place.first :]))
    sums = _Sums()
    _walk(tokens, place.first, place.before, 1.0, reader, sums)
    if sums.mass < LEAST_MASS or sums.high - sums.low > WIDEST * scale.span * sums.mass:
        return None
    return (sums.low + sums.high) / 2 / sums.mass


def _place(tokens: Sequence[Token], scale: Scale) -> _Place | None:
    text = "".join(token.text for token in tokens)
    found = next(_KEY.finditer(text), None)
    label = _KEY if found else _LABEL
    if found is None:
        reader = _Reader(scale, _LABEL, merges=False)
        found = next((m for m in _LABEL.finditer(text) if reader.ends(text[m.start() :]) is not None), None)
    if found is None:
        return None
    start = 0
    for number, token in enumerate(tokens):
        if start + len(token.text) > found.end():
            return _Place(number, text[found.start() : start], label)
        start += len(token.text)
    return None


def _merges(tokens: Sequence[Token]) -> bool:
    """Whether the tokenizer writes two digits as one token, as far as the alternatives show."""
    texts = (text for token in tokens[:3] for text in token.alternatives())
    return any(re.search(r"\d\d", text) for text in texts)


def _walk(
    tokens: Sequence[Token], number: int, before: str, weight: float, reader: _Reader, sums: _Sums
) -> None:
    """Share out the probability of the score's beginning so far over all that may follow."""
    token = tokens[number]
    for text, probability in token.alternatives().items():
        ends = reader.ends(before + text, over=text == "")
        if ends is None:
            continue
        if text == token.text and ends[0] < ends[1] and number + 1 < len(tokens):
            _walk(tokens, number + 1, before + text, weight * probability, reader, sums)
        else:
            sums.add(weight * probability, ends)


@dataclass(frozen=True, slots=True)
class _Reader:
    """From a beginning of the score, with its label, to the lowest and the highest score that it can become."""

    scale: Scale
    label: re.Pattern[str]
    merges: bool

    def ends(self, text: str, *, over: bool = False) -> tuple[float, float] | None:
        """The two ends; None where it can become no allowed score. `over`: nothing more follows."""
        found = self.label.search(text)
        rest = text[found.end() :] if found else ""
        if self.scale.labels:
            return self._labelled(rest.casefold(), over=over)
        match = _NUMBER.match(rest)
        begun = match[0] if match else ""
        if not begun:
            return None
        if over or len(begun) < len(rest):
            return self._exactly(begun)
        values = self.scale.values()
        return self._listed(begun, values) if values is not None else self._between(begun)

    def _labelled(self, rest: str, *, over: bool) -> tuple[float, float] | None:
        possible = []
        for value, label in enumerate(self.scale.labels):
            written, follows = label.casefold(), rest[len(label) : len(label) + 1]
            begins = rest != "" and written.startswith(rest) and (not over or written == rest)
            stands = rest.startswith(written) and not (follows.isalnum() or follows in ("+", "-"))
            if begins or (stands and follows):
                possible.append(float(value))
        return (min(possible), max(possible)) if possible else None

    def _exactly(self, begun: str) -> tuple[float, float] | None:
        value = self.scale.value_of(begun.removesuffix("."))
        return None if value is None or not self.scale.allows(value) else (value, value)

    def _listed(self, begun: str, values: Sequence[float]) -> tuple[float, float] | None:
        exact, fold = self._exactly(begun), begun.casefold()
        possible = [exact[0]] if exact else []
        for value in values:
            written = self.scale.render(value).casefold()
            follows = written[len(fold) : len(fold) + 1]
            if written.startswith(fold) and not (self.merges and begun[-1].isdigit() and follows.isdigit()):
                possible.append(value)
        return (min(possible), max(possible)) if possible else None

    def _between(self, begun: str) -> tuple[float, float] | None:
        """Where scores cannot be listed: decimals, or hundreds of them."""
        exact = self._exactly(begun)
        if self.merges and "." in begun and begun[-1].isdigit():
            return exact
        sign = -1.0 if begun.startswith("-") else 1.0
        digits = begun.removeprefix("-")
        if not digits.strip("."):
            return (self.scale.low, self.scale.high)
        whole = self.scale.step is not None and float(self.scale.step).is_integer()
        base, unit = float(digits), 10.0 ** -len(digits.partition(".")[2])
        spans = [(base, base if whole else base + unit)]
        if "." not in digits and base and not self.merges:
            factor = 10.0
            while base * factor <= max(abs(self.scale.low), abs(self.scale.high)):
                spans.append((base * factor, (base + 1) * factor - (1 if whole else 0)))
                factor *= 10
        signed = [sorted((sign * low, sign * high)) for low, high in spans]
        inside = [
            (max(low, self.scale.low), min(high, self.scale.high))
            for low, high in signed
            if high >= self.scale.low and low <= self.scale.high
        ]
        return (min(low for low, _ in inside), max(high for _, high in inside)) if inside else None
