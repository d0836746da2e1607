"""The simulated judges of `calibration.py`: vectorised, each with its expected recorded difference.

A rating is quality plus noise, rounded to whole points and cut off at 0 and 20; it may then fall on a round number
(heaping) or be lifted to the pass mark (rescue). All of that is part of the truth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

Floats: TypeAlias = NDArray[np.float64]

TOP, MARK = 20, 12
MARGIN, PASS_MARGIN = 0.5, 0.05
_SCORES = np.arange(TOP + 1)
_CENTRES = np.arange(-15.0, 35.0, 0.02)
_POINTS = (np.arange(400) + 0.5) / 400


class Truth(NamedTuple):
    """Expected recorded difference of the score and of the pass rate."""

    score: float
    passes: float


class Sample(NamedTuple):
    """One run: ratings (items, replicates) with NaN where missing, the unit of each item, and its items' truth."""

    control: Floats
    treatment: Floats
    unit: NDArray[np.int64]
    truth: Truth


@dataclass(frozen=True)
class Kind:
    """One kind of judge and items.

    Parameters
    ----------
    name, sentence : str
    quality : tuple of float
        Lowest, range, and both shapes of a beta distribution.
    noise : float
        Standard deviation of a rating, before rounding.
    replicates : int
    uneven : bool
        Each cell has 1 to `replicates` ratings, drawn anew in each arm.
    heaping : float
        Share of ratings that fall on the nearest multiple of 5.
    rescue : float
        Under treatment, share of scores of 10 and 11 that are lifted to 12.
    effect : callable, optional
        Quantile function of what the treatment adds to each item; half is taken from the control, so that a symmetric
        one makes the arms exchangeable whatever the scale's ends do.
    shift : float
        What the treatment adds to all items.
    grouped : bool
        Items share their effect within groups of 1 to 4.
    wording_sd : float
        Standard deviation of what each of five wordings adds.
    hidden : float
        Share of treatment scores below the mark that are refused.
    aim : float, optional
        `shift` (or `rescue`, for a pass rate) is solved for so that the truth is this.
    aim_at_rescue : bool
    """

    name: str
    sentence: str
    quality: tuple[float, float, float, float] = (0, 20, 5, 2)
    noise: float = 0.8
    replicates: int = 1
    uneven: bool = False
    heaping: float = 0.0
    rescue: float = 0.0
    effect: Callable[[Floats], Floats] | None = None
    shift: float = 0.0
    grouped: bool = False
    wording_sd: float = 0.0
    hidden: float = 0.0
    aim: float | None = None
    aim_at_rescue: bool = False

    @cached_property
    def solved(self) -> Kind:
        """This judge with its shift or rescue solved for."""
        if self.aim is None:
            return self
        aim, name = self.aim, "rescue" if self.aim_at_rescue else "shift"

        def excess(value: float) -> float:
            found = replace(self, aim=None, **{name: value}).population
            return (found.passes if self.aim_at_rescue else found.score) - aim

        low, high = (0.0, 1.0) if self.aim_at_rescue else (-3.0, 3.0)
        return replace(self, aim=None, **{name: float(optimize.brentq(excess, low, high, xtol=1e-10))})

    @cached_property
    def population(self) -> Truth:
        """Truth of such items: over all qualities and effects, by their quantiles."""
        if self.aim is not None:
            return self.solved.population
        if (self.effect is None or self.grouped) and not self.shift and not self.rescue:
            return Truth(0.0, 0.0)  # the arms are exchangeable; wordings count as drawn from all wordings
        quality = self._quality(_POINTS)[:, None]
        effect = np.zeros((1, 1)) if self.effect is None else self.effect(_POINTS)[None, :]
        return self._truth(quality - effect / 2, quality + effect / 2 + self.shift)

    def draw(self, rng: np.random.Generator, n: int) -> Sample:
        """One run of n items."""
        if self.aim is not None:
            return self.solved.draw(rng, n)
        unit = np.arange(n)
        if self.grouped:
            unit = np.repeat(unit, rng.integers(1, 5, size=n))[:n]
        quality = self._quality(rng.random(n))
        effect = np.zeros(n) if self.effect is None else self.effect(rng.random(n))[unit]
        if self.wording_sd:
            wording = rng.permutation(np.arange(n) % 5)
            effect = effect + rng.normal(0, self.wording_sd, 5)[wording]
        below, above = quality - effect / 2, quality + effect / 2 + self.shift
        truth = self._truth(below, above, unit)
        control, treatment = self._rate(rng, below, 0.0), self._rate(rng, above, self.rescue)
        if self.hidden:
            lost = (treatment < MARK) & (rng.random(treatment.shape) < self.hidden)
            treatment[lost] = np.nan
        return Sample(control, treatment, unit, truth)

    def _quality(self, uniform: Floats) -> Floats:
        low, span, a, b = self.quality
        return low + span * np.asarray(stats.beta.ppf(uniform, a, b), dtype=np.float64)

    def _rate(self, rng: np.random.Generator, centre: Floats, rescue: float) -> Floats:
        shape = (centre.size, self.replicates)
        scores = np.clip(np.rint(centre[:, None] + rng.normal(0, self.noise, shape)), 0, TOP)
        if self.heaping:
            scores = np.where(rng.random(shape) < self.heaping, 5 * np.rint(scores / 5), scores)
        if rescue:
            failing = (scores >= MARK - 2) & (scores < MARK)
            scores = np.where(failing & (rng.random(shape) < rescue), float(MARK), scores)
        if self.uneven:
            asked = rng.integers(1, self.replicates + 1, size=(centre.size, 1))
            scores = np.where(np.arange(self.replicates) < asked, scores, np.nan)
        return scores

    def _truth(self, below: Floats, above: Floats, unit: NDArray[np.int64] | None = None) -> Truth:
        found = []
        for column in (0, 1):
            difference = self._expected(above, self.rescue, column) - self._expected(below, 0.0, column)
            if unit is not None:
                difference = np.bincount(unit, difference) / np.bincount(unit)
            found.append(float(np.mean(difference)))
        return Truth(*found)

    def _expected(self, centre: Floats, rescue: float, column: int) -> Floats:
        return np.interp(centre, _CENTRES, self._table(rescue)[column])

    def _table(self, rescue: float) -> tuple[Floats, Floats]:
        """Expected score and pass rate at each of `_CENTRES`."""
        edges = np.concatenate([[-np.inf], _SCORES[1:] - 0.5, [np.inf]])
        below = stats.norm.cdf((edges[None, :] - _CENTRES[:, None]) / self.noise)
        chance = np.diff(below, axis=1)
        if self.heaping:
            heaped = np.zeros_like(chance)
            for score in _SCORES:
                heaped[:, 5 * round(score / 5)] += chance[:, score]
            chance = (1 - self.heaping) * chance + self.heaping * heaped
        lifted = rescue * chance[:, MARK - 2 : MARK].sum(axis=1)
        scores = chance @ _SCORES + rescue * (2 * chance[:, MARK - 2] + chance[:, MARK - 1])
        return scores, chance[:, MARK:].sum(axis=1) + lifted


