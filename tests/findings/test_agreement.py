"""analysis/paired_tests.py was programmed from the method alone and shares no code: both must give the same numbers.

Both compute p-values from counts of sign patterns (one in integers, one in floats) and intervals with a t quantile
from scipy; they are compared at a relative 1e-9.
"""

import io
import json
import random
import runpy
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from auditor.findings import analyze
from tests.findings.frames import C, T

PROGRAM = Path(__file__).parents[2] / "analysis" / "paired_tests.py"
MAIN: Callable[[], None] = runpy.run_path(str(PROGRAM), run_name="paired_tests")["main"]


@dataclass
class Recipe:
    """How to draw a ratings file."""

    items: int = 15
    judges: tuple[str, ...] = ("judge",)
    wordings: tuple[str, ...] = ("",)
    thresholds: tuple[str, ...] = ("",)
    replicates: tuple[int, int] = (1, 1)
    missing: float = 0.0
    absent: float = 0.0
    groups: int = 0
    step: float = 1.0
    low: float = 0.0
    high: float = 20.0
    effect: float = 0.0
    noise: float = 2.0
    phases: bool = False
    scale: str = "0:20"
    options: dict[str, Any] = field(default_factory=dict)


RECIPES = {
    "plain": Recipe(),
    "one item": Recipe(items=1),
    "two hundred items": Recipe(items=200, effect=0.4, options={"threshold": 12}),
    "replicates": Recipe(replicates=(3, 3), options={"threshold": 12}),
    "unequal replicates": Recipe(items=25, replicates=(1, 4), effect=1.0, options={"threshold": 10}),
    "wordings": Recipe(wordings=("1", "2", "3"), effect=-1.0),
    "wordings, some absent": Recipe(items=30, wordings=("1", "2"), replicates=(1, 2), absent=0.2),
    "missing": Recipe(items=30, missing=0.15, options={"threshold": 12}),
    "missing replicates": Recipe(items=40, replicates=(2, 3), missing=0.3, effect=0.5, options={"threshold": 9}),
    "groups": Recipe(items=24, groups=7, effect=1.0, options={"threshold": 12}),
    "groups with missing": Recipe(items=40, groups=11, missing=0.2, replicates=(1, 2), options={"threshold": 12}),
    "own thresholds": Recipe(thresholds=("8", "12"), replicates=(1, 2)),
    "one own threshold": Recipe(thresholds=("12",), effect=2.0),
    "one of several thresholds": Recipe(thresholds=("8", "12", "15"), wordings=("1", "2"), options={"threshold": 12}),
    "several judges": Recipe(judges=("b", "a", "c"), effect=0.8, options={"threshold": 12}),
    "several judges, ratings missing": Recipe(judges=("x", "y"), items=30, missing=0.1, replicates=(1, 3)),
    "tenths": Recipe(step=0.1, high=1.0, noise=0.2, scale="0:1:0.1", options={"threshold": 0.6}),
    "hundredths with replicates": Recipe(step=0.01, high=1.0, noise=0.1, replicates=(2, 3), scale="0:1"),
    "below zero": Recipe(step=0.5, low=-5, high=5, scale="-5:5:0.5", options={"threshold": 1.5}),
    "two values": Recipe(high=1.0, noise=0.4, items=40, effect=0.1, scale="0:1:1", options={"threshold": 1}),
    "other phases": Recipe(phases=True, options={"threshold": 12}),
    "margins and alpha": Recipe(
        items=60, noise=0.7, effect=0.2, options={"threshold": 12, "margin": 0.8, "pass_margin": 0.2, "alpha": 0.1}
    ),
    "everything": Recipe(
        items=35, judges=("p", "q"), wordings=("1", "2"), thresholds=("9", "12"), replicates=(1, 2), missing=0.1,
        absent=0.1, groups=12, step=0.5, noise=3.0, phases=True, scale="0:20:0.5",
    ),
}  # fmt: skip


