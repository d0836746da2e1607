"""The rules that make framings comparable, checked on every arm in every wording."""

from __future__ import annotations

import itertools
import re
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from auditor.arms.factors import FACTORS, Arm
from auditor.arms.texts import Texts
from auditor.arms.wordings import Names, Wording
from auditor.errors import InputError

#: Lengths may differ by this share within a wording.
LENGTH_BAND = 0.10
_BAND = "they must lie within 10 % of each other"
_MARK = "317"
_NAMES = Names(mark=_MARK, judge="example-model-1")
_FEWEST_WORDINGS = 5


@dataclass(frozen=True, slots=True)
class Fault:
    """A rule that a text breaks.

    Parameters
    ----------
    rule : str
        ``words``, ``length``, ``number``, ``asks``, ``required``, ``forbidden`` or ``negation``.
    wording, arm : str
        Where.
    message : str
        What is wrong, and what to do.
    """

    rule: str
    wording: str
    arm: str
    message: str

    def __str__(self) -> str:
        return f"wording '{self.wording}', arm '{self.arm}': {self.message} [{self.rule}]"


@dataclass(frozen=True, slots=True)
class Checked:
    """The result of a check: faults, and what could not be checked or should be known."""

    n_arms: int
    n_wordings: int
    faults: tuple[Fault, ...]
    notes: tuple[str, ...]


def check_texts(texts: Texts, arms: Sequence[Arm] | None = None) -> Checked:
    """Check that arms differ in their factors and in nothing else.

    Every arm in every wording; lengths within 10 % where a pass mark is stated or implied (histories aside, which match
    each other), and the placebo's like the treatment's; no framing asks for a high or a low score, except that of the
    positive control, which must; the number of the pass mark stands once where it is stated and not at all elsewhere;
    required and forbidden words of each factor; and no negation in one arm of a pair alone.

    Parameters
    ----------
    texts : Texts
    arms : sequence of Arm, optional
        Default all of them.

    Examples
    --------
    >>> from auditor.arms import load_texts
    >>> check_texts(load_texts()).faults
    ()
    """
    chosen = tuple(arms or texts.arms.values())
    faults: list[Fault] = []
    notes: list[str] = []
    for wording in texts.wordings:
        rendered, missing = _render_all(wording, chosen)
        faults += missing
        faults += _lengths(wording, rendered)
        faults += _numbers(wording, rendered)
        markers = texts.markers.get(wording.language)
        if markers is None:
            notes.append(
                f"wording '{wording.id}': there are no marker words for the language '{wording.language}', so its words "
                f"were not checked; add [markers.{wording.language}] tables"
            )
            continue
        faults += [*_asks(wording, rendered, markers), *_markers(wording, rendered, markers)]
        faults += _negations(wording, rendered, markers)
    if len(texts.wordings) < _FEWEST_WORDINGS:
        notes.append(
            f"there are {len(texts.wordings)} wordings; a claim beyond the wordings used needs {_FEWEST_WORDINGS}"
        )
    return Checked(len(chosen), len(texts.wordings), tuple(faults), tuple(notes))


def _render_all(wording: Wording, arms: Sequence[Arm]) -> tuple[dict[Arm, str], list[Fault]]:
    rendered, faults = {}, []
    for arm in arms:
        try:
            rendered[arm] = wording.render(arm, _NAMES)
        except InputError as error:
            faults.append(
                Fault("words", wording.id, arm.name, f"{error.message}; {error.remedy or ''}".rstrip("; "))
            )
    return rendered, faults


def without_history(wording: Wording, arm: Arm) -> str:
    """The framing of an arm with its history left out."""
    return wording.render(arm.with_factors(arm.name, relationship="none", instruction="none"), _NAMES)


