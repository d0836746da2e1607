"""Asks the judges of one provider: as fast as it allows, fairly between them, and not while it is down."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from auditor.collect import breaker as circuit
from auditor.collect.asking import attempt_once, outcomes_of
from auditor.collect.breaker import Breaker
from auditor.collect.budget import Amount, Spending, estimated_tokens, worst_case
from auditor.collect.concurrency import Concurrency
from auditor.collect.ledger import Ledger
from auditor.collect.limits import Limits, Pace
from auditor.collect.line import Job, Line
from auditor.collect.progress import Collected, Progress
from auditor.collect.retry import may_retry, pause
from auditor.errors import JudgeError, JudgeUnusableError, RequestRefusedError, TransientJudgeError
from auditor.plan import Plan
from auditor.records import Reply, Request, Usage


@dataclass
class Run:
    """What the providers of one run share."""

    plan: Plan
    ledger: Ledger
    progress: Progress
    stop: asyncio.Event
    result: Collected
    spending: Spending
    providers: list[Provider] = field(default_factory=list)

    @property
    def over(self) -> bool:
        """Whether nothing more is to be asked."""
        return self.stop.is_set() or bool(self.result.budget)

    def wake(self) -> None:
        """Have every provider look again at what it may do."""
        for provider in self.providers:
            provider.changed.set()


@dataclass(slots=True)
class _Call:
    """A request on its way, and the state of the provider when it was sent."""

    request: Request
    reserved: Amount
    estimated: float
    flow_epoch: int
    down_epoch: int
    probe: bool


class Provider:
    """The judges behind one address.

    Parameters
    ----------
    run : Run
    lines : sequence of Line
    limits : Limits
        As the user states them.
    adaptive : bool
        Whether the number of calls at once is to be found; not for what runs in this process.
    """

    def __init__(self, run: Run, lines: Sequence[Line], limits: Limits, *, adaptive: bool) -> None:
        self.run, self.lines, self.adaptive = run, list(lines), adaptive
        self.ceiling = sum(line.ceiling for line in lines)
        self.flow, self.pace, self.breaker = Concurrency(self.ceiling), Pace(limits), Breaker()
        self.changed = asyncio.Event()
        self.in_flight = 0
        self.probing = False

    async def ask_all(self) -> None:
        """Enter the judges, ask all their trials, and leave them."""
        started: list[Line] = []
        try:
            for line in self.lines:
                if await self._start(line):
                    started.append(line)  # noqa: PERF401 - those that began are ended even if the next one breaks
            async with asyncio.TaskGroup() as group:
                await self._dispatch(group)
        finally:
            for line in started:
                await line.judge.close()

    async def _start(self, line: Line) -> bool:
        try:
            await line.judge.start()
        except JudgeError as error:
            self._give_up(line, str(error))
        except Exception as error:  # noqa: BLE001 - one judge that cannot start must not stop the others
            self._give_up(line, f"it could not be started ({type(error).__name__}: {error})")
        else:
            return True
        return False

    async def _dispatch(self, group: asyncio.TaskGroup) -> None:
        while not self.run.over and (self.in_flight or any(line.open for line in self.lines)):
            self.changed.clear()
            wait = self._try_to_start(group)
            if not wait:
                await asyncio.sleep(0)  # let the call that was just started go out
                continue
            try:
                await asyncio.wait_for(self.changed.wait(), None if wait == math.inf else wait)
            except TimeoutError:
                continue

    def _try_to_start(self, group: asyncio.TaskGroup) -> float:
        """Start a call and return zero, or return how long to wait; for ever: until something changes."""
        now = time.monotonic()
        ready = [line for line in self.lines if line.ready(now)]
        if not ready:
            due = [at for line in self.lines if (at := line.due()) is not None]
            return max(1e-3, min(due) - now) if due else math.inf
        wait = self._held_back()
        if wait:
            return wait
        line = min(ready, key=lambda one: (one.in_flight, one.started))
        request = self.run.plan.request(line.peek().trial)
        worst = worst_case(request) if self.run.spending.counted else Usage()
        reserved = self.run.spending.reserve(line.judge.name, worst)
        if reserved is None:
            return self._beyond_budget()
        job = line.take()
        if job.tries == 1:
            self.run.result.asked += 1
        call = _Call(
            request,
            reserved,
            estimated_tokens(request),
            self.flow.epoch,
            self.breaker.epoch,
            self.breaker.open,
        )
        self.pace.take(call.estimated)
        self.probing = self.probing or call.probe
        self.in_flight += 1
        group.create_task(self._ask(line, job, call))
        return 0.0

    def _held_back(self) -> float:
        """Seconds that the provider must be left alone, zero, or for ever: until a call has come back."""
        if self.breaker.open:
            if self.breaker.down_for > circuit.PATIENCE_S:
                for line in self.lines:
                    self._give_up(line, f"its provider has been down for {self.breaker.down_for:.0f} s")
                return math.inf if self.in_flight else 1e-3
            return math.inf if self.probing else self.breaker.delay()
        if self.in_flight >= (int(self.flow.limit) if self.adaptive else self.ceiling):
            return math.inf
        return self.pace.delay()

    def _beyond_budget(self) -> float:
        if self.run.spending.reserved.calls:
            return math.inf  # what is in flight may turn out cheaper than its worst case
        self.run.result.budget = self.run.spending.words()
        self.run.progress.say(f"The budget is used up: {self.run.result.budget}. Nothing more is asked.")
        self.run.wake()
        return math.inf

    async def _ask(self, line: Line, job: Job, call: _Call) -> None:
        reply: Reply | None = None
        error: JudgeError | None = None
        attempt = None
        try:
            attempt, error = await attempt_once(line.judge, job.trial, call.request)
            reply = attempt.reply
            self._learn(call, attempt.latency_s, reply, error)
            # Durable before anything else happens to it, and even if we are being cancelled.
            await asyncio.shield(self.run.ledger.record(attempt))
        finally:
            self._settle(line, call, reply, error, asked=attempt is not None)
        if reply is not None:
            line.count_answer()
            outcomes = outcomes_of(self.run.plan, job.trial, attempt.id, reply)
            await asyncio.shield(self.run.ledger.record(*outcomes))
            self._finish(line, outcomes[0].status)
        else:
            self._failed(line, job, call, error)
        self.changed.set()

    def _settle(
        self, line: Line, call: _Call, reply: Reply | None, error: JudgeError | None, *, asked: bool
    ) -> None:
        self.in_flight -= 1
        line.in_flight -= 1
        self.probing = self.probing and not call.probe
        usage = None if reply is None else reply.usage
        uncertain = not asked or (error is not None and not _unpaid(error))
        self.run.spending.settle(line.judge.name, call.reserved, usage, uncertain=uncertain)
        if self.run.spending.budget.bounded:
            self.run.wake()
        else:
            self.changed.set()

    def _learn(self, call: _Call, seconds: float, reply: Reply | None, error: JudgeError | None) -> None:
        """What an answer tells of the provider."""
        if reply is not None:
            self.breaker.answered()
            self.flow.answered(call.flow_epoch, seconds)
            self.pace.learn(reply.limits)
            used = (reply.usage.input_tokens or 0) + (reply.usage.output_tokens or 0)
            self.pace.settle(call.estimated, used or None)
            return
        assert error is not None
        self.pace.learn(error.limits)
        if error.limited:
            self.flow.refused(call.flow_epoch)
        if isinstance(error, RequestRefusedError):
            self.breaker.answered()
        elif not isinstance(error, JudgeUnusableError):
            self.breaker.failed(call.down_epoch, error.retry_after)

    def _failed(self, line: Line, job: Job, call: _Call, error: JudgeError | None) -> None:
        if isinstance(error, JudgeUnusableError):
            self._finish(line, "failed")
            self._give_up(line, str(error))
            return
        if not line.gave_up and may_retry(error, job.tries):
            wish = None if error is None else error.retry_after
            line.postpone(job, time.monotonic() + pause(job.tries, wish))
            return
        self._finish(line, "failed")
        # Calls that were on their way when the provider went down are one failure, however many they were.
        if call.down_epoch == self.breaker.epoch or call.probe or not line.answered:
            reason = line.count_failure(str(error))
            if reason:
                self._give_up(line, reason)

    def _finish(self, line: Line, status: str) -> None:
        result, spending = self.run.result, self.run.spending
        if status == "failed":
            result.failed += 1
        else:
            result.answered += 1
        self.run.progress.advance(line.judge.name, status)
        if spending.priced:
            left = result.missing - result.failed
            self.run.progress.spend(spending.spent.cost, spending.projected(left))

    def _give_up(self, line: Line, reason: str) -> None:
        if line.gave_up:
            return
        for _ in line.give_up(reason):
            self._finish(line, "failed")
        self.run.result.given_up[line.judge.name] = reason
        self.run.progress.say(f"{line.judge.name} is given up: {reason}")
        self.changed.set()


def _unpaid(error: JudgeError) -> bool:
    """Whether an error means for certain that nothing was served."""
    return isinstance(error, TransientJudgeError | RequestRefusedError | JudgeUnusableError)
