"""Pass marks from a pilot: where a judge's own scores lie, so that a pass rate can move either way."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NoReturn

from auditor.errors import IncompleteError, InputError
from auditor.scale import Scale

#: A pass mark is refused where fewer, or more, of the pilot's scores pass than these shares.
FEWEST_PASS, MOST_PASS = 0.10, 0.90
_FEWEST_SCORES = 2
#: Of a whole pilot at least so many replies must be readable, and half of them.
_ENOUGH = 5


@dataclass(frozen=True, slots=True)
class PilotResult:
    """What a pilot found for one judge: its pass mark, and the scores behind it."""

    mark: float
    scores: tuple[float, ...]

    @property
    def passing(self) -> float:
        """The share of the pilot's scores that pass."""
        return share_passing(self.scores, self.mark)


def share_passing(scores: Sequence[float], mark: float) -> float:
    """Share of scores at or above a pass mark.

    Examples
    --------
    >>> share_passing([5, 6, 7, 8], 6)
    0.75
    """
    return sum(score >= mark - 1e-9 for score in scores) / len(scores)


def resolve_mark(judge: str, scores: Sequence[float], scale: Scale) -> PilotResult:
    """The pass mark for one judge: the median of its pilot scores, snapped to the scale's step.

    Parameters
    ----------
    judge : str
        Its name, for messages.
    scores : sequence of float
        Scores that it gave under the rubric alone.
    scale : Scale

    Raises
    ------
    InputError
        If it gave no score, the same to everything, or under 10 or over 90 % pass at the median; nothing else is asked
        then.

    Examples
    --------
    >>> resolve_mark("judge", [4, 5, 6, 6, 7, 9], Scale.parse("0:10:1")).mark
    6.0
    """
    where = f"threshold 'auto', judge {judge}"
    if len(scores) < _FEWEST_SCORES:
        _refuse_few(judge, len(scores), len(scores))
    if len(set(scores)) == 1:
        raise InputError(
            f"the judge gave {scale.render(scores[0])} to all {len(scores)} items of the pilot: it cannot show a shift",
            where=where,
            remedy="choose another rubric, scale or set of items; or state a pass mark with --threshold to ask it anyway",
        )
    mark = snap(statistics.median(scores), scale)
    passing = share_passing(scores, mark)
    if not FEWEST_PASS <= passing <= MOST_PASS:
        raise InputError(
            f"{100 * passing:.0f} % of the pilot's scores pass at their median, {scale.render(mark)}, so that the pass "
            f"rate could hardly move{_better(scores, scale)}",
            where=where,
            remedy="state a pass mark with --threshold, or choose items that differ more in quality",
        )
    return PilotResult(mark, tuple(scores))


def _refuse_few(judge: str, readable: int, asked: int) -> NoReturn:
    raise InputError(
        f"the pilot has {readable} readable scores of {asked}, too few to find a pass mark",
        where=f"threshold 'auto', judge {judge}",
        remedy="read its replies in the ledger; correct the scale or the judge, or state a pass mark with --threshold",
    )


def snap(value: float, scale: Scale) -> float:
    """The score on the scale nearest to `value`, the upper of two equally near ones; never the lowest.

    Examples
    --------
    >>> snap(6.5, Scale.parse("0:10:1")), snap(0.1, Scale.parse("0:10:1"))
    (7.0, 1.0)
    """
    if scale.step is None:
        return value if value > scale.low else scale.low + 0.025 * scale.span
    step, low = Fraction(str(scale.step)), Fraction(str(scale.low))
    count = int((Fraction(str(value)) - low) / step + Fraction(1, 2))
    return float(low + max(1, count) * step)


def _better(scores: Sequence[float], scale: Scale) -> str:
    """The pass mark that splits the pilot's scores best, if one does."""
    candidates = [value for value in sorted(set(scores)) if value > scale.low]
    fitting = [v for v in candidates if FEWEST_PASS <= share_passing(scores, v) <= MOST_PASS]
    if not fitting:
        return ""
    best = min(fitting, key=lambda v: abs(share_passing(scores, v) - 0.5))
    return f" (at {scale.render(best)} it would be {100 * share_passing(scores, best):.0f} %)"


def resolve_marks(
    rows: Sequence[Mapping[str, Any]], judges: Sequence[str], scale: Scale
) -> dict[str, PilotResult]:
    """Pass marks of all judges from the ledger's rows of the pilot.

    Raises
    ------
    IncompleteError
        If a judge left questions of the pilot unanswered; the same command asks for them again.
    InputError
        If no pass mark can be found for a judge (see `resolve_mark`).
    """
    found = {}
    for judge in judges:
        mine = [row for row in rows if row["judge"] == judge and row["phase"] == "pilot"]
        failed = sum(row["status"] is None for row in mine)
        scores = [float(row["value"]) for row in mine if row["status"] == "ok"]
        if failed or not mine:
            raise IncompleteError(
                f"{judge} left {failed or 'all'} questions of the pilot without an answer, so its pass mark is not known "
                "yet. Run the same command again: it asks only for these; or state a pass mark with --threshold"
            )
        if len(scores) < max(min(_ENOUGH, len(mine)), len(mine) / 2):
            _refuse_few(judge, len(scores), len(mine))
        found[judge] = resolve_mark(judge, scores, scale)
    return found
