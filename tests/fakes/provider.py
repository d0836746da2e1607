"""A fake of two providers' HTTP APIs on loopback, for tests of a client that must not reach the network.

In a test: `async with FakeProvider(...) as fake`, or `with running(FakeProvider(...)) as fake` from code
that is not asynchronous, or `with spawned(log) as server` for a process of its own, which outlives a killed
client. As a program: `python -m tests.fakes.provider --port 0 --requests-log FILE`; the first line it
prints is its port.

The rules are in `openai_api`, `openai_rules`, `anthropic_api`, `anthropic_rules` and `schemas`, each with
its sources; what can go wrong is in `faults`.
"""

from __future__ import annotations

from .contract import Asked, Received, Violation, digest_of, score_of
from .faults import KINDS, Fault, Hit, Schedule, Seeded, always, first, never
from .process import Spawned, main, running, spawned
from .server import KEY, FakeProvider

__all__ = [
    "KEY",
    "KINDS",
    "Asked",
    "FakeProvider",
    "Fault",
    "Hit",
    "Received",
    "Schedule",
    "Seeded",
    "Spawned",
    "Violation",
    "always",
    "digest_of",
    "first",
    "never",
    "running",
    "score_of",
    "spawned",
]

if __name__ == "__main__":
    main()
