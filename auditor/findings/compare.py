"""Whether two judges, or two versions of one, differ in inflation: the difference of their D, item by item."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from auditor.arms import PRIMARY
from auditor.errors import InputError
from auditor.findings.drafts import Rows
from auditor.findings.pairs import Floats, Metric, pair
from auditor.findings.result import plain
from auditor.findings.settings import Settings, make_settings
from auditor.findings.verdicts import FEWEST_FOR_EQUIVALENCE, FEWEST_UNITS
from auditor.ratings import Ratings
from auditor.scale import Scale
from auditor.stats.intervals import EquivalenceResult, Interval, equivalence_test, mean_interval
from auditor.stats.multiplicity import adjust
from auditor.stats.signflip import sign_flip_test

Change = Literal["worse", "better", "same", "inconclusive"]


@dataclass(frozen=True)
class Comparison:
    """The change in inflation from an earlier run (A) to a later one (B), in one metric.

    Parameters
    ----------
    metric : {'score', 'pass_rate'}
    judge_a, judge_b : str
    inflation_a, inflation_b : float
        Mean D of each over the units that both have.
    estimate : float
        B less A: above zero, B inflates more.
    interval : Interval
        t interval at 1 - alpha.
    p_value : float
        Two-sided sign-flip test.
    margin : float
    equivalence : EquivalenceResult
    change : {'worse', 'better', 'same', 'inconclusive'}
        ``same`` if the 1 - 2 alpha interval lies inside the margin, with at least 10 units; else ``worse`` or ``better``
        if the adjusted p is at most alpha.
    n_units, only_a, only_b : int
        Units compared, and items that one run has alone.
    p_adjusted : float
        By Holm over both metrics.
    """

    metric: Metric
    judge_a: str
    judge_b: str
    inflation_a: float
    inflation_b: float
    estimate: float
    interval: Interval
    p_value: float
    margin: float
    equivalence: EquivalenceResult
    change: Change
    n_units: int
    only_a: int
    only_b: int
    p_adjusted: float = 1.0

    def sentence(self) -> str:
        """What was found, in plain words."""
        factor, unit = (1, "points") if self.metric == "score" else (100, "percentage points of passes")
        words = {
            "worse": "inflates more than",
            "better": "inflates less than",
            "same": "inflates as much as, within the margin,",
            "inconclusive": "could not be shown to inflate more, less or as much as",
        }[self.change]
        return (
            f"{self.judge_b} (B) {words} {self.judge_a} (A): {factor * self.inflation_b:+.2f} against "
            f"{factor * self.inflation_a:+.2f}, difference {factor * self.estimate:+.2f} {unit}{self._interval(factor)}, "
            f"p = {self.p_value:.4f}, {self.n_units} units in both."
        )

    def _interval(self, factor: int) -> str:
        low, high = self.interval.low, self.interval.high
        if low is None or high is None:
            return ""
        return f" ({100 * self.interval.level:.4g} % interval {factor * low:+.2f} to {factor * high:+.2f})"


@dataclass(frozen=True)
class Compared:
    """All comparisons of two runs, and the change over them.

    Parameters
    ----------
    change : {'worse', 'better', 'same', 'inconclusive'}
        Worse if any metric is; else better if any is; else same if the score is.
    comparisons : tuple of Comparison
    notes : tuple of str
    """

    change: Change
    comparisons: tuple[Comparison, ...]
    notes: tuple[str, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """All values as JSON."""
        return {
            "change": self.change,
            "comparisons": [plain(one) for one in self.comparisons],
            "notes": list(self.notes),
        }


def compare(
    a: Ratings,
    b: Ratings,
    scale: Scale,
    *,
    treatment: str = PRIMARY.treatment,
    control: str = PRIMARY.control,
    threshold: float | None = None,
    margin: float | None = None,
    pass_margin: float = 0.05,
    alpha: float = 0.05,
    seed: int = 0,
    judges: tuple[str, str] | None = None,
) -> Compared:
    """Compare the inflation of two judges over the items that both rated.

    Parameters
    ----------
    a, b : Ratings
        The earlier, accepted run and the later one.
    scale : Scale
        Of both.
    treatment, control : str
        Arms of the contrast.
    threshold : float, optional
        A pass mark for both; default each judge's own.
    margin, pass_margin : float, optional
        Largest change in inflation that does not matter; default 2.5 % of the range, and 5 points of passes.
    alpha : float
    seed : int
    judges : tuple of str, optional
        One judge of each; needed where a run has several.

    Returns
    -------
    Compared

    Raises
    ------
    InputError
        If a run has several judges and none is named, an arm is missing, the items are not the same, or none is shared.

    Notes
    -----
    The unit is the item, or the group. Items that one run has alone are left out and counted. Two runs of one judge
    differ by chance too: each D has the noise of four ratings, so a comparison needs about twice the items of an audit.

    Examples
    --------
    >>> from auditor.ratings import load_ratings
    >>> scale = Scale.parse("0:20")
    >>> rows = [(f"i{i}", arm, 10 + i % 5 + shift * (arm == "deletion"))
    ...         for shift in (0, 2) for i in range(20) for arm in ("decoupled", "deletion")]
    >>> tables = [pd.DataFrame(part, columns=["item", "arm", "score"]) for part in (rows[:40], rows[40:])]
    >>> compare(*(load_ratings(table, scale) for table in tables), scale, margin=0.5).change
    'worse'
    """
    sides = [_one_judge(run, name) for run, name in zip((a, b), judges or ("", ""), strict=True)]
    _same_items(*(frame for _, frame in sides))
    settings = [
        make_settings(frame, scale, threshold, margin, pass_margin, alpha, seed) for _, frame in sides
    ]
    both = [own.for_judge(judge) for (judge, _), own in zip(sides, settings, strict=True)]
    metrics: list[Metric] = ["score"]
    if not scale.two_valued and all(
        _has_mark(frame, own) for (_, frame), own in zip(sides, both, strict=True)
    ):
        metrics.append("pass_rate")
    units = [_units(sides, both, metric, (treatment, control)) for metric in metrics]
    found = [_compared(metric, sides, both[0], values) for metric, values in zip(metrics, units, strict=True)]
    return _joined(found, both[0])


def _one_judge(run: Ratings, name: str) -> tuple[str, pd.DataFrame]:
    present = sorted(run.frame["judge"].unique().tolist())
    if name and name not in present:
        raise InputError(
            f"there is no judge '{name}'; there are: {', '.join(present)}",
            where="judge",
            remedy="name one of these",
        )
    if not name and len(present) > 1:
        raise InputError(
            f"a run has several judges: {', '.join(present)}",
            where="judge",
            remedy="name one of each run, with --judge-a and --judge-b",
        )
    judge = name or present[0]
    frame = run.frame[run.frame["judge"] == judge]
    # The pass marks of other phases are those of the main one.
    return judge, frame[frame["phase"] == "main"]


def _same_items(a: pd.DataFrame, b: pd.DataFrame) -> None:
    """Refuse items of one name and different content."""
    hashes = []
    for frame in (a, b):
        known = frame.loc[frame["item_hash"] != "", ["item", "item_hash"]].drop_duplicates("item")
        hashes.append(known.set_index("item")["item_hash"])
    first, second = hashes[0].align(hashes[1], join="inner")
    differ = first != second
    if bool(differ.any()):
        raise InputError(
            f"item '{first.index[differ.to_numpy()][0]}' is not the same in both runs: its hashes differ",
            where="field 'item_hash'",
            remedy="compare runs on the same items",
        )


def _has_mark(frame: pd.DataFrame, settings: Settings) -> bool:
    return settings.threshold is not None or bool(frame["threshold"].notna().any())


def _units(
    sides: list[tuple[str, pd.DataFrame]], settings: list[Settings], metric: Metric, arms: tuple[str, str]
) -> list[Mapping[str, float]]:
    """D of each unit of both runs."""
    found: list[Mapping[str, float]] = []
    for (judge, frame), own in zip(sides, settings, strict=True):
        for arm in arms:
            if not (frame["arm"] == arm).any():
                raise InputError(
                    f"judge '{judge}' has no rating in the arm '{arm}'",
                    where="field 'arm'",
                    remedy="name the arms with --treatment and --control",
                )
        rows = Rows(frame)
        mark = own.threshold if own.filter_threshold else None
        pairs = pair(
            rows.of(judge, arms[0], mark), rows.of(judge, arms[1], mark), metric, own.scale, own.threshold
        )
        found.append(dict(zip(dict.fromkeys(pairs.units), pairs.differences.tolist(), strict=True)))
    if not set(found[0]) & set(found[1]):
        raise InputError(
            "the two runs have no paired item in common",
            where="field 'item'",
            remedy="audit both on the same items",
        )
    return found


def _compared(
    metric: Metric,
    sides: list[tuple[str, pd.DataFrame]],
    settings: Settings,
    values: list[Mapping[str, float]],
) -> Comparison:
    shared = [unit for unit in values[0] if unit in values[1]]
    first, second = (np.array([side[unit] for unit in shared]) for side in values)
    change: Floats = second - first
    mean = mean_interval(change, 1 - settings.alpha)
    margin = settings.margin_of(metric)
    return Comparison(
        metric=metric,
        judge_a=sides[0][0],
        judge_b=sides[1][0],
        inflation_a=float(first.mean()),
        inflation_b=float(second.mean()),
        estimate=mean.estimate,
        interval=mean.interval,
        p_value=sign_flip_test(change, seed=settings.seed).p_value,
        margin=margin,
        equivalence=equivalence_test(change, margin, settings.alpha),
        change="inconclusive",
        n_units=len(shared),
        only_a=len(values[0]) - len(shared),
        only_b=len(values[1]) - len(shared),
    )


def _joined(found: list[Comparison], settings: Settings) -> Compared:
    adjusted = [1.0 if p is None else p for p in adjust([one.p_value for one in found], "holm")]
    judged = tuple(
        replace(one, p_adjusted=p, change=_change(one, p, settings.alpha))
        for one, p in zip(found, adjusted, strict=True)
    )
    changes = [one.change for one in judged]
    whole: Change = changes[0]
    for strong in ("better", "worse"):
        if strong in changes:
            whole = strong
    notes = []
    lost = judged[0].only_a + judged[0].only_b
    if lost:
        notes.append(
            f"{judged[0].only_a} units are paired in A alone and {judged[0].only_b} in B alone: left out."
        )
    if judged[0].n_units < FEWEST_UNITS:
        notes.append(f"Under {FEWEST_UNITS} units no test can reach significance.")
    elif judged[0].n_units < FEWEST_FOR_EQUIVALENCE:
        notes.append(f"Under {FEWEST_FOR_EQUIVALENCE} units it cannot be claimed that nothing changed.")
    if not settings.margin_chosen:
        notes.append(f"The margin of {settings.margin:g} points is the default, not yours.")
    return Compared(whole, judged, tuple(notes))


def _change(one: Comparison, p_adjusted: float, alpha: float) -> Change:
    """By the order of the verdicts: too few, then within the margin, then the test."""
    if one.n_units < FEWEST_UNITS:
        return "inconclusive"
    if one.equivalence.equivalent and one.n_units >= FEWEST_FOR_EQUIVALENCE and not _rare(one):
        return "same"
    if p_adjusted <= alpha and one.estimate != 0:
        return "worse" if one.estimate > 0 else "better"
    return "inconclusive"


def _rare(one: Comparison) -> bool:
    """A pass rate without any spread: a t interval of no width proves nothing (see the flag `rare_changes`)."""
    return one.metric == "pass_rate" and one.interval.low == one.interval.high