def write(recipe: Recipe, seed: int, path: Path) -> None:
    """Draw the ratings; every text is the shortest decimal, so that both programs read the same number."""
    rng = random.Random(seed)
    lines = ["judge,item,arm,wording,threshold,replicate,group,phase,status,score"]
    for judge in recipe.judges:
        for i in range(recipe.items):
            quality = rng.uniform(recipe.low, recipe.high)
            group = f"g{i % recipe.groups}" if recipe.groups and i % 5 else ""
            for wording in recipe.wordings:
                for threshold in recipe.thresholds:
                    for arm in (T, C):
                        if rng.random() < recipe.absent:
                            continue
                        for replicate in range(1, rng.randint(*recipe.replicates) + 1):
                            raw = rng.gauss(quality + recipe.effect * (arm == T), recipe.noise)
                            steps = round((min(max(raw, recipe.low), recipe.high) - recipe.low) / recipe.step)
                            score = f"{recipe.low + steps * recipe.step:.6f}".rstrip("0").rstrip(".")
                            status = "ok"
                            if rng.random() < recipe.missing:
                                score, status = "", rng.choice(["refused", "unparseable", "failed", ""])
                            phase = rng.choice(["main", "main", "pilot", "aa"]) if recipe.phases else ""
                            cells = (
                                judge,
                                f"item {i}",
                                arm,
                                wording,
                                threshold,
                                replicate,
                                group,
                                phase,
                                status,
                            )
                            lines.append(",".join(map(str, (*cells, score))))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def second_program(path: Path, recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in recipe.options.items()]
    monkeypatch.setattr(sys, "argv", ["paired_tests.py", str(path), f"--scale={recipe.scale}", *flags])
    out = io.StringIO()
    with redirect_stdout(out):
        MAIN()
    return json.loads(out.getvalue())["findings"]


def same(found: float | None, expected: float | None) -> bool:
    if found is None or expected is None:
        return found is expected
    return found == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("name", RECIPES)
def test_both_programs_agree(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = RECIPES[name]
    path = tmp_path / "ratings.csv"
    write(recipe, list(RECIPES).index(name), path)
    theirs = {(f["judge"], f["metric"]): f for f in second_program(path, recipe, monkeypatch)}
    ours = {(f.judge, f.metric): f for f in analyze(path, scale=recipe.scale, **recipe.options).findings}
    assert set(ours) == set(theirs)
    for key, found in ours.items():
        other = theirs[key]
        assert (found.n_items, found.n_units, found.n_dropped) == (
            other["n_items"],
            other["n_units"],
            other["n_dropped"],
        )
        assert found.test_method == "exact"
        values = {
            "estimate": (found.estimate, other["estimate"]),
            "sd_d": (found.sd_d, other["sd_d"]),
            "level": (found.interval.level, other["ci"]["level"]),
            "low": (found.interval.low, other["ci"]["low"]),
            "high": (found.interval.high, other["ci"]["high"]),
            "p_value": (found.p_value, other["p_value"]),
            "p_adjusted": (found.p_adjusted, other["p_adjusted"]),
        }
        assert {k: v for k, v in values.items() if not same(*v)} == {}, key
        if found.metric == "score" and other["equivalent"] is not None:
            assert found.equivalence.equivalent == other["equivalent"]


def test_the_recipes_cover_what_they_name(tmp_path: Path) -> None:
    """The drawn files hold what the comparison is about: drops, imbalance, both answers to equivalence."""
    seen = []
    for number, recipe in enumerate(RECIPES.values()):
        path = tmp_path / f"{number}.csv"
        write(recipe, number, path)
        seen += analyze(path, scale=recipe.scale, **recipe.options).findings
    assert sum(f.n_dropped > 0 for f in seen) >= 5
    assert sum("unbalanced" in f.flags for f in seen) >= 5
    assert sum(f.n_units < f.n_items for f in seen) >= 4
    assert {f.equivalence.equivalent for f in seen if f.equivalence} == {True, False}
    assert any(f.p_adjusted <= 0.05 for f in seen)
    assert any(f.p_value <= 0.05 < f.p_adjusted for f in seen)
