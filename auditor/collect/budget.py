"""Money, calls and tokens: what may be spent in a run folder, and the hard stop before a call that could exceed it.

A call reserves the most that it could take, and is settled by what it took. Once a reservation does not fit, calls in
flight are awaited; if it still does not fit then, the run stops, so that less than one call's worst case is left.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from auditor.errors import InputError
from auditor.records import Request, Usage

#: Dollars for the usage of a call to a judge; None where nobody knows its price.
PriceOf = Callable[[str, Usage], float | None]
#: A chat format adds a few tokens to each message, and to the call.
_FORMAT_TOKENS = 16


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that a run folder may spend, earlier runs in it included; None for no bound.

    Examples
    --------
    >>> Budget(cost=5.0).bounded
    True
    """

    cost: float | None = None
    calls: int | None = None
    tokens: int | None = None

    def __post_init__(self) -> None:
        for name, value in (
            ("max_cost", self.cost),
            ("max_calls", self.calls),
            ("max_total_tokens", self.tokens),
        ):
            if value is not None and not value >= 0:
                raise InputError(f"a budget is not below zero; given: {value:g}", where=name)

    @property
    def bounded(self) -> bool:
        """Whether there is any bound."""
        return any(value is not None for value in (self.cost, self.calls, self.tokens))


@dataclass(slots=True)
class Amount:
    """What calls took, or could take."""

    calls: int = 0
    tokens: float = 0.0
    cost: float = 0.0

    def add(self, other: Amount, sign: int = 1) -> None:
        """Add (or take away) another amount."""
        self.calls += sign * other.calls
        self.tokens += sign * other.tokens
        self.cost += sign * other.cost


class Spending:
    """What was spent and what is reserved.

    Examples
    --------
    >>> spending = Spending(Budget(calls=1))
    >>> first = spending.reserve("j", Usage(10, 5))
    >>> spending.reserve("j", Usage(10, 5)) is None
    True
    >>> spending.settle("j", first, Usage(8, 2))
    >>> spending.spent.tokens
    10.0
    """

    def __init__(self, budget: Budget, price: PriceOf | None = None) -> None:
        self.budget, self.price = budget, price
        self.spent, self.reserved = Amount(), Amount()
        self.answered = 0
        self.priced = price is not None

    @property
    def counted(self) -> bool:
        """Whether anybody wants to know what is spent."""
        return self.budget.bounded or self.price is not None

    def check_prices(self, judges: list[str]) -> None:
        """Refuse a bound on money for a judge whose price nobody knows.

        Raises
        ------
        InputError
        """
        for name in judges:
            if self._cost(name, Usage(1, 1)) is None:
                self.priced = False
                if self.budget.cost is not None:
                    raise InputError(
                        f"nobody knows the price of {name}, so its cost cannot be bounded",
                        where="max_cost",
                        remedy="state it with --price IN:OUT (dollars a million tokens), or bound --max-calls",
                    )

    def _cost(self, judge: str, usage: Usage) -> float | None:
        return None if self.price is None else self.price(judge, usage)

    def amount(self, judge: str, usage: Usage, calls: int = 1) -> Amount:
        """The amount of a usage."""
        tokens = float((usage.input_tokens or 0) + (usage.output_tokens or 0))
        return Amount(calls, tokens, self._cost(judge, usage) or 0.0)

    def reserve(self, judge: str, worst: Usage) -> Amount | None:
        """Set aside the most that a call could take, or None if that could exceed the budget."""
        wanted = self.amount(judge, worst)
        for bound, spent, held, more in (
            (self.budget.calls, self.spent.calls, self.reserved.calls, wanted.calls),
            (self.budget.tokens, self.spent.tokens, self.reserved.tokens, wanted.tokens),
            (self.budget.cost, self.spent.cost, self.reserved.cost, wanted.cost),
        ):
            # Sums of floats: a bound that is met to the last cent is not exceeded.
            if bound is not None and spent + held + more > bound + 1e-9:
                return None
        self.reserved.add(wanted)
        return wanted

    def settle(self, judge: str, reserved: Amount, usage: Usage | None, *, uncertain: bool = False) -> None:
        """Count what a call took: its usage, nothing for a refusal, the worst where nobody knows."""
        self.reserved.add(reserved, -1)
        if usage is not None and usage.input_tokens is not None and usage.output_tokens is not None:
            self.spent.add(self.amount(judge, usage))
            self.answered += 1
        elif usage is not None or uncertain:
            self.spent.add(reserved)
            self.answered += 1
        else:
            self.spent.add(Amount(1))

    def projected(self, left: int) -> float | None:
        """Dollars when `left` further trials are answered like those before, or None if no price is known."""
        if not self.priced:
            return None
        return self.spent.cost * (1 + left / self.answered) if self.answered else None

    def words(self) -> str:
        """What stopped the run."""
        parts = []
        if self.budget.cost is not None:
            parts.append(f"${self.spent.cost:.4f} of ${self.budget.cost:g}")
        if self.budget.calls is not None:
            parts.append(f"{self.spent.calls} of {self.budget.calls} calls")
        if self.budget.tokens is not None:
            parts.append(f"{self.spent.tokens:.0f} of {self.budget.tokens} tokens")
        return ", ".join(parts)


def worst_case(request: Request) -> Usage:
    """The most tokens that a request can take: no tokenizer of bytes makes more tokens than there are bytes."""
    schema = len(json.dumps(request.schema)) if request.schema else 0
    tools = len(json.dumps([dict(tool) for tool in request.tools])) if request.tools else 0
    text = sum(len(m.content.encode("utf-8", "replace")) + _FORMAT_TOKENS for m in request.messages)
    return Usage(text + schema + tools + _FORMAT_TOKENS, request.sampling.max_tokens)


def worst_case_of_stored(request: dict[str, Any]) -> Usage:
    """The same for a request as the ledger keeps it."""
    text = sum(
        len(m["content"].encode("utf-8", "replace")) + _FORMAT_TOKENS for m in request.get("messages", [])
    )
    more = sum(len(json.dumps(request.get(name))) for name in ("schema", "tools") if request.get(name))
    return Usage(text + more + _FORMAT_TOKENS, int(request.get("sampling", {}).get("max_tokens") or 0))


def estimated_tokens(request: Request) -> float:
    """About how many tokens a request counts against a limit a minute: its text, and room for the answer."""
    return sum(len(m.content) for m in request.messages) / 4.2 + min(request.sampling.max_tokens, 256)
