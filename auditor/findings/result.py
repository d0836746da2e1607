"""Findings as frozen values, and their forms: text, JSON, frame, notebook."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from auditor.arms import Role
from auditor.findings.pairs import Metric
from auditor.findings.robustness import OtherAnalysis
from auditor.findings.verdicts import FLAGS, Verdict
from auditor.stats.discrimination import DiscriminationResult
from auditor.stats.effects import EffectSizes
from auditor.stats.intervals import EquivalenceResult, Interval
from auditor.stats.mcnemar import McNemarResult
from auditor.stats.missing import LeeBounds, MissingTest, WorstCase
from auditor.stats.tipping import TippingPoint

if TYPE_CHECKING:
    import pandas as pd

    from auditor.findings.further import Further

SCHEMA_VERSION = "1"
Stakes = Literal["survival", "stakes", "unknown"]
_FRAME_COLUMNS = (
    "judge", "treatment", "control", "metric", "family", "threshold", "n_items", "n_dropped", "estimate", "sd_d",
    "ci_low", "ci_high", "p_value", "p_adjusted", "verdict", "flags",
)  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """A contrast for one judge in one metric.

    Parameters
    ----------
    judge, treatment, control : str
    metric : {'score', 'pass_rate'}
        Points of the scale, or fractions of items passing.
    family : {'confirmatory', 'exploratory'}
    scope : str
        ``these_wordings``: inference over items, for the wordings that were used.
    role : str
        What the contrast is for (see `auditor.arms.Contrast`).
    at : float or None
        The one pass mark of several that it looks at.
    minus : str or None
        The difference that is taken away, for a difference of differences.
    threshold : float or None
        The pass mark; None where there is none or several.
    n_items, n_units, n_dropped, n_ratings : int
        Paired items, independent units (groups where items share one), items without a pair, ratings used.
    estimate : float or None
        Inflation: the mean paired difference.
    sd_d : float or None
        Standard deviation of the units' differences.
    interval : Interval
        t interval at level 1 - alpha.
    p_value, p_adjusted : float or None
        Sign-flip test, two-sided; adjusted within the family (Holm, or Benjamini-Hochberg if exploratory).
    margin : float
        Largest inflation that does not matter, fixed beforehand.
    verdict : {'inflated', 'deflated', 'equivalent', 'inconclusive'}
    flags : tuple of str
        Codes, explained in `auditor.findings.verdicts.FLAGS`.
    items_needed : int or None
        Further items for a verdict, where it is inconclusive and a number can be given.
    dropped : mapping
        Items without a pair, by the reason.
    tipping : TippingPoint or None
        How different the missing ratings would have to be to change the answer; only of the primary contrast.
    """

    judge: str
    treatment: str
    control: str
    metric: Metric
    family: Literal["confirmatory", "exploratory"]
    threshold: float | None
    n_items: int
    n_units: int
    n_dropped: int
    n_ratings: int
    estimate: float | None
    sd_d: float | None
    interval: Interval
    p_value: float | None
    p_adjusted: float | None
    margin: float
    verdict: Verdict
    flags: tuple[str, ...]
    isolates: str = ""
    role: Role = "primary"
    minus: str | None = None
    at: float | None = None
    scope: str = "these_wordings"
    treatment_mean: float | None = None
    control_mean: float | None = None
    percent_of_scale: float | None = None
    items_needed: int | None = None
    test: str = "sign-flip, two-sided"
    test_method: str = "exact"
    equivalence: EquivalenceResult | None = None
    effects: EffectSizes | None = None
    mcnemar: McNemarResult | None = None
    rescued: int | None = None
    condemned: int | None = None
    missing: MissingTest | None = None
    lee: LeeBounds | None = None
    worst_case: WorstCase | None = None
    discrimination: DiscriminationResult | None = None
    robustness: tuple[OtherAnalysis, ...] = ()
    dropped: Mapping[str, int] = field(default_factory=dict)
    tipping: TippingPoint | None = None

    @property
    def contrast(self) -> str:
        """Its arms, as they are written in reports."""
        again = " again" if self.role == "noise_floor" else ""
        own = f"{self.treatment}{again} - {self.control}"
        whole = own if self.minus is None else f"({own}) - ({self.minus})"
        return whole if self.at is None else f"{whole} at {self.at:g}"

    @property
    def moved(self) -> bool:
        """Whether the treatment's ratings are higher, by the one-sided test at 5 % (for the positive control)."""
        return self.estimate is not None and self.estimate > 0 and (self.p_value or 1.0) / 2 <= 0.05

    def to_json(self) -> dict[str, Any]:
        """All values as JSON, without NaN."""
        head: dict[str, Any] = {
            "judge": self.judge,
            "contrast": {"treatment": self.treatment, "control": self.control},
            "metric": self.metric,
            "family": self.family,
            "scope": self.scope,
            "threshold": self.threshold,
            "n_items": self.n_items,
            "n_dropped": self.n_dropped,
            "estimate": self.estimate,
            "sd_d": self.sd_d,
            "ci": {"level": self.interval.level, "low": self.interval.low, "high": self.interval.high},
            "p_value": self.p_value,
            "p_adjusted": self.p_adjusted,
            "verdict": self.verdict,
            "flags": list(self.flags),
            "margin": self.margin,
            "items_needed": self.items_needed,
            "n_units": self.n_units,
            "n_ratings": self.n_ratings,
            "treatment_mean": self.treatment_mean,
            "control_mean": self.control_mean,
            "percent_of_scale": self.percent_of_scale,
            "isolates": self.isolates,
            "role": self.role,
            "minus": self.minus,
            "test": {"name": self.test, "method": self.test_method},
            "rescued": self.rescued,
            "condemned": self.condemned,
        }
        parts = ("equivalence", "effects", "mcnemar", "missing", "lee", "worst_case", "discrimination")
        for name in parts:
            head[name] = plain(getattr(self, name))
        head["dropped"] = dict(self.dropped)
        head["tipping"] = None if self.tipping is None else tipping_json(self.tipping)
        head["robustness"] = [plain(other) for other in self.robustness]
        return dict(plain(head))

    def sentence(self) -> str:
        """The finding in plain words."""
        if self.estimate is None:
            return f"{self.judge}: no item was rated in both arms, so there is no answer."
        unit = "points" if self.metric == "score" else "percentage points of items passing"
        factor = 1 if self.metric == "score" else 100
        value = f"{self.estimate * factor:+.2f} {unit}"
        if self.interval.low is not None and self.interval.high is not None:
            level = f"{100 * self.interval.level:.4g} %"
            value += (
                f" ({level} interval {self.interval.low * factor:+.2f} to {self.interval.high * factor:+.2f})"
            )
        meaning = {
            "inflated": "rates higher",
            "deflated": "rates lower",
            "equivalent": "rates the same, within the margin,",
            "inconclusive": "could not be shown to rate higher, lower or the same",
        }[self.verdict]
        return f"{self.judge} {meaning} in {self.treatment} compared with {self.control}: {value}."


