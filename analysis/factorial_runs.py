"""What `factorial.py` simulates: judges with known dials, audited through the same code as real ones."""

from __future__ import annotations

import asyncio
import gc
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binom

from auditor.arms import Contrast, load_texts
from auditor.findings import analyze, pair
from auditor.findings.drafts import Rows
from auditor.items import draw, load_items
from auditor.judges.simulated import SimulatedJudge, parse_dials
from auditor.parse import parse_reply
from auditor.plan import Design, make_plan
from auditor.ratings import COLUMNS, Ratings
from auditor.records import Request
from auditor.scale import Scale
from auditor.stats.intervals import mean_interval
from auditor.stats.signflip import sign_flip_test

SCALE, MARK, MARGIN = Scale.parse("0:20:1"), 12.0, 0.5
ARMS = ("standard", "program", "program_decoupled")
PUBLISHED = ("published",)
LEVER = Contrast("deletion", "decoupled")
NEUTRAL = Contrast("deletion", "neutral", "exploratory", role="secondary")
RELABEL = Contrast("relabel", "relabel_decoupled")
PROGRAM = Contrast("program", "program_decoupled")
CONTRASTS = {
    "anchoring": Contrast("threshold_only", "placebo"),
    "mention": Contrast("decoupled", "threshold_only"),
    "lever": RELABEL,
    "survival": replace(LEVER, minus=RELABEL),
    "subject": replace(LEVER, minus=PROGRAM),
    "primary": LEVER,
}
JUDGES = {
    "anchoring": "honest,anchoring=0.4",
    "mention": "honest,mention=1",
    "lever": "honest,lever=1",
    "survival": "honest,inflation=1",
    "subject": "honest,inflation=1,subject=1",
    "all": "honest,anchoring=0.4,mention=1,lever=1,inflation=1,subject=1",
}
#: Which contrasts each judge's dials are meant to move. The primary one holds lever and survival together.
MEANT: dict[str, tuple[str, ...]] = {
    "anchoring": ("anchoring",),
    "mention": ("mention",),
    "lever": ("lever", "primary"),
    "survival": ("survival", "primary"),
    "subject": ("subject", "survival", "primary"),
    "all": tuple(CONTRASTS),
}
CLAIMS = ("deletion - decoupled", "deletion - neutral", "the published set")
Floats = NDArray[np.float64]


class Numbers(NamedTuple):
    """One contrast in one run: estimate, ends of the 95 % interval, raw p."""

    estimate: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True)
class Cell:
    """One contrast of one judge over all runs: one value for each run in every field."""

    estimate: Floats
    low: Floats
    high: Floats
    p_value: Floats
    truth: Floats

    @property
    def such(self) -> float:
        """The truth of such items: the mean over all runs' draws of them."""
        return float(self.truth.mean())

    @property
    def null(self) -> bool:
        """Whether there is nothing to find, in any run."""
        return float(np.max(np.abs(self.truth))) < 1e-9

    def rejected(self) -> int:
        """In how many runs the raw p is at most .05."""
        return int(np.sum(self.p_value <= 0.05))

    def covered(self, truth: float | Floats) -> int:
        """In how many runs the interval holds `truth`."""
        slack = 1e-9  # an interval may end exactly on a truth of zero
        return int(np.sum((self.low - slack <= truth) & (truth <= self.high + slack)))


@dataclass(frozen=True)
class Result:
    """What all runs gave: cells by judge and contrast, and how often each claim came out as inflated."""

    runs: int
    items: int
    cells: Mapping[tuple[str, str], Cell]
    inflated: Mapping[str, int]
    claims: Mapping[str, int]


class Audit:
    """The requests of one design, made once: only the judge's seed differs between runs."""

    def __init__(self, arms: tuple[str, ...], name: str, count: int) -> None:
        # Wrong answers alone, so that all are draws from one population; most lie below the mark.
        wrong = [item for item in load_items("checkable") if item.correct is False]
        items = draw(wrong, count, 0)
        self.name = name
        primary = load_texts().primary_of(arms)
        design = Design(
            scale=SCALE, thresholds=(MARK,), arms=arms, treatment=primary.treatment, control=primary.control
        )
        plan = make_plan(design, items, load_texts(), [self.judge(0).identity])
        self.primary = plan.contrasts[0]
        self.requests = [plan.request(trial) for trial in plan.trials]

    def judge(self, seed: int) -> SimulatedJudge:
        """The judge of one run. Its label enters its draws, so that judges do not share their noise."""
        spec = JUDGES[self.name]
        return SimulatedJudge(spec, SCALE, parse_dials(spec, SCALE, seed), label=f"simulated:{self.name}")

    def rate(self, judge: SimulatedJudge) -> pd.DataFrame:
        """All ratings of one run, without a ledger."""
        return pd.DataFrame(asyncio.run(_rows(judge, self.requests)), columns=list(COLUMNS))

    def truth(self, judge: SimulatedJudge) -> dict[str, dict[str, float]]:
        """Each arm's expected score of each unit, the mean over its items."""
        sums: dict[str, dict[str, list[float]]] = {}
        for request in self.requests:
            unit = request.item.group or request.item.id
            sums.setdefault(request.cell.arm, {}).setdefault(unit, []).append(judge.expected_score(request))
        return {
            arm: {unit: float(np.mean(own)) for unit, own in units.items()} for arm, units in sums.items()
        }


