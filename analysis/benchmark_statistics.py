"""How long the statistics take, beside scipy and statsmodels, and how time and memory grow with the ratings.

    python analysis/benchmark_statistics.py --out docs/evidence     # the table; two minutes, alone on the machine
    python analysis/benchmark_statistics.py --quick                 # small sizes, as the tests run it

Times of two programs on the same data in one run are given as ratios, which say more than seconds do. Each analysis of a
whole table is a process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.multitest import multipletests

from auditor.arms import PRIMARY, Contrast, derive_contrasts, load_texts
from auditor.files import write_whole
from auditor.findings import analyze
from auditor.stats.multiplicity import adjust
from auditor.stats.signflip import sign_flip_test

JUDGES, WORDINGS = 4, 5
ARMS = {
    "six": ("neutral", "threshold_only", "decoupled", "deletion", "relabel_decoupled", "relabel"),
    "standard": (
        "neutral", "placebo", "threshold_only", "decoupled", "deletion", "relabel_decoupled", "relabel", "reversed",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    items: int
    flips: int
    tables: tuple[tuple[str, int], ...]


FULL = Sizes(5_000, 10_000, (("six", 10_000), ("six", 100_000), ("six", 1_000_000), ("standard", 1_000_000)))
QUICK = Sizes(200, 500, (("six", 1_000), ("standard", 2_000)))


@dataclass(frozen=True)
class Analysis:
    """What one analysis of a whole table took."""

    arms: str
    ratings: int
    findings: int
    further: int
    seconds: float
    megabytes: float


def simulated(arms: tuple[str, ...], at_least: int) -> pd.DataFrame:
    """Ratings of four judges in five wordings; `neutral` has none, 1 % are refused, and it is known what is right."""
    per_item = JUDGES * ((len(arms) - 1) * WORDINGS + 1)
    items = -(-at_least // per_item)
    cells = [
        (arm, w) for arm in arms for w in ([""] if arm == "neutral" else map(str, range(1, WORDINGS + 1)))
    ]
    rng = np.random.default_rng(1)
    quality = 20 * rng.beta(5, 2, items)
    item, judge, cell = (
        axis.ravel()
        for axis in np.meshgrid(np.arange(items), np.arange(JUDGES), np.arange(len(cells)), indexing="ij")
    )
    arm = np.array([name for name, _ in cells], dtype=object)[cell]
    scores = np.clip(
        np.rint(quality[item] + rng.normal(0, 1.2, item.size) + 0.3 * (arm == "deletion")), 0, 20
    )
    return pd.DataFrame(
        {
            "judge": np.array([f"judge{k}" for k in range(JUDGES)], dtype=object)[judge],
            "item": np.array([f"item{k}" for k in range(items)], dtype=object)[item],
            "arm": arm,
            "wording": np.array([wording for _, wording in cells], dtype=object)[cell],
            "score": np.where(rng.random(item.size) < 0.01, np.nan, scores),
            "correct": (quality > 13).astype(float)[item],
            "replicate": 1,
        }
    )


def contrasts_of(arms: tuple[str, ...]) -> tuple[Contrast, ...]:
    """All that a run with these arms looks at by default."""
    texts = load_texts()
    return derive_contrasts([texts.arms[name] for name in arms], PRIMARY)


def one_analysis(arms: str, ratings: int) -> Analysis:
    """Analyse one table in this process, with everything that is shown by default."""
    frame, contrasts = simulated(ARMS[arms], ratings), contrasts_of(ARMS[arms])
    started = time.perf_counter()
    found = analyze(frame, scale="0:20:1", threshold=12, margin=0.5, contrasts=contrasts)
    seconds = time.perf_counter() - started
    return Analysis(arms, len(frame), len(found.findings), len(found.further), seconds, peak_megabytes())


def peak_megabytes() -> float:
    """Most memory of this process; not `ru_maxrss` on Linux, which a child inherits from the process that started it."""
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # bytes on macOS


def in_process(arms: str, ratings: int) -> Analysis:
    """The same in a process of its own."""
    command = [sys.executable, str(Path(__file__).resolve()), "--one", arms, str(ratings)]
    return Analysis(**json.loads(subprocess.check_output(command, text=True)))


def seconds_of(call: Callable[[], object], repeats: int = 5) -> float:
    """The least of several times."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return min(times)


