"""Further analyses of the primary contrast on request: intervals of other kinds, and models of single ratings."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from auditor.errors import InputError
from auditor.findings.checks import unit_labels
from auditor.findings.pairs import Pairs
from auditor.findings.robustness import OtherAnalysis, compared
from auditor.findings.settings import Settings
from auditor.stats.bootstrap import bca_interval
from auditor.stats.flipinterval import flip_interval
from auditor.stats.intervals import Interval
from auditor.stats.mixed import mixed_model
from auditor.stats.ordinal import ordinal_model
from auditor.stats.result import Caution, Estimate

MODELS = ("flip-interval", "bca", "mixed", "ordinal")
#: Above this many items models are left out: they take minutes, and say no more than the mean does.
MOST_ITEMS = 2_000


def check_models(names: Sequence[str]) -> tuple[str, ...]:
    """Refuse an unknown analysis.

    Raises
    ------
    InputError
        Naming those that there are.
    """
    for name in names:
        if name not in MODELS:
            raise InputError(
                f"'{name}' is no further analysis; there are: {', '.join(MODELS)}", where="models"
            )
    return tuple(dict.fromkeys(names))


def requested(
    names: Sequence[str],
    pairs: Pairs,
    frames: tuple[pd.DataFrame, pd.DataFrame],
    estimate: float,
    p_value: float,
    settings: Settings,
) -> tuple[OtherAnalysis, ...]:
    """The analyses that were asked for, each said to agree with the primary test or not.

    Parameters
    ----------
    names : sequence of str
        Of `MODELS`.
    pairs : Pairs
        Of the primary contrast in points.
    frames : tuple of DataFrame
        Rows of treatment and control.
    estimate, p_value : float
        Of the primary test, unadjusted.
    settings : Settings
    """
    level, seed = 1 - settings.alpha, settings.seed
    rows = pd.concat([frames[0].assign(arm=1), frames[1].assign(arm=0)], ignore_index=True)
    rows = rows[(rows["status"] == "ok") & rows["item"].isin(pairs.items)]
    units = unit_labels(rows).astype(str)
    score, arm = rows["score"].to_numpy(dtype=np.float64), rows["arm"].to_numpy()
    wording = rows["wording"].to_numpy(dtype=object).astype(str)
    # An arm that is asked in no wording stands beside all of them, which a model of the rows cannot say.
    worded = all((frame["wording"] != "").all() for frame in frames)
    makers: dict[str, Callable[[], Estimate]] = {
        "flip-interval": lambda: flip_interval(pairs.differences, level, exact=pairs.integers, seed=seed),
        "bca": lambda: bca_interval(pairs.differences, level=level, seed=seed),
        "mixed": lambda: mixed_model(score, arm, units, wording if worded else None, level=level),
        "ordinal": lambda: ordinal_model(score, arm, units, level=level, seed=seed),
    }
    made = []
    for name in names:
        too_many = len(pairs.items) > MOST_ITEMS
        found = _left_out(name, level, len(pairs.items)) if too_many else makers[name]()
        made.append(compared(found, estimate, p_value, settings.alpha))
    return tuple(made)


def _left_out(name: str, level: float, n_items: int) -> Estimate:
    caution = Caution("too_many_items", f"Left out: {n_items} items, and the most are {MOST_ITEMS}.")
    return Estimate(
        method=name,
        estimate=None,
        interval=Interval(level, None, None),
        p_value=None,
        n_units=n_items,
        cautions=(caution,),
    )