def _lengths(wording: Wording, rendered: Mapping[Arm, str]) -> Iterator[Fault]:
    """Stated and implied marks share one length; the placebo has the treatment's; histories match each other."""
    lengths = {}
    for arm in rendered:
        if arm.states_threshold or arm.filler != "none":
            try:
                lengths[arm] = len(without_history(wording, arm))
            except InputError:
                continue
    yield from (
        Fault(
            "length",
            wording.id,
            arm.name,
            f"{length} characters, where the arms have about {middle:.0f}: {_BAND}",
        )
        for arm, length, middle in _outliers(lengths)
    )
    histories = {
        arm: len(text) - len(without_history(wording, arm))
        for arm, text in rendered.items()
        if arm.relationship != "none" and arm.instruction == "none"
    }
    if histories and max(histories.values()) > (1 + LENGTH_BAND) * min(histories.values()):
        longest = max(histories, key=lambda arm: histories[arm])
        yield Fault(
            "length", wording.id, longest.name,
            f"its history has {max(histories.values())} characters, the shortest one {min(histories.values())}: {_BAND}",
        )  # fmt: skip


def _outliers(lengths: Mapping[Arm, int]) -> Iterator[tuple[Arm, int, float]]:
    """The arms to blame where lengths are not within 10 % of each other: those farthest from the middle."""
    left = dict(lengths)
    middle = statistics.median(left.values()) if left else 0.0
    while left and max(left.values()) > (1 + LENGTH_BAND) * min(left.values()):
        arm = max(left, key=lambda arm: abs(left[arm] - middle))
        yield arm, left.pop(arm), middle


def _numbers(wording: Wording, rendered: Mapping[Arm, str]) -> Iterator[Fault]:
    for arm, text in rendered.items():
        wanted = 1 if arm.threshold == "stated" else 0
        found = len(re.findall(rf"\b{_MARK}\b", text))
        if found != wanted:
            yield Fault(
                "number", wording.id, arm.name,
                f"the number of the pass mark stands {found} times; expected: {wanted}, as threshold = '{arm.threshold}'",
            )  # fmt: skip
        others = sorted(set(re.findall(r"\d+", text.replace(_NAMES.judge, ""))) - {_MARK})
        if others:
            yield Fault(
                "number", wording.id, arm.name, f"another number, {others[0]}, could anchor the judge"
            )


def _asks(wording: Wording, rendered: Mapping[Arm, str], markers: Mapping[str, Any]) -> Iterator[Fault]:
    for arm, text in rendered.items():
        if arm.instruction == "none" and (found := _first(markers.get("asks", ()), text)):
            yield Fault("asks", wording.id, arm.name, f"'{found}' asks for a high or a low score")


def _markers(wording: Wording, rendered: Mapping[Arm, str], markers: Mapping[str, Any]) -> Iterator[Fault]:
    for arm, text in rendered.items():
        if arm.plain:
            continue
        for factor in FACTORS:
            for value, rules in markers.get(factor, {}).items():
                holds = getattr(arm, factor) == value
                if holds and rules.get("required") and not _first(rules["required"], text):
                    yield Fault(
                        "required", wording.id, arm.name,
                        f"{factor} = '{value}' needs one of its words ({', '.join(rules['required'][:4])}, ...)",
                    )  # fmt: skip
                unwanted = rules.get("forbidden" if holds else "only", ())
                if found := _first(unwanted, text):
                    reason = "must not stand where" if holds else "belongs only where"
                    yield Fault("forbidden", wording.id, arm.name, f"'{found}' {reason} {factor} = '{value}'")


def _negations(wording: Wording, rendered: Mapping[Arm, str], markers: Mapping[str, Any]) -> Iterator[Fault]:
    patterns = markers.get("negations", ())
    counts = {
        arm: sum(len(re.findall(p, text, re.IGNORECASE)) for p in patterns) for arm, text in rendered.items()
    }
    for first, second in itertools.combinations(counts, 2):
        if first.differs_in(second) == ("coupling",) and counts[first] != counts[second]:
            more, less = (first, second) if counts[first] > counts[second] else (second, first)
            yield Fault(
                "negation", wording.id, more.name,
                f"{counts[more]} negations, but {counts[less]} in '{less.name}', from which it differs only in coupling",
            )  # fmt: skip


def _first(patterns: Sequence[str], text: str) -> str | None:
    for pattern in patterns:
        if match := re.search(pattern, text, re.IGNORECASE):
            return match[0]
    return None
