"""How a plan is collected: how fast, for how much, and what is kept. None of it is part of the experiment."""

from __future__ import annotations

from dataclasses import dataclass, field

from auditor.collect.budget import Budget, PriceOf
from auditor.collect.limits import Limits
from auditor.errors import InputError


@dataclass(frozen=True, slots=True)
class Flow:
    """How a plan is collected.

    Parameters
    ----------
    concurrency : int
        Most calls at once to each judge, unless it allows fewer.
    limits : Limits
        Requests and tokens a minute for each provider; default as its headers say.
    budget : Budget
        Bounds on the whole run folder.
    price : callable, optional
        Dollars for a judge's name and the usage of a call; None where nobody knows.
    store_text : bool
        Whether the ledger keeps requests and replies after they were read, or only their hashes.

    Examples
    --------
    >>> Flow(concurrency=4).budget.bounded
    False
    """

    concurrency: int = 8
    limits: Limits = field(default_factory=Limits)
    budget: Budget = field(default_factory=Budget)
    price: PriceOf | None = None
    store_text: bool = True

    def __post_init__(self) -> None:
        if self.concurrency < 1:
            raise InputError(
                f"at least one call at a time is needed, not {self.concurrency}", where="concurrency"
            )
