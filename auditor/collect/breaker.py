"""A circuit breaker: a provider that is down is left alone, and tried by single calls, while the others go on."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

#: Failures in a row that mean that a provider is down, once it has answered.
DOWN_AFTER = 5
#: It is given up when it has been down so long.
PATIENCE_S = 900.0
_FIRST_REST_S, _LONGEST_REST_S = 0.5, 60.0


class Breaker:
    """Whether a provider may be asked now.

    Before its first answer it never opens: then a wrong address or a server that is not there is likelier, and the
    runner gives the judge up soon.

    Attributes
    ----------
    epoch : int
        Raised by each opening; failures of calls that were started before it are the same failure.

    Examples
    --------
    >>> now = [0.0]
    >>> breaker = Breaker(clock=lambda: now[0])
    >>> breaker.answered()
    >>> for _ in range(DOWN_AFTER):
    ...     breaker.failed(breaker.epoch)
    >>> breaker.open, 0 < breaker.delay() <= 0.5
    (True, True)
    >>> breaker.answered()
    >>> breaker.open
    False
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, seed: int | None = None) -> None:
        self.clock, self._random = clock, random.Random(seed)
        self.epoch = 0
        self.open = False
        self._alive = False
        self._row = self._openings = 0
        self._until = self._since = 0.0

    def answered(self) -> None:
        """The provider answered, whatever it said."""
        self._alive, self.open = True, False
        self._row = self._openings = 0

    def failed(self, epoch: int, wish: float | None = None) -> None:
        """A call found no provider: no connection, no answer in time, a failure of the server, or a wish to wait."""
        if epoch != self.epoch:
            return
        self._row += 1
        if not self._alive or (not self.open and self._row < DOWN_AFTER):
            return
        if not self.open:
            self._since = self.clock()
        self.open = True
        self.epoch += 1
        rest = min(_FIRST_REST_S * 2**self._openings, _LONGEST_REST_S) * (0.5 + self._random.random() / 2)
        self._openings = min(self._openings + 1, 30)
        self._until = self.clock() + max(rest, wish or 0.0)

    def delay(self) -> float:
        """Seconds until a call may be tried; while it is open, only one at a time."""
        return max(0.0, self._until - self.clock()) if self.open else 0.0

    @property
    def down_for(self) -> float:
        """Seconds since it went down, or zero."""
        return self.clock() - self._since if self.open else 0.0