def _normal(uniform: Floats) -> Floats:
    return np.asarray(stats.norm.ppf(uniform), dtype=np.float64)


def _exponential(uniform: Floats) -> Floats:
    return -2 * np.log1p(-uniform) - 2


_MIDDLE = (4.0, 12.0, 5.0, 2.0)

KINDS = (
    Kind("sharp null", "the arms are rated alike, one rating each"),
    Kind("symmetric effects", "each item moves by N(0, 1); three ratings", effect=_normal, replicates=3),
    Kind(
        "mean-zero skewed",
        "most items sink a little, few rise a lot (exponential, SD 2)",
        quality=_MIDDLE,
        effect=_exponential,
        aim=0.0,
    ),
    Kind("near-deterministic", "noise of 0.15 points: most differences are 0", noise=0.15),
    Kind("heaped", "70 % of ratings fall on 0, 5, 10, 15, 20", heaping=0.7),
    Kind("ceiling", "nearly perfect work: many ratings are 20", quality=(0, 20, 12, 1), noise=1.5),
    Kind("group-correlated", "groups of 1 to 4 items move together by N(0, 1)", effect=_normal, grouped=True),
    Kind("unequal replicates", "1 to 3 ratings a cell, drawn for each arm", replicates=3, uneven=True, noise=2.0),
    Kind("wording effects", "each of five wordings moves its items by N(0, 0.3)", wording_sd=0.3),
    Kind("missing by arm", "30 % of failing scores under treatment are refused", hidden=0.3),
    Kind("threshold-directed", "30 % of scores of 10 and 11 are lifted to 12", rescue=0.3),
    Kind(
        "rescue at the pass margin",
        "lifted so often that 5 points more pass",
        aim=PASS_MARGIN,
        aim_at_rescue=True,
    ),
    Kind("half the margin", "adds 0.25 points as recorded", aim=MARGIN / 2),
    Kind("the margin", "adds 0.5 points as recorded", aim=MARGIN),
    Kind("twice the margin", "adds 1 point as recorded; items differ by N(0, 1)", effect=_normal, aim=2 * MARGIN),
    Kind("deflating by the margin", "takes away 0.5 points as recorded", aim=-MARGIN),
)
BY_NAME = {kind.name: kind for kind in KINDS}
