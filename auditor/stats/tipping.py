"""How different the missing ratings would have to be from those seen, for the verdict to change."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from auditor.stats.cells import Floats, as_cells, mean_test, pair_cells, unbalanced_cells
from auditor.stats.intervals import equivalence_test
from auditor.stats.result import Caution, Estimate
from auditor.stats.signflip import sign_flip_test

Base: TypeAlias = Literal["arm", "pair"]
Verdict: TypeAlias = Literal["inflated", "deflated", "no_difference", "equivalent", "not_equivalent"]

_GRID = 200
_COARSE = 20
_FLIPS = 20_000


@dataclass(frozen=True, slots=True)
class TippingArm:
    """How far the missing ratings of one arm may differ from those seen.

    Parameters
    ----------
    n_missing : int
    seen : float or None
        What stands in for a missing rating at no difference: the arm's mean, or, on the base 'pair', the mean
        difference between the arms.
    lower, higher : float or None
        Points by which the missing ratings would have to lie below, or above, `seen` for the verdict to change; None
        where nothing on the scale changes it.
    """

    n_missing: int
    seen: float | None
    lower: float | None
    higher: float | None

    @property
    def nearest(self) -> float | None:
        """The smaller of both."""
        return min((d for d in (self.lower, self.higher) if d is not None), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class TippingPoint(Estimate):
    """Result of `tipping_point`: estimate, interval and p-value are those of the pairs that were seen.

    Parameters
    ----------
    verdict : str or None
        Of the pairs seen: 'inflated', 'deflated' or 'no_difference'; with a margin 'equivalent' or 'not_equivalent'.
    treatment, control : TippingArm
        Each with the other arm's missing ratings left out.
    resolution : float
        Points between the values that were tried.
    n_dropped : int
        Cells without a rating in both arms.
    """

    verdict: Verdict | None
    treatment: TippingArm
    control: TippingArm
    resolution: float
    n_dropped: int


def tipping_point(
    treatment: ArrayLike,
    control: ArrayLike,
    low: float,
    high: float,
    units: ArrayLike | None = None,
    *,
    margin: float | None = None,
    alpha: float = 0.05,
    base: Base = "arm",
    resolution: float | None = None,
    seed: int = 0,
) -> TippingPoint:
    """Find how far the missing ratings of each arm would have to lie from those seen to change the verdict.

    Parameters
    ----------
    treatment, control : array_like, shape (n_cells,) or (n_cells, n_replicates)
        Scores of what was asked, NaN where no score came back; the same cells in both. A cell that was asked less
        often must not be filled up with NaN: that counts as missing.
    low, high : float
        Ends of the scale.
    units : array_like, shape (n_cells,), optional
        Label of each cell's independent unit; default each cell is one.
    margin : float, optional
        Ask about equivalence: whether the 1 - 2 alpha interval lies inside +-margin. Without it, about the
        difference: whether the sign-flip p is at most `alpha`, and in which direction.
    alpha : float
        Level of the test.
    base : {'arm', 'pair'}
        'arm': a missing rating is the mean of the arm's ratings less delta. 'pair': it is the mean of the cell's
        ratings in the other arm, plus the mean difference seen, less delta; better where items differ much.
    resolution : float, optional
        Points between the values tried; default 1/200 of the scale.
    seed : int
        Of the random signs where the exact count is not possible (20,000 of them).

    Returns
    -------
    TippingPoint

    Raises
    ------
    ValueError
        For ratings off the scale, a margin not above zero, and arms with different cells.

    Notes
    -----
    Delta adjustment with one value for all missing ratings of an arm (Rubin 1977, JASA 72:538; Yan, Lee and Li 2009, J.
    Biopharm. Stat. 19:1085, for the tipping point), by single values and not multiple imputation: the filled ratings
    have no noise, so intervals come out somewhat short. Fills stay on the scale. They are tried outward from `seen`,
    a twentieth of the way at a time, and the first change is then halved down to `resolution`; a change that is undone
    within a twentieth can be overlooked. Whether the distance found is plausible is for the reader to say.

    Examples
    --------
    Ten items rise by one point; four more were rated in control only. Had those scored 1.7 points less than the
    treatment's mean of 13, the verdict would have been another.

    >>> control = [11, 12, 13, 10, 14, 12, 11, 13, 12, 12, 12, 11, 13, 12]
    >>> treatment = [12, 13, 14, 11, 15, 13, 12, 14, 13, 13] + [float("nan")] * 4
    >>> result = tipping_point(treatment, control, 0, 20)
    >>> result.verdict, round(result.treatment.lower, 2), result.treatment.higher, result.control.nearest
    ('inflated', 1.7, None, None)
    """
    first, second = _check(treatment, control, low, high)
    grid = (high - low) / _GRID if resolution is None else float(resolution)
    if not 0 < grid <= high - low:
        raise ValueError("the resolution lies above zero, and within the scale")
    if base not in {"arm", "pair"}:
        raise ValueError("the base is 'arm' or 'pair'")
    question = _Question(units, margin, alpha, seed)
    paired = pair_cells(first, second, units)
    level = 1 - alpha if margin is None else 1 - 2 * alpha
    test = mean_test(paired.differences, paired.exact, level=level, seed=seed)
    verdict = question.verdict(first, second)
    shift = 0.0 if test.estimate is None else test.estimate
    fills = (
        _Fill(first, second, shift, low, high, base, grid),
        _Fill(second, first, -shift, low, high, base, grid),
    )
    arms = (
        fills[0].search(lambda filled: question.verdict(filled, second) != verdict, verdict is not None),
        fills[1].search(lambda filled: question.verdict(first, filled) != verdict, verdict is not None),
    )
    return TippingPoint(
        method=f"tipping point by delta adjustment (base: {base})",
        estimate=test.estimate,
        interval=test.interval,
        p_value=test.p_value,
        n_units=len(paired.units),
        n_ratings=paired.n_ratings,
        resamples=test.resamples,
        assumptions=(
            "units are independent",
            "all missing ratings of an arm differ from those seen by the same",
        ),
        cautions=test.cautions + unbalanced_cells(paired) + _at_once(arms, grid),
        reference="Rubin 1977; Yan, Lee and Li 2009",
        verdict=verdict,
        treatment=arms[0],
        control=arms[1],
        resolution=grid,
        n_dropped=paired.n_dropped,
    )


def _check(treatment: ArrayLike, control: ArrayLike, low: float, high: float) -> tuple[Floats, Floats]:
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError("a scale runs from a lower to a higher score")
    arms = as_cells(treatment, "treatment"), as_cells(control, "control")
    for arm in arms:
        if np.any((arm < low - 1e-9) | (arm > high + 1e-9)):
            raise ValueError("a rating lies off the scale")
    return arms


@dataclass(frozen=True, slots=True)
class _Question:
    """What is decided about two arms."""

    units: ArrayLike | None
    margin: float | None
    alpha: float
    seed: int

    def __post_init__(self) -> None:
        if self.margin is not None and not self.margin > 0:
            raise ValueError("the margin lies above zero")
        if not 0 < self.alpha < 0.5:
            raise ValueError("alpha lies between 0 and .5")

    def verdict(self, treatment: Floats, control: Floats) -> Verdict | None:
        paired = pair_cells(treatment, control, self.units)
        if not paired.units:
            return None
        if self.margin is not None:
            inside = equivalence_test(paired.differences, self.margin, self.alpha).equivalent
            return "equivalent" if inside else "not_equivalent"
        test = sign_flip_test(paired.exact, flips=_FLIPS, seed=self.seed)
        if test.p_value > self.alpha:
            return "no_difference"
        return "inflated" if test.statistic > 0 else "deflated"


@dataclass(frozen=True, slots=True)
class _Fill:
    """One arm with missing ratings, and what may stand in for them.

    `shift` is this arm's mean difference from the other one.
    """

    arm: Floats
    other: Floats
    shift: float
    low: float
    high: float
    base: Base
    grid: float

    def search(self, changed: Callable[[Floats], bool], known: bool) -> TippingArm:
        """Look below and above what was seen for the first value that changes the verdict."""
        n_missing = int(np.count_nonzero(np.isnan(self.arm)))
        if not known:
            return TippingArm(n_missing, None, None, None)
        seen = float(np.nanmean(self.arm)) if self.base == "arm" else self.shift
        if not n_missing:
            return TippingArm(0, seen, None, None)
        start, stop = (
            (self.low, self.high) if self.base == "arm" else (self.low - self.high, self.high - self.low)
        )
        values = start + self.grid * np.arange(math.floor((stop - start) / self.grid + 1e-9) + 1)
        distances = []
        slack = 1e-9 * (self.high - self.low)  # a value that is `seen` but for rounding stands on both sides
        for side in (values[values <= seen + slack][::-1], values[values >= seen - slack]):
            at = _first(lambda i, side=side: changed(self._filled(float(side[i]))), side.size)  # type: ignore[misc]
            distances.append(None if at is None else abs(seen - float(side[at])))
        return TippingArm(n_missing, seen, distances[0], distances[1])

    def _filled(self, value: float) -> Floats:
        if self.base == "arm":
            return np.where(np.isnan(self.arm), value, self.arm)
        count = np.count_nonzero(~np.isnan(self.other), axis=1)
        partner = np.where(count > 0, np.nansum(self.other, axis=1) / np.maximum(count, 1), np.nan)
        return np.where(np.isnan(self.arm), np.clip(partner + value, self.low, self.high)[:, None], self.arm)


def _first(changed: Callable[[int], bool], n: int) -> int | None:
    """Index of the first change among `n`: a twentieth of the way at a time, then by halves."""
    stride = max(1, -(-n // _COARSE))
    before = -1
    points: list[int] = [*range(0, n, stride), n - 1] if n else []
    for at in points:
        if changed(at):
            while at - before > 1:
                middle = (at + before) // 2
                before, at = (before, middle) if changed(middle) else (middle, at)
            return at
        before = at
    return None


def _at_once(arms: tuple[TippingArm, TippingArm], grid: float) -> tuple[Caution, ...]:
    """Beware of a verdict that changes as soon as anything stands in for what is missing."""
    cautions: tuple[Caution, ...] = ()
    for name, arm in zip(("treatment", "control"), arms, strict=True):
        if (
            arm.lower is not None
            and arm.higher is not None
            and max(arm.lower, arm.higher) <= grid * (1 + 1e-9)
        ):
            sentence = (
                f"The missing ratings of the {name} arm change the verdict even where they equal those seen."
            )
            cautions += (Caution(f"changes_at_zero_{name}", sentence),)
    return cautions
