"""The trials of one judge on their way: those waiting, those to be asked again later, and when to give up."""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from auditor.judges.base import Judge
from auditor.records import Trial

#: A judge that never answered is given up after this many failed trials; one that did, after the second number.
GIVE_UP_AT_ONCE = 5
GIVE_UP_LATER = 20


@dataclass(slots=True)
class Job:
    """A trial, and how often it was asked in this run."""

    trial: Trial
    tries: int = 0


class Line:
    """The trials of one judge.

    Parameters
    ----------
    judge : Judge
    trials : sequence of Trial
    ceiling : int
        Most calls at once.
    """

    def __init__(self, judge: Judge, trials: Sequence[Trial], ceiling: int) -> None:
        self.judge, self.ceiling = judge, ceiling
        self._fresh = deque(trials)
        self._again: deque[Job] = deque()
        self._later: list[tuple[float, int, Job]] = []
        self._numbers = itertools.count()
        self.in_flight = self.started = 0
        self.answered = self._failed_in_a_row = 0
        self.gave_up = ""

    @property
    def open(self) -> int:
        """Trials that are not in flight and still to be asked."""
        return len(self._fresh) + len(self._again) + len(self._later)

    def ready(self, now: float) -> bool:
        """Whether a trial could be asked now."""
        while self._later and self._later[0][0] <= now:
            self._again.append(heapq.heappop(self._later)[2])
        return self.in_flight < self.ceiling and bool(self._again or self._fresh)

    def due(self) -> float | None:
        """When the next trial that waits is to be asked again."""
        return self._later[0][0] if self._later and self.in_flight < self.ceiling else None

    def peek(self) -> Job:
        """The trial that is next; call only when `ready`."""
        if not self._again:
            self._again.append(Job(self._fresh.popleft()))
        return self._again[0]

    def take(self) -> Job:
        """Take it out."""
        job = self.peek()
        self._again.popleft()
        job.tries += 1
        self.in_flight += 1
        self.started += 1
        return job

    def postpone(self, job: Job, until: float) -> None:
        """Ask it again at a time."""
        heapq.heappush(self._later, (until, next(self._numbers), job))

    def give_up(self, reason: str) -> list[Job]:
        """Ask no more; returns those that had been asked and were waiting to be asked again."""
        self.gave_up = self.gave_up or reason
        begun = [job for job in self._again if job.tries] + [entry[2] for entry in self._later]
        self._fresh.clear()
        self._again.clear()
        self._later.clear()
        return begun

    def count_answer(self) -> None:
        """A trial was answered."""
        self.answered += 1
        self._failed_in_a_row = 0

    def count_failure(self, reason: str) -> str:
        """A trial got no answer; returns why the judge is to be given up, or an empty text."""
        self._failed_in_a_row += 1
        if self._failed_in_a_row < (GIVE_UP_LATER if self.answered else GIVE_UP_AT_ONCE):
            return ""
        return f"{self._failed_in_a_row} trials in a row failed; the last one: {reason}"
