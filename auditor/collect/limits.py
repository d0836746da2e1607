"""Requests and tokens a minute that a provider allows: given by the user, or learnt from its headers."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from auditor.errors import InputError

#: Names of the headers, requests before tokens: what is allowed in a minute, and what is left of it.
_REQUESTS = (
    ("x-ratelimit-limit-requests", "x-ratelimit-remaining-requests"),
    ("anthropic-ratelimit-requests-limit", "anthropic-ratelimit-requests-remaining"),
)
_TOKENS = (
    ("x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens"),
    ("anthropic-ratelimit-tokens-limit", "anthropic-ratelimit-tokens-remaining"),
    ("anthropic-ratelimit-input-tokens-limit", "anthropic-ratelimit-input-tokens-remaining"),
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What the user allows a provider to be asked in a minute; None: as its headers say.

    Examples
    --------
    >>> Limits(requests=60).requests
    60
    """

    requests: float | None = None
    tokens: float | None = None

    def __post_init__(self) -> None:
        for name, value in (("requests", self.requests), ("tokens", self.tokens)):
            if value is not None and not value > 0:
                raise InputError(
                    f"a limit lies above zero, not {value:g}",
                    where=f"{name}_per_minute",
                    remedy="leave it out to take the provider's own limit",
                )


class Bucket:
    """A leaky bucket that may go into debt: a call waits until the level is above zero, and takes all that it needs.

    So a call larger than the bucket passes, and the next ones wait until it is paid off.

    Parameters
    ----------
    per_minute : float or None
        None: no limit is known yet.
    clock : callable
        Seconds that never jump.
    """

    def __init__(self, per_minute: float | None, clock: Callable[[], float]) -> None:
        self.clock, self.given = clock, per_minute is not None
        self.per_second = self.capacity = self.level = 0.0
        self.since = clock()
        if per_minute is not None:
            # A second's worth at once: providers enforce a minute's limit over shorter spans too.
            self.per_second = per_minute / 60
            self.capacity = self.level = max(1.0, self.per_second)

    def learn(self, limit: float, remaining: float | None) -> None:
        """Take over what the provider says, unless the user said something."""
        if self.given or limit <= 0:
            return
        self._fill()
        known, self.per_second, self.capacity = self.per_second > 0, limit / 60, limit
        left = limit if remaining is None else min(remaining, limit)
        # Calls in flight are not yet in the provider's count: our own level is the lower one while it rises.
        self.level = min(self.level, left) if known else left

    def delay(self) -> float:
        """Seconds until the next call may start."""
        if not self.per_second:
            return 0.0
        self._fill()
        missing = min(1.0, self.capacity) - self.level
        # Less than that is a rounding error, and would ask for a wait of no length for ever.
        return missing / self.per_second if missing > 1e-9 else 0.0

    def take(self, amount: float) -> None:
        """Take what a call is expected to need; a negative amount gives back."""
        if self.per_second:
            self._fill()
            self.level = min(self.capacity, self.level - amount)

    def _fill(self) -> None:
        now = self.clock()
        self.level = min(self.capacity, self.level + (now - self.since) * self.per_second)
        self.since = now


class Pace:
    """How fast one provider may be asked.

    Examples
    --------
    >>> now = [0.0]
    >>> pace = Pace(Limits(requests=60), clock=lambda: now[0])
    >>> pace.take(100)
    >>> pace.delay()
    1.0
    >>> now[0] = 1.0
    >>> pace.delay()
    0.0
    """

    def __init__(self, limits: Limits, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.requests, self.tokens = Bucket(limits.requests, clock), Bucket(limits.tokens, clock)

    def delay(self) -> float:
        """Seconds until the next call may start."""
        return max(self.requests.delay(), self.tokens.delay())

    def take(self, tokens: float) -> None:
        """Count a call of about so many tokens."""
        self.requests.take(1.0)
        self.tokens.take(tokens)

    def settle(self, estimated: float, real: float | None) -> None:
        """Correct the estimate of a call by what it took."""
        if real is not None:
            self.tokens.take(real - estimated)

    def learn(self, headers: Mapping[str, str]) -> None:
        """Take over the limits that the headers of an answer state."""
        if not headers:
            return
        for bucket, names in ((self.requests, _REQUESTS), (self.tokens, _TOKENS)):
            for limit, remaining in names:
                allowed = _number(headers.get(limit))
                if allowed is not None:
                    bucket.learn(allowed, _number(headers.get(remaining)))
                    break


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 <= value < float("inf") else None
