"""How many tokens a plan will take: counted by the judge's own tokenizer where there is one, else estimated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from auditor.judges import Judge
from auditor.plan import Design, Plan
from auditor.records import Request, Trial

#: Characters of English prose to a token, and tokens that a chat format adds to a call, where there is no tokenizer.
_CHARACTERS, _FORMAT_TOKENS = 4.2, 12
#: Tokens of an answer: a JSON object with a score; two sentences; and two where their length is bounded (as measured).
_BARE_ANSWER, _REASON, _BOUNDED_REASON = 9, 52, 31
_SAMPLE = 60


@dataclass(frozen=True, slots=True)
class TokenCount:
    """Tokens read and written over all trials of one judge, and how they are known."""

    input: float
    output: float
    counted: bool
    output_source: str


def answer_tokens(design: Design, judge: Judge) -> float:
    """Tokens of one answer, without hidden reasoning."""
    reason = _BOUNDED_REASON if judge.identity.bounded_text and design.reply == "json" else _REASON
    return _BARE_ANSWER if design.rationale == "none" else _BARE_ANSWER + reason


async def count_tokens(
    plan: Plan, judge: Judge, trials: Sequence[Trial], written: float | None
) -> TokenCount:
    """Tokens of a judge's trials.

    Parameters
    ----------
    plan : Plan
    judge : Judge
    trials : sequence of Trial
        Its trials.
    written : float or None
        Tokens of one answer as an earlier run saw them; else assumed.
    """
    if not trials:
        return TokenCount(0.0, 0.0, counted=False, output_source="nothing is asked")
    requests = [plan.request(trial) for trial in trials]
    estimated = [estimate_tokens(request) for request in requests]
    step = max(1, len(requests) // _SAMPLE)
    sample = list(range(0, len(requests), step))
    counts = await judge.count_tokens([requests[i] for i in sample])
    total = sum(estimated)
    if counts is not None:
        # The estimate's error is much the same in all prompts of a plan, so a sample corrects it.
        total *= sum(counts) / sum(estimated[i] for i in sample)
    source = "assumed, without hidden reasoning" if written is None else "as in the pilot"
    probes = sum(trial.cell.phase in ("comprehension", "awareness") for trial in trials)
    each = answer_tokens(plan.design, judge) if written is None else written
    output = each * (len(trials) - probes) + _BARE_ANSWER * probes
    return TokenCount(total, output, counts is not None, source)


def estimate_tokens(request: Request) -> float:
    """A request's tokens from its characters."""
    return sum(len(message.content) for message in request.messages) / _CHARACTERS + _FORMAT_TOKENS
