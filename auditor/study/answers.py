"""What judges answered to the questions about the review: counted, never rated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from auditor.arms import right_answer
from auditor.plan import Plan
from auditor.prompts import probe_answers
from auditor.stats.intervals import wilson_interval

#: The answer that is counted, where it does not hang on the arm.
_COUNTED = {"awareness": "yes"}


def count_answers(plan: Plan, rows: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], ...]:
    """Count answers by judge, arm and question.

    Returns
    -------
    tuple of dict
        With ``counts`` of each answer, ``other`` (refused or unreadable), and the share of the answer that matters with
        its Wilson interval: the right one for ``comprehension``, yes for ``awareness``.
    """
    keys = dict.fromkeys((row["judge"], row["arm"], row["phase"]) for row in rows)
    found = []
    for judge, arm, phase in sorted(keys, key=lambda key: (key[0], key[2])):
        mine = [row for row in rows if (row["judge"], row["arm"], row["phase"]) == (judge, arm, phase)]
        counts = {answer: sum(row["answer"] == answer for row in mine) for answer in probe_answers(phase)}
        wanted = _COUNTED.get(phase) or right_answer(plan.arm(arm))
        readable = sum(counts.values())
        interval = wilson_interval(counts[wanted], readable)
        found.append(
            {
                "judge": judge,
                "arm": arm,
                "question": phase,
                "counts": counts,
                "other": len(mine) - readable,
                "wanted": wanted,
                "share": counts[wanted] / readable if readable else None,
                "low": interval.low,
                "high": interval.high,
            }
        )
    return tuple(found)
