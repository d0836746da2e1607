"""Asks every trial that has no outcome yet, stores each answer before anything else, and reads it.

A call that may have been paid for is never repeated by us within a run: retries are only for what the provider
refused to serve (`TransientJudgeError`).
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from auditor.collect.ledger import Ledger
from auditor.errors import (
    JudgeError,
    JudgeUnusableError,
    RequestRefusedError,
    StorageError,
    TransientJudgeError,
    UncertainJudgeError,
    mask_secrets,
)
from auditor.judges.base import Judge
from auditor.parse import Rating
from auditor.plan import Plan
from auditor.prompts import sent_block_hash
from auditor.records import PROBES, Attempt, Outcome, Reply, Request, Trial, utc_now

MOST_TRIES = 4
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 60.0
#: A judge that never answered is given up after this many failed trials; one that did, after the second number.
GIVE_UP_AT_ONCE = 5
GIVE_UP_LATER = 20


class Progress(Protocol):
    """What the runner tells whoever watches."""

    def begin(self, total: int, done: int) -> None:
        """A run of `total` trials starts; `done` were finished before."""

    def advance(self, judge: str, status: str) -> None:
        """A trial ended with this status."""

    def say(self, message: str) -> None:
        """Something that the user should know."""


class Silence:
    """A progress that tells nobody."""

    def begin(self, total: int, done: int) -> None:
        """Ignore the start."""

    def advance(self, judge: str, status: str) -> None:
        """Ignore a step."""

    def say(self, message: str) -> None:
        """Ignore a message."""


@dataclass
class Collected:
    """What a run of the runner did.

    Attributes
    ----------
    planned, before, asked, answered, failed : int
        Trials in the plan, finished before, asked in this run, answered in it, and without an answer after it.
    given_up : dict
        Judges that were given up, with the reason.
    stopped : bool
        Whether the user stopped it.
    """

    planned: int
    before: int = 0
    asked: int = 0
    answered: int = 0
    failed: int = 0
    given_up: dict[str, str] = field(default_factory=dict)
    stopped: bool = False

    @property
    def missing(self) -> int:
        """Trials that have no outcome."""
        return self.planned - self.before - self.answered


async def collect(
    plan: Plan,
    judges: Mapping[str, Judge],
    ledger: Ledger,
    *,
    concurrency: int = 8,
    progress: Progress | None = None,
    stop: asyncio.Event | None = None,
    trials: Sequence[Trial] | None = None,
) -> Collected:
    """Ask all trials of the plan that have no outcome.

    Parameters
    ----------
    plan : Plan
        Already stored in the ledger.
    judges : mapping
        By name; entered and left here.
    ledger : Ledger
    concurrency : int
        Calls at once to each judge, unless it allows fewer.
    progress : Progress, optional
    stop : asyncio.Event, optional
        Once set, no further trial is asked; calls in flight are awaited and stored.
    trials : sequence of Trial, optional
        Ask only these of the plan; all counts are of these then.

    Returns
    -------
    Collected

    Raises
    ------
    StorageError
        If the ledger cannot be written; nothing more is asked then.
    """
    watcher = progress or Silence()
    halt = stop or asyncio.Event()
    await _read_unread(plan, ledger)
    done = ledger.finished_trials()
    wanted = plan.trials if trials is None else trials
    open_trials = [trial for trial in wanted if trial.id not in done]
    result = Collected(planned=len(wanted), before=len(wanted) - len(open_trials))
    watcher.begin(result.planned, result.before)
    by_judge: dict[str, list[Trial]] = {}
    for trial in open_trials:
        by_judge.setdefault(trial.judge, []).append(trial)
    try:
        async with asyncio.TaskGroup() as group:
            for name, own in by_judge.items():
                line = _Line(plan, judges[name], own, ledger, watcher, halt, result)
                group.create_task(line.run(concurrency))
    except* StorageError as errors:
        raise _first(errors) from None
    result.stopped = halt.is_set()
    return result


def _first(errors: BaseExceptionGroup[StorageError]) -> StorageError:
    inner = errors.exceptions[0]
    return inner if isinstance(inner, StorageError) else _first(inner)


async def _read_unread(plan: Plan, ledger: Ledger) -> None:
    """Read replies that had arrived when an earlier process ended."""
    known = {trial.id: trial for trial in plan.trials}
    for name, attempt, reply in list(ledger.unread_replies()):
        if name in known:
            await ledger.record(_outcome(known[name], attempt, _rating(plan, known[name], reply)))


def _rating(plan: Plan, trial: Trial, reply: Reply) -> Rating:
    """Read a reply; a reply that breaks the reader is unparseable, and takes no other trial along."""
    try:
        return plan.read(trial, reply)
    except Exception as error:  # noqa: BLE001 - whatever a judge wrote
        return Rating(None, "unparseable", f"the reader failed ({type(error).__name__})")


def _outcome(trial: Trial, attempt: str, rating: Rating) -> Outcome:
    metric = trial.cell.phase if trial.cell.phase in PROBES else "score"
    return Outcome(trial.id, attempt, metric, rating.score, rating.status, rating.detail, rating.rationale)


class _Line:
    """The trials of one judge, asked by a few workers."""

    def __init__(
        self,
        plan: Plan,
        judge: Judge,
        trials: Sequence[Trial],
        ledger: Ledger,
        progress: Progress,
        stop: asyncio.Event,
        result: Collected,
    ) -> None:
        self.plan, self.judge, self.ledger, self.progress = plan, judge, ledger, progress
        self.waiting = deque(trials)
        self.stop, self.result = stop, result
        self.answered = 0
        self.failed_in_a_row = 0
        self.gave_up = asyncio.Event()

    async def run(self, concurrency: int) -> None:
        workers = min(concurrency, self.judge.parallel or concurrency, len(self.waiting))
        try:
            await self.judge.start()
        except JudgeError as error:
            self._give_up(str(error))
            return
        except Exception as error:  # noqa: BLE001 - one judge that cannot start must not stop the others
            self._give_up(f"it could not be started ({type(error).__name__}: {error})")
            return
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(max(1, workers)):
                    group.create_task(self._work())
        finally:
            await self.judge.close()

    async def _work(self) -> None:
        while self.waiting and not self.stop.is_set() and not self.gave_up.is_set():
            trial = self.waiting.popleft()
            self.result.asked += 1
            status = await self._ask(trial)
            if status == "failed":
                self.result.failed += 1
            else:
                self.result.answered += 1
            self.progress.advance(self.judge.name, status)

    async def _ask(self, trial: Trial) -> str:
        request = self.plan.request(trial)
        for number in range(1, MOST_TRIES + 1):
            attempt, error = await self._attempt(trial, request)
            # Durable before anything else happens to it, and even if we are being cancelled.
            await asyncio.shield(self.ledger.record(attempt))
            if attempt.reply is not None:
                self.answered += 1
                self.failed_in_a_row = 0
                return await self._read(trial, attempt.id, attempt.reply)
            if isinstance(error, JudgeUnusableError):
                self._give_up(str(error))
                return "failed"
            if not isinstance(error, TransientJudgeError) or number == MOST_TRIES:
                break
            if await self._interrupted(_pause(number, error.retry_after)):
                break
        self._count_failure(str(error))
        return "failed"

    async def _attempt(self, trial: Trial, request: Request) -> tuple[Attempt, JudgeError | None]:
        started, clock = utc_now(), time.monotonic()
        reply: Reply | None = None
        error: JudgeError | None = None
        try:
            reply = await self.judge.reply(request)
        except JudgeError as caught:
            error = caught
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

    async def _read(self, trial: Trial, attempt: str, reply: Reply) -> str:
        rating = _rating(self.plan, trial, reply)
        await asyncio.shield(self.ledger.record(_outcome(trial, attempt, rating)))
        return rating.status

    async def _interrupted(self, seconds: float) -> bool:
        """Wait, and tell whether the run was stopped meanwhile."""
        try:
            await asyncio.wait_for(self.stop.wait(), seconds)
        except TimeoutError:
            return self.gave_up.is_set()
        return True

    def _count_failure(self, reason: str) -> None:
        self.failed_in_a_row += 1
        limit = GIVE_UP_LATER if self.answered else GIVE_UP_AT_ONCE
        if self.failed_in_a_row >= limit:
            self._give_up(f"{self.failed_in_a_row} trials in a row failed; the last one: {reason}")

    def _give_up(self, reason: str) -> None:
        if not self.gave_up.is_set():
            self.gave_up.set()
            self.result.given_up[self.judge.name] = reason
            self.progress.say(f"{self.judge.name} is given up: {reason}")


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


def _pause(number: int, wish: float | None) -> float:
    """Seconds until the next try: the server's wish, else exponential with full jitter on its upper half."""
    if wish is not None:
        return min(wish, _LONGEST_PAUSE_S)
    top: float = min(_FIRST_PAUSE_S * 2 ** (number - 1), _LONGEST_PAUSE_S)
    return top * (0.5 + random.random() / 2)
