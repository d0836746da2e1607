"""One request for a trial and what came of it, as values: the attempt, the error, and the outcomes of a reply."""

from __future__ import annotations

import asyncio
import time

from auditor.errors import (
    JudgeError,
    JudgeUnusableError,
    RequestRefusedError,
    TransientJudgeError,
    UncertainJudgeError,
    mask_secrets,
)
from auditor.judges.base import Judge
from auditor.parse import Rating
from auditor.plan import Plan
from auditor.prompts import sent_block_hash
from auditor.records import PROBES, Attempt, Outcome, Reply, Request, Trial, utc_now

#: The SDK's own time-outs come first, since they know whether the request was sent.
_GRACE_S = 0.5


async def attempt_once(judge: Judge, trial: Trial, request: Request) -> tuple[Attempt, JudgeError | None]:
    """Ask once, within the judge's deadline; whatever happens is an attempt to be stored."""
    started, clock = utc_now(), time.monotonic()
    reply: Reply | None = None
    error: JudgeError | None = None
    deadline = None if judge.deadline is None else judge.deadline + _GRACE_S
    try:
        async with asyncio.timeout(deadline):
            reply = await judge.reply(request)
    except JudgeError as caught:
        error = caught
    except TimeoutError:
        error = UncertainJudgeError(
            f"no complete answer within {judge.deadline or 0:g} s; it may still have counted the call"
        )
    except Exception as caught:  # noqa: BLE001 - a fault of an SDK must not take the other trials along
        error = RequestRefusedError(f"{type(caught).__name__}: {caught}")
    attempt = Attempt(
        trial_id=trial.id,
        started_at=started,
        latency_s=time.monotonic() - clock,
        item_hash=sent_block_hash(request.messages, request.item),
        request=request.to_json(),
        reply=reply,
        error=None if error is None else mask_secrets(str(error))[:2000],
        error_kind=None if error is None else _kind(error),
    )
    return attempt, error


def outcomes_of(plan: Plan, trial: Trial, attempt: str, reply: Reply) -> list[Outcome]:
    """What a reply says: the score, and the expected score where the server gave probabilities."""
    rating = _rating(plan, trial, reply)
    metric = trial.cell.phase if trial.cell.phase in PROBES else "score"
    found = [Outcome(trial.id, attempt, metric, rating.score, rating.status, rating.detail, rating.rationale)]
    if metric == "score" and (value := _expected(plan, trial, reply)) is not None:
        found.append(Outcome(trial.id, attempt, "expected_score", value, "ok"))
    return found


def _rating(plan: Plan, trial: Trial, reply: Reply) -> Rating:
    """Read a reply; a reply that breaks the reader is unparseable, and takes no other trial along."""
    try:
        return plan.read(trial, reply)
    except Exception as error:  # noqa: BLE001 - whatever a judge wrote
        return Rating(None, "unparseable", f"the reader failed ({type(error).__name__})")


def _expected(plan: Plan, trial: Trial, reply: Reply) -> float | None:
    read = getattr(plan, "expected", None)
    if read is None:
        return None
    try:
        value = read(trial, reply)
    except Exception:  # noqa: BLE001 - whatever a server wrote; the sampled score stands
        return None
    return None if value is None else float(value)


def _kind(error: JudgeError) -> str:
    for kind, name in (
        (TransientJudgeError, "transient"),
        (UncertainJudgeError, "uncertain"),
        (RequestRefusedError, "refused"),
        (JudgeUnusableError, "unusable"),
    ):
        if isinstance(error, kind):
            return name
    return "other"
