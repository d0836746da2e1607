"""Measure how much less a paired difference varies if expected scores are compared, and not sampled ones.

    python analysis/expected_score.py [--out docs/evidence] [--judge local:qwen2_5-coder-0_5b] [--items 30] [--quick]

A judge rates the same items in the arms `decoupled` and `deletion`, several times each, at its server's own temperature.
Each reply holds both: the score that was sampled, and the mean over the probabilities at its place. So both standard
deviations come from the same calls. A run of each setting is kept in `--runs`, and the same command goes on with it.

`--quick` asks a simulated judge, of which both are known.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

import auditor
from auditor.expected import LEAST_MASS, WIDEST
from auditor.files import write_whole

TREATMENT, CONTROL = "deletion", "decoupled"
#: Whether a reason stands before the score, and how often each cell is asked: calls with a reason take six times as long.
SETTINGS = {"none": 4, "before": 2}
_DRAWS = 4000

_PAGE = """# Expected scores against sampled ones

Made by `python analysis/expected_score.py`: {judge}, {items} items of `{source}`, arms `{control}`
and `{treatment}`, scale 0:10, pass mark 6, placement `user`, the server's own temperature. Both scores are from the same
replies.

| reason | calls | pairs | SD, sampled | SD, expected | variance ratio (95 %) | mean, sampled | mean, expected |
| --- | --- | --- | --- | --- | --- | --- | --- |
{rows}

*SD*, *mean*: of the paired differences, in points. *Variance ratio*: variance of the sampled difference over that of the
expected one. So many times as many items would give the sampled scores the same interval. In brackets the 95 %
percentile interval of {draws} bootstrap samples of items.

*Pairs*: those with both scores in both arms, of items that have them in all replicates. Pairs with a sampled, but no
expected score: {lost}.
{close}
What it says:

{verdict}

What it does not: other judges differ. A judge that is sure of its score gains nothing. The probabilities are the model's
own at temperature 1, before the server's cuts (top-k and the like), so the means of the two need not agree: an audit
takes one of them, chosen beforehand. An expected score is given up where less than {mass:.0%} of probability is on
allowed scores, or the mean is open by more than {widest:.0%} of the range.
"""


@dataclass(frozen=True)
class Comparison:
    """Both scores of one setting.

    Parameters
    ----------
    calls, pairs, lost : int
        Ratings; pairs with both scores; pairs with a sampled, but no expected score.
    sd_sampled, sd_expected : float
        Standard deviations of a paired difference over items, pooled over the replicates.
    ratio, low, high : float
        Of the variances, with its interval.
    mean_sampled, mean_expected : float
        Mean differences.
    deviation : float
        Mean of expected less sampled score, over all ratings.
    """

    calls: int
    pairs: int
    lost: int
    sd_sampled: float
    sd_expected: float
    ratio: float
    low: float
    high: float
    mean_sampled: float
    mean_expected: float
    deviation: float


def compare(ratings: pd.DataFrame, *, seed: int = 0) -> Comparison:
    """Compare the paired differences of both scores.

    Raises
    ------
    ValueError
        If fewer than three items have both scores in all replicates.
    """
    main = ratings[ratings["phase"] == "main"]
    wide = main.pivot(index=["item", "replicate"], columns="arm", values=["score", "expected_score"])
    sampled = wide["score"][TREATMENT] - wide["score"][CONTROL]
    expected = wide["expected_score"][TREATMENT] - wide["expected_score"][CONTROL]
    both = pd.DataFrame({"sampled": sampled, "expected": expected})
    lost = int((both["sampled"].notna() & both["expected"].isna()).sum())
    grid = both.dropna().unstack("replicate").dropna()
    if len(grid) < 3:
        raise ValueError(f"only {len(grid)} items have both scores in all replicates")
    pair = np.stack([grid["sampled"].to_numpy(), grid["expected"].to_numpy()])  # score x item x replicate
    rng = np.random.default_rng(seed)
    drawn = pair[:, rng.integers(len(grid), size=(_DRAWS, len(grid)))]
    spread = drawn.var(axis=2, ddof=1).mean(axis=-1)
    ratios = _ratio(spread[:, spread[0] > 0])  # a sample of one item alone has no spread
    variances = pair.var(axis=1, ddof=1).mean(axis=-1)
    low, high = np.quantile(ratios, [0.025, 0.975], method="inverted_cdf")
    return Comparison(
        calls=len(main),
        pairs=pair[0].size,
        lost=lost,
        sd_sampled=float(np.sqrt(variances[0])),
        sd_expected=float(np.sqrt(variances[1])),
        ratio=float(_ratio(variances)),
        low=float(low),
        high=float(high),
        mean_sampled=float(pair[0].mean()),
        mean_expected=float(pair[1].mean()),
        deviation=float((main["expected_score"] - main["score"]).mean()),
    )


def _ratio(variances: np.ndarray) -> np.ndarray:
    """Variance of the sampled difference over that of the expected one."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(variances[1] > 0, variances[0] / variances[1], np.inf)


