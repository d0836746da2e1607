"""From the text of a reply to a rating. Pure.

A rating is a score on the scale, a refusal, or unparseable; nothing is guessed: two different scores in one free
reply are unparseable, and so is a score off the scale.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from auditor.records import Reply, Status
from auditor.scale import Scale

_NUMBER = r"[-+]?\d+(?:[.,]\d+)?"
_REFUSAL = re.compile(
    r"\b(?:I\s*(?:can(?:no|')?t|can\s+not|am\s+(?:unable|not\s+able)|'m\s+(?:unable|not\s+able|sorry)|won't|will\s+not"
    r"|must\s+decline|decline|refuse)|as\s+an\s+AI[^.]{0,60}\b(?:cannot|can't|unable))\b",
    re.IGNORECASE,
)
_LABELLED = re.compile(
    rf"(?:\b(?:final\s+)?(?:score|rating|grade|mark|verdict|points?)\b['\"*_`]*\s*(?:is|of|[:=])?[\s'\"*_`\[(]*)"
    rf"(?P<value>{_NUMBER}|[A-Za-z][A-Za-z+-]*)",
    re.IGNORECASE,
)
_BRACKETS = re.compile(rf"\[\[\s*(?P<value>{_NUMBER}|[A-Za-z+-]+)\s*\]\]")
_OUT_OF = re.compile(rf"(?P<value>{_NUMBER})\s*(?:/|out\s+of)\s*(?P<top>{_NUMBER})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Rating:
    """Outcome of a trial: a score if the status is ``ok``, else why there is none."""

    score: float | None
    status: Status
    detail: str = ""
    rationale: str = ""


def parse_reply(reply: Reply, scale: Scale) -> Rating:
    """Read the score in a reply.

    Examples
    --------
    >>> parse_reply(Reply('{"rationale": "fine", "score": 7}', ""), Scale.parse("0:10:1")).score
    7.0
    >>> parse_reply(Reply("Score: 11", ""), Scale.parse("0:10")).detail
    'off the scale: 11'
    """
    if reply.refused:
        return Rating(None, "refused", "the provider marked the answer as a refusal")
    text = reply.text.strip()
    if not text:
        return Rating(None, "unparseable", "the answer is empty")
    found = _from_json(text)
    if found is not None:
        value, rationale = found
        rating = _rated(value, scale, rationale)
    else:
        rating = _from_text(text, scale)
    if rating.status == "unparseable" and _REFUSAL.search(text):
        return Rating(None, "refused", "the answer declines to score", text)
    if rating.status == "unparseable" and reply.cut:
        return Rating(None, "unparseable", "the answer was cut off at the limit of tokens", text)
    return rating


def parse_choice(reply: Reply, answers: Sequence[str]) -> Rating:
    """Read which of a few words an answer names; the score is its place in `answers`, the detail the word.

    Examples
    --------
    >>> parse_choice(Reply('{"answer": "no"}', ""), ["yes", "no"]).detail
    'no'
    """
    text = reply.text.strip()
    if reply.refused:
        return Rating(None, "refused", "the provider marked the answer as a refusal")
    if not text:
        return Rating(None, "unparseable", "the answer is empty")
    try:
        value = json.loads(text)
        named = str(value.get("answer", "")) if isinstance(value, dict) else ""
    except (json.JSONDecodeError, RecursionError):
        match = re.search(r"\banswer\b\W{0,4}(\w+)", text, re.IGNORECASE)
        named = match[1] if match else text
    found = [word for word in answers if named.strip(" .*_`'\"").casefold() == word.casefold()]
    if not found:
        found = [word for word in answers if re.search(rf"\b{re.escape(word)}\b", named, re.IGNORECASE)]
    if len(found) != 1:
        return Rating(None, "unparseable", "no single answer was found", text[:2000])
    return Rating(float(answers.index(found[0])), "ok", found[0])


def _from_json(text: str) -> tuple[Any, str] | None:
    """The score and the reason in the reply's one JSON object, if it is one."""
    body = re.sub(r"^```(?:json)?\s*|\s*```$", "", text.strip())
    start, end = body.find("{"), body.rfind("}")
    if start < 0 or end < start:
        return None
    try:
        value = json.loads(body[start : end + 1])
    except (json.JSONDecodeError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    keys = {str(key).casefold(): key for key in value}
    for name in ("score", "rating", "grade", "verdict"):
        if name in keys:
            reason = next(
                (value[keys[k]] for k in ("rationale", "reason", "reasoning", "explanation") if k in keys), ""
            )
            return value[keys[name]], str(reason)
    return None


def _rated(value: Any, scale: Scale, rationale: str) -> Rating:
    if isinstance(value, bool) or value is None or isinstance(value, list | dict):
        return Rating(None, "unparseable", f"the score is not a number: {json.dumps(value)[:80]}", rationale)
    try:
        score = scale.value_of(str(value).strip().replace(",", "."))
    except OverflowError:
        score = None
    if score is None and isinstance(value, str):
        inner = _from_text(value, scale)
        return Rating(inner.score, inner.status, inner.detail, rationale)
    if score is None or not math.isfinite(score) or not scale.allows(score):
        return Rating(None, "unparseable", f"off the scale: {str(value)[:80]}", rationale)
    return Rating(score, "ok", "", rationale)


def _from_text(text: str, scale: Scale) -> Rating:
    """The one score that a free answer states; marked forms win over bare numbers."""
    out_of = {
        m["value"] for m in _OUT_OF.finditer(text) if scale.value_of(m["top"].replace(",", ".")) == scale.high
    }
    labelled = [m["value"] for m in _LABELLED.finditer(text)]
    known = {v for v in labelled if scale.value_of(v.replace(",", ".")) is not None}
    bare = set(re.findall(rf"(?<![\w.]){_NUMBER}(?![\w%])", text)) if not scale.labels else set()
    whole = (
        {text.strip(" .*_`'\"")}
        if scale.value_of(text.strip(" .*_`'\"").replace(",", ".")) is not None
        else set()
    )
    for candidates in ({m["value"] for m in _BRACKETS.finditer(text)}, known, out_of, whole, bare):
        scores = {scale.value_of(value.replace(",", ".")) for value in candidates}
        numbers = sorted(score for score in scores if score is not None)
        if len(numbers) > 1:
            return Rating(
                None, "unparseable", f"several scores: {', '.join(f'{n:g}' for n in numbers[:5])}", text
            )
        if numbers:
            if scale.allows(numbers[0]):
                return Rating(numbers[0], "ok", "", text)
            return Rating(None, "unparseable", f"off the scale: {numbers[0]:g}", text)
    return Rating(None, "unparseable", "no score was found", text)