def beside_others(sizes: Sizes) -> Iterator[tuple[str, float, float | None, str]]:
    """What was done, our seconds, the other program's, and its name."""
    rng = np.random.default_rng(2)
    whole = rng.integers(-12, 13, sizes.items)  # thirds of a point, as three replicates give
    free = rng.normal(0.02, 1.0, sizes.items)
    yield f"exact sign-flip p, {sizes.items:,} items", seconds_of(lambda: sign_flip_test(whole)), None, ""

    def theirs(batch: int | None) -> float:
        options = {
            "permutation_type": "samples",
            "n_resamples": sizes.flips,
            "vectorized": True,
            "batch": batch,
        }
        return seconds_of(lambda: stats.permutation_test((free,), np.mean, **options, rng=1), repeats=1)

    ours = seconds_of(lambda: sign_flip_test(free, flips=sizes.flips))
    what = f"{sizes.flips:,} random flips of {sizes.items:,} items"
    yield what, ours, theirs(None), "scipy `permutation_test`, as it comes"
    yield what, ours, theirs(1_000), "the same in batches of 1,000, its fastest of 10, 100, 1,000 and all"
    p_values = rng.random(20).tolist()
    yield (
        "Holm over 20 tests",
        seconds_of(lambda: adjust(p_values, "holm"), 20),
        seconds_of(lambda: multipletests(p_values, method="holm")),
        "statsmodels `multipletests`",
    )


def page(sizes: Sizes) -> str:
    """Measure everything and write the tables."""
    lines = [
        f"Python {platform.python_version()}, {os.cpu_count()} cores. Seconds; a ratio is how many times as long the "
        "other program takes on the same data in the same run.",
        "",
        "| what | here | other program | its seconds | ratio |",
        "| --- | --- | --- | --- | --- |",
    ]
    for what, ours, other, name in beside_others(sizes):
        theirs = "| | |" if other is None else f"{name} | {other:.3g} | {other / ours:.0f} |"
        lines.append(f"| {what} | {ours:.2g} | {theirs}")
    lines += [
        "",
        f"Everything that `analyze` shows by default, from a table in memory: {JUDGES} judges, {WORDINGS} wordings "
        "(`neutral` has none), 1 % of the ratings refused, all contrasts of the arms. Growth is the seconds a rating "
        "beside those of the first row: 1 is linear, less is better.",
        "",
        "| arms | ratings | findings | further | seconds | peak memory, MB | growth |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    first: Analysis | None = None
    for arms, ratings in sizes.tables:
        one = in_process(arms, ratings)
        first = first or one
        growth = one.seconds / one.ratings / (first.seconds / first.ratings)
        lines.append(
            f"| {len(ARMS[one.arms])} | {one.ratings:,} | {one.findings} | {one.further} | {one.seconds:.1f} "
            f"| {one.megabytes:.0f} | {growth:.2f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Parse the command line, measure, and print or write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, help="folder for benchmark-statistics.md (default: print only)")
    parser.add_argument("--quick", action="store_true", help="small sizes")
    parser.add_argument("--one", nargs=2, metavar=("ARMS", "RATINGS"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        arms, ratings = arguments.one
        print(json.dumps(vars(one_analysis(arms, int(ratings)))))
        return
    text = page(QUICK if arguments.quick else FULL)
    print(text)
    if arguments.out is not None:
        head = "# How long the statistics take\n\nMade by `python analysis/benchmark_statistics.py`.\n\n"
        write_whole(arguments.out / "benchmark-statistics.md", head + text + "\n")


if __name__ == "__main__":
    main()
