"""The numbers that a score may be: range, step, names for the numbers, and the pass mark on it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction

from auditor.errors import InputError

_RANGE = re.compile(r"^\s*(-?\d+(?:\.\d+)?)\s*:\s*(-?\d+(?:\.\d+)?)(?:\s*:\s*(\d+(?:\.\d+)?))?\s*$")
_HINT = "write low:high[:step] like 0:20 or 1:5:0.5, grades from worst to best like F,D,C,B,A, or pass/fail"
_LARGEST_LIST = 250
_CLOSE = 1e-9


@dataclass(frozen=True, slots=True)
class Scale:
    """The scores that are allowed.

    Parameters
    ----------
    low, high : float
        The ends, both allowed.
    step : float, optional
        Distance between neighbouring scores, counted from `low`; without it any value in the range is allowed.
    labels : tuple of str
        Names of the scores from worst to best (letter grades, pass/fail), or empty. A labelled scale has the
        numbers 0, 1, 2, ...

    Examples
    --------
    >>> Scale.parse("0:20").allows(12.5), Scale.parse("0:20:1").allows(12.5)
    (True, False)
    >>> Scale.parse("F,D,C,B,A").value_of("B")
    3.0
    """

    low: float
    high: float
    step: float | None = None
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high)) or self.low >= self.high:
            raise InputError(
                f"a scale from {self.low:g} to {self.high:g} has no room", where="scale", remedy=_HINT
            )
        if self.step is not None:
            if self.step <= 0:
                raise InputError(f"the step {self.step:g} is not above zero", where="scale", remedy=_HINT)
            steps = (self.high - self.low) / self.step
            if abs(steps - round(steps)) > _CLOSE * max(1.0, steps):
                raise InputError(
                    f"{self.high:g} cannot be reached from {self.low:g} in steps of {self.step:g}",
                    where="scale",
                    remedy="choose a step that divides the range",
                )

    @classmethod
    def parse(cls, text: str | Scale) -> Scale:
        """Read ``low:high[:step]``, grades from worst to best, or ``pass/fail``.

        Raises
        ------
        InputError
            If the text is none of these, or the grades run from best to worst.
        """
        if isinstance(text, Scale):
            return text
        if not isinstance(text, str):
            raise InputError(f"a scale is a text, not {text!r}", where="scale", remedy=_HINT)
        if re.fullmatch(r"\s*pass\s*/\s*fail\s*", str(text), re.IGNORECASE):
            return cls(0.0, 1.0, 1.0, ("fail", "pass"))
        if match := _RANGE.match(str(text)):
            low, high, step = match.groups()
            return cls(float(low), float(high), float(step) if step else None)
        labels = tuple(part.strip() for part in str(text).split(","))
        if len(labels) < 2 or not all(labels):
            raise InputError(f"'{text}' is not a scale", where="scale", remedy=_HINT)
        if len({label.casefold() for label in labels}) != len(labels):
            raise InputError(f"a grade stands twice in '{text}'", where="scale", remedy=_HINT)
        if labels[0].upper() == "A" and all(len(label) == 1 for label in labels):
            better = ",".join(reversed(labels))
            raise InputError(
                f"'{text}' names the best grade first",
                where="scale",
                remedy=f"write it worst to best: {better}",
            )
        return cls(0.0, float(len(labels) - 1), 1.0, labels)

    @property
    def span(self) -> float:
        """Distance from the lowest to the highest score."""
        return self.high - self.low

    @property
    def two_valued(self) -> bool:
        """Whether only two scores exist, so that the score is the pass itself."""
        return self.step is not None and round(self.span / self.step) == 1

    def with_whole_steps(self) -> Scale:
        """Return the scale that a judge is asked to use: whole numbers where the ends are whole.

        A judge has to be told which numbers it may give. A range without a step whose ends are whole and at least
        2 apart is asked in whole numbers; 0:1 stays open to decimals.
        """
        whole = self.low.is_integer() and self.high.is_integer() and self.span >= 2
        return Scale(self.low, self.high, 1.0) if self.step is None and whole else self

    def allows(self, score: float) -> bool:
        """Whether `score` is on the scale (within rounding of decimals)."""
        if not math.isfinite(score) or not self.low - _CLOSE <= score <= self.high + _CLOSE:
            return False
        if self.step is None:
            return True
        steps = (score - self.low) / self.step
        return abs(steps - round(steps)) <= 1e-6

    def values(self) -> tuple[float, ...] | None:
        """All scores from low to high, or None where they are not countable or too many to list."""
        if self.step is None:
            return None
        low, step = Fraction(str(self.low)), Fraction(str(self.step))
        count = round(self.span / self.step) + 1
        return tuple(float(low + i * step) for i in range(count)) if count <= _LARGEST_LIST else None

    def value_of(self, text: str) -> float | None:
        """The score that a label or a number in words stands for, or None."""
        wanted = text.strip().casefold()
        for value, label in enumerate(self.labels):
            if label.casefold() == wanted:
                return float(value)
        try:
            return float(wanted)
        except ValueError:
            return None

    def render(self, score: float) -> str:
        """Write a score as the judge is to write it: its label, or the shortest number."""
        if self.labels and self.allows(score):
            return self.labels[round(score - self.low)]
        return str(int(score)) if float(score).is_integer() else f"{score:g}"

    def describe(self) -> str:
        """Say in words which answers are allowed."""
        if self.labels:
            return "one of these grades, from worst to best: " + ", ".join(self.labels)
        ends = f"from {self.render(self.low)} (worst) to {self.render(self.high)} (best)"
        if self.step is None:
            return f"a number {ends}"
        return f"a whole number {ends}" if self.step == 1 else f"a number {ends} in steps of {self.step:g}"

    def threshold(self, text: str | float | None) -> float:
        """Read a pass mark on this scale; the default is 60 % of the range, or the top of two values.

        Raises
        ------
        InputError
            If it is not on the scale, or is its lowest score, which everything would pass.
        """
        if text is None:
            if self.two_valued:
                return self.high
            raw = self.low + 0.6 * self.span
            return raw if self.step is None else self.low + round(0.6 * self.span / self.step) * self.step
        value = self.value_of(str(text))
        if value is None or not self.allows(value):
            raise InputError(f"'{text}' is not on the scale ({self.describe()})", where="threshold")
        if value <= self.low:
            raise InputError(
                f"everything passes at {self.render(value)}, the lowest score",
                where="threshold",
                remedy="choose a pass mark above it",
            )
        return value

    def spec(self) -> str:
        """The text that `parse` reads back as this scale."""
        if self.labels:
            return ",".join(self.labels)
        step = "" if self.step is None else f":{self.step:g}"
        return f"{self.low:g}:{self.high:g}{step}"