def collect(
    judge: str, rationale: str, replicates: int, folder: Path, items: int, source: str
) -> pd.DataFrame:
    """Ask what is not yet in the folder, and return all ratings."""
    run = auditor.audit(
        judge,
        source,
        scale="0:10",
        threshold=6,
        limit=items,
        placement="user",
        rationale=rationale,
        replicates=replicates,
        logprobs=True,
        out=folder / rationale,
        seed=5,
    )
    return run.ratings


def report(judge: str, items: int, source: str, found: dict[str, Comparison]) -> str:
    """The page."""
    rows = [
        f"| {name} | {one.calls} | {one.pairs} | {one.sd_sampled:.2f} | {one.sd_expected:.2f} | "
        f"{one.ratio:.1f} ({one.low:.1f} to {one.high:.1f}) | {one.mean_sampled:+.2f} | {one.mean_expected:+.2f} |"
        for name, one in found.items()
    ]
    lost = ", ".join(f"{one.lost} with reason `{name}`" for name, one in found.items())
    close = "".join(
        f"Over all ratings the expected score is {one.deviation:+.2f} points from the sampled one (reason `{name}`).\n"
        for name, one in found.items()
    )
    verdict = "\n".join(
        f"- with reason `{name}` the interval of a mean difference is {1 - np.sqrt(1 / one.ratio):.0%} narrower."
        for name, one in found.items()
    )
    return _PAGE.format(
        judge=f"`{judge}`",
        items=items,
        source=source,
        control=CONTROL,
        treatment=TREATMENT,
        rows="\n".join(rows),
        draws=_DRAWS,
        lost=lost,
        close=f"\n{close}",
        verdict=verdict,
        mass=LEAST_MASS,
        widest=WIDEST,
    )


def main() -> None:
    """Collect, compare, and write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, help="folder of the page; without it the page is only printed")
    parser.add_argument("--judge", default="local:qwen2_5-coder-0_5b")
    parser.add_argument("--items", type=int, default=30)
    parser.add_argument("--source", default="subjective")
    parser.add_argument("--runs", type=Path, default=Path("auditor-runs/expected-score"))
    parser.add_argument("--quick", action="store_true", help="a simulated judge, of which both are known")
    told = parser.parse_args()
    if told.items < 3:
        parser.error("--items is at least 3")
    if told.quick:
        told.judge, told.source = "simulated:rescuer,rescue=0.8,window=4,noise=1.5", "checkable"
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) if told.quick else told.runs
        found = {
            name: compare(collect(told.judge, name, times, folder, told.items, told.source))
            for name, times in SETTINGS.items()
        }
    page = report(told.judge, told.items, told.source, found)
    if told.out is not None:
        write_whole(told.out / "expected-score.md", page)
    print(page)


if __name__ == "__main__":
    main()