async def _rows(judge: SimulatedJudge, requests: Sequence[Request]) -> list[dict[str, Any]]:
    rows = []
    for request in requests:
        rating = parse_reply(await judge.reply(request), SCALE)
        cell, item = request.cell, request.item
        rows.append(
            {
                **dict.fromkeys(COLUMNS, ""),
                "judge": judge.name,
                "item": item.id,
                "arm": cell.arm,
                "wording": cell.wording,
                "replicate": cell.replicate,
                "threshold": math.nan if cell.threshold is None else cell.threshold,
                "score": math.nan if rating.score is None else rating.score,
                "status": rating.status,
                "group": item.group or "",
                "item_hash": request.item_hash,
                # Left out: with them each verdict would cost a bootstrap of what is not asked here.
                "gold": math.nan,
                "correct": math.nan,
                "expected_score": math.nan,
                "mentions_stakes": math.nan,
                "phase": "main",
            }
        )
    return rows


def true_difference(expected: Mapping[str, Mapping[str, float]], contrast: Contrast) -> float:
    """Mean over units of the expected difference; of both differences, if there are two."""
    units = expected[contrast.treatment]
    own = float(np.mean([units[unit] - expected[contrast.control][unit] for unit in units]))
    return own if contrast.minus is None else own - true_difference(expected, contrast.minus)


def measure(rows: Rows, judge: str, contrast: Contrast, seed: int) -> Numbers:
    """A contrast in points, computed as the findings compute it but without their verdict, which costs more."""
    sides = [rows.of(judge, arm, MARK) for arm in contrast.arms]
    second = (sides[2], sides[3]) if contrast.minus else None
    pairs = pair(sides[0], sides[1], "score", SCALE, MARK, minus=second)
    mean = mean_interval(pairs.differences)
    values = pairs.differences if pairs.integers is None else pairs.integers
    low, high = mean.interval.low, mean.interval.high
    if low is None or high is None:
        raise ValueError(f"one unit alone has no interval: {contrast.name}")
    return Numbers(mean.estimate, low, high, sign_flip_test(values, seed=seed).p_value)


def is_inflated(frame: pd.DataFrame, contrasts: Sequence[Contrast], seed: int) -> list[bool]:
    """Whether the whole analysis calls each contrast's score inflated."""
    found = analyze(
        Ratings(frame), scale=SCALE, threshold=MARK, margin=MARGIN, seed=seed, contrasts=contrasts
    )
    verdicts = {f.contrast: f.verdict for f in found.findings if f.metric == "score"}
    return [verdicts[contrast.name] == "inflated" for contrast in contrasts]


def simulate(runs: int, items: int) -> Result:
    """Audit every judge in seeds 0, 1, 2, ..., and the one that only anchors by the published design as well."""
    gc.collect()
    gc.freeze()  # statsmodels collects garbage in every adjustment: what is loaded need not be walked each time
    cells: dict[tuple[str, str], Cell] = {}
    inflated: dict[str, int] = {}
    claims = dict.fromkeys(CLAIMS, 0)
    for name in JUDGES:
        wanted = (LEVER, NEUTRAL) if name == "anchoring" else (LEVER,)
        mine, called = _audit(Audit(ARMS, name, items), wanted, runs)
        cells |= {(name, key): cell for key, cell in mine.items()}
        inflated[name] = called[LEVER.name]
        if name == "anchoring":
            claims |= {CLAIMS[0]: called[LEVER.name], CLAIMS[1]: called[NEUTRAL.name]}
    published = Audit(PUBLISHED, "anchoring", items)
    for seed in range(runs):
        frame = published.rate(published.judge(seed))
        claims[CLAIMS[2]] += is_inflated(frame, [published.primary], seed)[0]
    gc.unfreeze()
    return Result(runs, items, cells, inflated, claims)


def _audit(audit: Audit, wanted: Sequence[Contrast], runs: int) -> tuple[dict[str, Cell], dict[str, int]]:
    """One judge in all runs: its cells, and how often each contrast of `wanted` was called inflated."""
    rows: dict[str, list[tuple[float, ...]]] = {key: [] for key in CONTRASTS}
    called = dict.fromkeys((contrast.name for contrast in wanted), 0)
    for seed in range(runs):
        judge = audit.judge(seed)
        frame, expected = audit.rate(judge), audit.truth(judge)
        by_arm = Rows(frame)
        for key, contrast in CONTRASTS.items():
            numbers = measure(by_arm, judge.name, contrast, seed)
            rows[key].append((*numbers, true_difference(expected, contrast)))
        for contrast, yes in zip(wanted, is_inflated(frame, wanted, seed), strict=True):
            called[contrast.name] += yes
    return {key: Cell(*np.array(own).T) for key, own in rows.items()}, called


def band(runs: int, chance: float) -> tuple[int, int]:
    """The counts between which 99.9 % of binomial draws lie."""
    return int(binom.ppf(0.0005, runs, chance)), int(binom.ppf(0.9995, runs, chance))