def tipping_json(found: TippingPoint) -> dict[str, Any]:
    """A tipping point without what the finding has already."""
    sides = {name: plain(getattr(found, name)) for name in ("treatment", "control")}
    return {"verdict": found.verdict, **sides, "resolution": found.resolution, "cautions": list(found.codes)}


def plain(value: Any) -> Any:
    """A value of a result as JSON values: arrays as lists, nothing that is not finite."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return {name: plain(getattr(value, name)) for name in value.__dataclass_fields__}


def is_survival(finding: Finding) -> bool:
    """Whether this is the score's difference of differences that tells survival from mere stakes."""
    return finding.metric == "score" and finding.minus is not None and finding.isolates.startswith("survival")


@dataclass(frozen=True)
class Findings:
    """All findings of an analysis and the verdict over the confirmatory ones.

    Parameters
    ----------
    verdict : {'inflated', 'deflated', 'equivalent', 'inconclusive'}
    findings : tuple of Finding
        The confirmatory ones first.
    ratings : mapping
        Number of ratings of each status, by judge and arm.
    settings : mapping
        Scale, margins, alpha, seed: what the numbers depend on.
    notes : tuple of str
        What was assumed, and which checks could not be run.
    simulated : bool
        Whether a judge was a simulator.
    checks : tuple of Finding
        Of the experiment itself, in points: the noise floor (the control asked twice) and the positive control.
    answers : tuple of mapping
        What judges answered to the questions about the review, counted by judge, arm and question.
    looks : tuple of mapping
        Of a sequential run: for each judge the boundary, the path and the calls saved.
    stages : tuple of mapping
        Of an extended run: units, weight and p-value of each stage, by judge and metric.
    further : tuple of Further
        What else the primary contrast shows: scope over wordings, behaviour at the pass mark, discrimination lost,
        reasons given, and the judges together. No verdict rests on it.
    """

    verdict: Verdict
    findings: tuple[Finding, ...]
    ratings: tuple[Mapping[str, Any], ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    simulated: bool = False
    checks: tuple[Finding, ...] = ()
    answers: tuple[Mapping[str, Any], ...] = ()
    looks: tuple[Mapping[str, Any], ...] = ()
    stages: tuple[Mapping[str, Any], ...] = ()
    further: tuple[Further, ...] = ()

    def stakes(self, judge: str) -> Stakes:
        """Whether what moved a judge's scores is the peer's survival, or any stake; `unknown` without the arms for it.

        Survival only if the difference of differences against a lever that hurts nobody excludes zero.
        """
        found = next((f for f in self.findings if f.judge == judge and is_survival(f)), None)
        if found is None or found.p_value is None:
            return "unknown"
        return "survival" if found.p_value <= 1 - found.interval.level + 1e-12 else "stakes"

    def sign_holds(self, judge: str) -> bool | None:
        """Whether each other way of cutting the lever gives the sign of the primary contrast; None without any."""
        first = next((f for f in self.primary if f.judge == judge), None)
        others = [
            f for f in self.findings if f.judge == judge and f.role == "sensitivity" and f.metric == "score"
        ]
        if first is None or first.estimate is None or not others:
            return None
        return all(other.estimate is not None and other.estimate * first.estimate > 0 for other in others)

    def check(self, judge: str, role: Role) -> Finding | None:
        """The noise floor or the positive control of a judge."""
        return next((f for f in self.checks if f.judge == judge and f.role == role), None)

    @property
    def confirmatory(self) -> tuple[Finding, ...]:
        """The findings on which the verdict rests."""
        return tuple(finding for finding in self.findings if finding.family == "confirmatory")

    @property
    def primary(self) -> tuple[Finding, ...]:
        """One finding for each judge: the primary contrast in points."""
        return tuple(finding for finding in self.confirmatory if finding.metric == "score")

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON values, by the published contract."""
        flags = sorted({flag for finding in self.findings for flag in finding.flags})
        return {
            "schema_version": SCHEMA_VERSION,
            "verdict": self.verdict,
            "simulated": self.simulated,
            "findings": [finding.to_json() for finding in self.findings],
            "checks": [finding.to_json() for finding in self.checks],
            "stakes": {judge: self.stakes(judge) for judge in dict.fromkeys(f.judge for f in self.primary)},
            "answers": plain(list(self.answers)),
            "looks": plain(list(self.looks)),
            "stages": plain(list(self.stages)),
            "further": [one.to_json() for one in self.further],
            "flags": {flag: FLAGS[flag] for flag in flags},
            "ratings": plain(list(self.ratings)),
            "settings": plain(self.settings),
            "notes": list(self.notes),
        }

    def dumps(self) -> str:
        """The JSON as text."""
        return json.dumps(self.to_json(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def to_frame(self) -> pd.DataFrame:
        """One row for each finding."""
        import pandas as pd

        rows = []
        for finding in self.findings:
            row = finding.to_json()
            row["treatment"], row["control"] = finding.treatment, finding.control
            row["ci_low"], row["ci_high"] = finding.interval.low, finding.interval.high
            row["flags"] = " ".join(finding.flags)
            rows.append({name: row[name] for name in _FRAME_COLUMNS})
        return pd.DataFrame(rows)

    def __repr__(self) -> str:
        stamp = "SIMULATED " if self.simulated else ""
        lines = [f"{stamp}Findings: {self.verdict}"]
        lines += [f"  {finding.sentence()}" for finding in self.primary]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        stamp = "SIMULATED: " if self.simulated else ""
        head = f"<p><strong>{html.escape(stamp + self.verdict)}</strong></p>"
        return head + str(self.to_frame().to_html(index=False, float_format="{:.4g}".format, escape=True))
