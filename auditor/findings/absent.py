"""What was asked in one arm and stands in no row of the other; and both arms as rows of the same cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import pandas as pd

from auditor.findings.pairs import same_cells
from auditor.findings.sums import cell_codes

Absent = Literal["missing", "design"]
_ASKED = ["wording", "threshold", "place"]


def completed(
    treatment: pd.DataFrame, control: pd.DataFrame, absent: Absent = "missing"
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both arms with a row for each rating of item, wording and pass mark that either of them has.

    A pipeline that leaves refused ratings out of its table hides the refusals. So a rating that stands in one arm only
    is *missing* in the other, as if it had been refused there: the whole cell, or the second of two replicates. What an
    arm was never asked is not missing there: a wording or pass mark in which it has no row at all, or a third replicate
    where none of its cells has three. Replicates are counted, whatever their numbers. Where arms were asked on
    different items, in different wordings or unequally often on purpose, `absent` is ``design``: then only items with
    rows in both arms are kept, and nothing is added.

    Parameters
    ----------
    treatment, control : DataFrame
        Rows of each arm, those without a score included. An arm without wordings (or pass marks) stands beside each of
        the other arm's, as in `pair`.
    absent : {'missing', 'design'}

    Returns
    -------
    tuple of DataFrame
        Of the treatment and of the control; added rows have the status ``absent``. Both are empty if no item stands
        in both arms.

    Examples
    --------
    Item b was rated in the treatment alone.

    >>> from auditor.ratings import load_ratings
    >>> from auditor.scale import Scale
    >>> rows = [("a", "deletion", 8), ("a", "decoupled", 6), ("b", "deletion", 9)]
    >>> frame = load_ratings(pd.DataFrame(rows, columns=["item", "arm", "score"]), Scale.parse("0:20")).frame
    >>> full = completed(frame[frame["arm"] == "deletion"], frame[frame["arm"] == "decoupled"])
    >>> full[1][["item", "status"]].values.tolist()
    [['a', 'ok'], ['b', 'absent']]
    """
    shared = set(treatment["item"].unique()) & set(control["item"].unique())
    if not shared:
        return treatment.iloc[:0], control.iloc[:0]
    rows = same_cells([treatment, control])
    if absent == "design":
        rows = rows[rows["item"].isin(shared)]
        return rows[rows["side"] == 0], rows[rows["side"] == 1]
    rows["cell"] = cell_codes(rows)
    rows["place"] = rows.groupby(["cell", "side"], sort=False).cumcount()
    alone = rows[~rows.duplicated(["cell", "place"], keep=False)]
    if not alone.empty:
        asked = rows.drop_duplicates([*_ASKED, "side"])
        alone = alone.merge(asked.loc[asked.duplicated(_ASKED), _ASKED], on=_ASKED)
    if not alone.empty:
        added = alone.assign(side=1 - alone["side"], score=np.nan, status="absent", item_hash="")
        rows = pd.concat([rows, added], ignore_index=True)
    return rows[rows["side"] == 0], rows[rows["side"] == 1]


def why_dropped(treatment: pd.DataFrame, control: pd.DataFrame, paired: set[str]) -> Mapping[str, int]:
    """Count the items that have no pair, by the reason.

    Parameters
    ----------
    treatment, control : DataFrame
        Rows of each arm, those without a score included.
    paired : set of str
        Items that have a pair.

    Returns
    -------
    mapping
        Reasons that apply to at least one item: ``only_in_treatment``, ``only_in_control``, ``no_score_in_treatment``,
        ``no_score_in_control``, ``no_score_in_both``, ``no_common_cell`` (no wording and pass mark has a score in both
        arms).
    """
    asked = [set(rows["item"].unique()) for rows in (treatment, control)]
    rated = [set(rows.loc[rows["status"] == "ok", "item"].unique()) for rows in (treatment, control)]
    lost = (asked[0] | asked[1]) - paired
    both = lost & asked[0] & asked[1]
    reasons = {
        "only_in_treatment": lost - asked[1],
        "only_in_control": lost - asked[0],
        "no_score_in_both": both - rated[0] - rated[1],
        "no_score_in_treatment": (both & rated[1]) - rated[0],
        "no_score_in_control": (both & rated[0]) - rated[1],
        "no_common_cell": both & rated[0] & rated[1],
    }
    return {reason: len(items) for reason, items in reasons.items() if items}
