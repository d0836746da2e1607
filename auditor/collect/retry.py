"""When a trial is asked again within a run, and after what pause. One policy: the SDKs' own retries are off."""

from __future__ import annotations

import random

from auditor.errors import JudgeError, TransientJudgeError

#: Requests for one trial in one run, the first included: where the server fails, and where it says that we are too fast.
MOST_TRIES, MOST_TRIES_LIMITED = 4, 10
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 60.0
#: A server's wish is granted up to this; a longer one is an outage, for which the trial is left to the next run.
LONGEST_WISH_S = 600.0


def may_retry(error: JudgeError | None, tries: int) -> bool:
    """Whether asking again can help, and cannot be paid for twice.

    Examples
    --------
    >>> from auditor.errors import UncertainJudgeError
    >>> may_retry(TransientJudgeError("busy"), 1), may_retry(UncertainJudgeError("torn"), 1)
    (True, False)
    """
    if not isinstance(error, TransientJudgeError):
        return False
    if tries >= (MOST_TRIES_LIMITED if error.limited else MOST_TRIES):
        return False
    return error.retry_after is None or error.retry_after <= LONGEST_WISH_S


def pause(tries: int, wish: float | None) -> float:
    """Seconds until the next try: what the server wishes and a little more, else twice as long each time.

    Jitter keeps calls that failed together from coming back together.
    """
    if wish is not None:
        return wish + random.random() * min(1.0, 0.1 * wish)
    top: float = min(FIRST_PAUSE_S * 2 ** (tries - 1), LONGEST_PAUSE_S)
    return top * (0.5 + random.random() / 2)
