"""How many calls a provider is given at once: climbs until the provider pushes back, by refusals or by latency.

Additive increase and multiplicative decrease, as in TCP, but with a cut in proportion to the share that was refused
(Alizadeh et al. 2010, "Data Center TCP", section 3.1): a provider that refuses one call in a hundred at random would
otherwise be asked by a dozen callers for ever (Mathis et al. 1997).
"""

from __future__ import annotations

#: A share of refusals up to this is noise, which the retries cure.
NOISE = 0.05
#: Mean latency over its best at which the number stops rising, and above which it falls.
_SLOWER, _MUCH_SLOWER = 2.0, 4.0
_FIRST = 8


class Concurrency:
    """The number of calls at once.

    Parameters
    ----------
    ceiling : int
        Never more than this.

    Attributes
    ----------
    limit : float
        Now.
    epoch : int
        Raised by each cut; answers to calls that were started before it tell nothing about it.

    Examples
    --------
    >>> calls = Concurrency(64)
    >>> int(calls.limit)
    32
    >>> for _ in range(32):
    ...     calls.answered(calls.epoch, 0.1)
    >>> int(calls.limit)
    64
    >>> for _ in range(4):
    ...     calls.refused(calls.epoch)
    >>> int(calls.limit)
    32
    """

    def __init__(self, ceiling: int) -> None:
        self.ceiling = float(max(1, ceiling))
        self.limit = min(self.ceiling, max(float(_FIRST), self.ceiling // 2))
        self.epoch = 0
        self._doubling = True
        self._best: float | None = None
        self._begin_round()

    def _begin_round(self) -> None:
        self._answers = self._refusals = 0
        self._seconds = 0.0
        self._length = self.limit

    def answered(self, epoch: int, seconds: float) -> None:
        """Count an answer and what it took."""
        if epoch != self.epoch:
            return
        self._answers += 1
        self._seconds += seconds
        if self._doubling:
            self.limit = min(self.ceiling, self.limit + 1)
        self._end_round()

    def refused(self, epoch: int) -> None:
        """Count an answer that says that we ask too much."""
        if epoch != self.epoch:
            return
        self._refusals += 1
        self._end_round()

    def _end_round(self) -> None:
        total = self._answers + self._refusals
        share = self._refusals / total
        if share > NOISE and self._refusals >= max(4, NOISE * self._length):
            self._cut(1 - share / 2)
        elif total >= self._length:
            self._judge_latency()

    def _judge_latency(self) -> None:
        mean = self._seconds / max(1, self._answers)
        # The best may grow slowly, since a provider's day has slower hours.
        self._best = mean if self._best is None else min(mean, self._best * 1.02)
        slower = mean / self._best if self._best else 1.0
        if slower > _MUCH_SLOWER:
            self._cut(0.9)
            return
        if slower > _SLOWER:
            self._doubling = False
        elif not self._doubling:
            self.limit = min(self.ceiling, self.limit + 1)
        self._begin_round()

    def _cut(self, factor: float) -> None:
        self.limit = max(1.0, self.limit * factor)
        self._doubling = False
        self.epoch += 1
        self._begin_round()
