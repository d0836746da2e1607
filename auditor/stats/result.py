"""What every estimator hands back, whatever its method."""

from __future__ import annotations

from dataclasses import dataclass

from auditor.stats.intervals import Interval


@dataclass(frozen=True, slots=True)
class Caution:
    """Something that a reader of a result must know: a code for programs, a sentence for people."""

    code: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """An estimate with everything that is needed to report and to check it.

    Parameters
    ----------
    method : str
        Name of the estimator and test, as a paper would write it.
    estimate : float or None
        None where there is no answer; a caution says why.
    interval : Interval
        With its level; its ends are None where there is none.
    p_value : float or None
        Two-sided unless `method` says otherwise.
    n_units : int
        Independent units (groups, or items).
    n_ratings : int, optional
        Ratings behind them, where the estimator sees ratings.
    df : float, optional
        Degrees of freedom of its reference distribution.
    resamples : int, optional
        Random draws, where it rests on any.
    assumptions : tuple of str
        What must hold for interval and p-value to mean what they say.
    cautions : tuple of Caution
        What these data do to them.
    reference : str
        Where the formula is from.
    """

    method: str
    estimate: float | None
    interval: Interval
    p_value: float | None
    n_units: int
    n_ratings: int | None = None
    df: float | None = None
    resamples: int | None = None
    assumptions: tuple[str, ...] = ()
    cautions: tuple[Caution, ...] = ()
    reference: str = ""

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of the cautions."""
        return tuple(caution.code for caution in self.cautions)
