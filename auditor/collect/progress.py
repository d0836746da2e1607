"""What the runner tells whoever watches, and what it did in the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


class Progress(Protocol):
    """What the runner tells whoever watches."""

    def begin(self, total: int, done: int) -> None:
        """A run of `total` trials starts; `done` were finished before."""

    def advance(self, judge: str, status: str) -> None:
        """A trial ended with this status."""

    def spend(self, spent: float, projected: float | None) -> None:
        """Dollars spent in the run folder so far, and how many it will be if all goes on as before."""

    def say(self, message: str) -> None:
        """Something that the user should know."""


class Silence:
    """A progress that tells nobody."""

    def begin(self, total: int, done: int) -> None:
        """Ignore the start."""

    def advance(self, judge: str, status: str) -> None:
        """Ignore a step."""

    def spend(self, spent: float, projected: float | None) -> None:
        """Ignore the cost."""

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
    budget : str
        What was spent of which budget, if that stopped it; else empty.
    """

    planned: int
    before: int = 0
    asked: int = 0
    answered: int = 0
    failed: int = 0
    given_up: dict[str, str] = field(default_factory=dict)
    stopped: bool = False
    budget: str = ""

    @property
    def missing(self) -> int:
        """Trials that have no outcome."""
        return self.planned - self.before - self.answered
